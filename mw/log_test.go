package mw_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hubbub/mw"
)

func never(*http.Request) bool       { return false }
func unmatched(*http.Request) string { return "" }

func TestLogKeepsSecretsAndLineBreaksOut(t *testing.T) {
	var text bytes.Buffer
	link := mw.Log(slog.New(slog.NewTextHandler(&text, nil)), unmatched, never)
	h := link(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "answer")
	}))
	r := httptest.NewRequest("POST", "/a%0d%0alevel=ERROR%1b[31m?q=secret", strings.NewReader("secret"))
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("Cookie", "hubbub=secret")
	r.Header.Set("User-Agent", "secret")
	r.Header.Set("Referer", "https://secret.example")
	h.ServeHTTP(httptest.NewRecorder(), r)
	got := text.String()
	if strings.Contains(got, "secret") {
		t.Errorf("logged a secret: %s", got)
	}
	if strings.Count(got, "\n") != 1 || strings.ContainsAny(got, "\r\x1b") {
		t.Errorf("not one clean line: %q", got)
	}
	for _, want := range []string{"method=POST", `path="/a%0d%0alevel=ERROR%1b[31m"`, "status=200", "bytes=6", "duration="} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

func TestLogShortensWhatTheClientMadeUp(t *testing.T) {
	s := newSite(t, nil)
	s.do("GET", "/"+strings.Repeat("x", 5000))
	if n := len(s.log.String()); n > 600 {
		t.Errorf("the line is %d bytes long", n)
	}
}

func TestLogRouteInsteadOfPath(t *testing.T) {
	s := newSite(t, nil)
	s.do("GET", "/ok")
	s.do("GET", "/nowhere")
	lines := s.lines(t, "request")
	if lines[0]["route"] != "/ok" || lines[0]["path"] != nil {
		t.Errorf("matched: %v", lines[0])
	}
	if lines[1]["path"] != "/nowhere" || lines[1]["route"] != nil || lines[1]["status"] != 404.0 {
		t.Errorf("unmatched: %v", lines[1])
	}
}

func TestLogUser(t *testing.T) {
	var text bytes.Buffer
	link := mw.Log(slog.New(slog.NewTextHandler(&text, nil)), unmatched, never)
	link(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mw.LogUser(r.Context(), "late")
	})).ServeHTTP(httptest.NewRecorder(), request("GET", "/"))
	if !strings.Contains(text.String(), "user=late") {
		t.Error(text.String())
	}
	mw.LogUser(t.Context(), "outside of a request")
}

func TestLogFailures(t *testing.T) {
	s := newSite(t, nil)
	s.do("GET", "/ok", "Authorization", "Bearer down")
	if lines := s.lines(t, "request"); lines[0]["level"] != "WARN" {
		t.Errorf("a 503 is logged at %v", lines[0]["level"])
	}
	if lines := s.lines(t, "sign-in check failed"); len(lines) != 1 || !strings.Contains(lines[0]["error"].(string), "refused") {
		t.Errorf("the cause is not logged: %v", lines)
	}
}

// serve puts h at /stream, behind the whole chain and a real connection.
func serve(t *testing.T, h http.HandlerFunc) (*site, *httptest.Server) {
	t.Helper()
	s := newSite(t, nil)
	s.mux.HandleFunc("/stream", h)
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	return s, server
}

func TestLogHijackedIsOneLineAtTheEnd(t *testing.T) {
	var lasted time.Duration
	s, server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		defer func() { lasted = time.Since(start) }()
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n")
		_ = rw.Flush()
		_, _ = rw.ReadString('\n')
	})
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /stream HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n", server.Listener.Addr())
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "101") {
		t.Fatalf("%q, %v", line, err)
	}
	if lines := s.lines(t, "request"); len(lines) != 0 {
		t.Errorf("logged before the end: %v", lines)
	}
	fmt.Fprint(conn, "bye\n")
	<-s.log.wrote
	lines := s.lines(t, "request")
	if len(lines) != 1 || lines[0]["status"] != 101.0 || lines[0]["duration"].(float64) < float64(lasted) {
		t.Errorf("logged %v", lines)
	}
	if n := metric(t, s.metrics, "hubbub_http_request_duration_seconds", "method", "GET", "route", "/stream"); n != 0 {
		t.Error("the length of a WebSocket is measured as the duration of a request")
	}
}

func TestLogFinalStatus(t *testing.T) {
	s, server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
	})
	resp, err := http.Get(server.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	<-s.log.wrote
	if lines := s.lines(t, "request"); len(lines) != 1 || lines[0]["status"] != 202.0 {
		t.Errorf("logged %v", lines)
	}
}

func TestFlushReachesTheClient(t *testing.T) {
	release := make(chan struct{})
	_, server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "one\n")
		w.(http.Flusher).Flush()
		rc := http.NewResponseController(w)
		if err := rc.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("SetWriteDeadline through the chain: %v", err)
		}
		_, _ = io.WriteString(w, "two\n")
		if err := rc.Flush(); err != nil {
			t.Errorf("Flush: %v", err)
		}
		<-release
	})
	defer close(release)
	resp, err := http.Get(server.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body := bufio.NewReader(resp.Body)
	for _, want := range []string{"one\n", "two\n"} {
		if line, err := body.ReadString('\n'); line != want {
			t.Fatalf("read %q, %v while the handler runs, want %q", line, err, want)
		}
	}
}
