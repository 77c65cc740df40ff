package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"hubbub/chat"
	"hubbub/internal/sqldb"
	"hubbub/mw"
	"hubbub/orders"
	"hubbub/web"
)

// node is one process of a deployment: all of its wiring as straight lines.
// This file is the only place where long-lived goroutines start, and Run is the
// order in which they stop.
type node struct {
	cfg Config
	log *slog.Logger

	pools                   *pools
	db                      *sqldb.DB
	chatDB, orderDB, hookDB *sqldb.DB // shares of it

	bus      nodeBus
	leases   chat.Leases
	hub      *chat.Hub
	presence *chat.Presence
	rooms    *chat.Rooms
	accounts *chat.Accounts
	orders   *orders.Service
	hooks    hooks
	keys     *orders.Keys
	sockets  *web.Sockets
	server   *web.Server

	cursorKey []byte

	public, admin net.Listener
	control       net.Listener // for commands, where the database is a file; may be nil
}

// newNode opens and connects everything and starts nothing. The listeners are
// open when it returns, so that a taken port is told before anything runs.
func newNode(ctx context.Context, cfg Config, log *slog.Logger) (_ *node, err error) {
	n := &node{cfg: cfg, log: log, pools: newPools(cfg.SQLOpen, log)}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	registry := prometheus.NewRegistry()
	if err := n.openDomain(ctx, newBatchMetrics(registry).observe); err != nil {
		return nil, err
	}
	if err := n.rooms.EnsureGeneral(ctx); err != nil {
		return nil, err
	}
	// The name of this life of the node: an earlier one may still have a lease.
	n.presence = chat.NewPresence(n.hub, n.leases, cfg.Node+"-"+chat.NewID(), log)

	origins, err := mw.ParseOrigins(cfg.Origins, cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("--origins: %w", err)
	}
	perUser := mw.NewLimiter(cfg.RateUser)
	panics := newPanics(registry)
	n.sockets = web.NewSockets(web.SocketOptions{
		Hub: n.hub, Rooms: n.rooms, Accounts: n.accounts, Origins: origins, Log: log,
		Max: cfg.MaxSockets, RateSockets: cfg.RateSockets, RateSession: cfg.RateSession, PerUser: perUser, Panicked: panics.Inc, Closed: newCloses(registry),
		Session: chat.SessionOptions{
			Node: cfg.Node, Log: log, Presence: n.presence, Degraded: n.degraded},
	})
	n.server, err = web.New(web.Options{
		Rooms: n.rooms, Accounts: n.accounts, Orders: n.orders, Webhooks: n.hooks, Keys: n.keys, CursorKey: n.cursorKey, Sockets: n.sockets,
		Node: cfg.Node, Version: buildVersion(), Log: log, Registry: registry,
		Origins: origins, Proxies: cfg.Proxies,
		PerAddress: mw.NewLimiter(cfg.RateAddress), PerUser: perUser, PerKey: mw.NewLimiter(cfg.RateKey),
		Ready: func(ctx context.Context) []web.Part { return n.ready(ctx, n.db) },
	})
	if err != nil {
		return nil, err
	}
	if err := registerNode(registry, n); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return n, n.listen()
}

// listen opens the listeners.
func (n *node) listen() (err error) {
	if n.public, err = net.Listen("tcp", n.cfg.Listen); err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if n.cfg.Admin != "" {
		if n.admin, err = net.Listen("tcp", n.cfg.Admin); err != nil {
			return fmt.Errorf("--admin: %w (several nodes on one machine need one each, or off)", err)
		}
	}
	if path := controlPath(n.cfg.SQL); path != "" {
		if n.control, err = listenControl(path); err != nil {
			n.log.Warn("commands such as hubbub key cannot reach this node while it runs", "error", err)
		}
	}
	return nil
}

// Addr is where the node listens.
func (n *node) Addr() string { return n.public.Addr().String() }

// Run serves until ctx ends, or until a part fails, and then stops in this
// order: not ready, the balancer's time to notice, the sockets told to come back
// elsewhere, requests finished, batches finished, the bus flushed, the pools
// closed. It takes no longer than --drain; the last tenth of it is for what
// follows the clients. What has not ended by then is an error.
func (n *node) Run(ctx context.Context) error {
	// Each group has a context of its own, because they end one after the other.
	serving, stopServing := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopServing(nil)
	writing, stopWriting := context.WithCancel(serving)
	defer stopWriting()
	carrying, stopCarrying := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCarrying()

	var parts, carriers errgroup.Group
	start := func(g *errgroup.Group, ctx context.Context, name string, run func(context.Context) error) {
		g.Go(func() error {
			err := run(ctx)
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
				stopServing(err)
			}
			return err
		})
	}
	start(&carriers, carrying, "bus", n.bus.Run)
	start(&parts, writing, "rooms", n.rooms.Run)
	start(&parts, writing, "hub", n.hub.Run)
	start(&parts, writing, "presence", n.presence.Run)
	start(&parts, writing, "accounts", n.accounts.Run)
	start(&parts, writing, "orders", n.orders.Run)
	start(&parts, writing, "webhooks", n.hooks.Run)

	public := newHTTPServer(n.server.Handler(), n.log)
	start(&parts, writing, "public listener", func(context.Context) error { return serveHTTP(public, n.public) })
	var admin *http.Server
	if n.admin != nil {
		admin = newHTTPServer(n.server.AdminHandler(), n.log)
		start(&parts, writing, "private listener", func(context.Context) error { return serveHTTP(admin, n.admin) })
	}
	var control *http.Server
	if n.control != nil {
		control = newHTTPServer(controlHandler(operator{n.keys, n.accounts}, n.log), n.log)
		start(&parts, writing, "control socket", func(context.Context) error { return serveHTTP(control, n.control) })
	}
	n.log.Info("serving", "address", n.Addr(), "version", buildVersion(),
		"database", n.db.String(), // a node that forgot its settings shows here
		"redis", len(n.cfg.Redis), "guests", n.cfg.Guests)

	select {
	case <-ctx.Done():
	case <-serving.Done():
	}

	n.log.Info("stopping", "within", n.cfg.Drain)
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.cfg.Drain)
	defer cancel()
	clients, cancel := context.WithTimeout(whole, n.cfg.Drain*9/10)
	defer cancel()
	n.server.SetDraining(true)
	n.sockets.Drain()
	n.awaitBalancer(clients)
	n.hub.Drain(clients, n.cfg.Drain/4)
	err := public.Shutdown(clients)
	if err != nil {
		err = fmt.Errorf("requests did not end in time: %w", errors.Join(err, public.Close()))
	}
	err = errors.Join(err, inTime(clients, "sockets", func() error { n.sockets.Wait(); return nil }))
	for _, private := range []*http.Server{admin, control} {
		if private != nil {
			err = errors.Join(err, private.Close())
		}
	}
	stopWriting()
	err = errors.Join(err, inTime(whole, "parts", parts.Wait))
	stopCarrying()
	err = errors.Join(err, inTime(whole, "bus", carriers.Wait), n.close())
	n.log.Info("stopped")
	return err
}

// inTime waits for the end of something, but no longer than ctx: what hangs on
// a database that does not answer ends with the process.
func inTime(ctx context.Context, what string, wait func() error) error {
	done := make(chan error, 1)
	go func() { done <- wait() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%s did not end in time", what)
	}
}

// awaitBalancer serves calls for a while longer where a balancer has lately
// asked for /readyz: until it has noticed, it sends people here, and a listener
// that closes resets the connections which nobody has accepted yet.
func (n *node) awaitBalancer(ctx context.Context) {
	if time.Since(n.server.Probed()) > time.Minute {
		return
	}
	select {
	case <-time.After(n.cfg.Drain / 4):
	case <-ctx.Done():
	}
}

// close lets go of what newNode opened; the pools come last.
func (n *node) close() error {
	var errs []error
	for _, l := range []net.Listener{n.public, n.admin, n.control} {
		if l != nil {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(append(errs, n.pools.Close())...)
}

// newHTTPServer makes a server whose every wait has a limit. Hijacked sockets
// have limits of their own.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func serveHTTP(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ready looks at what the node depends on. Without the bus it still serves,
// only later than live, so a silent bus does not take it out of the balancer.
func (n *node) ready(ctx context.Context, db *sqldb.DB) []web.Part {
	parts := []web.Part{{Name: "sql", Err: db.Ping(ctx)}}
	bus := web.Part{Name: "bus", Optional: true}
	if !n.bus.Healthy() {
		bus.Err = errors.New("degraded: other nodes are heard by polling only")
	}
	return append(parts, bus)
}
