package mw_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"hubbub/mw"
)

// logBuffer collects log lines; each one may be waited for.
type logBuffer struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	wrote chan struct{}
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.wrote <- struct{}{}:
	default:
	}
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}

// site is a server with the whole standard chain and what can be seen of it.
type site struct {
	handler http.Handler
	mux     *http.ServeMux
	log     logBuffer
	metrics *prometheus.Registry
	lookups int
}

const user1, user2 = "Bearer one", "Bearer two"

func newSite(t *testing.T, change func(*mw.Options)) *site {
	t.Helper()
	s := &site{mux: http.NewServeMux(), metrics: prometheus.NewRegistry(), log: logBuffer{wrote: make(chan struct{}, 1)}}
	origins, err := mw.ParseOrigins([]string{"https://chat.example"}, "127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	o := mw.Options{
		Log:     slog.New(slog.NewJSONHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: mw.NewMetrics(s.metrics),
		Route: func(r *http.Request) string {
			switch r.URL.Path {
			case "/ok", "/me", "/panic", "/stream":
				return r.URL.Path
			}
			return ""
		},
		Origins: origins,
		Find: func(_ context.Context, token string) (mw.Principal, error) {
			s.lookups++
			switch token {
			case "one", "two":
				return mw.Principal{User: "user-" + token}, nil
			case "program":
				return mw.Principal{User: "key-1", Key: true}, nil
			case "down":
				return mw.Principal{}, errors.New("dial tcp 10.0.0.3:3306: refused")
			}
			return mw.Principal{}, mw.ErrUnauthenticated
		},
		PerAddress: mw.NewLimiter(mw.Rate{}),
		PerUser:    mw.NewLimiter(mw.Rate{}),
		PerKey:     mw.NewLimiter(mw.Rate{}),
		Probe:      func(r *http.Request) bool { return r.URL.Path == "/healthz" },
		Static:     func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/static/") },
	}
	if change != nil {
		change(&o)
	}
	ok := func(http.ResponseWriter, *http.Request) {}
	s.mux.HandleFunc("/ok", ok)
	s.mux.HandleFunc("/healthz", ok)
	s.mux.HandleFunc("/static/app.js", ok)
	s.mux.Handle("/me", mw.RequireUser(http.HandlerFunc(ok)))
	s.mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("boom: secret dsn") })
	s.handler = mw.Chain[http.Handler](s.mux, mw.Standard(o)...)
	return s
}

// do sends one request; headers are pairs of name and value, "Host" and
// "Peer" being the request's host and the address it comes from.
func (s *site) do(method, target string, headers ...string) *httptest.ResponseRecorder {
	r := request(method, target, headers...)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func request(method, target string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Host, r.RemoteAddr = "127.0.0.1:8080", "192.0.2.1:5000"
	for i := 0; i < len(headers); i += 2 {
		switch name, value := headers[i], headers[i+1]; name {
		case "Host":
			r.Host = value
		case "Peer":
			r.RemoteAddr = value
		default:
			r.Header.Add(name, value)
		}
	}
	return r
}

// lines gives the log lines with this message.
func (s *site) lines(t *testing.T, msg string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(s.log.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if m["msg"] == msg {
			found = append(found, m)
		}
	}
	return found
}

// counted is the value of the request counter for one set of labels.
func (s *site) counted(t *testing.T, method, route, status string) float64 {
	t.Helper()
	return metric(t, s.metrics, "hubbub_http_requests_total", "method", method, "route", route, "status", status)
}

func metric(t *testing.T, reg *prometheus.Registry, name string, labels ...string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for i := 0; i < len(labels); i += 2 {
		want[labels[i]] = labels[i+1]
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	metrics:
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if want[l.GetName()] != l.GetValue() {
					continue metrics
				}
			}
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return 0
}

func problem(t *testing.T, w *httptest.ResponseRecorder) mw.Problem {
	t.Helper()
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Fatalf("Content-Type = %q, want a problem", ct)
	}
	var p mw.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("body %q: %v", w.Body, err)
	}
	return p
}
