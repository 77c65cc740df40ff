package chatstore_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between a store and its server, and does to a COMMIT what it
// is told.
type proxy struct {
	target string
	listen net.Listener
	all    sync.WaitGroup

	mu     sync.Mutex
	down   bool          // cut connections and accept none
	commit func(*link)   // what to do with the next COMMIT, or nil
	links  map[*link]int // open ones
}

// link is one connection through the proxy.
type link struct{ client, server net.Conn }

func (l *link) close() {
	l.client.Close()
	l.server.Close()
}

// newProxy starts a proxy before the server of a mysql:// URL, and gives the
// URL that leads through it.
func newProxy(t *testing.T, raw string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{target: u.Host, listen: listen, links: map[*link]int{}}
	u.Host = listen.Addr().String()
	p.all.Go(p.accept)
	t.Cleanup(func() {
		listen.Close()
		p.setDown(true)
		p.all.Wait()
	})
	return p, u.String()
}

func (p *proxy) accept() {
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
		l := &link{client, server}
		p.mu.Lock()
		if p.down {
			l.close()
		} else {
			p.links[l] = 0
			p.all.Go(func() { p.requests(l) })
			p.all.Go(func() { _, _ = io.Copy(l.client, l.server) })
		}
		p.mu.Unlock()
	}
}

// requests hands on what the client says.
func (p *proxy) requests(l *link) {
	defer func() {
		l.close()
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
		if bytes.Equal(buf[4:n], commitPacket[4:]) {
			p.mu.Lock()
			act := p.commit
			p.commit = nil
			p.mu.Unlock()
			if act != nil {
				l.client.Close()
				act(l)
				return
			}
		}
		if _, err := l.server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// commitPacket is COM_QUERY "COMMIT" of the MySQL protocol.
var commitPacket = []byte("\x07\x00\x00\x00\x03COMMIT")

// send lets the server carry out the COMMIT of a client that is gone.
func (l *link) send() {
	_, _ = l.server.Write(commitPacket)
}

// onCommit says what to do with the next COMMIT.
func (p *proxy) onCommit(act func(*link)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.commit = act
}

func (p *proxy) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	if down {
		for l := range p.links {
			l.close()
		}
	}
}
