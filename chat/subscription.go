package chat

import (
	"context"
	"errors"

	"hubbub/chat/wire"
)

// catchUp is how many events a session reads on at a time, of MaxRead bytes.
const catchUp = 200

// subscription is one session's place in one topic.
type subscription struct {
	topic   *topic
	session *Session
	format  wire.Format // the session's

	// Guarded by topic.mu.
	place    int // in topic.subs; -1 when it is not there
	cursor   Seq // the last event that was queued for the session
	state    subState
	admitted Seq // where the log stood when the user was found to be a member
	out      Seq // the last event that put the user out before the start
}

type subState uint8

const (
	subEntered subState = iota // known to the topic, not started yet
	subBehind                  // the session's writer reads on from cursor
	subLive                    // gets what is delivered
	subGone
)

// start lets a subscription read from cursor on, whose user was a member when
// the log stood at admitted. It is live at once if there is nothing to catch up
// with, else its session's writer reads on.
func (sub *subscription) start(cursor, admitted Seq) {
	t := sub.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if sub.state == subGone {
		return
	}
	if sub.out > admitted {
		t.putOutLocked(sub)
		return
	}
	sub.cursor, sub.admitted = cursor, admitted
	if cursor >= t.head.Seq {
		sub.state = subLive
		return
	}
	sub.fallLocked()
}

// ended tells whether the stream is over: left, put out, or reset.
func (sub *subscription) ended() bool {
	sub.topic.mu.Lock()
	defer sub.topic.mu.Unlock()
	return sub.state == subGone
}

// fallLocked hands the subscription over to the session's writer.
func (sub *subscription) fallLocked() {
	sub.state = subBehind
	sub.session.start(sub.session.queue.fallBehind(sub))
}

// next gives the frames that a subscription which is behind reads next, from
// the recent events of this node or from the store. It makes the subscription
// live when it has caught up; the caller writes the frames before anything that
// is queued later. Called by the session's writer alone.
func (sub *subscription) next(ctx context.Context) (frames [][]byte, more bool, err error) {
	t := sub.topic
	frames, more, cursor, admitted, ok := sub.recent()
	if ok {
		return sub.session.encode(frames), more, nil
	}
	head, events, err := t.hub.since(ctx, t.room, cursor, catchUp)
	if err != nil {
		return nil, true, err
	}
	user := sub.session.User().ID
	last := Seq(0)
	for _, e := range events {
		frame := encodeEvent(e)
		frames = append(frames, frame)
		last = e.Seq
		if who, _, out := memberChange(frame); out && who == user && e.Seq > admitted {
			// What follows is not for this reader any more. The topic puts it out when
			// it comes to this event, unless it has passed it already.
			t.mu.Lock()
			if sub.state == subBehind && e.Seq <= t.head.Seq {
				t.putOutLocked(sub)
			}
			t.mu.Unlock()
			return sub.session.encode(frames), false, nil
		}
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
	if len(events) == 0 && sub.cursor < t.head.Seq {
		// The store is behind what was delivered: an old reading, "not yet".
		return nil, true, errBehind
	}
	return sub.session.encode(frames), sub.advanceLocked(last), nil
}

// recent reads on from what the node remembers; ok is false when the store has
// to be asked for what comes after cursor.
func (sub *subscription) recent() (frames [][]byte, more bool, cursor, admitted Seq, ok bool) {
	t := sub.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if sub.state != subBehind {
		return nil, false, 0, 0, true
	}
	frames, last, ok := t.recent.after(sub.cursor, catchUp, MaxRead)
	if !ok && sub.cursor < t.head.Seq {
		return nil, true, sub.cursor, sub.admitted, false
	}
	return frames, sub.advanceLocked(last), 0, 0, true
}

var errBehind = errors.New("chat: the store answers with less than was delivered already")

// advanceLocked moves the cursor; false means that the subscription is live now.
func (sub *subscription) advanceLocked(last Seq) (behind bool) {
	sub.cursor = max(sub.cursor, last)
	if sub.cursor >= sub.topic.head.Seq {
		sub.state = subLive
		return false
	}
	return true
}
