package mw

import (
	"context"
	"log/slog"
	"net/http"
)

// Chain wraps h in links so that the first link is the outermost: it sees a
// request first and its answer last. H is whatever is being wrapped, so HTTP
// handlers and socket frame handlers are chained alike.
func Chain[H any](h H, links ...func(H) H) H {
	for i := len(links) - 1; i >= 0; i-- {
		h = links[i](h)
	}
	return h
}

// Options is what [Standard] needs. All fields without "may be" are required.
type Options struct {
	Log     *slog.Logger
	Metrics *Metrics
	// Route names the route of a request that was served: a pattern such as
	// "/v1/rooms/{room}", or "" if none matched. It labels metrics, so the set
	// of its values must be small and fixed. It is given the request as the
	// links got it, so a router that notes the pattern in the context must have
	// put its note there before it runs them. A link that refuses does so before
	// routing: to name the route then, Route has to match by itself.
	Route func(*http.Request) string
	// Proxies are the peers whose forwarding headers are believed; may be empty.
	Proxies Proxies
	Origins *Origins
	// Find looks up a session token; see [Authenticate].
	Find func(ctx context.Context, token string) (Principal, error)
	// PerAddress limits what nobody signed in does, PerUser what signed-in users
	// do, PerKey what programs with a key do.
	PerAddress, PerUser, PerKey *Limiter
	// MaxBody is the most bytes of a request's body; may be nil, or give 0, for
	// [DefaultMaxBody].
	MaxBody func(*http.Request) int64
	// Probe marks health checks: they may name any Host, since a balancer does
	// not know ours, and they are logged at level debug. May be nil.
	Probe func(*http.Request) bool
	// Static marks embedded files: a page asks for dozens at once and they are
	// the same for everybody, so they are neither limited by address nor
	// signed in. May be nil.
	Static func(*http.Request) bool
	// Quiet marks calls that are made so often that a line for each which succeeds
	// is of no use: they are logged at debug, and counted as all are. May be nil.
	Quiet func(*http.Request) bool
}

// Standard gives the links of every public HTTP route in the order that the
// package documentation explains. What a route needs beyond them, such as
// [RequireUser], comes inside.
func Standard(o Options) []func(http.Handler) http.Handler {
	probe, static := orNever(o.Probe), orNever(o.Static)
	free := func(r *http.Request) bool { return probe(r) || static(r) }
	quiet := orNever(o.Quiet)
	return []func(http.Handler) http.Handler{
		RequestIDs(o.Proxies),
		ClientAddress(o.Proxies),
		Log(o.Log, o.Route, func(r *http.Request) bool { return free(r) || quiet(r) }),
		o.Metrics.Measure(o.Route),
		Recover(o.Log, o.Metrics.Panicked),
		SecurityHeaders,
		unless(probe, CheckHost(o.Origins)),
		RefuseURLTokens,
		CrossOrigin(o.Origins),
		LimitBody(o.MaxBody),
		unless(free, RefuseSpent(o.PerAddress)),
		unless(free, Authenticate(o.Find, o.Log)),
		unless(free, LimitStrangers(o.PerAddress)),
		LimitUser(o.PerUser, o.PerKey),
	}
}

// unless gives a link that lets requests pass untouched for which skip is true.
func unless(skip func(*http.Request) bool, link func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		linked := link(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if skip(r) {
				next.ServeHTTP(w, r)
				return
			}
			linked.ServeHTTP(w, r)
		})
	}
}

func orNever(f func(*http.Request) bool) func(*http.Request) bool {
	if f == nil {
		return func(*http.Request) bool { return false }
	}
	return f
}
