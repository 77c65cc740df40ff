package web_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"hubbub/chat/wire"
	"hubbub/web"
)

// ticket makes a ticket of ann's.
func (s *socketSite) ticket() string {
	s.t.Helper()
	return as[struct{ Ticket string }](s.do(s.token, "POST /v1/socket-tickets", nil).want(201)).Ticket
}

// inMemory serves the site without a network, as a bubble of synctest needs it,
// and gives the way to dial it.
func (s *socketSite) inMemory(t *testing.T) (dial func() net.Conn) {
	server := &http.Server{Handler: s.handler}
	l := oneConn{conns: make(chan net.Conn), done: make(chan struct{})}
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-served })
	return func() net.Conn {
		client, conn := net.Pipe()
		t.Cleanup(func() { client.Close() })
		l.conns <- conn
		return client
	}
}

// upgradeAs asks for a socket with further header lines.
func upgradeAs(t *testing.T, conn net.Conn, headers string) (*peer, *http.Response) {
	t.Helper()
	p := &peer{t: t, conn: conn, r: bufio.NewReader(conn)}
	p.write([]byte("GET /v1/socket HTTP/1.1\r\nHost: localhost\r\n" + upgrade +
		"Sec-WebSocket-Protocol: " + wire.ProtocolJSON + "\r\n" + headers + "\r\n"))
	res, err := http.ReadResponse(p.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return p, res
}

// withTicket asks for a socket as ann, who says so in the first frame.
func (s *socketSite) withTicket(t *testing.T, conn net.Conn) (*peer, *http.Response) {
	t.Helper()
	p, res := upgradeAs(t, conn, "")
	p.write(masked(fin|opText, `{"type":"auth","ticket":"`+s.ticket()+`"}`))
	return p, res
}

// One user may have so many sockets and no more, however they sign in, and
// another one when one of them has gone.
func TestSocketsOfOneUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSocketSite(t)
		dial := s.inMemory(t)
		first := dial()
		s.dialSocket(t, first)
		for range web.MaxUserSockets - 1 {
			s.dialSocket(t, dial())
		}
		_, res := upgradeAs(t, dial(), "Authorization: Bearer "+s.token+"\r\n")
		if res.StatusCode != 429 || res.Header.Get("Retry-After") == "" {
			t.Errorf("one too many: %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
		}
		late, _ := s.withTicket(t, dial())
		if got := late.next(); got != "CLOSE 4429" {
			t.Errorf("one too many with a ticket: %s", got)
		}
		other, _ := upgradeAs(t, dial(), "Authorization: Bearer "+s.signUp("bob").Token+"\r\n")
		if got := other.next(); got != "welcome" {
			t.Errorf("somebody else: %s", got)
		}

		first.Close()
		synctest.Wait()
		again, _ := s.withTicket(t, dial())
		if got := again.next(); got != "welcome" {
			t.Errorf("after one has gone: %s", got)
		}
	})
}

// What a socket logs bears the id of its request, and the user who signed in by
// a ticket, of whom the request's line does not know yet.
func TestSocketLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSocketSite(t)
		conn := s.inMemory(t)()
		p, res := s.withTicket(t, conn)
		if got := p.next(); got != "welcome" {
			t.Fatalf("first came %s", got)
		}
		p.write(masked(fin|opText, ping1))
		if got := p.next(); got != "pong 1" {
			t.Fatalf("a ping is answered with %s", got)
		}
		conn.Close()
		synctest.Wait()
		id := res.Header.Get("X-Request-Id")
		ann := as[struct{ ID string }](s.do(s.token, "GET /v1/me", nil).want(200)).ID
		for want, who := range map[string]string{"msg=frame": ann, `msg="socket closed"`: ann, "route=/v1/socket": ""} {
			found := false
			for line := range strings.Lines(s.log.String()) {
				found = found || strings.Contains(line, want) && strings.Contains(line, "request_id="+id) &&
					(who == "" || strings.Contains(line, "user="+who))
			}
			if id == "" || !found {
				t.Errorf("no %s with request_id=%s user=%s in\n%s", want, id, ann, s.log)
			}
		}
	})
}
