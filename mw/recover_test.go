package mw_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestRecover(t *testing.T) {
	s := newSite(t, nil)
	s.mux.HandleFunc("/stream", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "br")
		w.Header().Set("Content-Length", "7")
		w.Header().Set("Cache-Control", "public")
		panic("boom: secret dsn")
	})
	w := s.do("GET", "/stream")
	if p := problem(t, w); w.Code != 500 || p.Code != "internal" || p.Detail != "" {
		t.Errorf("answer %d %+v", w.Code, p)
	}
	if h := w.Header(); h.Get("Content-Encoding") != "" || h.Get("Content-Length") == "7" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers of the answer that was not given: %v", h)
	}
	lines := s.lines(t, "panic")
	if len(lines) != 1 || lines[0]["panic"] != "boom: secret dsn" || lines[0]["level"] != "ERROR" ||
		lines[0]["request_id"] != w.Header().Get("X-Request-Id") || !strings.Contains(lines[0]["stack"].(string), "recover_test.go") {
		t.Errorf("logged %v", lines)
	}
	if n := metric(t, s.metrics, "hubbub_http_panics_total"); n != 1 {
		t.Errorf("%v panics counted", n)
	}
}

func TestRecoverBreaksOffWhatWasBegun(t *testing.T) {
	s, server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic("boom")
	})
	resp, err := http.Get(server.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil || string(body) != "half" {
		t.Errorf("read %q, %v; want the half and an error", body, err)
	}
	<-s.log.wrote
	if lines := s.lines(t, "panic"); len(lines) != 1 {
		t.Errorf("logged %v", lines)
	}
}

func TestRecoverLetsAbortHandlerPass(t *testing.T) {
	s := newSite(t, nil)
	s.mux.HandleFunc("/stream", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("recovered %v", p)
		}
		if lines := s.lines(t, "panic"); len(lines) != 0 {
			t.Errorf("logged as a panic: %v", lines)
		}
		if lines := s.lines(t, "request"); len(lines) != 1 || lines[0]["status"] != 0.0 || lines[0]["aborted"] != true {
			t.Errorf("logged %v", lines)
		}
		if n := s.counted(t, "GET", "/stream", "0"); n != 1 {
			t.Errorf("counted %v times", n)
		}
	}()
	s.do("GET", "/stream")
}
