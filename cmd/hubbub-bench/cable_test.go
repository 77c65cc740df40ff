package main

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// cable is the way from a node to a server, where a link can be hurt while
// both ends are well. Its methods may be called from anywhere.
type cable struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup
	held     atomic.Int64 // pieces of data that were kept back
	cuts     atomic.Int64 // connections that Cut ended

	mu     sync.Mutex
	closed bool
	pass   chan struct{} // closed while data passes
	conns  map[*net.TCPConn]struct{}
}

// layCable makes a cable to a server; it goes with the test.
func layCable(t testing.TB, target string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: l, target: target, pass: make(chan struct{}), conns: make(map[*net.TCPConn]struct{})}
	close(c.pass)
	c.wg.Go(c.accept)
	t.Cleanup(func() {
		l.Close()
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		c.Flow()
		c.Cut()
		c.wg.Wait()
	})
	return c
}

// Addr is where the node connects, host:port.
func (c *cable) Addr() string { return c.listener.Addr().String() }

// Hole implements [way]: new connections are accepted, and what is sent into
// one is acknowledged.
func (c *cable) Hole() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.pass:
		c.pass = make(chan struct{})
	default:
	}
}

// Flow implements [way]; what was kept back arrives now.
func (c *cable) Flow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.pass:
	default:
		close(c.pass)
	}
}

// Held implements [way].
func (c *cable) Held() float64 { return float64(c.held.Load()) }

// Cut resets all connections that are open now and tells how many.
func (c *cable) Cut() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.conns) / 2
	for conn := range c.conns {
		_ = conn.SetLinger(0) // a reset instead of an end; it may be closed already
		conn.Close()
	}
	clear(c.conns)
	c.cuts.Add(int64(n))
	return n
}

func (c *cable) accept() {
	for {
		in, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.wg.Go(func() {
			out, err := net.Dial("tcp", c.target)
			if err != nil { // nobody listens there: so it is for the node
				_ = in.(*net.TCPConn).SetLinger(0)
				in.Close()
				return
			}
			a, b := in.(*net.TCPConn), out.(*net.TCPConn)
			defer a.Close()
			defer b.Close()
			c.mu.Lock()
			if c.closed {
				c.mu.Unlock()
				return
			}
			c.conns[a], c.conns[b] = struct{}{}, struct{}{}
			c.mu.Unlock()
			defer func() {
				c.mu.Lock()
				delete(c.conns, a)
				delete(c.conns, b)
				c.mu.Unlock()
			}()
			var both sync.WaitGroup
			both.Go(func() { c.pump(a, b) })
			both.Go(func() { c.pump(b, a) })
			both.Wait()
		})
	}
}

func (c *cable) pump(to, from *net.TCPConn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			c.mu.Lock()
			pass := c.pass
			c.mu.Unlock()
			select {
			case <-pass:
			default:
				c.held.Add(1)
				<-pass
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
