package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hubbub/chat"
	"hubbub/chat/wire"
	"hubbub/mw"
	"hubbub/orders"
)

// statusOf is the one table from the protocol's error codes to HTTP statuses; 0
// for what is no code of the protocol.
func statusOf(code string) int {
	switch code {
	case "bad_request":
		return http.StatusBadRequest
	case "unauthenticated":
		return http.StatusUnauthorized
	case "forbidden":
		return http.StatusForbidden
	case "not_found":
		return http.StatusNotFound
	case "conflict", "illegal_step", "order_closed", "key_running":
		return http.StatusConflict
	case "stale":
		return http.StatusPreconditionFailed
	case "too_large":
		return http.StatusRequestEntityTooLarge
	case "unsupported":
		return http.StatusUnsupportedMediaType
	case "invalid", "key_reused":
		return http.StatusUnprocessableEntity
	case "precondition_required":
		return http.StatusPreconditionRequired
	case "rate_limited":
		return http.StatusTooManyRequests
	case "internal":
		return http.StatusInternalServerError
	case "unknown_outcome", "unavailable":
		return http.StatusServiceUnavailable
	}
	return 0
}

// codeOf is the code of an error that a client is told of; "" for others.
func codeOf(err error) string {
	if e, ok := errors.AsType[*chat.Error](err); ok {
		return e.Code
	}
	if e, ok := errors.AsType[*orders.Error](err); ok {
		return e.Code
	}
	return ""
}

// codeFor is the way back from a status, for those that huma chooses itself.
func codeFor(status int) string {
	for _, code := range []string{"bad_request", "unauthenticated", "forbidden", "not_found", "conflict",
		"too_large", "unsupported", "invalid", "rate_limited", "unavailable"} {
		if statusOf(code) == status {
			return code
		}
	}
	if status >= 400 && status < 500 {
		return "bad_request"
	}
	return "internal"
}

// problem is the body of every refusal by a handler: RFC 9457 with the fields
// that are wrong, if it was the input.
type problem struct {
	mw.Problem
	Errors []wire.FieldError `json:"errors,omitempty"`
	// Of orders.
	From    orders.Status   `json:"from,omitempty" doc:"With illegal_step: where the order stands."`
	Allowed []orders.Status `json:"allowed,omitzero" doc:"With illegal_step: what may follow."`
	Version uint64          `json:"version,omitempty" doc:"With stale: the version that the order has now."`

	retryAfter time.Duration
}

// The methods that huma looks for in an error.

func (p *problem) Error() string             { return p.Code + ": " + p.Detail }
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) ContentType(string) string { return "application/problem+json" }

func (p *problem) GetHeaders() http.Header {
	h := http.Header{}
	h.Set("Cache-Control", "no-store")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((p.retryAfter+time.Second-1)/time.Second), 10))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	return h
}

// problem turns what a handler failed with into the answer. What is no error of
// the protocol is "internal" for the client; its cause goes to the log.
func (s *Server) problem(ctx context.Context, err error) *problem {
	p, cause := told(ctx, err)
	switch {
	case p != nil:
	case ctx.Err() != nil: // the client is gone, nobody reads this
		p = newProblem(ctx, "unavailable", "", 0)
	default:
		p, cause = newProblem(ctx, "internal", "", 0), err
	}
	if cause != nil {
		level := slog.LevelError
		if p.Code == "unavailable" { // the store tells of an outage once
			level = slog.LevelDebug
		}
		s.o.Log.LogAttrs(ctx, level, "call failed", slog.String("code", p.Code),
			slog.String("request_id", mw.RequestID(ctx)), slog.String("error", err.Error()))
	}
	return p
}

// told is what a client is told of an error, and what it is not; nil for an
// error that is none of its business.
func told(ctx context.Context, err error) (_ *problem, cause error) {
	// Orders first: the cause of one of theirs may be one of the chat's.
	if e, ok := errors.AsType[*orders.Error](err); ok && statusOf(e.Code) != 0 {
		p := newProblem(ctx, e.Code, e.Text, e.RetryAfter)
		p.From, p.Allowed, p.Version = e.From, e.Allowed, e.Version
		if e.Code == orders.ErrIllegalStep.Code && p.Allowed == nil {
			p.Allowed = []orders.Status{}
		}
		for _, f := range e.Fields {
			p.Errors = append(p.Errors, wire.FieldError(f))
		}
		return p, e.Cause
	}
	if e, ok := errors.AsType[*chat.Error](err); ok && statusOf(e.Code) != 0 {
		p := newProblem(ctx, e.Code, e.Text, e.RetryAfter)
		if e.Field != "" {
			p.Errors = []wire.FieldError{{Field: e.Field, Detail: e.Text}}
			p.Detail = e.Field + ": " + e.Text
		}
		return p, e.Cause
	}
	return nil, nil
}

// refuse answers with a problem where huma does not.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problem(r.Context(), err)
	body, err := json.Marshal(p)
	if err != nil { // strings and numbers only
		panic(err)
	}
	h := w.Header()
	for name, values := range p.GetHeaders() {
		h[name] = values
	}
	h.Set("Content-Type", p.ContentType(""))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // a client that left needs no answer
}

func newProblem(ctx context.Context, code, detail string, retryAfter time.Duration) *problem {
	if code == "unavailable" && retryAfter == 0 {
		retryAfter = time.Second
	}
	return &problem{Problem: mw.NewProblem(ctx, statusOf(code), code, detail, retryAfter), retryAfter: retryAfter}
}

// translate is the transformer that gives huma's own refusals, of input that
// does not fit the schema, the shape of ours. What the client sent is not
// repeated.
func translate(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := newProblem(ctx.Context(), codeFor(m.Status), "", 0)
	p.Status = m.Status
	for _, d := range m.Errors {
		f := fieldError(d)
		if in, _, _ := strings.Cut(d.Location, "."); in == "body" && usesPointers(ctx.Operation().Path) {
			f.Field = pointerTo(f.Field)
		}
		p.Errors = append(p.Errors, f)
	}
	if len(p.Errors) > 0 {
		p.Detail = strings.TrimPrefix(p.Errors[0].Field+": "+p.Errors[0].Detail, ": ")
	}
	ctx.SetHeader("Cache-Control", "no-store")
	return p, nil
}

// fieldError names the field as the client knows it: "body.members[0]" is
// "members[0]", and a missing field is named though huma blames its object.
func fieldError(d *huma.ErrorDetail) wire.FieldError {
	_, field, _ := strings.Cut(d.Location, ".")
	if rest, ok := strings.CutPrefix(d.Message, "expected required property "); ok {
		if name, ok := strings.CutSuffix(rest, " to be present"); ok {
			return wire.FieldError{Field: strings.TrimPrefix(field+"."+name, "."), Detail: "is required"}
		}
	}
	if pointer, ok := strings.CutSuffix(d.Message, misfit); ok && d.Location == "body" {
		field = strings.ReplaceAll(strings.TrimPrefix(pointer, "/"), "/", ".")
		return wire.FieldError{Field: field, Detail: "is unknown or out of range"}
	}
	return wire.FieldError{Field: field, Detail: d.Message}
}

// usesPointers tells the calls that name a field of the body by a JSON pointer
// (RFC 6901), as package orders does.
func usesPointers(path string) bool {
	return strings.HasPrefix(path, "/v1/orders") || strings.HasPrefix(path, "/v1/webhooks")
}

// pointerTo turns "lines[0].sku" into "/lines/0/sku"; all of the body is "".
func pointerTo(field string) string {
	if field == "" {
		return ""
	}
	return "/" + strings.NewReplacer("~", "~0", "/", "~1", "].", "/", "[", "/", ".", "/", "]", "").Replace(field)
}
