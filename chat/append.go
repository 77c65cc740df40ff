package chat

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Group commit, over rooms too. A few committers take the rooms that have drafts
// in turn, several at a time, and store what is queued in one transaction. A room
// that cannot go with the others (a draft is more than a message, the transaction
// failed) gets a goroutine of its own until its drafts are stored, so it holds up
// nobody else. A room whose lock somebody holds is passed over, mostly for no
// longer than another node's commit takes; one that is held for longer waits in
// line for its lock, in a goroutine of its own too, but with few others: however
// many rooms are held, they do not take the places of those that are not.
//
// There is at most one open batch per room and node, so a room's lock has at most
// as many waiters as there are nodes. There is no timer: what queued up while the
// last commits ran is the next batch, so an idle node commits at once and a busy
// one in bulk. (Timing one transaction per message instead makes a lock convoy:
// with 256 writers on one room, a tenth of the throughput and a p99 of a second.)
const (
	batchDrafts = 256     // drafts of one transaction
	batchBytes  = 1 << 20 // bytes of their bodies
	batchRooms  = 64      // rooms
)

// A room that somebody holds comes round again after 1 ms, 2 ms, 4 ms and so on,
// so many times before it waits in line.
const heldRounds = 5

// busyDelay is when a client that met a full queue may try again.
const busyDelay = 250 * time.Millisecond

// appender owns the committers. submit may be called from anywhere.
type appender struct {
	// Static after construction.
	store Store
	tell  func([]Event)
	probe func(point string)
	slots chan struct{} // one token per batch of a room alone that may be open
	held  chan struct{} // the same for rooms that wait for somebody else's lock
	most  int           // committers
	queue int

	mu         sync.Mutex
	rooms      map[RoomID]*writer // rooms with drafts, or with an open batch
	due        []*writer          // those of them that wait for a committer
	committers int                // that run
	closed     bool
	wg         sync.WaitGroup // the committers, and the goroutines of rooms alone

	batches, drafts, refused atomic.Int64
	commitMicros             atomic.Int64
}

// writer is the queue of one room while it has drafts.
type writer struct {
	room    RoomID
	waiting []pending // guarded by appender.mu
	missed  int       // how often in a row its lock was somebody else's; of whoever has its open batch
}

// open is a batch of one room on its way.
type open struct {
	w     *writer
	batch []pending
}

type pending struct {
	draft Draft
	done  chan Result // has room for the one result
}

// AppendStats counts since the start.
type AppendStats struct {
	Batches, Drafts, Refused int64
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
		store: store, tell: tell, probe: o.Probe, most: committers, queue: queue,
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

// dueLocked lets a committer come to a room.
func (a *appender) dueLocked(w *writer) {
	a.due = append(a.due, w)
	if a.committers < a.most {
		a.committers++
		a.wg.Go(a.commit)
	}
}

// commit stores the batches of the rooms that are due, as long as there are any.
func (a *appender) commit() {
	for {
		together, apart := a.take()
		if len(together)+len(apart) == 0 {
			return
		}
		for _, o := range apart {
			a.wg.Go(func() { a.alone(o, a.slots) })
		}
		if len(together) == 0 {
			continue
		}
		batches := make([]Batch, len(together))
		for i, o := range together {
			batches[i] = Batch{Room: o.w.room, Drafts: drafts(o.batch)}
		}
		start := time.Now()
		outcomes := a.appendAll(batches)
		a.measure(start)
		var events []Event
		done := together[:0]
		for i, o := range together {
			if outcomes[i].Held {
				a.wg.Go(func() { a.again(o) })
				continue
			}
			o.w.missed = 0
			if outcomes[i].Alone {
				a.wg.Go(func() { a.alone(o, a.slots) })
				continue
			}
			if outcomes[i].Err == nil {
				a.probe(PointCommitted)
			}
			events = a.answer(events, o.batch, outcomes[i].Results, outcomes[i].Err)
			done = append(done, o)
		}
		a.publish(events)
		a.goOn(done)
	}
}

// take gives the next batches, up to the limits of a transaction, apart those
// that do not go with others; none ends the committer.
func (a *appender) take() (together, apart []open) {
	a.mu.Lock()
	defer a.mu.Unlock()
	left, size, i := batchDrafts, batchBytes, 0
	for ; i < len(a.due) && left > 0 && size > 0 && len(together) < batchRooms; i++ {
		w := a.due[i]
		o := open{w, w.next(left, size)}
		if !plain(o.batch) {
			apart = append(apart, o)
			continue
		}
		together = append(together, o)
		left -= len(o.batch)
		for _, p := range o.batch {
			size -= len(p.draft.Body)
		}
	}
	clear(a.due[:i])
	if a.due = a.due[i:]; len(a.due) == 0 {
		a.due = nil
	}
	if i == 0 {
		a.committers--
	}
	return together, apart
}

// next takes what is queued, up to so many drafts and bytes, but one at least
// where there is one.
func (w *writer) next(most, bytes int) []pending {
	n := 0
	for n < len(w.waiting) && n < most {
		if bytes -= len(w.waiting[n].draft.Body); n > 0 && bytes < 0 {
			break
		}
		n++
	}
	batch := w.waiting[:n:n]
	w.waiting = w.waiting[n:]
	return batch
}

// plain tells whether all drafts are messages.
func plain(batch []pending) bool {
	return !slices.ContainsFunc(batch, func(p pending) bool { return p.draft.Kind != EventMessage })
}

// goOn makes rooms due again whose batch has been told, or forgets them.
func (a *appender) goOn(done []open) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, o := range done {
		if len(o.w.waiting) == 0 {
			delete(a.rooms, o.w.room)
		} else {
			a.dueLocked(o.w)
		}
	}
}

// again lets a room whose lock somebody holds come round once more, or lets it
// wait in line.
func (a *appender) again(o open) {
	if o.w.missed == heldRounds {
		o.w.missed = 0
		a.alone(o, a.held)
		return
	}
	time.Sleep(time.Millisecond << o.w.missed)
	o.w.missed++
	a.mu.Lock()
	defer a.mu.Unlock()
	o.w.waiting = append(o.batch, o.w.waiting...)
	a.dueLocked(o.w)
}

// alone commits one batch after the other of a room until it has no more drafts.
func (a *appender) alone(o open, slots chan struct{}) {
	for len(o.batch) > 0 {
		slots <- struct{}{}
		start := time.Now()
		results, err := a.append(o.w.room, drafts(o.batch))
		a.measure(start)
		if err == nil {
			a.probe(PointCommitted)
		}
		a.publish(a.answer(nil, o.batch, results, err))
		<-slots
		a.mu.Lock()
		if o.batch = o.w.next(batchDrafts, batchBytes); len(o.batch) == 0 {
			delete(a.rooms, o.w.room)
		}
		a.mu.Unlock()
	}
}

func drafts(batch []pending) []Draft {
	out := make([]Draft, len(batch))
	for i, p := range batch {
		out[i] = p.draft
	}
	return out
}

// answer tells the senders of a batch what became of it, after COMMIT, and
// appends what is to be published.
func (a *appender) answer(events []Event, batch []pending, results []Result, err error) []Event {
	a.drafts.Add(int64(len(batch)))
	for i, p := range batch {
		res := Result{Err: err}
		if err == nil {
			res = results[i]
		}
		if res.Err == nil && !res.Repeat {
			events = append(events, res.Event)
		}
		p.done <- res
	}
	return events
}

func (a *appender) publish(events []Event) {
	a.probe(PointAcked)
	a.tell(events)
}

func (a *appender) measure(start time.Time) {
	a.batches.Add(1)
	a.commitMicros.Add(time.Since(start).Microseconds())
}

// append calls the store; a panic there costs this batch, whose fate is
// unknown then, and not the node.
func (a *appender) append(room RoomID, drafts []Draft) (results []Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return a.store.Append(context.Background(), room, drafts)
}

// appendAll does the same for several rooms.
func (a *appender) appendAll(batches []Batch) (out []Outcome) {
	defer func() {
		if p := recover(); p != nil {
			out = slices.Repeat([]Outcome{{Err: panicked(p)}}, len(batches))
		}
	}()
	return a.store.AppendAll(context.Background(), batches)
}

func panicked(p any) error {
	return Later(ErrUnknownOutcome, "something went wrong on our side: send the same id again", busyDelay,
		fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
}

// close refuses new drafts and waits for those that are queued.
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
