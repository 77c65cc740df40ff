package web_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counted counts what the server has taken.
type counted struct {
	net.Conn
	read atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// TestStuckReader holds that a peer is ended 30 s after it has taken its last
// byte, not 30 s after the write that this byte belongs to has begun anew.
func TestStuckReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSocketSite(t)
		server := &http.Server{Handler: s.handler}
		client, conn := net.Pipe()
		l := oneConn{conns: make(chan net.Conn, 1), done: make(chan struct{})}
		l.conns <- conn
		served := make(chan error)
		go func() { served <- server.Serve(l) }()
		defer func() { client.Close(); server.Close(); <-served }()
		s.dialSocket(t, client)
		if _, err := client.Write(masked(fin|opText, ping1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if _, err := client.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		s.sockets.Wait()
		if took := time.Since(start); took < 29*time.Second || took > 36*time.Second {
			t.Errorf("ended after %v, want 30 s", took)
		}
	})
}

// TestPatience holds how long the server bears a peer that does not get on, in
// the time of a bubble: a message has 10 s from its first byte to its last, an
// answer to our close frame 5 s, a peer is read at 1 MiB/s at most, and who
// sends pings only is not listened to.
func TestPatience(t *testing.T) {
	t.Parallel()
	begin := masked(opText, "{")
	thousand := func(frame []byte) []byte { return bytes.Repeat(frame, 1000) }
	for _, r := range []struct {
		name  string
		send  []byte
		flood []byte        // repeated without a pause
		drip  []byte        // one every second
		takes time.Duration // until the server ends it
		bytes int64         // that the server takes at most
	}{
		// The library counts neither of these: without our limits 9 million a second come in.
		{"empty fragments", begin, thousand(masked(opMore, "")), nil, 10 * time.Second, 12 << 20},
		{"pings", nil, thousand(masked(fin|opPing, "")), nil, 0, 8 << 10},
		{"pongs", nil, thousand(masked(fin|opPong, "")), nil, 0, 8 << 10},
		{"pings within a message", begin, thousand(masked(fin|opPing, "")), nil, 0, 8 << 10},
		{"a byte per second", begin, nil, masked(opMore, "x"), 10 * time.Second, 1 << 10},
		{"a fragment that never comes", begin, nil, nil, 10 * time.Second, 1 << 10},
		{"half a fragment", masked(fin|opText, ping1)[:20], nil, nil, 10 * time.Second, 1 << 10},
		{"a close frame that is not answered", masked(fin|opBinary, "x"), nil, nil, 5 * time.Second, 1 << 10},
		{"a close frame that is answered with talk", masked(fin|opBinary, "x"), nil, masked(fin|opText, ping1), 5 * time.Second, 1 << 10},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSocketSite(t)
				server := &http.Server{Handler: s.handler}
				client, conn := net.Pipe()
				taken := &counted{Conn: conn}
				l := oneConn{conns: make(chan net.Conn, 1), done: make(chan struct{})}
				l.conns <- taken
				served := make(chan error)
				go func() { served <- server.Serve(l) }()
				defer func() { client.Close(); server.Close(); <-served }()

				p := s.dialSocket(t, client)
				start, before := time.Now(), taken.read.Load()
				var sending sync.WaitGroup
				defer sending.Wait()
				sending.Go(func() {
					_, err := client.Write(r.send)
					for more := append(r.flood, r.drip...); err == nil && len(more) > 0; {
						if r.drip != nil {
							time.Sleep(time.Second)
						}
						_, err = client.Write(more)
					}
				})
				if err := client.SetReadDeadline(start.Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, p.r); err != nil && !errors.Is(err, io.ErrClosedPipe) {
					t.Fatal(err)
				}
				if took := time.Since(start); took < r.takes-time.Second || took > r.takes+2*time.Second {
					t.Errorf("ended after %v, want %v", took, r.takes)
				}
				if n := taken.read.Load() - before; n > r.bytes {
					t.Errorf("%d bytes were taken, want at most %d", n, r.bytes)
				}
				if s.sockets.Wait(); s.sockets.Open() != 0 {
					t.Errorf("%d sockets are open", s.sockets.Open())
				}
			})
		})
	}
}
