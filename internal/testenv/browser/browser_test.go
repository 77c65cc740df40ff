package browser

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A page with each fault that Errors is there for.
func TestErrorsAreSeen(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Security-Policy", "script-src 'self'; require-trusted-types-for 'script'")
			_, _ = w.Write([]byte(`<!doctype html><title>x</title><script>inline()</script><p>hello</p><script src="/x.js"></script>`))
		case "/x.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(`console.error("said", 7); fetch("/missing"); setTimeout(() => { document.body.innerHTML = "<b>x</b>" }); setTimeout(() => { setTimeout(() => { document.title = "over" }); throw new Error("thrown") })`))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	p := Start(t).Page(t, server.URL)
	p.goTo("/")
	p.Until("the script ran", `document.title === "over"`)

	got := strings.Join(p.Errors(), "\n")
	for _, want := range []string{"inline script", `console: "said" 7`, "Error: thrown", "TrustedHTML"} {
		if !strings.Contains(got, want) {
			t.Errorf("no fault with %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "404") {
		t.Errorf("a failed call counts as a fault of the page:\n%s", got)
	}
	p.faults = nil // seen
}
