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
	catchUp    = 200                    // events that a session reads on at a time
	catchBytes = 64 << 10               // bytes of them in one go
)

// topic is one room on this node: how far its log has come here, and the
// sessions that read it. It exists while it has subscriptions.
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
	subs   map[*Session]*subscription
}

// subscription is one session's place in one topic.
type subscription struct {
	topic   *topic
	session *Session

	// Guarded by topic.mu.
	cursor Seq // the last event that was queued for the session
	state  subState
}

type subState uint8

const (
	subEntered subState = iota // known to the topic, not started yet
	subBehind                  // the session's writer reads on from cursor
	subLive                    // gets what is delivered
	subGone
)

// enter adds a session that is not live yet: from now on the topic follows the log.
func (t *topic) enterLocked(s *Session) *subscription {
	if sub := t.subs[s]; sub != nil {
		return sub
	}
	sub := &subscription{topic: t, session: s}
	t.subs[s] = sub
	return sub
}

// opened tells the topic where the log stands, read after somebody entered.
// What is known already is not taken back: a lower head is an older reading.
func (t *topic) opened(h Head) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open {
		return
	}
	t.open, t.head = true, h
	t.drainLocked()
}

// start lets a subscription read from cursor on. It is live at once if there is
// nothing to catch up with, else its session's writer reads on.
func (sub *subscription) start(cursor Seq) {
	t := sub.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if sub.state == subGone {
		return
	}
	sub.cursor = cursor
	if cursor >= t.head.Seq {
		sub.state = subLive
		return
	}
	sub.fallLocked()
}

// fallLocked hands the subscription over to the session's writer.
func (sub *subscription) fallLocked() {
	sub.state = subBehind
	sub.session.queue.fallBehind(sub)
}

// deliver takes a log event from the bus.
func (t *topic) deliver(e bus.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
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
	t.head.Seq = seq
	t.recent.add(seq, frame)
	var encoded [wire.Formats][]byte
	for s, sub := range t.subs {
		if sub.state != subLive || sub.cursor >= seq {
			continue
		}
		f := s.codec.Format()
		if encoded[f] == nil {
			if encoded[f] = s.codec.Event(frame); encoded[f] == nil {
				encoded[f] = []byte{}
			}
		}
		if len(encoded[f]) > 0 && !s.queue.push(encoded[f]) {
			t.hub.counters.fell.Add(1)
			sub.fallLocked()
			continue
		}
		sub.cursor = seq
		t.hub.counters.delivered.Add(1)
	}
	if user, ok := putOut(frame); ok {
		t.dropLocked(user)
	}
}

// dropLocked ends the stream of a user who is no longer a member. What is
// queued already goes out: it was sent while the user still was.
func (t *topic) dropLocked(user UserID) {
	for s, sub := range t.subs {
		if s.User().ID == user && sub.state != subGone {
			sub.state = subGone
			delete(t.subs, s)
			s.lost(t.room, "you are no longer a member")
		}
	}
}

var memberFrame = []byte(`{"type":"member"`)

// putOut tells who a frame puts out of the room, if it does.
func putOut(frame []byte) (UserID, bool) {
	if !bytes.HasPrefix(frame, memberFrame) {
		return "", false
	}
	e, err := wire.ParseEvent(frame)
	if err != nil || (e.Change != wire.ChangeLeft && e.Change != wire.ChangeKicked) {
		return "", false
	}
	return UserID(e.User.ID), true
}

// ephemeral gives a frame without a number to the live sessions.
func (t *topic) ephemeral(frame []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s, sub := range t.subs {
		if sub.state == subLive && s.codec.Format() == wire.FormatJSON {
			s.queue.pushEphemeral(frame)
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
	for s, sub := range t.subs {
		if sub.state != subGone {
			sub.state = subGone
			delete(t.subs, s)
			s.reset(t.room, h, "the room's log was restored")
		}
	}
}

// fill reads what is missing here, once for all sessions of the node.
func (t *topic) fill(ctx context.Context) error {
	for {
		t.mu.Lock()
		after, missing := t.head.Seq, t.open && t.want > t.head.Seq && len(t.subs) > 0
		t.mu.Unlock()
		if !missing {
			return nil
		}
		head, events, err := t.hub.since(ctx, t.room, after, fillPage)
		if err != nil {
			return err
		}
		t.hub.counters.fills.Add(1)
		t.mu.Lock()
		if head.Epoch != t.head.Epoch {
			t.resetLocked(head)
			t.mu.Unlock()
			return nil
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
		t.mu.Unlock()
	}
}

// next gives the frames that a subscription which is behind reads next, from
// the recent events of this node or from the store. It makes the subscription
// live when it has caught up; the caller writes the frames before anything that
// is queued later. Called by the session's writer alone.
func (sub *subscription) next(ctx context.Context) (frames [][]byte, more bool, err error) {
	t := sub.topic
	t.mu.Lock()
	if sub.state != subBehind {
		t.mu.Unlock()
		return nil, false, nil
	}
	frames, last, ok := t.recent.after(sub.cursor, catchUp, catchBytes)
	if ok || sub.cursor >= t.head.Seq {
		more = sub.advanceLocked(last)
		t.mu.Unlock()
		return sub.session.encode(frames), more, nil
	}
	cursor := sub.cursor
	t.mu.Unlock()

	head, events, err := t.hub.since(ctx, t.room, cursor, catchUp)
	if err != nil {
		return nil, true, err
	}
	for _, e := range events {
		frames = append(frames, encodeEvent(e))
		last = e.Seq
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if sub.state != subBehind {
		return nil, false, nil
	}
	if head.Epoch != t.head.Epoch {
		t.resetLocked(head)
		return nil, false, nil
	}
	if len(events) == 0 {
		// The log ends here whatever was heard of it.
		last = t.head.Seq
	}
	return sub.session.encode(frames), sub.advanceLocked(last), nil
}

// advanceLocked moves the cursor; false means that the subscription is live now.
func (sub *subscription) advanceLocked(last Seq) (behind bool) {
	sub.cursor = max(sub.cursor, last)
	if sub.cursor >= sub.topic.head.Seq {
		sub.state = subLive
		return false
	}
	return true
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
