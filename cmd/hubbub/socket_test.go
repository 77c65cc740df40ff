package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hubbub/chat/wire"
)

// frame is any frame from the server: only the fields of its type are set.
type frame struct {
	Type         string
	ID           string
	Room         string
	Epoch        string
	Seq          uint64
	Head         uint64
	Node         string
	Code         string
	Detail       string
	Reason       string
	Text         string
	ClientID     string `json:"client_id"`
	Degraded     bool
	Repeat       bool
	RetryAfterMS int64 `json:"retry_after_ms"`
	AfterMS      int64 `json:"after_ms"`
	Errors       []wire.FieldError
	User         wire.User

	raw string
}

// isLog tells whether the frame is an event of a room's log.
func (f frame) isLog() bool { return f.Epoch != "" && f.Seq != 0 }

// dialing is how a socket is opened.
type dialing struct {
	protocol string // default wire.ProtocolJSON; "none" offers none
	token    string
	header   http.Header
	host     string // the Host header, default the address
	query    string
	small    bool // the kernel keeps little of what is not read
	asleep   bool // nothing is read after the welcome and before wakeUp
}

// open dials without any expectation.
func open(ctx context.Context, addr string, o dialing) (*websocket.Conn, *http.Response, error) {
	header := o.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if o.token != "" {
		header.Set("Authorization", "Bearer "+o.token)
	}
	options := &websocket.DialOptions{HTTPHeader: header, Host: o.host, Subprotocols: []string{wire.ProtocolJSON}}
	switch o.protocol {
	case "":
	case "none":
		options.Subprotocols = nil
	default:
		options.Subprotocols = []string{o.protocol}
	}
	dialer := &net.Dialer{}
	if o.small {
		dialer.Control = func(_, _ string, c syscall.RawConn) error {
			var err error
			if e := c.Control(func(fd uintptr) {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10)
			}); e != nil {
				return e
			}
			return err
		}
	}
	options.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	ws, resp, err := websocket.Dial(ctx, "ws://"+addr+"/v1/socket"+o.query, options)
	if err == nil {
		ws.SetReadLimit(4 << 20)
	}
	return ws, resp, err
}

// socket is one WebSocket of a test. What comes in is read at once, and waits
// here until it is asked for.
type socket struct {
	t      testing.TB
	ws     *websocket.Conn
	awake  chan struct{} // closed by wakeUp
	wakeUp func()
	ended  chan struct{} // closed when the reader has ended

	mu    sync.Mutex
	in    []frame
	err   error         // why the reader ended
	fresh chan struct{} // closed and replaced when something came
}

// dial opens a socket that must be accepted; it is gone at the test's end.
func dial(t testing.TB, addr string, o dialing) *socket {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, resp, err := open(ctx, addr, o)
	if err != nil {
		status := ""
		if resp != nil {
			status = resp.Status
		}
		t.Fatalf("socket to %s: %v (%s)", addr, err, status)
	}
	s := &socket{t: t, ws: ws, awake: make(chan struct{}), ended: make(chan struct{}), fresh: make(chan struct{})}
	s.wakeUp = sync.OnceFunc(func() { close(s.awake) })
	if !o.asleep {
		s.wakeUp()
	} else if _, _, err := ws.Read(ctx); err != nil {
		t.Fatalf("waiting for the welcome: %v", err)
	}
	go s.read()
	t.Cleanup(func() {
		s.wakeUp()
		s.ws.CloseNow()
		<-s.ended
	})
	return s
}

// connect opens a JSON socket of this person and takes the welcome.
func (p person) connect(t testing.TB, addr string) *socket {
	t.Helper()
	s := dial(t, addr, dialing{token: p.Token})
	s.want("welcome")
	return s
}

func (s *socket) read() {
	defer close(s.ended)
	<-s.awake
	for {
		_, data, err := s.ws.Read(context.Background())
		var f frame
		if err == nil {
			f.raw = string(data)
			if json.Unmarshal(data, &f) != nil {
				f.Type = "line" // of the text format
			}
		}
		s.mu.Lock()
		if err == nil {
			s.in = append(s.in, f)
		}
		s.err = err
		close(s.fresh)
		s.fresh = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// find takes everything up to the first frame that fits, waiting for it until
// the time is over.
func (s *socket) find(within time.Duration, fits func(frame) bool) (frame, error) {
	deadline := time.After(within)
	for {
		s.mu.Lock()
		for len(s.in) > 0 {
			f := s.in[0]
			s.in = s.in[1:]
			if fits(f) {
				s.mu.Unlock()
				return f, nil
			}
		}
		err, fresh := s.err, s.fresh
		s.mu.Unlock()
		if err != nil {
			return frame{}, err
		}
		select {
		case <-fresh:
		case <-deadline:
			return frame{}, errors.New("it did not come in time")
		}
	}
}

// want takes the next frame of a type, and drops what came before it.
func (s *socket) want(typ string) frame {
	s.t.Helper()
	f, err := s.find(patience, func(f frame) bool { return f.Type == typ })
	if err != nil {
		s.t.Fatalf("waiting for %q: %v", typ, err)
	}
	return f
}

// reply takes the ack or error of a command.
func (s *socket) reply(id string) frame {
	s.t.Helper()
	f, err := s.find(patience, func(f frame) bool { return f.ID == id && !f.isLog() })
	if err != nil {
		s.t.Fatalf("waiting for the reply to %q: %v", id, err)
	}
	return f
}

// message takes the next message, which must be the one with this client id.
func (s *socket) message(clientID string) frame {
	s.t.Helper()
	f := s.want("message")
	if f.ClientID != clientID {
		s.t.Fatalf("got message %q (seq %d), want %q", f.ClientID, f.Seq, clientID)
	}
	return f
}

// line takes the next line of the text format that contains text.
func (s *socket) line(text string) string {
	s.t.Helper()
	f, err := s.find(patience, func(f frame) bool { return strings.Contains(f.raw, text) })
	if err != nil {
		s.t.Fatalf("waiting for a line with %q: %v", text, err)
	}
	return f.raw
}

// silent makes sure that nothing of the kind comes for a while; what comes is
// kept.
func (s *socket) silent(during time.Duration, what string, fits func(frame) bool) {
	s.t.Helper()
	over := time.After(during)
	for {
		s.mu.Lock()
		for _, f := range s.in {
			if fits(f) {
				s.mu.Unlock()
				s.t.Fatalf("%s: %s", what, f.raw)
			}
		}
		fresh := s.fresh
		s.mu.Unlock()
		select {
		case <-over:
			return
		case <-fresh:
		}
	}
}

// closed waits for the end of the socket and gives its close code, -1 for an
// end without one (what a browser calls 1006).
func (s *socket) closed(within time.Duration) (code int, reason string) {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(within):
		s.t.Fatalf("the socket is still open after %v", within)
	}
	return closeCode(s.err), closeReason(s.err)
}

func closeCode(err error) int { return int(websocket.CloseStatus(err)) }

func closeReason(err error) string {
	var ce websocket.CloseError
	errors.As(err, &ce)
	return ce.Reason
}

type cmd = map[string]any

// send writes a command as JSON.
func (s *socket) send(c cmd) {
	s.t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.raw(websocket.MessageText, b)
}

// raw writes any message.
func (s *socket) raw(kind websocket.MessageType, b []byte) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.ws.Write(ctx, kind, b); err != nil {
		s.t.Fatalf("write: %v", err)
	}
}

// join streams a room from where its log stands, or from since if that is
// given, and gives the reply.
func (s *socket) join(room string, since ...uint64) frame {
	s.t.Helper()
	c := cmd{"type": "join", "id": "join-" + rand.Text()[:6], "room": room}
	if len(since) > 0 {
		c["since"] = since[0]
	}
	s.send(c)
	f := s.reply(c["id"].(string))
	if f.Type != "joined" {
		s.t.Fatalf("join: %s", f.raw)
	}
	return f
}

// post says something without waiting for the answer.
func (s *socket) post(room, clientID, text string) {
	s.t.Helper()
	s.send(cmd{"type": "post", "id": clientID, "room": room, "kind": "text", "text": text})
}

// said says something and takes the ack. Events that came before it are kept.
func (s *socket) said(room, clientID, text string) frame {
	s.t.Helper()
	s.post(room, clientID, text)
	return s.ack(clientID)
}

// ack takes the ack of a command and nothing else.
func (s *socket) ack(id string) frame {
	s.t.Helper()
	f, err := s.pick(patience, func(f frame) bool { return f.ID == id && !f.isLog() })
	if err != nil || f.Type != "ack" {
		s.t.Fatalf("waiting for the ack of %q: %v %s", id, err, f.raw)
	}
	return f
}

// pick is find, and leaves everything else where it is.
func (s *socket) pick(within time.Duration, fits func(frame) bool) (frame, error) {
	deadline := time.After(within)
	for {
		s.mu.Lock()
		for i, f := range s.in {
			if fits(f) {
				s.in = append(s.in[:i:i], s.in[i+1:]...)
				s.mu.Unlock()
				return f, nil
			}
		}
		err, fresh := s.err, s.fresh
		s.mu.Unlock()
		if err != nil {
			return frame{}, err
		}
		select {
		case <-fresh:
		case <-deadline:
			return frame{}, errors.New("it did not come in time")
		}
	}
}

// orderly checks that frames are a log's events from, from+1, … without a hole.
func orderly(events []frame, from uint64) error {
	for i, e := range events {
		if e.Seq != from+uint64(i) {
			return fmt.Errorf("event %d is number %d, want %d", i, e.Seq, from+uint64(i))
		}
	}
	return nil
}
