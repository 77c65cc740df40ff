package mw

import (
	"net/http"
	"strings"
)

// DefaultMaxBody is the most bytes of a request body unless told otherwise.
const DefaultMaxBody = 64 << 10

// LimitBody answers 413 to a body that is announced as larger than most says of
// the request, in bytes (0, or most is nil: [DefaultMaxBody]), and makes reading past that fail with an
// *http.MaxBytesError where it was not announced. A compressed body is refused
// with 415: its true size is known too late.
func LimitBody(most func(*http.Request) int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
				WriteProblem(w, r, http.StatusUnsupportedMediaType, "unsupported", "Compressed request bodies are not accepted.", 0)
				return
			}
			limit := int64(DefaultMaxBody)
			if most != nil {
				if n := most(r); n > 0 {
					limit = n
				}
			}
			if r.ContentLength > limit {
				w.Header().Set("Connection", "close") // rather than read it to its end
				WriteProblem(w, r, http.StatusRequestEntityTooLarge, "too_large", "", 0)
				return
			}
			if r.Body != nil && r.Body != http.NoBody {
				r.Body = http.MaxBytesReader(innermost(w), r.Body, limit)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// innermost is the server's own writer: http.MaxBytesReader tells only that one
// to close the connection when the rest of the body is not worth reading.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}
