package mw

import (
	"context"
	"crypto/rand"
	"net/http"
)

const requestIDHeader = "X-Request-Id"

// RequestIDs gives each request an id, 128 random bits as text, in its context
// and in the response header X-Request-Id. A trusted proxy may bring its own:
// 1 to 64 letters, digits, '.', '_' or '-'; anything else is replaced.
func RequestIDs(trusted Proxies) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id := r.Header.Get(requestIDHeader)
			if !cleanID(id) || !trusted.Contains(peerAddr(r)) {
				id = rand.Text()
			}
			w.Header().Set(requestIDHeader, id)
			n, r := noted(r)
			n.id = id
			next.ServeHTTP(w, r)
		})
	}
}

// RequestID is the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	if n := noteOf(ctx); n != nil {
		return n.id
	}
	return ""
}

func cleanID(id string) bool {
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.' || c == '_' || c == '-':
		default:
			return false
		}
	}
	return true
}
