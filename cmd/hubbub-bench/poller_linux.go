package main

import (
	"errors"
	"fmt"
	"math"
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

// fileLimit is how many descriptors this process may have.
func fileLimit() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil || l.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(l.Cur)
}

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
				if !s.begun { // with what came behind the handshake
					s.begun = true
					s.parse(p.now(), s.rest)
				}
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
	// That it can be written tells the poller to begin.
	s := &socket{fd: fd, poller: p, client: client, rest: rest, asking: true}
	p.mu.Lock()
	p.sockets[int32(fd)] = s
	p.mu.Unlock()
	if err := unix.EpollCtl(p.ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT, Fd: int32(fd)}); err != nil {
		s.close()
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
