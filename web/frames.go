package web

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"hubbub/chat"
	"hubbub/chat/wire"
	"hubbub/mw"
)

// The links around a socket's frames, in the shape of those around a request:
// each may answer instead of calling the next. Recover is outermost, so that a
// panic in any of the others ends one socket and not the node; the log sees
// what the limit refused.
func frameLinks(o SocketOptions, log *slog.Logger) func(chat.Handler) chat.Handler {
	return func(h chat.Handler) chat.Handler {
		return mw.Chain(h,
			recoverFrame(log, o.Panicked),
			logFrame(log),
			limitFrame(o.RateSession, o.PerUser, time.Now),
		)
	}
}

// recoverFrame ends the socket whose frame panicked.
func recoverFrame(log *slog.Logger, count func()) func(chat.Handler) chat.Handler {
	return func(next chat.Handler) chat.Handler {
		return func(ctx context.Context, s *chat.Session, cmd wire.Command) (err error) {
			defer func() {
				if p := recover(); p != nil {
					count()
					log.Error("panic in a frame", "user", s.User().ID, "type", cmd.CommandType(),
						"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
					err = &chat.CloseError{Code: 1011, Reason: "internal error"}
				}
			}()
			return next(ctx, s, cmd)
		}
	}
}

// logFrame tells of each command at level debug: never what it says.
func logFrame(log *slog.Logger) func(chat.Handler) chat.Handler {
	return func(next chat.Handler) chat.Handler {
		return func(ctx context.Context, s *chat.Session, cmd wire.Command) error {
			if !log.Enabled(ctx, slog.LevelDebug) {
				return next(ctx, s, cmd)
			}
			start := time.Now()
			err := next(ctx, s, cmd)
			log.Debug("frame", "user", s.User().ID, "type", cmd.CommandType(), "took", time.Since(start), "error", err)
			return err
		}
	}
}

// maxRefused is how many refusals in a row a client may earn.
const maxRefused = 40

// limitFrame holds a socket to its own rate, and its user to the rate that is
// shared with the user's other sockets and requests on this node. A client that
// goes on for a burst after it was refused is cut off with 4429.
func limitFrame(r mw.Rate, perUser *mw.Limiter, now func() time.Time) func(chat.Handler) chat.Handler {
	return func(next chat.Handler) chat.Handler {
		own := r.Limiter()
		refused := 0
		return func(ctx context.Context, s *chat.Session, cmd wire.Command) error {
			t := now()
			wait := time.Duration(0)
			if !own.AllowN(t, 1) {
				wait = time.Duration(float64(time.Second) / float64(own.Limit()))
			} else if ok, after := perUser.Allow(string(s.User().ID), t); !ok {
				wait = after
			}
			if wait == 0 {
				refused = 0
				return next(ctx, s, cmd)
			}
			if refused++; refused > maxRefused {
				return &chat.CloseError{Code: chat.CloseTooMany, Reason: fmt.Sprintf("retry_after_ms=%d", max(wait, time.Second).Milliseconds())}
			}
			return chat.Later(chat.ErrRateLimited, "too many commands", wait, nil)
		}
	}
}
