package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// socket is one WebSocket of a client, without a goroutine of its own. Its
// poller's goroutine reads it; anybody may write.
type socket struct {
	poller *poller
	client handler

	// Owned by the poller's goroutine.
	begun bool
	rest  []byte // the beginning of a frame that has not come whole
	text  []byte // what has come of a message in several frames

	mu     sync.Mutex
	fd     int // -1: closed
	out    []byte
	asking bool // the poller tells when out can be written
}

// maxUnwritten bounds what waits for a server that does not read.
const maxUnwritten = 4 << 20

// write sends frames, whole and in the order of the calls. What the kernel does
// not take at once waits until it does; the server's slowness is part of what
// is measured.
func (s *socket) write(frames []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return errClosed
	}
	if len(s.out) == 0 {
		n, err := unix.Write(s.fd, frames)
		if n == len(frames) {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			return err
		}
		frames = frames[max(n, 0):]
	}
	if len(s.out)+len(frames) > maxUnwritten {
		return fmt.Errorf("the server leaves %d bytes unread", len(s.out))
	}
	s.out = append(s.out, frames...)
	s.askLocked(true)
	return nil
}

func (s *socket) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return
	}
	n := 0
	if len(s.out) > 0 {
		n, _ = unix.Write(s.fd, s.out) // an error comes to the reader, too
	}
	if s.out = s.out[max(n, 0):]; len(s.out) == 0 {
		s.out = nil
		s.askLocked(false)
	}
}

func (s *socket) askLocked(on bool) {
	if s.asking == on {
		return
	}
	s.asking = on
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(s.fd)}
	if on {
		e.Events |= unix.EPOLLOUT
	}
	_ = unix.EpollCtl(s.poller.ep, unix.EPOLL_CTL_MOD, s.fd, &e) // the descriptor is open and known
}

// read takes what has come.
func (s *socket) read(buf []byte) {
	if len(s.rest) > len(buf)/2 {
		buf = make([]byte, len(s.rest)+len(buf))
	}
	n := copy(buf, s.rest)
	s.mu.Lock()
	if s.fd < 0 {
		s.mu.Unlock()
		return
	}
	got, err := unix.Read(s.fd, buf[n:])
	s.mu.Unlock()
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return
	case err != nil || got == 0:
		s.end("1006")
		return
	}
	s.parse(s.poller.now(), buf[:n+got])
}

// parse hands on the messages in b, and keeps what is left.
func (s *socket) parse(at time.Duration, b []byte) {
	for {
		f, rest, ok, err := cutFrame(b)
		switch {
		case err != nil:
			s.end("bad frame")
			return
		case !ok:
			s.rest = append(s.rest[:0], rest...)
			return
		}
		b = rest
		switch {
		case f.op == opPing:
			_ = s.write(appendClientFrame(nil, opPong, f.payload)) // a failure ends the reading, too
		case f.op == opClose:
			why := "1005"
			if len(f.payload) >= 2 {
				why = fmt.Sprint(int(f.payload[0])<<8 | int(f.payload[1]))
			}
			s.end(why)
			return
		case f.op == opText && f.final:
			s.client.frame(s, f.payload, at)
		case f.op == opText, f.op == opMore && len(s.text)+len(f.payload) <= maxMessage:
			s.text = append(s.text, f.payload...)
			if f.final {
				s.client.frame(s, s.text, at)
				s.text = nil
			}
		case f.op != opPong:
			s.end("bad frame")
			return
		}
	}
}

// open tells whether it has not ended.
func (s *socket) open() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fd >= 0
}

// hangUp ends the connection; its client is told as if the server had done it.
func (s *socket) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd >= 0 {
		_ = unix.Shutdown(s.fd, unix.SHUT_RDWR) // it may be down already
	}
}

// end closes the socket and tells its client, once.
func (s *socket) end(why string) {
	if s.close() {
		s.client.ended(s, why)
	}
}

// close ends the connection at once, without a word and without leaving a port
// in TIME_WAIT, of which thousands would keep the next run from connecting.
// False: it had ended before.
func (s *socket) close() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return false
	}
	s.poller.mu.Lock()
	delete(s.poller.sockets, int32(s.fd))
	s.poller.mu.Unlock()
	_ = unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // else it waits a minute
	_ = unix.Close(s.fd)                                                                     // which takes it out of epoll as well
	s.fd, s.out = -1, nil
	return true
}
