package mw

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Problem is the body of every refusal, RFC 9457. Code is stable and for
// programs; Title and Detail are for people and may change.
type Problem struct {
	Type         string `json:"type"` // "/problems/CODE"
	Title        string `json:"title"`
	Status       int    `json:"status"`
	Code         string `json:"code"`
	Detail       string `json:"detail,omitempty"`
	RequestID    string `json:"request_id,omitempty"`
	RetryAfterMS int64  `json:"retry_after_ms,omitempty"`
}

// NewProblem fills a Problem for the request that ctx belongs to. retryAfter is
// 0 where trying again is no cure.
func NewProblem(ctx context.Context, status int, code, detail string, retryAfter time.Duration) Problem {
	return Problem{
		Type: "/problems/" + code, Title: title(status, code), Status: status, Code: code, Detail: detail,
		RequestID:    RequestID(ctx),
		RetryAfterMS: roundUp(retryAfter, time.Millisecond),
	}
}

// WriteProblem answers r with a problem document. A retryAfter above 0 is also
// told in Retry-After, in whole seconds rounded up. The detail is shown to the
// client: nothing internal may be in it. Nothing may have been written before.
func WriteProblem(w http.ResponseWriter, r *http.Request, status int, code, detail string, retryAfter time.Duration) {
	body, err := json.Marshal(NewProblem(r.Context(), status, code, detail, retryAfter))
	if err != nil { // strings and numbers only
		panic(err)
	}
	h := w.Header()
	// What a handler had prepared for another answer does not describe this one.
	for _, name := range []string{"Content-Encoding", "Etag", "Last-Modified", "Content-Disposition"} {
		h.Del(name)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	if retryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(roundUp(retryAfter, time.Second), 10))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left needs no answer
}

// roundUp counts the units in d, a begun one as a whole.
func roundUp(d, unit time.Duration) int64 { return int64((d + unit - 1) / unit) }

func title(status int, code string) string {
	switch code {
	case "invalid":
		return "Invalid fields"
	case "rate_limited":
		return "Too many requests"
	case "unauthenticated":
		return "Sign in first"
	case "unknown_outcome":
		return "Outcome not known: try again with the same id"
	}
	return http.StatusText(status)
}
