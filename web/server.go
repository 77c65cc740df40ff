// Package web is everything that a browser or a REST client touches: the REST
// API and its description, the embedded page, health and metrics, and the place
// where sockets are accepted. It holds no state of the chat: each handler asks
// chat.Rooms or chat.Accounts and turns the answer into JSON.
//
// routes.go shows every route and the chain in front of them on one screen;
// respond.go has the one table from error codes to HTTP statuses.
package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"hubbub/chat"
	"hubbub/mw"
)

//go:embed all:static
var embedded embed.FS

// Options is what a [Server] is made of. Fields without "may be" are required.
type Options struct {
	Rooms    *chat.Rooms
	Accounts *chat.Accounts
	// Sockets serves GET /v1/socket; may be nil, then there is no such route.
	// It runs behind the same chain as the REST calls.
	Sockets http.Handler
	Node    string
	Version string
	Log     *slog.Logger
	// Registry receives the metrics and is served at /metrics.
	Registry *prometheus.Registry
	Origins  *mw.Origins
	Proxies  mw.Proxies // may be nil
	// PerAddress limits what comes before sign-in, PerUser what signed-in users do.
	PerAddress, PerUser *mw.Limiter
	// Ready looks at what the node depends on; may be nil. It is called for GET
	// /readyz, at most once a second, and must return within the context's time, 2 s.
	Ready func(context.Context) []Part
	// Static holds the page; may be nil for the embedded one.
	Static fs.FS
}

// Server answers HTTP. It starts nothing: the caller serves Handler and
// AdminHandler.
type Server struct {
	o        Options
	assets   *assets
	document asset // the OpenAPI document
	checkup  *checkup
	draining atomic.Bool
	probed   atomic.Int64 // when /readyz was last asked for, nanoseconds since 1970
	public   http.Handler
	admin    http.Handler
}

// New builds all routes. It fails on missing options and on a page that cannot
// be read.
func New(o Options) (*Server, error) {
	switch {
	case o.Rooms == nil, o.Accounts == nil, o.Log == nil, o.Registry == nil, o.Origins == nil,
		o.PerAddress == nil, o.PerUser == nil:
		return nil, errors.New("web: a required option is missing")
	}
	if o.Static == nil {
		static, err := fs.Sub(embedded, "static")
		if err != nil {
			return nil, fmt.Errorf("embedded page: %w", err)
		}
		o.Static = static
	}
	if o.Ready == nil {
		o.Ready = func(context.Context) []Part { return nil }
	}
	s := &Server{o: o, checkup: newCheckup(o.Ready, o.Log)}
	var err error
	if s.assets, err = loadAssets(o.Static); err != nil {
		return nil, fmt.Errorf("load the page: %w", err)
	}
	if err := registerRuntime(o.Registry, o.Node, o.Version); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	if s.public, err = s.routes(mw.NewMetrics(o.Registry)); err != nil {
		return nil, err
	}
	s.admin = s.adminRoutes()
	return s, nil
}

// Handler serves the public listener.
func (s *Server) Handler() http.Handler { return s.public }

// AdminHandler serves the private listener: /metrics and /debug/pprof/.
func (s *Server) AdminHandler() http.Handler { return s.admin }

// SetDraining makes /readyz answer 503, so that the balancer sends people
// elsewhere; calls are served until the listener closes. For sockets see
// [Sockets.Drain].
func (s *Server) SetDraining(on bool) { s.draining.Store(on) }

// Probed is when somebody last asked for /readyz: a balancer, which sends people
// here until it has asked again after SetDraining.
func (s *Server) Probed() time.Time { return time.Unix(0, s.probed.Load()) }

// find tells the chain whose token a request bears.
func (s *Server) find(ctx context.Context, token string) (mw.Principal, error) {
	who, err := s.o.Accounts.Authenticate(ctx, token)
	if errors.Is(err, chat.ErrUnauthenticated) {
		return mw.Principal{}, mw.ErrUnauthenticated
	}
	if err != nil {
		return mw.Principal{}, err
	}
	return mw.Principal{
		User: string(who.User.ID), Session: string(who.Session.ID),
		Expires: time.UnixMicro(who.Session.ExpiresAt), Value: who,
	}, nil
}

// Caller is who makes the call that ctx belongs to; the zero Identity where the
// route is open to everybody and nobody is signed in. For the socket handler
// too, which runs behind the same chain.
func Caller(ctx context.Context) chat.Identity {
	p, _ := mw.PrincipalFrom(ctx)
	who, _ := p.Value.(chat.Identity)
	return who
}

// requireUser is [mw.RequireUser] for the operations that name a security scheme.
func requireUser(ctx huma.Context, next func(huma.Context)) {
	if len(ctx.Operation().Security) == 0 {
		next(ctx)
		return
	}
	r, w := unwrap(ctx)
	mw.RequireUser(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { next(ctx) })).ServeHTTP(w, r)
}
