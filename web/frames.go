package web

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"golang.org/x/time/rate"

	"hubbub/chat"
	"hubbub/chat/wire"
	"hubbub/mw"
)

// The links around a socket's frames, in the shape of those around a request:
// each may answer instead of calling the next. Recover is outermost, so that a
// panic in any of the others ends one socket and not the node; the log sees
// what the limit refused.
func frameLinks(o SocketOptions) func(chat.Handler) chat.Handler {
	return func(h chat.Handler) chat.Handler {
		return mw.Chain(h,
			recoverFrame(o.Log, o.Panicked),
			logFrame(o.Log),
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

// limitFrame holds a socket to its own rate, and its user to the rate that is
// shared with the user's other sockets and requests on this node. A client that
// goes on for a burst after it was refused is cut off with 4429.
func limitFrame(r mw.Rate, perUser *mw.Limiter, now func() time.Time) func(chat.Handler) chat.Handler {
	return func(next chat.Handler) chat.Handler {
		own := limiterOf(r)
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
			if refused++; refused > r.Burst {
				return &chat.CloseError{Code: chat.CloseTooMany, Reason: fmt.Sprintf("retry_after_ms=%d", max(wait, time.Second).Milliseconds())}
			}
			return chat.Later(chat.ErrRateLimited, "too many commands", wait, nil)
		}
	}
}

// limiterOf makes a limiter of its own for a rate; off lets everything through.
func limiterOf(r mw.Rate) *rate.Limiter {
	if r.Events == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(float64(r.Events)/r.Per.Seconds()), r.Burst)
}
