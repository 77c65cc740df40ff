package chat

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"hubbub/bus"
	"hubbub/chat/wire"
)

// Group commit. One writer per room that has drafts, on this node; at most one
// open batch per room and node, so a room's lock has at most as many waiters as
// there are nodes. There is no timer: what queued up while the last commit ran
// is the next batch, so an idle room commits at once and a busy one in bulk.
// (Timing one transaction per message instead makes a lock convoy: with 256
// writers on one room, a tenth of the throughput and a p99 of a second.)
const (
	batchDrafts = 256     // drafts of one transaction
	batchBytes  = 1 << 20 // bytes of their bodies
	packBytes   = 48 << 10
	packFrames  = 64
)

// busyDelay is when a client that met a full queue may try again.
const busyDelay = 250 * time.Millisecond

// appender owns the writers. submit may be called from anywhere.
type appender struct {
	// Static after construction.
	store Store
	tell  func([]Event)
	probe func(point string)
	slots chan struct{} // one token per batch that may be open
	queue int

	mu     sync.Mutex
	rooms  map[RoomID]*writer // rooms with a running writer
	closed bool
	wg     sync.WaitGroup // the running writers

	batches, drafts, refused atomic.Int64
	commitMicros             atomic.Int64
}

// writer is the queue of one room while it has drafts; guarded by appender.mu.
type writer struct {
	waiting []pending
}

type pending struct {
	draft Draft
	done  chan Result // has room for the one result
}

// AppendStats counts since the start.
type AppendStats struct {
	Batches, Drafts, Refused int64
	CommitMicros             int64 // summed over the batches
	Rooms                    int   // with a running writer, now
}

// The points at which RoomsOptions.Probe and HubOptions.Probe are called.
const (
	PointSend      = "send"
	PointCommitted = "committed"
	PointAcked     = "acked"
	PointDeliver   = "deliver"
)

func newAppender(store Store, tell func([]Event), o RoomsOptions) *appender {
	batches, queue := o.Batches, o.Queue
	if batches <= 0 {
		batches = 16
	}
	if queue <= 0 {
		queue = 1024
	}
	return &appender{
		store: store, tell: tell, probe: o.Probe, slots: make(chan struct{}, batches), queue: queue,
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
		w = &writer{}
		a.rooms[room] = w
		a.wg.Go(func() { a.write(room, w) })
	}
	if len(w.waiting) >= a.queue {
		return Later(ErrRateLimited, "the room is busy", busyDelay, nil)
	}
	w.waiting = append(w.waiting, p)
	return nil
}

// write commits one batch after the other until the room has no more drafts.
func (a *appender) write(room RoomID, w *writer) {
	for {
		a.slots <- struct{}{}
		batch := a.next(room, w)
		if batch == nil {
			<-a.slots
			return
		}
		a.commit(room, batch)
		<-a.slots
	}
}

// next takes what is queued, up to the limits of a batch; nil ends the writer.
func (a *appender) next(room RoomID, w *writer) []pending {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, size := 0, 0
	for n < len(w.waiting) && n < batchDrafts {
		size += len(w.waiting[n].draft.Body)
		if n > 0 && size > batchBytes {
			break
		}
		n++
	}
	if n == 0 {
		delete(a.rooms, room)
		return nil
	}
	batch := w.waiting[:n:n]
	w.waiting = w.waiting[n:]
	return batch
}

// commit stores a batch; afterwards, and only then, it answers and publishes.
func (a *appender) commit(room RoomID, batch []pending) {
	drafts := make([]Draft, len(batch))
	for i, p := range batch {
		drafts[i] = p.draft
	}
	start := time.Now()
	results, err := a.append(room, drafts)
	a.commitMicros.Add(time.Since(start).Microseconds())
	a.batches.Add(1)
	a.drafts.Add(int64(len(batch)))
	if err != nil {
		for _, p := range batch {
			p.done <- Result{Err: err}
		}
		return
	}
	a.probe(PointCommitted)
	var events []Event
	for i, p := range batch {
		if res := results[i]; res.Err == nil && !res.Repeat {
			events = append(events, res.Event)
		}
		p.done <- results[i]
	}
	a.probe(PointAcked)
	a.tell(events)
}

// append calls the store; a panic there costs this batch, whose fate is
// unknown then, and not the node.
func (a *appender) append(room RoomID, drafts []Draft) (results []Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Later(ErrUnknownOutcome, "something went wrong on our side: send the same id again", busyDelay,
				fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	return a.store.Append(context.Background(), room, drafts)
}

// close refuses new drafts and waits for the writers.
func (a *appender) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.wg.Wait()
}

func (a *appender) stats() AppendStats {
	a.mu.Lock()
	rooms := len(a.rooms)
	a.mu.Unlock()
	return AppendStats{
		Batches: a.batches.Load(), Drafts: a.drafts.Load(), Refused: a.refused.Load(),
		CommitMicros: a.commitMicros.Load(), Rooms: rooms,
	}
}

// pack encodes committed events, in the order of their numbers, into as few bus
// events as their sizes allow.
func pack(events []Event, node string, now int64) []bus.Event {
	var out []bus.Event
	size := 0
	for _, e := range events {
		frame := wire.AppendEvent(make([]byte, 0, 256+len(e.Body)), e.Wire())
		last := len(out) - 1
		if last >= 0 && out[last].Last()+1 == uint64(e.Seq) && out[last].Epoch == string(e.Epoch) &&
			size+len(frame) <= packBytes && len(out[last].Frames) < packFrames {
			out[last].Frames = append(out[last].Frames, frame)
			size += len(frame)
			continue
		}
		size = len(frame)
		out = append(out, bus.Event{
			Topic: roomTopic(e.Room), Kind: bus.Log, Epoch: string(e.Epoch), First: uint64(e.Seq),
			Node: node, At: now, Frames: [][]byte{frame},
		})
	}
	return out
}
