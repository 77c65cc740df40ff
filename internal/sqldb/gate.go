package sqldb

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// WaitTime is how long a call waits for its turn at a pool, and then for a
// connection, before it fails with [ErrBusy].
const WaitTime = 2 * time.Second

// ErrBusy says that a call did not get a connection within [WaitTime]: there is
// more to do than the pool can carry. Nothing was sent; [IsUnavailable].
var ErrBusy = errors.New("sqldb: no connection became free in time")

// Share gives a view of the database for one use of it, which takes at most so
// many connections of the pools at a time, to read and to write. What comes
// beyond that waits in line, for WaitTime at most. Where the shares of all uses
// add up to the pool, none of them waits for another's.
func (db *DB) Share(reads, writes int) *DB {
	share := *db
	share.reads, share.writes = newGate(reads), newGate(writes)
	return &share
}

// Reading runs f, which reads from the pools, in the caller's turn. F does not
// call Reading.
func (db *DB) Reading(ctx context.Context, f func() error) error {
	if err := db.reads.enter(ctx); err != nil {
		return err
	}
	defer db.reads.leave()
	return f()
}

// GateStats are the figures of one side of a share.
type GateStats struct {
	Limit, InUse   int
	Waits, Refused int64         // calls that waited, and those that got no turn
	Waited         time.Duration // by all of them
}

// Shares tells how much of its share this view uses; zero for a whole database.
func (db *DB) Shares() (reads, writes GateStats) { return db.reads.stats(), db.writes.stats() }

// gate lets some calls in at a time, in the order in which they came. A nil gate
// is open.
type gate struct {
	places                 chan struct{}
	waits, waited, refused atomic.Int64
	timers                 sync.Pool // in a rush, most calls wait for a moment
}

func newGate(places int) *gate {
	g := &gate{places: make(chan struct{}, places)}
	g.timers.New = func() any {
		t := time.NewTimer(WaitTime)
		t.Stop()
		return t
	}
	return g
}

func (g *gate) enter(ctx context.Context) error {
	if g == nil {
		return nil
	}
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	start := time.Now()
	patience := g.timers.Get().(*time.Timer)
	patience.Reset(WaitTime)
	defer func() {
		patience.Stop()
		g.timers.Put(patience)
	}()
	g.waits.Add(1)
	defer func() { g.waited.Add(int64(time.Since(start))) }()
	select {
	case g.places <- struct{}{}:
		return nil
	case <-patience.C:
		g.refused.Add(1)
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) leave() {
	if g != nil {
		<-g.places
	}
}

func (g *gate) stats() GateStats {
	if g == nil {
		return GateStats{}
	}
	return GateStats{
		Limit: cap(g.places), InUse: len(g.places),
		Waits: g.waits.Load(), Refused: g.refused.Load(), Waited: time.Duration(g.waited.Load()),
	}
}
