package chat

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"
)

// Group commit, over rooms too. A committer takes the rooms that have drafts in
// turn, several at a time, and stores what is queued in one transaction. A room
// that cannot go with the others (a draft is more than a message, the transaction
// failed) gets a goroutine of its own until its drafts are stored, so it holds up
// nobody else. A room whose lock somebody holds is passed over, mostly for no
// longer than another node's commit takes; one that is held for longer waits in
// line for its lock, in a goroutine of its own too, but with few others: however
// many rooms are held, they do not take the places of those that are not.
//
// There is at most one open batch per room and node, so a room's lock has at most
// as many waiters as there are nodes. What queued up since the last transaction
// began is the next one, at least pace later: an idle node commits at once and a
// busy one in bulk. (Timing one transaction per message instead makes a lock
// convoy: with 256 writers on one room, a tenth of the throughput and a p99 of a
// second. Transactions that follow each other without a pause take what little
// came meanwhile, and so much of the machine that everybody waits for longer: 2 000
// messages a second took a fifth more of the nodes and a third more of the
// database, for the same median and twice the p99.)
const (
	batchDrafts = 256     // drafts of one transaction
	batchBytes  = 1 << 20 // bytes of their bodies
	batchRooms  = 24      // rooms: what statements with many cost grows faster than their number
	pace        = 2 * time.Millisecond
	// slow is how long rooms wait behind a transaction before another committer
	// takes them.
	slow = 10 * time.Millisecond
)

// heldRounds is how often in a row a room is passed over before it waits in line:
// mostly it is another node's transaction that has it, and the next of this one's
// finds it free. In a room that all write to, more rounds than that let chance
// decide who waits how long.
const heldRounds = 2

// heldPause is the longest time between two rounds of a room that is held, and finds
// no place in line.
const heldPause = 50 * time.Millisecond

// open is a batch of one room on its way.
type open struct {
	w     *writer
	batch []pending
}

// dueLocked lets a committer come to a room.
func (a *appender) dueLocked(w *writer) {
	a.due = append(a.due, w)
	switch {
	case a.committers == 0:
		a.committers++
		a.wg.Go(a.commit)
	case a.help == nil && a.committers < a.most:
		a.help = time.AfterFunc(slow, a.hurry)
	}
}

// hurry lets one more committer run if rooms wait behind a transaction that takes
// its time, as one does whose connection is dead.
func (a *appender) hurry() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.help = nil
	switch {
	case len(a.due) == 0 || a.committers == a.most:
	case time.Since(a.began) >= slow:
		a.committers++
		a.wg.Go(a.commit)
	default:
		a.help = time.AfterFunc(slow, a.hurry)
	}
}

// pause lets pace pass between two transactions.
func (a *appender) pause() {
	a.mu.Lock()
	now := time.Now()
	if next := a.began.Add(pace); now.Before(next) {
		a.began = next
	} else {
		a.began = now
	}
	wait := a.began.Sub(now)
	a.mu.Unlock()
	if wait > 0 {
		time.Sleep(wait)
	}
}

// commit stores the batches of the rooms that are due, as long as there are any.
func (a *appender) commit() {
	for {
		a.pause()
		together, apart := a.take()
		if len(together)+len(apart) == 0 {
			return
		}
		for _, o := range apart {
			a.apart(o)
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
		a.measure(start, together, outcomes)
		var events []Event
		done := together[:0]
		for i, o := range together {
			if outcomes[i].Held {
				a.again(o, len(together) == 1)
				continue
			}
			o.w.missed = 0
			if outcomes[i].Alone {
				a.apart(o)
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

// again is for a room whose lock somebody holds. It comes round once more, or waits
// in line if it has come round often enough, or is the only one there is, and there
// is a place in line: else it comes round ever later.
func (a *appender) again(o open, only bool) {
	if o.w.missed++; only || o.w.missed > heldRounds {
		select {
		case a.held <- struct{}{}:
			o.w.missed = 0
			a.wg.Go(func() { a.alone(o, a.held) })
			return
		default:
		}
	}
	late := o.w.missed - heldRounds
	if late <= 0 {
		a.requeue(o)
		return
	}
	a.wg.Go(func() {
		time.Sleep(min(pace<<min(late, 10), heldPause))
		a.requeue(o)
	})
}

// requeue makes a room due, with what was to be stored already before the rest.
func (a *appender) requeue(o open) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o.w.waiting = append(o.batch, o.w.waiting...)
	a.dueLocked(o.w)
}

// apart lets a room commit alone as soon as there is a place.
func (a *appender) apart(o open) {
	a.wg.Go(func() {
		a.slots <- struct{}{}
		a.alone(o, a.slots)
	})
}

// alone commits one batch after the other of a room until it has no more drafts, or
// others want its place. The caller has taken the place.
func (a *appender) alone(o open, places chan struct{}) {
	for {
		start := time.Now()
		results, err := a.append(o.w.room, drafts(o.batch))
		a.measured(start, len(o.batch))
		if err == nil {
			a.probe(PointCommitted)
		}
		a.publish(a.answer(nil, o.batch, results, err))
		<-places
		a.mu.Lock()
		if o.batch = o.w.next(batchDrafts, batchBytes); len(o.batch) == 0 {
			delete(a.rooms, o.w.room)
		}
		a.mu.Unlock()
		if len(o.batch) == 0 {
			return
		}
		select {
		case places <- struct{}{}:
		default:
			a.requeue(o)
			return
		}
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
		switch {
		case errors.Is(res.Err, ErrUnknownOutcome):
			a.unknown.Add(1)
		case res.Err == nil && !res.Repeat:
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

// measure counts a transaction for several rooms, unless all of them were held.
func (a *appender) measure(start time.Time, rooms []open, outcomes []Outcome) {
	drafts := 0
	for i, o := range rooms {
		if !outcomes[i].Held {
			drafts += len(o.batch)
		}
	}
	if drafts > 0 {
		a.measured(start, drafts)
	}
}

func (a *appender) measured(start time.Time, drafts int) {
	took := time.Since(start)
	a.batches.Add(1)
	a.commitMicros.Add(took.Microseconds())
	a.timed(drafts, took)
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
