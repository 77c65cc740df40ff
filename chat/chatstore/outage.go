package chatstore

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"hubbub/chat"
)

// outage logs when the database stops to answer one kind of call, and when it
// answers again: a line each, however many calls fail meanwhile. The zero value
// is ready.
type outage struct {
	mu     sync.Mutex
	failed time.Time // last; zero while all is well
	calls  int       // that failed since it began
}

// calmTime is without a failure before an outage counts as over, so that a
// database which answers now and then is no line per call either.
const calmTime = time.Second

// note takes the outcome of a call.
func (o *outage) note(ctx context.Context, log *slog.Logger, kind string, err error) {
	down := errors.Is(err, chat.ErrUnavailable)
	if !down && err != nil { // refused, or a fault of ours: says nothing of the database
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	switch {
	case down && o.failed.IsZero():
		log.WarnContext(ctx, "the database does not answer", "calls", kind, "error", err)
		fallthrough
	case down:
		o.failed = now
		o.calls++
	case !o.failed.IsZero() && now.Sub(o.failed) >= calmTime:
		log.WarnContext(ctx, "the database answers again", "calls", kind, "failed", o.calls)
		o.failed, o.calls = time.Time{}, 0
	}
}
