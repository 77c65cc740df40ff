package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/chattest"
	"hubbub/mw"
	"hubbub/web"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(sinkEnv); addr != "" {
		sink(addr)
		return
	}
	goleak.VerifyTestMain(m)
}

// silent is a bus that nobody listens to.
type silent struct{}

func (silent) Publish(bus.Event) error { return nil }

// site is a server over a store in memory.
type site struct {
	t       *testing.T
	store   *chattest.Memory
	web     *web.Server
	handler http.Handler
	log     *buffer
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newSite(t *testing.T, change ...func(*web.Options)) *site {
	t.Helper()
	s := &site{t: t, store: chattest.NewMemory(), log: &buffer{}}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	rooms := chat.NewRooms(s.store, s.store, silent{}, chat.RoomsOptions{Node: "n1", Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- rooms.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	origins, err := mw.ParseOrigins([]string{"https://chat.example.org"}, "127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	proxies, err := mw.ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	o := web.Options{
		Rooms:    rooms,
		Accounts: chat.NewAccounts(s.store, chat.AccountOptions{Guests: true, HashMemory: 64, Log: log}),
		Node:     "n1", Version: "test", Log: log, Registry: prometheus.NewRegistry(),
		Origins: origins, Proxies: proxies,
		PerAddress: mw.NewLimiter(mw.Rate{}), PerUser: mw.NewLimiter(mw.Rate{}),
		Static: fstest.MapFS{
			"index.html": {Data: []byte("<!doctype html><title>hubbub</title>")},
			"docs.html":  {Data: []byte("<!doctype html><title>docs</title>")},
			"app.js":     {Data: []byte("export {};")},
		},
	}
	for _, f := range change {
		f(&o)
	}
	if s.web, err = web.New(o); err != nil {
		t.Fatal(err)
	}
	s.handler = s.web.Handler()
	return s
}

// reply is an answer, read to its end.
type reply struct {
	t      *testing.T
	Status int
	Header http.Header
	Body   string
}

// do asks as the bearer of token (nobody: ""). A body that is no string is sent
// as JSON; change may alter the request.
func (s *site) do(token, call string, body any, change ...func(*http.Request)) reply {
	s.t.Helper()
	method, target, _ := strings.Cut(call, " ")
	var in io.Reader
	switch v := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(v)
	default:
		b, err := json.Marshal(v)
		if err != nil {
			s.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	r := httptest.NewRequest(method, target, in)
	r.Host = "localhost"
	r.RemoteAddr = "192.0.2.1:1234"
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return reply{t: s.t, Status: w.Code, Header: w.Header(), Body: w.Body.String()}
}

// want fails the test unless the status is that; it gives the reply back.
func (r reply) want(status int) reply {
	r.t.Helper()
	if r.Status != status {
		r.t.Fatalf("status %d, want %d: %s", r.Status, status, r.Body)
	}
	return r
}

// refused fails the test unless it is a problem document with that code.
func (r reply) refused(status int, code string) problem {
	r.t.Helper()
	r.want(status)
	if ct := r.Header.Get("Content-Type"); ct != "application/problem+json" {
		r.t.Errorf("content type %q of %s", ct, r.Body)
	}
	p := as[problem](r)
	if p.Code != code || p.Type != "/problems/"+code || p.Status != status || p.Title == "" || p.RequestID == "" {
		r.t.Errorf("got %s, want a problem with code %s", r.Body, code)
	}
	return p
}

type problem struct {
	Type         string
	Title        string
	Status       int
	Code, Detail string
	RequestID    string `json:"request_id"`
	RetryAfterMS int64  `json:"retry_after_ms"`
	Errors       []struct{ Field, Detail string }
}

// as reads the body.
func as[T any](r reply) T {
	r.t.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.Body), &v); err != nil {
		r.t.Fatalf("%v in %s", err, r.Body)
	}
	return v
}

type object = map[string]any

type person struct {
	Token string
	User  struct{ ID, Name string }
}

// signUp makes an account and gives its token.
func (s *site) signUp(name string) person {
	s.t.Helper()
	return as[person](s.do("", "POST /v1/users", object{"name": name, "password": "correct horse"}).want(201))
}

// room makes a room of the bearer and gives its id.
func (s *site) room(token, kind, name string, members ...string) string {
	s.t.Helper()
	return as[struct{ ID string }](s.do(token, "POST /v1/rooms",
		object{"kind": kind, "name": name, "members": members}).want(201)).ID
}

func TestNewNeedsItsOptions(t *testing.T) {
	if _, err := web.New(web.Options{}); err == nil {
		t.Error("a server without anything was made")
	}
}

func TestFirstSteps(t *testing.T) {
	s := newSite(t)
	ann, bob := s.signUp("ann"), s.signUp("bob")
	room := s.room(ann.Token, "public", "tea")
	s.do(bob.Token, "PUT /v1/rooms/tea/members/me", nil).want(200)
	got := as[struct {
		Room string
		Seq  uint64
		At   time.Time
	}](s.do(bob.Token, "POST /v1/rooms/tea/messages", object{"client_id": "b1", "text": "hello"}).want(201))
	if got.Room != room || got.Seq != 4 {
		t.Errorf("posted at %+v", got)
	}
	list := as[struct {
		Items []struct {
			Seq  uint64
			Text string
		}
		Next *string
	}](s.do(ann.Token, "GET /v1/rooms/"+room+"/messages", nil).want(200))
	if len(list.Items) != 1 || list.Items[0].Text != "hello" || list.Next != nil {
		t.Errorf("read %+v", list)
	}
}
