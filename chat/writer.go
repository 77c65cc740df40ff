package chat

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"hubbub/chat/wire"
)

// retryRead is how long a session waits that could not read on.
const retryRead = 500 * time.Millisecond

// writer runs write. A panic there ends this socket and not the node.
func (s *Session) writer(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.hub.counters.panics.Add(1)
			s.opts.Log.Error("panic in a socket's writer", "user", s.User().ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("chat: panic in a socket's writer: %v", p)
		}
	}()
	return s.write(ctx)
}

// write is the session's writer: it sends what is queued, reads on for the
// subscriptions that are behind once the queue is empty, pings, and says
// good-bye. It ends when the queue is closed or the session ended, and with it
// the connection: a reader that waits, here for room or there for the next
// message, would do so for ever.
func (s *Session) write(ctx context.Context) error {
	defer s.conn.CloseNow()
	defer s.queue.close()
	beat := time.NewTimer(jitter(s.opts.Heartbeat))
	defer beat.Stop()
	var buf [][]byte
	for {
		frames, behind, end := s.queue.take(buf)
		buf = frames
		switch {
		case len(frames) > 0:
			if err := s.send(frames); err != nil {
				return err
			}
			continue
		case end != nil:
			return s.conn.Close(end.code, end.reason)
		case behind != nil:
			if err := s.readOn(ctx, behind); err != nil {
				return err
			}
			continue
		}
		select {
		case <-s.queue.wake:
		case <-beat.C:
			if err := s.beat(); err != nil {
				return err
			}
			beat.Reset(min(jitter(s.opts.Heartbeat), s.opts.Silence-s.opts.Now().Sub(s.conn.Heard())))
		case <-s.queue.gone:
			return errGone
		}
	}
}

func (s *Session) send(frames [][]byte) error {
	err := s.conn.Write(frames)
	clear(frames)
	return err
}

// readOn writes the next events of a subscription that is behind.
func (s *Session) readOn(ctx context.Context, sub *subscription) error {
	frames, more, err := sub.next(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return errGone
		}
		s.opts.Log.Warn("reading on", "room", sub.topic.room, "error", err)
		time.AfterFunc(retryRead, func() { s.queue.fallBehind(sub) })
		return nil
	}
	if more {
		s.queue.fallBehind(sub)
	}
	if len(frames) == 0 {
		return nil
	}
	return s.conn.Write(frames)
}

// beat pings the peer, or ends it when it was silent for too long.
func (s *Session) beat() error {
	now := s.opts.Now()
	if now.Sub(s.conn.Heard()) >= s.opts.Silence {
		return errGone
	}
	if b := s.codec.Frame(wire.Beat{ServerTime: wire.Micros(now.UnixMicro()), Degraded: s.opts.Degraded()}); b != nil {
		s.queue.pushEphemeral(b)
	}
	return s.conn.Ping()
}
