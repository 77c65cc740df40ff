package chat

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"hubbub/bus"
	"hubbub/chat/wire"
)

const (
	holdEarly  = 100 * time.Millisecond // how long an early event waits for the missing ones
	maxEarly   = 256                    // early events held per topic
	earlyBytes = 1 << 20                // and their bytes
	fillPage   = 500                    // events of one read that fills a gap
)

// topic is one room on this node: how far its log has come here, and the
// sessions that read it. It exists while it has subscriptions, and a while longer:
// whoever comes back then costs no SQL.
//
// Everything comes through apply, in the order of the numbers: known events are
// dropped, the next one is delivered, one that is ahead is held until the
// missing ones came or were read from the store.
type topic struct {
	room RoomID
	hub  *Hub

	mu     sync.Mutex
	open   bool // head is known; before that everything is early
	head   Head // the last event that was delivered here
	early  map[Seq][]byte
	earlyN int // bytes held
	want   Seq // a number that is known to exist
	recent recent
	inside insiders
	subs   []*subscription
	ready  ready     // sessions to be written to once the lock is free; see unlock
	idle   time.Time // since when nobody reads it; zero while somebody does
}

// enter adds a session that is not live yet: from now on the topic follows the log.
// A session enters a topic only after it has left it.
func (t *topic) enterLocked(s *Session) *subscription {
	sub := &subscription{topic: t, session: s, format: s.codec.Format(), place: len(t.subs)}
	t.subs = append(t.subs, sub)
	return sub
}

// removeLocked takes a subscription out, unless it is out already. The last one
// takes its place.
func (t *topic) removeLocked(sub *subscription) {
	if sub.place < 0 {
		return
	}
	end := len(t.subs) - 1
	last := t.subs[end]
	t.subs[sub.place], last.place = last, sub.place
	t.subs[end] = nil
	t.subs = t.subs[:end]
	sub.place = -1
	if cap(t.subs) > 64 && len(t.subs) < cap(t.subs)/4 {
		t.subs = slices.Clip(slices.Clone(t.subs)) // the crowd has gone
	}
}

// unlock lets go of the topic, and then writes to the sockets of those whom
// something was queued for meanwhile.
func (t *topic) unlock() {
	out := t.ready
	t.ready = ready{}
	t.mu.Unlock()
	t.hub.outbox.flush(out)
}

// opened tells the topic where the log stands, read after somebody entered.
// What is known already is not taken back: a lower head is an older reading.
func (t *topic) opened(h Head) {
	t.mu.Lock()
	defer t.unlock()
	if t.open {
		return
	}
	t.open, t.head = true, h
	t.drainLocked()
}

// deliver takes a log event from the bus.
func (t *topic) deliver(e bus.Event) {
	t.mu.Lock()
	defer t.unlock()
	if t.open && Epoch(e.Epoch) != t.head.Epoch {
		t.hub.counters.odd.Add(1)
		t.hub.askHead(t)
		return
	}
	for i, frame := range e.Frames {
		t.applyLocked(Seq(e.First)+Seq(i), frame)
	}
	t.drainLocked()
	if t.open && (len(t.early) > 0 || t.want > t.head.Seq) {
		t.hub.fillLater(t, holdEarly)
	}
}

// applyLocked puts one event where it belongs.
func (t *topic) applyLocked(seq Seq, frame []byte) {
	switch {
	case t.open && seq <= t.head.Seq:
		t.hub.counters.repeats.Add(1)
	case t.open && seq == t.head.Seq+1:
		t.nextLocked(seq, frame)
	default:
		t.want = max(t.want, seq)
		if _, held := t.early[seq]; !held && len(t.early) < maxEarly && t.earlyN+len(frame) <= earlyBytes {
			t.early[seq] = frame
			t.earlyN += len(frame)
			t.hub.counters.held.Add(1)
		}
	}
}

// drainLocked delivers held events whose turn has come.
func (t *topic) drainLocked() {
	if !t.open || len(t.early) == 0 {
		return
	}
	for seq := range t.early {
		if seq <= t.head.Seq {
			t.forgetLocked(seq)
		}
	}
	for {
		frame, ok := t.early[t.head.Seq+1]
		if !ok {
			return
		}
		seq := t.head.Seq + 1
		t.forgetLocked(seq)
		t.nextLocked(seq, frame)
	}
}

func (t *topic) forgetLocked(seq Seq) {
	t.earlyN -= len(t.early[seq])
	delete(t.early, seq)
}

// nextLocked delivers the next event to everybody who is live: the same bytes
// into every queue, encoded once per format.
func (t *topic) nextLocked(seq Seq, frame []byte) {
	t.hub.probe(PointDeliver)
	t.head.Seq = seq
	if bytes.HasPrefix(frame, deletedFrame) {
		// What is kept here still has the text that is gone from the store now.
		t.recent.clear()
	}
	t.recent.add(seq, frame)
	var encoded [wire.Formats][]byte
	delivered := 0
	for _, sub := range t.subs {
		if sub.state != subLive || sub.cursor >= seq {
			continue
		}
		s, f := sub.session, sub.format
		if encoded[f] == nil {
			if encoded[f] = s.codec.Event(frame); encoded[f] == nil {
				encoded[f] = []byte{}
			}
		}
		if len(encoded[f]) > 0 {
			ok, mine := s.queue.push(encoded[f])
			if !ok {
				t.hub.counters.fell.Add(1)
				sub.fallLocked()
				continue
			}
			if mine {
				t.ready.add(s)
			}
		}
		sub.cursor = seq
		delivered++
	}
	t.hub.counters.delivered.Add(int64(delivered))
	user, in, out := t.inside.note(frame)
	if out {
		t.dropLocked(user, seq)
	}
	if p := t.hub.presence.Load(); p != nil && (in || out) {
		p.changed(t.room, user, out)
	}
}

// dropLocked ends the stream of a user whom the event seq put out of the room,
// but for those who were let in again later: the log says so further on. What
// is queued already goes out: it was sent while the user still was a member.
func (t *topic) dropLocked(user UserID, seq Seq) {
	for _, sub := range slices.Backward(t.subs) { // which putOutLocked shortens
		switch {
		case sub.session.User().ID != user:
		case sub.state == subEntered:
			sub.out = seq
		case sub.admitted < seq:
			t.putOutLocked(sub)
		}
	}
}

var deletedFrame = []byte(`{"type":"deleted"`)

func (t *topic) putOutLocked(sub *subscription) {
	sub.state = subGone
	t.removeLocked(sub)
	sub.session.lost(t.room, "you are no longer a member")
}

// ephemeral gives frames without a number to the live sessions.
func (t *topic) ephemeral(frames [][]byte) {
	t.mu.Lock()
	defer t.unlock()
	for _, sub := range t.subs {
		if sub.state != subLive || sub.format != wire.FormatJSON {
			continue
		}
		for _, f := range frames {
			if _, mine := sub.session.queue.pushEphemeral(f); mine {
				t.ready.add(sub.session)
			}
		}
	}
}

// observe compares with where the store says the log stands. An event that was
// committed a moment ago is still on its way, so the gap gets its time too.
func (t *topic) observe(h Head) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !t.open:
	case h.Epoch != t.head.Epoch:
		t.resetLocked(h)
	case h.Seq > t.head.Seq:
		t.want = max(t.want, h.Seq)
		t.hub.fillLater(t, holdEarly)
	}
}

// resetLocked follows a log that began a new life, as after a restored backup:
// every reader has to forget what it has.
func (t *topic) resetLocked(h Head) {
	t.head, t.want = h, 0
	clear(t.early)
	t.earlyN = 0
	t.recent.clear()
	t.inside = insiders{}
	for _, sub := range t.subs {
		sub.state, sub.place = subGone, -1
		sub.session.reset(t.room, h, "the room's log was restored")
	}
	t.subs = nil
}

// fill reads what is missing here, once for all sessions of the node.
func (t *topic) fill(ctx context.Context) error {
	for {
		t.mu.Lock()
		after, missing := t.head.Seq, t.open && t.want > t.head.Seq
		t.mu.Unlock()
		if !missing {
			return nil
		}
		head, events, err := t.hub.since(ctx, t.room, after, fillPage)
		if err != nil {
			return err
		}
		t.hub.counters.fills.Add(1)
		t.filled(head, events)
	}
}

// filled takes what was read to fill a gap.
func (t *topic) filled(head Head, events []Event) {
	t.mu.Lock()
	defer t.unlock()
	if head.Epoch != t.head.Epoch {
		t.resetLocked(head)
		return
	}
	for _, e := range events {
		if e.Seq > t.head.Seq {
			t.applyLocked(e.Seq, encodeEvent(e))
		}
	}
	t.drainLocked()
	if len(events) == 0 {
		// Somebody told of a number that is not in the log: a hint, no more.
		t.want = t.head.Seq
		clear(t.early)
		t.earlyN = 0
	}
}

func encodeEvent(e Event) []byte {
	return wire.AppendEvent(make([]byte, 0, 256+len(e.Body)), e.Wire())
}

// since is a read of the log that everybody on this node shares who asks for
// the same at the same time.
func (h *Hub) since(ctx context.Context, room RoomID, after Seq, limit int) (Head, []Event, error) {
	type read struct {
		head   Head
		events []Event
	}
	key := string(room) + "/" + strconv.FormatUint(uint64(after), 10) + "/" + strconv.Itoa(limit)
	v, err, _ := h.reads.Do(key, func() (any, error) {
		// The reader that came first may leave; the others still want the answer.
		head, events, err := h.store.Since(context.WithoutCancel(ctx), room, after, limit)
		return read{head, slices.Clip(events)}, err
	})
	if err != nil {
		return Head{}, nil, err
	}
	r := v.(read)
	return r.head, r.events, nil
}
