package mw_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"hubbub/mw"
)

func TestChainFirstLinkIsOutermost(t *testing.T) {
	link := func(name string) func(string) string {
		return func(inner string) string { return name + "(" + inner + ")" }
	}
	if got := mw.Chain("h", link("a"), link("b"), link("c")); got != "a(b(c(h)))" {
		t.Errorf("Chain = %s", got)
	}
}

// Whatever link refuses, the answer is a problem that names the request and
// carries the security headers, and the request is logged and counted: so
// these five links are outside of all those that refuse. That no session was
// looked up shows that a refusing link is outside of Authenticate.
func TestStandardOrder(t *testing.T) {
	once := mw.Rate{Events: 1, Per: 3600e9, Burst: 1}
	tests := []struct {
		name    string
		change  func(*mw.Options)
		first   int // requests to send before the one looked at
		method  string
		target  string
		headers []string
		status  int
		code    string
		route   string
		lookups int
	}{
		{"panic", nil, 0, "GET", "/panic", nil, 500, "internal", "/panic", 0},
		{"trace", nil, 0, "TRACE", "/ok", nil, 405, "bad_request", "/ok", 0},
		{"forged host", nil, 0, "GET", "/ok", []string{"Host", "evil.example", "Authorization", user1}, 403, "forbidden", "/ok", 0},
		{"host before url token", nil, 0, "GET", "/ok?token=1", []string{"Host", "evil.example"}, 403, "forbidden", "/ok", 0},
		{"url token", nil, 0, "GET", "/ok?token=1", []string{"Authorization", user1}, 400, "bad_request", "/ok", 0},
		{"url token before origin", nil, 0, "POST", "/ok?token=1", []string{"Origin", "https://evil.example"}, 400, "bad_request", "/ok", 0},
		{"foreign post", nil, 0, "POST", "/ok", []string{"Origin", "https://evil.example", "Cookie", "hubbub=one"}, 403, "forbidden", "/ok", 0},
		{"foreign upgrade", nil, 0, "GET", "/ok", []string{"Upgrade", "websocket", "Origin", "https://evil.example", "Cookie", "hubbub=one"}, 403, "forbidden", "/ok", 0},
		{"origin before body", nil, 0, "POST", "/ok", []string{"Origin", "https://evil.example", "Content-Encoding", "gzip"}, 403, "forbidden", "/ok", 0},
		{"compressed body", nil, 0, "POST", "/ok", []string{"Content-Encoding", "gzip", "Authorization", user1}, 415, "unsupported", "/ok", 0},
		{"body before limit", func(o *mw.Options) { o.PerAddress = mw.NewLimiter(once) }, 1, "POST", "/ok", []string{"Content-Encoding", "gzip"}, 415, "unsupported", "/ok", 0},
		{"limit by address", func(o *mw.Options) { o.PerAddress = mw.NewLimiter(once) }, 1, "GET", "/ok", []string{"Authorization", "Bearer wrong"}, 429, "rate_limited", "/ok", 1},
		{"database away", nil, 0, "GET", "/ok", []string{"Authorization", "Bearer down"}, 503, "unavailable", "/ok", 1},
		{"limit by user", func(o *mw.Options) { o.PerUser = mw.NewLimiter(once) }, 1, "GET", "/ok", []string{"Authorization", user1}, 429, "rate_limited", "/ok", 2},
		{"user required", nil, 0, "GET", "/me", []string{"Authorization", "Bearer wrong"}, 401, "unauthenticated", "/me", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, tt.change)
			var w *httptest.ResponseRecorder
			for range tt.first + 1 {
				s.log.Reset()
				w = s.do(tt.method, tt.target, tt.headers...)
			}
			p := problem(t, w)
			if w.Code != tt.status || p.Status != tt.status || p.Code != tt.code || p.Type != "/problems/"+tt.code {
				t.Errorf("answer %d %+v, want %d %s", w.Code, p, tt.status, tt.code)
			}
			if id := w.Header().Get("X-Request-Id"); id == "" || p.RequestID != id {
				t.Errorf("request id %q in the body, %q in the header", p.RequestID, id)
			}
			if w.Header().Get("Content-Security-Policy") == "" {
				t.Error("no security headers")
			}
			if lines := s.lines(t, "request"); len(lines) != 1 || lines[0]["status"] != float64(tt.status) ||
				lines[0]["request_id"] != p.RequestID || lines[0]["address"] != "192.0.2.1" {
				t.Errorf("logged %v", lines)
			}
			if n := s.counted(t, tt.method, tt.route, w.Result().Status[:3]); n < 1 {
				t.Error("not counted")
			}
			if s.lookups != tt.lookups {
				t.Errorf("%d sessions looked up, want %d", s.lookups, tt.lookups)
			}
			if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "10.0.0.3") {
				t.Errorf("internals shown: %s", w.Body)
			}
		})
	}
}

func TestStandardLimitsUsersBehindOneAddressApart(t *testing.T) {
	s := newSite(t, func(o *mw.Options) {
		o.PerUser = mw.NewLimiter(mw.Rate{Events: 1, Per: 3600e9, Burst: 1})
	})
	for i, want := range []int{200, 429, 200} {
		auth := []string{user1, user1, user2}[i]
		if w := s.do("GET", "/me", "Authorization", auth); w.Code != want {
			t.Errorf("request %d of %s: %d, want %d", i, auth, w.Code, want)
		}
	}
	if lines := s.lines(t, "request"); lines[1]["user"] != "user-one" {
		t.Errorf("a limited user is not named: %v", lines[1])
	}
}

func TestStandardLimitsProgramsByKey(t *testing.T) {
	s := newSite(t, func(o *mw.Options) {
		o.PerUser = mw.NewLimiter(mw.Rate{Events: 1, Per: 3600e9, Burst: 1})
		o.PerKey = mw.NewLimiter(mw.Rate{Events: 1, Per: 3600e9, Burst: 3})
	})
	for i, want := range []int{200, 200, 200, 429} {
		if w := s.do("GET", "/me", "Authorization", "Bearer program"); w.Code != want {
			t.Errorf("request %d of a program: %d, want %d", i, w.Code, want)
		}
	}
}

func TestStandardSignedInCostTheirAddressNothing(t *testing.T) {
	s := newSite(t, func(o *mw.Options) {
		o.PerAddress = mw.NewLimiter(mw.Rate{Events: 1, Per: 3600e9, Burst: 1})
	})
	for range 3 {
		if w := s.do("GET", "/me", "Authorization", user1); w.Code != 200 {
			t.Errorf("signed in: %d, want 200", w.Code)
		}
	}
	for i, want := range []int{200, 429} {
		if w := s.do("GET", "/ok"); w.Code != want {
			t.Errorf("request %d of nobody: %d, want %d", i, w.Code, want)
		}
	}
}

func TestStandardAddressBehindProxy(t *testing.T) {
	s := newSite(t, func(o *mw.Options) {
		o.Proxies, _ = mw.ParseProxies([]string{"10.0.0.0/8"})
		o.PerAddress = mw.NewLimiter(mw.Rate{Events: 1, Per: 3600e9, Burst: 1})
	})
	for i, want := range []int{200, 200, 429} {
		client := []string{"198.51.100.1", "198.51.100.2", "198.51.100.1"}[i]
		if w := s.do("GET", "/ok", "Peer", "10.0.0.9:1", "X-Forwarded-For", client); w.Code != want {
			t.Errorf("request %d: %d, want %d", i, w.Code, want)
		}
		if lines := s.lines(t, "request"); lines[i]["address"] != client {
			t.Errorf("logged %v, want address %s", lines[i], client)
		}
	}
}

func TestStandardProbesAndStaticFiles(t *testing.T) {
	s := newSite(t, func(o *mw.Options) {
		o.PerAddress = mw.NewLimiter(mw.Rate{Events: 1, Per: 3600e9, Burst: 1})
	})
	for range 3 {
		if w := s.do("GET", "/healthz", "Host", ""); w.Code != 200 {
			t.Errorf("probe without Host: %d", w.Code)
		}
		if w := s.do("GET", "/static/app.js", "Cookie", "hubbub=one"); w.Code != 200 {
			t.Errorf("static file: %d", w.Code)
		}
	}
	if w := s.do("GET", "/static/app.js", "Host", "evil.example"); w.Code != 403 {
		t.Errorf("static file under a forged Host: %d, want 403", w.Code)
	}
	if s.lookups != 0 {
		t.Errorf("%d look-ups for static files", s.lookups)
	}
	if lines := s.lines(t, "request"); lines[0]["level"] != "DEBUG" || lines[1]["level"] != "DEBUG" {
		t.Errorf("probe logged at %v, file at %v", lines[0]["level"], lines[1]["level"])
	}
}
