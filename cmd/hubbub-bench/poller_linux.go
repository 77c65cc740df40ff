package main

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller reads thousands of sockets from one goroutine: one call tells which
// have something, one more each reads it into a buffer that all share. A
// goroutine and a buffer per socket, as a server has them, would cost as much
// as what is measured.
type poller struct {
	now func() time.Duration
	ep  int
	// file is ep again, so that the runtime's own poller waits for it.
	file *os.File
	buf  []byte
	wg   sync.WaitGroup

	mu      sync.Mutex
	sockets map[int32]*socket // by descriptor
}

const (
	pollEvents = 512       // sockets that one call tells of
	pollBuffer = 256 << 10 // bytes that one read takes
)

// newPoller starts a poller; close ends it and all its sockets.
func newPoller(now func() time.Duration) (*poller, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if err := unix.SetNonblock(ep, true); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	p := &poller{now: now, ep: ep, file: os.NewFile(uintptr(ep), "epoll"), buf: make([]byte, pollBuffer), sockets: make(map[int32]*socket)}
	rc, err := p.file.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	p.wg.Go(func() { p.run(rc) })
	return p, nil
}

func (p *poller) run(rc syscall.RawConn) {
	events := make([]unix.EpollEvent, pollEvents)
	for {
		n := 0
		err := rc.Read(func(uintptr) bool {
			var err error
			n, err = unix.EpollWait(p.ep, events, 0)
			return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
		})
		if err != nil || n < 0 { // it was closed
			return
		}
		for _, e := range events[:n] {
			p.mu.Lock()
			s := p.sockets[e.Fd]
			p.mu.Unlock()
			if s == nil { // closed a moment ago
				continue
			}
			if e.Events&unix.EPOLLOUT != 0 {
				s.flush()
			}
			if e.Events&^uint32(unix.EPOLLOUT) != 0 {
				s.read(p.buf)
			}
		}
	}
}

// add begins to read a connection that has been upgraded; rest is what was read
// of it beyond that. It takes the connection over.
func (p *poller) add(conn syscall.Conn, rest []byte, client handler) (*socket, error) {
	rc, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var dup error
	if err := rc.Control(func(old uintptr) { fd, dup = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return nil, err
	}
	if dup != nil {
		return nil, dup
	}
	s := &socket{fd: fd, poller: p, client: client}
	s.parse(p.now(), rest)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 { // ended with what was read already
		return s, nil
	}
	p.mu.Lock()
	p.sockets[int32(fd)] = s
	p.mu.Unlock()
	if err := unix.EpollCtl(p.ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
		s.closeLocked()
		return nil, err
	}
	return s, nil
}

// close ends all sockets and the poller.
func (p *poller) close() {
	p.mu.Lock()
	list := make([]*socket, 0, len(p.sockets))
	for _, s := range p.sockets {
		list = append(list, s)
	}
	p.mu.Unlock()
	for _, s := range list {
		s.close()
	}
	_ = p.file.Close() // nothing is lost with it
	p.wg.Wait()
}

// socket is one WebSocket of a client, without a goroutine of its own. Its
// poller's goroutine reads it; anybody may write.
type socket struct {
	poller *poller
	client handler

	// Owned by the poller's goroutine.
	rest []byte // the beginning of a frame that has not come whole
	text []byte // what has come of a message in several frames

	mu     sync.Mutex
	fd     int // -1: closed
	out    []byte
	asking bool // the poller tells when out can be written
}

// handler is told what comes over a socket, on the poller's goroutine.
type handler interface {
	// frame takes a message; it is gone after the call.
	frame(s *socket, data []byte, at time.Duration)
	// ended says that the connection is gone and why: a close code, or 1006.
	ended(s *socket, why string)
}

// errClosed says that a socket has ended.
var errClosed = errors.New("the socket has ended")

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
	if s.fd < 0 || len(s.out) == 0 {
		return
	}
	n, _ := unix.Write(s.fd, s.out) // an error comes to the reader, too
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
	return s.closeLocked()
}

func (s *socket) closeLocked() bool {
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
