package mw

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Log writes one line per request when it has been served: for a WebSocket that
// is when it is open. Attributes: method, route (the path, if no route matched),
// status, bytes, duration, address, request_id and, if known, user. A handler
// that gave up on the connection is logged with aborted=true and the status
// that was sent, or 0.
//
// Never logged: query, headers, bodies. The path is logged as it is escaped in
// the URL, so no line break can enter whatever the handler of log is. Requests
// for which quiet is true are logged at debug unless they fail; failures of the
// server (5xx) are warnings.
func Log(log *slog.Logger, route func(*http.Request) string, quiet func(*http.Request) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			rec, served := record(w), false
			n, r := noted(r)
			defer func() {
				if served && rec.status == 0 {
					rec.status = http.StatusOK // net/http writes it after us
				}
				level := level(rec.status, quiet(r))
				if !log.Enabled(r.Context(), level) {
					return
				}
				attrs := make([]slog.Attr, 0, 10)
				attrs = append(attrs, slog.String("method", shorten(r.Method)), where(r, route),
					slog.Int("status", rec.status), slog.Int64("bytes", rec.bytes),
					slog.Duration("duration", time.Since(start)),
					slog.String("address", clientText(n)),
					slog.String("request_id", n.id))
				if n.user != "" {
					attrs = append(attrs, slog.String("user", n.user))
				}
				if !served {
					attrs = append(attrs, slog.Bool("aborted", true))
				}
				log.LogAttrs(r.Context(), level, "request", attrs...)
			}()
			next.ServeHTTP(rec, r)
			served = true
		})
	}
}

// clientText is the client's address, also where [ClientAddress] did not run.
func clientText(n *note) string {
	if n.client.text == "" {
		return n.client.addr.String()
	}
	return n.client.text
}

// LogUser names the user in the request's log line, for handlers that learn who
// it is later than [Authenticate]. Only from the goroutine that serves the request.
func LogUser(ctx context.Context, user string) {
	if n := noteOf(ctx); n != nil {
		n.user = user
	}
}

func level(status int, quiet bool) slog.Level {
	switch {
	case status >= 500:
		return slog.LevelWarn
	case quiet && status < 400:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func where(r *http.Request, route func(*http.Request) string) slog.Attr {
	if pattern := route(r); pattern != "" {
		return slog.String("route", pattern)
	}
	return slog.String("path", shorten(r.URL.EscapedPath()))
}

// shorten keeps what the client made up from filling the log.
func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
