package chat

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"hubbub/chat/wire"
)

// Run serves the client until it leaves, ctx ends or End was called. It returns
// when nobody reads or writes any more and the connection is freed.
//
// What it does itself is wait for the client to say something. All that follows
// runs on goroutines for the time being, one at a time: a goroutine's stack keeps
// the size that its deepest call once needed, and for thousands of idle clients
// that is most of what a node has in memory.
func (s *Session) Run(ctx context.Context) error {
	s.life = ctx
	err := s.apart(s.begin)
	for err == nil {
		if err = s.conn.Wait(); err == nil {
			err = s.apart(s.step)
		}
	}
	if s.queue.ending() {
		// The writer sends what is left and says good-bye, whatever the reader met
		// after that: a command that was under way finds no place for its answer.
		err = s.queue.wait()
	}
	return s.apart(func() error { return s.finish(err) })
}

// apart runs f on a goroutine of its own and waits for it. A panic in f ends
// this session and not the node.
func (s *Session) apart(f func() error) error {
	done := make(chan error, 1)
	go func() {
		err := errGone
		defer func() {
			if p := recover(); p != nil {
				s.hub.counters.panics.Add(1)
				s.opts.Log.Error("panic in a socket's reader", "user", s.User().ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				err = fmt.Errorf("chat: panic in a socket's reader: %v", p)
			}
			done <- err
		}()
		err = f()
	}()
	return <-done
}

// lateSpread is within what time clients come back that came while the node was
// draining already.
const lateSpread = 2 * time.Second

// begin finds out who the client is and welcomes it.
func (s *Session) begin() error {
	if s.User().ID == "" {
		if err := s.hello(s.life); err != nil {
			return err
		}
	}
	if no := s.hub.add(s); no != nil {
		if no.Code == CloseRestart {
			s.push(wire.Reconnect{AfterMS: rand.N(lateSpread).Milliseconds(), Reason: "restart"})
		}
		return s.over(no.Code, no.Reason)
	}
	return s.welcome()
}

// step carries out one message of the client. An error ends the session.
func (s *Session) step() error {
	data, err := s.conn.Read(s.life)
	switch {
	case err != nil:
		return s.readError(err)
	case s.queue.ending():
		return errOver // what came after the end is not carried out
	case data == nil:
		return nil
	}
	return s.frame(s.life, data)
}

// finish takes the session out of everything that knows of it, and frees the
// connection.
func (s *Session) finish(cause error) error {
	if s.opts.Presence != nil {
		s.opts.Presence.unwatch(s)
	}
	for _, sub := range s.joined {
		s.hub.leave(sub)
	}
	s.hub.remove(s)
	s.quit(cause)
	s.queue.wait()
	return cause
}
