package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"hubbub/chat/wire"
)

// read takes frames until the connection ends.
func (k *conn) read(ctx context.Context) error {
	for {
		_, data, err := k.ws.Read(ctx)
		if err != nil {
			return err
		}
		at := k.now()
		k.heard.Store(int64(at))
		k.frames.Add(1)
		k.bytes.Add(int64(len(data)))
		if err := k.frame(data, at); err != nil {
			k.cut("bad frame")
			return err
		}
	}
}

var typePrefix = []byte(`{"type":"`)

// typeOf reads a frame's type, which the server always writes first; "" for
// what does not begin so.
func typeOf(data []byte) string {
	rest, ok := bytes.CutPrefix(data, typePrefix)
	if !ok {
		return ""
	}
	name, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(name)
}

func (k *conn) frame(data []byte, at time.Duration) error {
	switch typ := typeOf(data); typ {
	case wire.TypeMessage, wire.TypeEdited, wire.TypeDeleted, wire.TypeReacted, wire.TypePinned, wire.TypeMember, wire.TypeRoom:
		f, err := wire.ParseEvent(data)
		if err != nil {
			return err
		}
		k.event(f, at)
		return nil
	case "ack":
		return handle(data, func(f wire.Ack) { k.ack(f, at) })
	case "error":
		return handle(data, k.refused)
	case "joined":
		return handle(data, func(f wire.Joined) { k.joined(f, at) })
	case "reset":
		return handle(data, k.reset)
	case "left":
		return handle(data, k.left)
	case "reconnect":
		return handle(data, func(f wire.Reconnect) { k.told = time.Duration(f.AfterMS) * time.Millisecond })
	case "":
		return fmt.Errorf("a frame without a type: %.60q", data)
	}
	return nil // presence, typing, heartbeat and what later versions add
}

func handle[F wire.Frame](data []byte, do func(F)) error {
	var f F
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("%s frame: %w", f.FrameType(), err)
	}
	do(f)
	return nil
}

// seatOf finds the client's place in a room; nil: it is not in it.
func (k *conn) seatOf(room string) *seat { return k.byRoom[room] }

func (k *conn) event(f wire.EventFrame, at time.Duration) {
	s := k.seatOf(f.Room)
	if s == nil {
		k.strays.Add(1)
		return
	}
	k.events.Add(1)
	k.reached(s, s.check.read(s.who, k.mint.recognise(s.room, f), at))
}

// reached notes that a room is read up to where its log stood at the join.
func (k *conn) reached(s *seat, all bool) {
	if !all || len(k.behind) == 0 || !k.behind[s] {
		return
	}
	delete(k.behind, s)
	if len(k.behind) == 0 {
		k.caughtUp()
	}
}

func (k *conn) ack(f wire.Ack, at time.Duration) {
	if p := k.out.answered(f.ID, at); p != nil {
		k.resolve(p, answer{acked: true, seq: f.Seq, at: at})
	}
}

func (k *conn) joined(f wire.Joined, at time.Duration) {
	if s := k.joinOf(f.ID); s != nil {
		k.reached(s, s.check.joined(s.who, f.Epoch, f.From, f.Head, at))
	}
}

// joinOf takes out the room that an answer to a join is for; nil: it is for
// something else.
func (k *conn) joinOf(id string) *seat {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.joins[id]
	delete(k.joins, id)
	if s != nil {
		k.since = 0
		if len(k.joins) > 0 {
			k.since = k.now()
		}
	}
	return s
}

// refused takes the error of a command.
func (k *conn) refused(f wire.Error) {
	k.refusals.add(f.Code)
	wait := time.Duration(f.RetryAfterMS) * time.Millisecond
	if s := k.joinOf(f.ID); s != nil {
		time.AfterFunc(max(wait, time.Second/4), func() { k.rejoin(s) })
		return
	}
	if p := k.out.answered(f.ID, k.now()); p != nil {
		k.resolve(p, answer{code: f.Code, wait: wait})
	}
}

// rejoin asks for a room again. After the connection's end it does nothing.
func (k *conn) rejoin(s *seat) {
	k.mu.Lock()
	k.asked = append(k.asked, s)
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// reset forgets what was read of a room and reads it anew.
func (k *conn) reset(f wire.Reset) {
	k.joinOf(f.ID)
	if s := k.seatOf(f.Room); s != nil {
		s.check.forget(s.who)
		k.behind[s] = true
		k.rejoin(s)
	}
}

// left is a stream that the server ended: the client joins again.
func (k *conn) left(f wire.Left) {
	k.refusals.add("left")
	if s := k.seatOf(f.Room); s != nil {
		s.check.away(s.who)
		k.behind[s] = true
		time.AfterFunc(time.Second, func() { k.rejoin(s) })
	}
}
