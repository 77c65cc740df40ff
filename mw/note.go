package mw

import (
	"context"
	"net/http"
)

// note is what the links find out about a request. The first link that has
// something to note puts it into the context; the later ones, on the same
// goroutine, write into it, so that a request is copied once and not by each of
// them.
type note struct {
	id        string // [RequestID]
	client    client
	user      string // for the log line
	principal Principal
	known     bool // principal is set
}

type noteKey struct{}

// noted gives the request's note, and the request that bears it.
func noted(r *http.Request) (*note, *http.Request) {
	if n := noteOf(r.Context()); n != nil {
		return n, r
	}
	n := &note{}
	return n, r.WithContext(context.WithValue(r.Context(), noteKey{}, n))
}

// noteOf is nil for a context of no request that a link has seen.
func noteOf(ctx context.Context) *note {
	n, _ := ctx.Value(noteKey{}).(*note)
	return n
}
