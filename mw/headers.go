package mw

import (
	"maps"
	"net/http"
	"strings"
)

// contentSecurityPolicy lets a page load only what this server serves and run
// no script that is not a file of it. 'self' in connect-src covers ws: and wss:
// of the same host (CSP level 3).
var contentSecurityPolicy = strings.Join([]string{
	"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:",
	"font-src 'self'", "connect-src 'self'", "manifest-src 'self'", "object-src 'none'", "base-uri 'none'",
	"form-action 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
}, "; ")

// securityHeaders are the same for every answer; so are the slices, which nobody
// changes: http.Header replaces them or appends to a copy.
var securityHeaders = http.Header{
	"Content-Security-Policy": {contentSecurityPolicy},
	"X-Content-Type-Options":  {"nosniff"},
	// Not "no-referrer": with it browsers send "Origin: null" from our own forms.
	"Referrer-Policy":              {"same-origin"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy":           {"camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
}

// SecurityHeaders sets the headers that keep a browser from doing more with an
// answer than it should; a handler may set stricter ones. Over TLS it asks
// browsers to stay there for a year. TRACE, which would echo cookies to a
// script, is answered with 405.
func SecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		maps.Copy(h, securityHeaders)
		if Secure(r.Context()) {
			// Without includeSubDomains: other names under ours are not ours to decide on.
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if r.Method == http.MethodTrace {
			h.Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
			WriteProblem(w, r, http.StatusMethodNotAllowed, "bad_request", "TRACE is not served.", 0)
			return
		}
		next.ServeHTTP(w, r)
	})
}
