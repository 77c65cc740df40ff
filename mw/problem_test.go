package mw_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"hubbub/mw"
)

func TestWriteProblem(t *testing.T) {
	for _, tt := range []struct {
		after  time.Duration
		header string
		body   string
	}{
		{0, "", `{"type":"/problems/conflict","title":"Conflict","status":409,"code":"conflict","detail":"taken"}`},
		{time.Microsecond, "1", `{"type":"/problems/conflict","title":"Conflict","status":409,"code":"conflict","detail":"taken","retry_after_ms":1}`},
		{1500 * time.Millisecond, "2", `{"type":"/problems/conflict","title":"Conflict","status":409,"code":"conflict","detail":"taken","retry_after_ms":1500}`},
	} {
		w := httptest.NewRecorder()
		mw.WriteProblem(w, request("GET", "/"), 409, "conflict", "taken", tt.after)
		if w.Code != 409 || w.Header().Get("Retry-After") != tt.header || w.Body.String() != tt.body {
			t.Errorf("after %v: %d, Retry-After %q, %s", tt.after, w.Code, w.Header().Get("Retry-After"), w.Body)
		}
		if h := w.Header(); h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/problem+json" {
			t.Errorf("headers %v", h)
		}
	}
}
