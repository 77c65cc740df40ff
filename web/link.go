package web

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"hubbub/chat/wire"
	"hubbub/mw"
)

const (
	// readBuffer and controlBuffer are the sizes of the buffers that the WebSocket
	// library works with: net/http's own are 4 KiB each and would be the largest
	// item of an idle socket. The library writes control frames only, which have 127
	// bytes at most.
	readBuffer, controlBuffer = 128, 128
	// earlyBuffer is how much is read at once when a peer says something.
	earlyBuffer = 4 << 10
	// A peer is read at most so fast. The library bounds the size of a message,
	// but not the number of its empty fragments.
	inRate, inBurst = 1 << 20, 1 << 20
	// Nor does it count pings and pongs; an honest peer sends fewer than one a second.
	controlRate, controlBurst = 10, 100
)

// grip takes the network connection out of the hands of the WebSocket library
// when it hijacks: the library gets a [link] around it. What the library says
// to a handshake that it refuses is held back, and said in our own words.
type grip struct {
	http.ResponseWriter
	link    *link
	refused int // the library's status
}

func (g *grip) WriteHeader(status int) {
	if status != http.StatusSwitchingProtocols {
		g.refused = status
		return
	}
	g.ResponseWriter.WriteHeader(status)
}

func (g *grip) Write(p []byte) (int, error) {
	if g.refused != 0 {
		return len(p), nil
	}
	return g.ResponseWriter.Write(p)
}

// answer tells the client why there is no socket. The library has set the
// headers that say what it would need.
func (g *grip) answer(r *http.Request) {
	switch {
	case g.refused == 0: // the connection is gone
	case g.Header().Get("Sec-WebSocket-Version") != "", g.refused == http.StatusUpgradeRequired:
		// RFC 6455, 4.2.2: the library answers a wrong version with 400.
		mw.WriteProblem(g.ResponseWriter, r, http.StatusUpgradeRequired, "bad_request", "this path takes WebSockets of version 13 only", 0)
	default:
		mw.WriteProblem(g.ResponseWriter, r, g.refused, "bad_request", "this is no handshake of a WebSocket (RFC 6455, 4.2.1)", 0)
	}
}

// Hijack is found by the library before it unwraps any writer.
func (g *grip) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(g.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := tcp.SetWriteBuffer(sendBuffer); err != nil {
			conn.Close()
			return nil, nil, err
		}
	}
	early, err := rw.Reader.Peek(rw.Reader.Buffered())
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	g.link = &link{
		early: append([]byte(nil), early...), in: rate.NewLimiter(inRate, inBurst), controls: rate.NewLimiter(controlRate, controlBurst),
	}
	g.link.sender.init(conn)
	g.link.ready = g.link.fill
	g.link.heard.Store(time.Now().UnixNano())
	g.link.buffer = bufio.NewReaderSize(g.link, readBuffer)
	return g.link, bufio.NewReadWriter(g.link.buffer, bufio.NewWriterSize(g.link, controlBuffer)), nil
}

// link is a network connection that remembers when the peer was heard, reads no
// faster than allowed, and sends as a [sender] does.
type link struct {
	sender
	in       *rate.Limiter
	controls *rate.Limiter
	heard    atomic.Int64 // nanoseconds since 1970

	// Owned by the reader.
	buffer *bufio.Reader // the library's
	early  []byte        // what net/http, or wait, has read already
	lent   *[]byte       // the memory of early, if it is from readBuffers
	ready  func(fd uintptr) bool
	idle   bool // the library has found a control frame, and nothing more has come

	listen atomic.Bool // the session's reader looks for a message

	waiting, ending bool // guarded by mu
}

var readBuffers = sync.Pool{New: func() any { b := make([]byte, earlyBuffer); return &b }}

// wait returns when there is something to read. It takes the memory for that
// only then.
func (l *link) wait() error {
	if l.raw == nil {
		return nil // it is left to the library to wait
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ending {
		return nil
	}
	l.waiting = true
	l.mu.Unlock()
	var err error
	if len(l.early) == 0 && l.buffer.Buffered() == 0 {
		err = l.raw.Read(l.ready)
	}
	l.mu.Lock()
	l.waiting = false
	l.free.Broadcast()
	if l.ending {
		return l.SetReadDeadline(time.Time{})
	}
	return err
}

// leaveReading ends wait for good: while the library closes it waits itself for
// the peer's answer, and two must not read at a time.
func (l *link) leaveReading() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ending = true; l.waiting && l.SetReadDeadline(time.Now()) != nil {
		return // closed: nobody waits for long
	}
	for l.waiting {
		l.free.Wait()
	}
}

// left tells whether leaveReading was called.
func (l *link) left() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ending
}

// errIdle ends a read of the library that has met control frames alone.
var errIdle = errors.New("web: nothing but control frames")

func (l *link) Read(p []byte) (n int, err error) {
	if l.idle {
		l.idle = false
		return 0, errIdle
	}
	if len(l.early) == 0 {
		n, err = l.Conn.Read(p)
	} else {
		n = copy(p, l.early)
		if l.early = l.early[n:]; len(l.early) == 0 && l.lent != nil {
			readBuffers.Put(l.lent)
			l.lent = nil
		}
	}
	if n > 0 {
		now := time.Now()
		l.heard.Store(now.UnixNano())
		if d := l.in.ReserveN(now, n).DelayFrom(now); d > 0 {
			time.Sleep(d)
		}
	}
	return n, err
}

// control counts a ping or a pong of the peer, and ends the connection of one
// that floods. The library calls it while it reads, so its own way to close,
// which waits for the reader, would wait for ever.
func (l *link) control() bool {
	if l.controls.Allow() {
		// The library has read the whole frame. If it goes on it waits for the next
		// one, which is for wait to do.
		l.idle = l.listen.Load() && !l.left() && l.raw != nil && len(l.early) == 0 && l.buffer.Buffered() == 0
		return true
	}
	l.Conn.Close()
	return false
}

func (l *link) heardAt() time.Time { return time.Unix(0, l.heard.Load()) }

// readMessage reads a whole message within the library's read limit.
func readMessage(r io.Reader) ([]byte, error) {
	buf := make([]byte, 0, 512)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(2*cap(buf), wire.MaxFrame+1))
			copy(grown, buf)
			buf = grown
		}
	}
}
