package mw

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// Recover turns a panic into a 500 problem, logs it with its stack and the
// request id, and calls count. If a part of the answer was already sent, the
// connection is broken off instead, so that the client cannot take it for the
// whole. http.ErrAbortHandler, which asks for just that, passes.
func Recover(log *slog.Logger, count func()) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := record(w)
			defer func() {
				p := recover()
				if p == nil {
					return
				}
				if p == http.ErrAbortHandler {
					panic(p)
				}
				count()
				log.LogAttrs(r.Context(), slog.LevelError, "panic",
					slog.String("request_id", RequestID(r.Context())),
					slog.String("panic", fmt.Sprint(p)),
					slog.String("stack", string(debug.Stack())))
				switch {
				case rec.hijacked: // its handler closed it on the way here
				case rec.status != 0:
					panic(http.ErrAbortHandler)
				default:
					WriteProblem(rec, r, http.StatusInternalServerError, "internal", "", 0)
				}
			}()
			next.ServeHTTP(rec, r)
		})
	}
}
