package testenv

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Proxy stands between a store and its MariaDB, and does to a COMMIT what it is
// told.
type Proxy struct {
	target string
	listen net.Listener
	all    sync.WaitGroup

	mu     sync.Mutex
	down   bool          // cut connections and accept none
	commit func(*Link)   // what to do with the next COMMIT, or nil
	links  map[*Link]int // open ones
}

// Link is one connection through the proxy.
type Link struct {
	client, server net.Conn
	commit         []byte // the packet that is held back
}

// Close cuts the connection, so that the server rolls back.
func (l *Link) Close() {
	l.client.Close()
	l.server.Close()
}

// NewProxy starts a proxy before the server of a mysql:// URL, and gives the URL
// that leads through it. It ends with the test.
func NewProxy(t testing.TB, raw string) (*Proxy, string) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatalf("testenv: proxy: %v", err)
	}
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("testenv: proxy: %v", err)
	}
	p := &Proxy{target: u.Host, listen: listen, links: map[*Link]int{}}
	u.Host = listen.Addr().String()
	p.all.Go(p.accept)
	t.Cleanup(func() {
		listen.Close()
		p.SetDown(true)
		p.all.Wait()
	})
	return p, u.String()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listen.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		l := &Link{client: client, server: server}
		p.mu.Lock()
		if p.down {
			l.Close()
		} else {
			p.links[l] = 0
			p.all.Go(func() { p.requests(l) })
			p.all.Go(func() { _, _ = io.Copy(l.client, l.server) })
		}
		p.mu.Unlock()
	}
}

// requests hands on what the client says.
func (p *Proxy) requests(l *Link) {
	defer func() {
		l.Close()
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
	}()
	buf := make([]byte, 1<<16)
	for {
		n, err := l.client.Read(buf)
		if err != nil {
			return
		}
		if commits(buf[:n]) {
			p.mu.Lock()
			act := p.commit
			p.commit = nil
			p.mu.Unlock()
			if act != nil {
				l.client.Close()
				l.commit = bytes.Clone(buf[:n])
				act(l)
				return
			}
		}
		if _, err := l.server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// commits tells whether a packet of the MySQL protocol is COM_QUERY with COMMIT for
// its last statement.
func commits(packet []byte) bool {
	return len(packet) > 4 && packet[4] == 3 && bytes.HasSuffix(packet, []byte("COMMIT"))
}

// Send lets the server carry out the COMMIT of a client that is gone.
func (l *Link) Send() {
	_, _ = l.server.Write(l.commit)
}

// OnCommit says what to do with the next COMMIT, whose client is cut off before.
// The COMMIT itself, with what comes before it in its packet, waits for
// [Link.Send].
func (p *Proxy) OnCommit(act func(*Link)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.commit = act
}

// SetDown cuts all connections and accepts none, or accepts them again.
func (p *Proxy) SetDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	if down {
		for l := range p.links {
			l.Close()
		}
	}
}
