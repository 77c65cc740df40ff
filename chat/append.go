package chat

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// busyDelay is when a client that met a full queue may try again.
const busyDelay = 250 * time.Millisecond

// appender owns the committers. submit may be called from anywhere.
type appender struct {
	// Static after construction.
	store Store
	tell  func([]Event)
	probe func(point string)
	timed func(drafts int, took time.Duration)
	slots chan struct{} // one token per batch of a room alone that may be open
	held  chan struct{} // the same for rooms that wait for somebody else's lock
	most  int           // committers
	queue int

	mu         sync.Mutex
	rooms      map[RoomID]*writer // rooms with drafts, or with an open batch
	due        []*writer          // those of them that wait for a committer
	committers int                // that run
	began      time.Time          // when the last transaction began, or will
	help       *time.Timer        // will look whether rooms wait for too long; nil when nobody does
	closed     bool
	wg         sync.WaitGroup // the committers, and the goroutines of rooms alone

	batches, drafts, refused, unknown atomic.Int64
	commitMicros                      atomic.Int64
}

// writer is the queue of one room while it has drafts.
type writer struct {
	room    RoomID
	waiting []pending // guarded by appender.mu
	missed  int       // how often in a row its lock was somebody else's; of whoever has its open batch
}

type pending struct {
	draft Draft
	done  chan Result // has room for the one result
}

// AppendStats counts since the start.
type AppendStats struct {
	Batches, Drafts, Refused int64
	Unknown                  int64 // drafts whose sender was told ErrUnknownOutcome
	CommitMicros             int64 // summed over the batches
	Rooms                    int   // with drafts, now
}

// The points at which RoomsOptions.Probe and HubOptions.Probe are called.
const (
	PointSend      = "send"
	PointCommitted = "committed"
	PointAcked     = "acked"
	PointDeliver   = "deliver"
)

func newAppender(store Store, tell func([]Event), o RoomsOptions) *appender {
	batches, committers, queue := o.Batches, o.Committers, o.Queue
	if batches <= 0 {
		batches = 16
	}
	if committers <= 0 {
		committers = 2
	}
	if queue <= 0 {
		queue = 1024
	}
	return &appender{
		store: store, tell: tell, probe: o.Probe, timed: o.Timed, most: committers, queue: queue,
		slots: make(chan struct{}, batches), held: make(chan struct{}, max(1, batches/2)),
		rooms: make(map[RoomID]*writer),
	}
}

// submit queues a draft and waits for what becomes of it. When ctx ends first
// the draft may still be stored: ErrUnknownOutcome.
func (a *appender) submit(ctx context.Context, room RoomID, d Draft) (Result, error) {
	p := pending{draft: d, done: make(chan Result, 1)}
	if err := a.enqueue(room, p); err != nil {
		a.refused.Add(1)
		return Result{}, err
	}
	select {
	case res := <-p.done:
		return res, nil
	case <-ctx.Done():
		a.unknown.Add(1)
		return Result{}, Later(ErrUnknownOutcome, "the answer took too long: send the same id again", busyDelay, ctx.Err())
	}
}

func (a *appender) enqueue(room RoomID, p pending) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return Later(ErrUnavailable, "this server is stopping: come back", time.Second, nil)
	}
	w := a.rooms[room]
	if w == nil {
		w = &writer{room: room}
		a.rooms[room] = w
		a.dueLocked(w)
	}
	if len(w.waiting) >= a.queue {
		return Later(ErrRateLimited, "the room is busy", busyDelay, nil)
	}
	w.waiting = append(w.waiting, p)
	return nil
}

// close refuses new drafts and waits for those that are queued.
func (a *appender) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.wg.Wait() // which leaves nothing to help with
}

func (a *appender) stats() AppendStats {
	a.mu.Lock()
	rooms := len(a.rooms)
	a.mu.Unlock()
	return AppendStats{
		Batches: a.batches.Load(), Drafts: a.drafts.Load(), Refused: a.refused.Load(), Unknown: a.unknown.Load(),
		CommitMicros: a.commitMicros.Load(), Rooms: rooms,
	}
}
