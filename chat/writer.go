package chat

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"hubbub/chat/wire"
)

// A session's writer is whoever the queue named so: a goroutine that delivers
// or answers, for as long as the connection takes what is queued at once (flush),
// else one of its own (write). So an idle session has none, and a delivery to a
// peer that keeps up wakes nobody.

// retryRead is how long a session waits that could not read on.
const retryRead = 500 * time.Millisecond

// start lets a goroutine write, if the caller became the writer: for callers
// that hold a lock, or have no time.
func (s *Session) start(mine bool) {
	if mine {
		go s.write(work{})
	}
}

// flush writes what the connection takes without waiting, and leaves everything
// else to write. The caller has become the writer.
func (s *Session) flush() {
	defer s.rescue()
	for w, ok := s.queue.take(nil); ok; w, ok = s.queue.take(w.frames) {
		rest, err := w.frames, error(nil)
		if len(rest) > 0 {
			rest, err = s.conn.TryWrite(rest)
		}
		switch {
		case err != nil:
			s.queue.close(err)
			go s.conn.CloseNow() // which may take a moment, and this goroutine delivers
		case len(rest) > 0 || len(w.frames) == 0:
			w.frames = rest
			go s.write(w)
			return
		}
	}
}

// write is the writer that may wait: it sends what is queued, reads on for the
// subscriptions that are behind once the queue is empty, and says good-bye, until
// nothing is left to do. An error ends the session, and with it the connection: a
// reader that waits, here for room or there for the next message, would do so
// for ever. It begins with w, which the caller took.
func (s *Session) write(w work) {
	defer s.rescue()
	for ok := true; ok; w, ok = s.queue.take(w.frames) {
		if err := s.carryOut(w); err != nil {
			s.quit(err)
		}
	}
}

func (s *Session) carryOut(w work) error {
	switch {
	case len(w.frames) > 0:
		return s.send(w.frames)
	case w.end != nil:
		s.quit(s.conn.Close(w.end.code, w.end.reason))
	case w.behind != nil:
		return s.readOn(w.behind)
	}
	return nil
}

// send writes frames and waits until the peer has taken them, or took nothing
// for too long.
func (s *Session) send(frames [][]byte) error {
	err := s.conn.Write(frames)
	if errors.Is(err, ErrStalled) {
		err = errors.Join(err, s.conn.Close(CloseStalled, "no progress"))
	}
	return err
}

// quit frees the connection; the writer that comes next finds nothing to do.
func (s *Session) quit(cause error) {
	s.queue.close(cause)
	s.conn.CloseNow()
}

// rescue keeps a panic of the writer from ending the node: it ends this socket.
func (s *Session) rescue() {
	p := recover()
	if p == nil {
		return
	}
	s.hub.counters.panics.Add(1)
	s.opts.Log.Error("panic in a socket's writer", "user", s.User().ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	s.quit(fmt.Errorf("chat: panic in a socket's writer: %v", p))
	s.queue.take(nil) // of a closed queue: there is no writer any more
}

// readOn writes the next events of a subscription that is behind.
func (s *Session) readOn(sub *subscription) error {
	frames, more, err := sub.next(s.life)
	if err != nil {
		if s.life.Err() != nil || s.queue.gone() {
			return errGone
		}
		s.opts.Log.Warn("reading on", "room", sub.topic.room, "error", err)
		time.AfterFunc(retryRead, func() { s.start(s.queue.fallBehind(sub)) })
		return nil
	}
	if more {
		s.queue.fallBehind(sub) // this is the writer
	}
	if len(frames) == 0 {
		return nil
	}
	return s.send(frames)
}

// beat sends a heartbeat, or ends a peer that was silent for too long, and tells
// when to look again. A peer that is being written to has the writer's patience.
func (s *Session) beat(now time.Time) time.Duration {
	silent := now.Sub(s.conn.Heard())
	if silent >= s.opts.Silence {
		if s.queue.busy() {
			return beatTick
		}
		go s.quit(errGone) // to close may take a moment
		return 0
	}
	mine := false
	if b := s.codec.Frame(wire.Beat{ServerTime: wire.Micros(now.UnixMicro()), Degraded: s.opts.Degraded()}); b != nil {
		_, mine = s.queue.pushEphemeral(b)
	}
	_, more := s.queue.pushEphemeral(PingFrame)
	if mine || more {
		s.flush()
	}
	return min(jitter(s.opts.Heartbeat), s.opts.Silence-silent)
}
