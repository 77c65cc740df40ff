package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// oneConn is a listener that accepts one connection.
type oneConn struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l oneConn) Close() error   { close(l.done); return nil }
func (l oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// TestSlowBody holds that a body which does not come is given up after ten
// seconds, and that the deadline for it does not outlive it.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		server := &http.Server{Handler: s.handler, ReadHeaderTimeout: 5 * time.Second}
		client, conn := net.Pipe()
		l := oneConn{conns: make(chan net.Conn, 1), done: make(chan struct{})}
		l.conns <- conn
		served := make(chan error)
		go func() { served <- server.Serve(l) }()
		defer func() { client.Close(); server.Close(); <-served }()
		answers := bufio.NewReader(client)
		ask := func(head, body string) *http.Response {
			t.Helper()
			go func() { _, _ = io.WriteString(client, head+body) }()
			res, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				t.Fatal(err)
			}
			return res
		}
		const head = "POST /v1/guests HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
		body := `{"display_name":"Ann"}`

		// The handler may take longer than the body might have.
		s.store.Hook("CreateUser", func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				t.Error("the deadline of the body ended the handler")
			case <-time.After(time.Minute):
			}
			return nil
		})
		if res := ask(fmt.Sprintf(head, len(body)), body); res.StatusCode != 201 {
			t.Errorf("a slow store: status %d", res.StatusCode)
		}
		s.store.Hook("CreateUser", nil)

		start := time.Now()
		res := ask(fmt.Sprintf(head, len(body)), strings.TrimSuffix(body, "}"))
		if took := time.Since(start); res.StatusCode != 400 || took != 10*time.Second {
			t.Errorf("a body that does not end: status %d after %v", res.StatusCode, took)
		}
	})
}
