package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthcheck(t *testing.T) {
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	listen := "--listen=" + node.Listener.Addr().String()
	for _, tt := range []struct {
		path []string
		want string // in the error; "" is healthy
	}{
		{nil, ""}, {[]string{"/healthz"}, ""}, {[]string{"/readyz"}, "answers 503"},
	} {
		c := mustParse(t, append([]string{"healthcheck", listen}, tt.path...), nil)
		if c.Mode != ModeHealthcheck {
			t.Fatalf("mode %q", c.Mode)
		}
		err := healthcheck(t.Context(), c.HealthURL)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.path, err, tt.want)
		}
	}
	node.Close()
	if err := healthcheck(t.Context(), node.URL+"/healthz"); err == nil {
		t.Error("a node that is gone counts as healthy")
	}
}

func TestHealthURL(t *testing.T) {
	for listen, want := range map[string]string{
		":8080": "http://127.0.0.1:8080/healthz", "0.0.0.0:81": "http://127.0.0.1:81/healthz",
		"[::]:82": "http://[::1]:82/healthz", "10.0.0.5:83": "http://10.0.0.5:83/healthz",
	} {
		if c := mustParse(t, []string{"healthcheck", "--listen", listen}, nil); c.HealthURL != want {
			t.Errorf("--listen %s: asks %q, want %q", listen, c.HealthURL, want)
		}
	}
}
