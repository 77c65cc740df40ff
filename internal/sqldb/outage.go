package sqldb

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Outage logs when the database stops to answer one kind of call, and when it
// answers again: a line each, however many calls fail meanwhile. The zero value
// is ready.
type Outage struct {
	mu     sync.Mutex
	failed time.Time // last; zero while all is well
	calls  int       // that failed since it began
}

// calmTime is without a failure before an outage counts as over, so that a
// database which answers now and then is no line per call either.
const calmTime = time.Second

// Note takes the outcome of a call: down says that err is the database's
// silence. Another error is a refusal or a fault of ours, and says nothing.
func (o *Outage) Note(ctx context.Context, log *slog.Logger, kind string, err error, down bool) {
	if !down && err != nil {
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
