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
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"hubbub/chat"
	"hubbub/mw"
	"hubbub/orders"
)

//go:embed all:static
var embedded embed.FS

// Options is what a [Server] is made of. Fields without "may be" are required.
type Options struct {
	Rooms    *chat.Rooms
	Accounts *chat.Accounts
	Orders   Orders
	Webhooks Webhooks
	// Keys tells who bears the key of a program. ErrUnauthenticated: nobody.
	Keys interface {
		Authenticate(ctx context.Context, token string) (orders.Caller, error)
	}
	// CursorKey seals the cursors of lists of orders: the same secret on every
	// node, 32 bytes or more.
	CursorKey []byte
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
	// PerAddress limits what comes before sign-in, PerUser what signed-in users do,
	// PerKey what programs with a key do.
	PerAddress, PerUser, PerKey *mw.Limiter
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
	tokens   *mw.Tokens
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
		o.PerAddress == nil, o.PerUser == nil, o.PerKey == nil, o.Orders == nil, o.Webhooks == nil, o.Keys == nil, len(o.CursorKey) < 32:
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
	s.tokens = mw.NewTokens(s.find)
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

// Forget makes the next request of a user, or of a program by the id of its key,
// look up again who that is. To be called when that has changed: else it is
// noticed after [mw.TokenTime].
func (s *Server) Forget(who string) { s.tokens.Forget(who) }

// find tells the chain whose token a request bears.
func (s *Server) find(ctx context.Context, token string) (mw.Principal, error) {
	if strings.HasPrefix(token, orders.KeyPrefix) {
		return s.findKey(ctx, token)
	}
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

func (s *Server) findKey(ctx context.Context, token string) (mw.Principal, error) {
	c, err := s.o.Keys.Authenticate(ctx, token)
	if errors.Is(err, orders.ErrUnauthenticated) {
		return mw.Principal{}, mw.ErrUnauthenticated
	}
	if err != nil {
		return mw.Principal{}, err
	}
	return mw.Principal{User: c.ID, Key: true, Value: c}, nil
}

// Caller is who makes the call that ctx belongs to; the zero Identity where the
// route is open to everybody and nobody is signed in. For the socket handler
// too, which runs behind the same chain.
func Caller(ctx context.Context) chat.Identity {
	p, _ := mw.PrincipalFrom(ctx)
	who, _ := p.Value.(chat.Identity)
	return who
}

// requireUser is [admit] for the calls that huma serves.
func requireUser(ctx huma.Context, next func(huma.Context)) {
	who, _ := ctx.Operation().Metadata["access"].(access)
	r, w := unwrap(ctx)
	admit(who, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { next(ctx) })).ServeHTTP(w, r)
}

// admit lets in those for whom a call is: 401 to nobody, 403 to a program's key
// where only users may be.
func admit(who access, next http.Handler) http.Handler {
	switch who {
	case anyone:
		return next
	case userOrKey:
		return mw.RequireUser(next)
	}
	return mw.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, _ := mw.PrincipalFrom(r.Context()); p.Key {
			mw.WriteProblem(w, r, http.StatusForbidden, "forbidden", "this call is not for keys", 0)
			return
		}
		next.ServeHTTP(w, r)
	}))
}
