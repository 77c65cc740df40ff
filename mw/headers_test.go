package mw_test

import (
	"net/http"
	"strings"
	"testing"

	"hubbub/mw"
)

func TestSecurityHeaders(t *testing.T) {
	s := newSite(t, func(o *mw.Options) { o.Proxies = proxies(t) })
	h := s.do("GET", "/ok").Header()
	for name, want := range map[string]string{
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Strict-Transport-Security":    "",
		"Server":                       "",
		"Access-Control-Allow-Origin":  "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	csp := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'", "object-src 'none'",
		"base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(csp+";", want+";") {
			t.Errorf("no %s in %s", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
		t.Errorf("CSP is open: %s", csp)
	}
	h = s.do("GET", "/ok", "Peer", "10.0.0.1:1", "X-Forwarded-Proto", "https").Header()
	if h.Get("Strict-Transport-Security") != "max-age=31536000" {
		t.Error("no HSTS over TLS")
	}
}

func TestTraceIsRefused(t *testing.T) {
	s := newSite(t, nil)
	w := s.do(http.MethodTrace, "/ok", "Cookie", "hubbub=secret")
	if w.Code != 405 || w.Header().Get("Allow") == "" || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("answer %d %v %s", w.Code, w.Header(), w.Body)
	}
}
