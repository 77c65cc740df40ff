package web

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"hubbub/chat"
)

const (
	// sendBuffer caps what the kernel holds for a peer that does not read:
	// otherwise some 4 MB each, outside of all our accounting.
	sendBuffer = 64 << 10
	// writeTime is how long a write may stand still, writeStep how often that is
	// looked at.
	writeTime = 30 * time.Second
	writeStep = 5 * time.Second
	// closeTime is how long Close may wait for what is under way.
	closeTime = time.Second
	// controlWait caps the pongs that wait for the end of a frame under way; the
	// others are left out, as a peer that does not read will not miss them.
	controlWait = 1 << 10
	// writeBytes is how much one write carries at most.
	writeBytes = 32 << 10
)

// sender is the writing half of a link. Whole frames go out in one write to the
// network for all that is queued, from bytes that all sockets share: their
// headers and payloads meet in a buffer that lives for that write only. (Headers
// made once per event would save some 15 ns of the 6 µs that a write takes.)
//
// The WebSocket library sends nothing but control frames through here. They land
// between the frames of the session, never within one, and after its close frame
// goes no data (RFC 6455, 5.5.1). One goroutine at a time writes for the session.
type sender struct {
	net.Conn
	raw syscall.RawConn // nil where the connection has none: nothing is tried then

	mu      sync.Mutex
	free    sync.Cond // busy is over, or somebody gave up
	busy    bool      // somebody writes, without the lock
	part    int       // bytes of the frame that write is given next which are sent already
	control []byte    // whole control frames that wait for the end of a frame
	closed  bool      // a close frame was sent or waits
	dead    bool      // nobody need wait any more
	stuck   bool      // ErrStalled was told
	left    []byte    // then: the end of the frame that stood still
}

func (s *sender) init(conn net.Conn) {
	s.Conn, s.free.L = conn, &s.mu
	if c, ok := conn.(syscall.Conn); ok {
		s.raw, _ = c.SyscallConn() // it fails for a connection that is closed
	}
}

// try sends what the network takes at once and gives the rest; write goes on
// from there.
func (s *sender) try(frames [][]byte) (rest [][]byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, net.ErrClosed
	case s.busy || s.part > 0 || s.raw == nil:
		return frames, nil
	}
	a := attempts.Get().(*attempt)
	defer attempts.Put(a)
	o := outgoing{frames: frames}
	for len(o.frames) > 0 {
		p := o.fill(a.buf[:0])
		n, err := a.write(s.raw, p)
		if err != nil {
			return nil, err
		}
		if o.sent(n); n < len(p) {
			break
		}
	}
	s.part = o.part
	return o.frames, nil
}

// write sends the frames and waits until the network has taken them, or has
// taken no byte for writeTime: [chat.ErrStalled].
func (s *sender) write(frames [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.busy {
		s.free.Wait()
	}
	o := outgoing{frames: frames, part: s.part}
	var late error
	if s.closed { // the frame that was begun, and no other
		o.frames, late = o.frames[:min(1, o.part)], net.ErrClosed
	}
	s.part, s.busy = 0, true
	s.mu.Unlock()
	err := s.drain(&o)
	s.mu.Lock()
	if err == chat.ErrStalled {
		s.giveUpLocked(o)
	}
	return errors.Join(err, s.doneLocked(err == nil), late)
}

// giveUpLocked keeps what farewell needs.
func (s *sender) giveUpLocked(o outgoing) { s.stuck, s.left = true, o.begun() }

func (s *sender) drain(o *outgoing) error {
	a := attempts.Get().(*attempt)
	defer attempts.Put(a)
	for len(o.frames) > 0 {
		n, err := s.patiently(o.fill(a.buf[:0]))
		o.sent(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// doneLocked ends busy: the control frames that waited go out first, if the last
// frame is whole.
func (s *sender) doneLocked(whole bool) (err error) {
	for whole && len(s.control) > 0 && err == nil {
		p := s.control
		s.control = nil
		s.mu.Unlock()
		_, err = s.patiently(p)
		s.mu.Lock()
	}
	s.busy = false
	s.free.Broadcast()
	return err
}

// Write is what the WebSocket library sends with: each call is a whole control
// frame, which its buffer has room for. It waits only where nobody else does.
func (s *sender) Write(p []byte) (int, error) {
	if len(p) < 2 || p[0]&0x88 != 0x88 || len(p) != 2+int(p[1]) {
		return 0, errors.New("web: the WebSocket library sent what is no control frame")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last := p[0]&0x0f == 0x08
	switch {
	case s.closed:
		return 0, net.ErrClosed
	case !last && len(s.control)+len(p) > controlWait:
		return len(p), nil
	}
	s.closed = last
	s.control = append(s.control, p...)
	if s.busy || s.part > 0 || s.stuck {
		return len(p), nil
	}
	s.busy = true
	return len(p), s.doneLocked(true)
}

// patiently writes p, and gives up when no byte has moved for writeTime; a peer
// that is slow and reads gets all the time it needs.
func (s *sender) patiently(p []byte) (int, error) {
	moved := time.Now()
	for sent := 0; ; {
		if err := s.SetWriteDeadline(time.Now().Add(writeStep)); err != nil {
			return sent, err
		}
		n, err := s.Conn.Write(p[sent:])
		sent += n
		now := time.Now()
		switch {
		case err == nil: // a deadline that stands would end the next try
			return sent, s.SetWriteDeadline(time.Time{})
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return sent, err
		case n > 0:
			moved = now
		case now.Sub(moved) >= writeTime:
			return sent, chat.ErrStalled
		}
	}
}

// Close frees the connection. What waits behind a frame under way has closeTime
// to go out: the library closes right after it has written the answer to a close
// frame, and a client that misses it sees 1006.
func (s *sender) Close() error {
	s.mu.Lock()
	if len(s.control) > 0 {
		late := time.AfterFunc(closeTime, s.abort)
		defer late.Stop()
		for (s.busy || s.part > 0) && !s.dead {
			s.free.Wait()
		}
	}
	s.mu.Unlock()
	return s.Conn.Close()
}

// abort frees the connection at once.
func (s *sender) abort() {
	s.Conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
	s.free.Broadcast()
}

// stalled tells whether a write was given up.
func (s *sender) stalled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stuck
}

// farewell says good-bye, after [chat.ErrStalled], to a peer whose kernel takes
// nothing: ours is made to hold a few bytes more, the end of the frame that stood
// still and the close frame, and the end of the stream behind them. A peer that
// wakes up reads what was sent, then why it was left.
func (s *sender) farewell(frame []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tcp, ok := s.Conn.(*net.TCPConn)
	if !ok || s.closed {
		return net.ErrClosed
	}
	s.closed = true
	p := append(s.left, frame...)
	s.left = nil
	if err := tcp.SetWriteBuffer(sendBuffer + 2*len(p) + writeBytes); err != nil {
		return err
	}
	if err := tcp.SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	a := attempts.Get().(*attempt)
	defer attempts.Put(a)
	n, err := a.write(s.raw, p)
	if err == nil && n < len(p) {
		err = chat.ErrStalled
	}
	if err != nil {
		return err
	}
	return tcp.CloseWrite()
}

// attempt is what one write without waiting works with, so that it allocates
// nothing.
type attempt struct {
	buf []byte
	p   []byte
	n   int
	err error
	do  func(fd uintptr) (done bool)
}

var attempts = sync.Pool{New: func() any {
	a := &attempt{buf: make([]byte, 0, writeBytes)}
	a.do = a.once
	return a
}}

// write sends what the kernel takes of p at once; 0 bytes are no error.
func (a *attempt) write(c syscall.RawConn, p []byte) (int, error) {
	a.p, a.n, a.err = p, 0, nil
	err := c.Write(a.do)
	a.p = nil
	return a.n, errors.Join(err, a.err)
}
