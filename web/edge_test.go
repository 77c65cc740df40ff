package web_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"hubbub/web"
)

func TestHeaders(t *testing.T) {
	s := newSite(t)
	for _, call := range []string{"GET /", "GET /docs", "GET /static/app.js", "GET /v1/me", "GET /nothing", "GET /healthz", "GET /v1/openapi.json"} {
		h := s.do("", call, nil).Header
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: %s is missing in %q", call, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Cross-Origin-Opener-Policy") != "same-origin" || h.Get("Referrer-Policy") == "" ||
			h.Get("X-Request-Id") == "" || h.Get("Server") != "" {
			t.Errorf("%s: headers %v", call, h)
		}
	}
	s.do("", "TRACE /v1/me", nil).refused(405, "bad_request")
}

func TestNotFound(t *testing.T) {
	s := newSite(t)
	html := func(r *http.Request) { r.Header.Set("Accept", "text/html,*/*") }
	if r := s.do("", "GET /nothing", nil, html).want(404); !strings.Contains(r.Body, "<h1>Not found</h1>") {
		t.Errorf("a person sees %q", r.Body)
	}
	for _, call := range []string{"GET /nothing", "GET /static/", "GET /static/nothing.js", "GET /static/../server.go", "GET /static//app.js", "GET /docs/", "GET /app.js"} {
		s.do("", call, nil).refused(404, "not_found")
	}
	s.do("", "GET /v1/nothing", nil, html).refused(404, "not_found")
	r := s.do("", "PUT /v1/rooms", nil)
	r.refused(405, "bad_request")
	if got := strings.Join(r.Header["Allow"], " "); got != "GET POST" {
		t.Errorf("Allow: %s", got)
	}
}

func TestAssets(t *testing.T) {
	s := newSite(t)
	for path, ct := range map[string]string{
		"/": "text/html; charset=utf-8", "/r/tea": "text/html; charset=utf-8", "/r/tea/17": "text/html; charset=utf-8",
		"/docs": "text/html; charset=utf-8", "/static/app.js": "text/javascript; charset=utf-8",
	} {
		r := s.do("", "GET "+path, nil).want(200)
		etag := r.Header.Get("ETag")
		if r.Header.Get("Content-Type") != ct || r.Header.Get("Cache-Control") != "no-cache" || etag == "" || r.Body == "" {
			t.Errorf("%s: %v", path, r.Header)
		}
		known := s.do("", "GET "+path, nil, func(r *http.Request) { r.Header.Set("If-None-Match", etag) }).want(304)
		if known.Body != "" || known.Header.Get("ETag") != etag {
			t.Errorf("%s: 304 with %v", path, known.Header)
		}
		s.do("", "GET "+path, nil, func(r *http.Request) { r.Header.Set("If-None-Match", `"old"`) }).want(200)
	}
	if s.do("", "GET /", nil).Header.Get("ETag") == s.do("", "GET /docs", nil).Header.Get("ETag") {
		t.Error("two pages with one ETag")
	}
}

func TestAssetsCompressed(t *testing.T) {
	text := strings.Repeat("export const answer = 42;\n", 100)
	s := newSite(t, func(o *web.Options) {
		o.Static = fstest.MapFS{"big.js": {Data: []byte(text)}, "small.js": {Data: []byte("1;")}}
	})
	get := func(path, accept string) reply {
		return s.do("", "GET "+path, nil, func(r *http.Request) { r.Header.Set("Accept-Encoding", accept) }).want(200)
	}
	plain := get("/static/big.js", "br")
	if plain.Body != text || plain.Header.Get("Content-Encoding") != "" || plain.Header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("plain: %v", plain.Header)
	}
	for _, accept := range []string{"gzip", "br, gzip;q=0.5", "deflate , GZIP"} {
		r := get("/static/big.js", accept)
		if r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("ETag") == plain.Header.Get("ETag") || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %v", accept, r.Header)
		}
		z, err := gzip.NewReader(strings.NewReader(r.Body))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(z); err != nil || string(got) != text {
			t.Errorf("%s: %d bytes, %v", accept, len(got), err)
		}
	}
	for _, accept := range []string{"gzip;q=0", "gzip; q=0.000", "identity", ""} {
		if r := get("/static/big.js", accept); r.Body != text {
			t.Errorf("%q gets %v", accept, r.Header)
		}
	}
	if r := get("/static/small.js", "gzip"); r.Body != "1;" || r.Header.Get("Vary") != "" {
		t.Errorf("what does not shrink: %v", r.Header)
	}
}

// TestEmbeddedPage holds that the page as it is can be served: every file has a
// type, and both pages are there.
func TestEmbeddedPage(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Static = nil })
	for _, path := range []string{"/", "/docs", "/static/docs.js", "/static/docs.css"} {
		if r := s.do("", "GET "+path, nil).want(200); len(r.Body) < 100 {
			t.Errorf("%s is %q", path, r.Body)
		}
	}
}

func TestUnknownAsset(t *testing.T) {
	var o web.Options
	newSite(t, func(real *web.Options) { o = *real })
	o.Static = fstest.MapFS{"virus.exe": {Data: []byte("MZ")}}
	if _, err := web.New(o); err == nil || !strings.Contains(err.Error(), "virus.exe") {
		t.Errorf("a file of unknown type: %v", err)
	}
}

func TestSocketRoute(t *testing.T) {
	served := 0
	s := newSite(t, func(o *web.Options) {
		o.Sockets = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			served++
			if got := web.Caller(r.Context()).User.Name; got != "ann" {
				t.Errorf("the socket is of %q", got)
			}
			w.WriteHeader(http.StatusNoContent)
		})
	})
	ann := s.signUp("ann")
	s.do(ann.Token, "GET /v1/socket", nil).want(204)
	s.web.SetDraining(true)
	s.do(ann.Token, "GET /v1/me", nil).want(200) // until the listener closes
	if served != 1 {
		t.Errorf("%d served", served)
	}
}

func TestAdmin(t *testing.T) {
	s := newSite(t)
	s.do("", "GET /v1/rooms/tea/messages?limit=3", nil).want(401)
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.web.AdminHandler().ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	body := ask("GET", "/metrics").Body.String()
	for _, want := range []string{"go_goroutines", "process_", `hubbub_info{node="n1",version="test"} 1`,
		`hubbub_http_requests_total{method="GET",route="/v1/rooms/{room}/messages",status="401"} 1`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	if w := ask("GET", "/debug/pprof/goroutine?debug=1"); w.Code != 200 || !strings.Contains(w.Body.String(), "goroutine profile") {
		t.Errorf("profile: %d", w.Code)
	}
	if w := ask("GET", "/debug/pprof/cmdline"); w.Code != 404 {
		t.Errorf("the command line is shown: %d %q", w.Code, w.Body)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/vars"} {
		s.do("", "GET "+path, nil).want(404)
	}
	body = ask("GET", "/metrics").Body.String()
	if strings.Contains(body, "vars") || !strings.Contains(body, `route="unmatched",status="404"} 3`) {
		t.Error("paths that are not there have labels of their own")
	}
}

// gone is a client that hung up before the answer.
type gone struct{ http.ResponseWriter }

func (gone) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestClientGone(t *testing.T) {
	s := newSite(t)
	ann := s.signUp("ann")
	r := httptest.NewRequest("GET", "/v1/me", nil)
	r.Host = "localhost"
	r.Header.Set("Authorization", "Bearer "+ann.Token)
	s.handler.ServeHTTP(gone{httptest.NewRecorder()}, r)
	if log := s.log.String(); strings.Contains(log, "panic") {
		t.Errorf("a client that hung up is logged as a panic: %s", log)
	}
}
