package web

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"hubbub/chat/wire"
	"hubbub/mw"
)

const (
	// linkBuffer is the size of the buffers that the WebSocket library works with;
	// net/http's own are 4 KiB each and are the largest item of an idle socket.
	linkBuffer = 512
	// sendBuffer caps what the kernel holds for a peer that does not read:
	// otherwise some 4 MB each, outside of all our accounting.
	sendBuffer = 64 << 10
	// writeTime is how long a write may stand still, writeStep how often that is
	// looked at.
	writeTime = 30 * time.Second
	writeStep = 5 * time.Second
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
		Conn: conn, early: append([]byte(nil), early...),
		in: rate.NewLimiter(inRate, inBurst), controls: rate.NewLimiter(controlRate, controlBurst),
	}
	g.link.heard.Store(time.Now().UnixNano())
	return g.link, bufio.NewReadWriter(
		bufio.NewReaderSize(g.link, linkBuffer), bufio.NewWriterSize(g.link, linkBuffer)), nil
}

// link is a network connection that can hold writes back to send them
// together, remembers when the peer was heard, and reads no faster than allowed.
type link struct {
	net.Conn
	in       *rate.Limiter
	controls *rate.Limiter
	heard    atomic.Int64 // nanoseconds since 1970
	early    []byte       // what net/http had read already; owned by the reader

	mu     sync.Mutex
	corked bool
	buf    []byte
}

func (l *link) Read(p []byte) (int, error) {
	if len(l.early) > 0 {
		n := copy(p, l.early)
		l.early = l.early[n:]
		return n, nil
	}
	n, err := l.Conn.Read(p)
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
		return true
	}
	l.Conn.Close()
	return false
}

func (l *link) heardAt() time.Time { return time.Unix(0, l.heard.Load()) }

// Write sends, or holds back while corked. The WebSocket library calls it under
// its own lock, with whole frames or large parts of one.
func (l *link) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.corked {
		l.buf = append(l.buf, p...)
		return len(p), nil
	}
	return l.writeLocked(p)
}

// writeLocked gives up when no byte has moved for writeTime; a peer that is
// slow and reads gets all the time it needs.
func (l *link) writeLocked(p []byte) (int, error) {
	moved := time.Now()
	for sent := 0; ; {
		if err := l.Conn.SetWriteDeadline(time.Now().Add(writeStep)); err != nil {
			return sent, err
		}
		n, err := l.Conn.Write(p[sent:])
		sent += n
		now := time.Now()
		if n > 0 {
			moved = now
		}
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || now.Sub(moved) >= writeTime {
			return sent, err
		}
	}
}

// cork holds writes back until uncork.
func (l *link) cork() {
	l.mu.Lock()
	l.corked = true
	l.mu.Unlock()
}

// uncork sends what was held back in one write.
func (l *link) uncork() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.corked = false
	if len(l.buf) == 0 {
		return nil
	}
	_, err := l.writeLocked(l.buf)
	if cap(l.buf) > 16<<10 {
		l.buf = nil // one large page must not cost an idle socket its memory
	}
	l.buf = l.buf[:0]
	return err
}

// closeTime is how long Close may wait for what was held back.
const closeTime = time.Second

// Close sends first what is held back: the library closes right after it has
// written the answer to a close frame, and a client that misses it sees 1006.
func (l *link) Close() error {
	if l.mu.TryLock() { // else somebody sends it at this moment
		if len(l.buf) > 0 && l.Conn.SetWriteDeadline(time.Now().Add(closeTime)) == nil {
			_, _ = l.Conn.Write(l.buf) // a peer that is gone needs no answer
			l.buf = nil
		}
		l.mu.Unlock()
	}
	return l.Conn.Close()
}

// pingFrame is an empty ping, unmasked as a server's frames are (RFC 6455, 5.5.2).
var pingFrame = []byte{0x89, 0x00}

// ping sends a ping without waiting for the pong: any byte from the peer is a
// sign of life. Only the session's writer calls it, which is also the only one
// to send data frames, so it never lands inside one.
func (l *link) ping() error {
	_, err := l.Write(pingFrame)
	return err
}

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
