package web

import (
	"context"
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
	case "conflict":
		return http.StatusConflict
	case "too_large":
		return http.StatusRequestEntityTooLarge
	case "unsupported":
		return http.StatusUnsupportedMediaType
	case "invalid":
		return http.StatusUnprocessableEntity
	case "rate_limited":
		return http.StatusTooManyRequests
	case "internal":
		return http.StatusInternalServerError
	case "unknown_outcome", "unavailable":
		return http.StatusServiceUnavailable
	}
	return 0
}

// codeOf is the way back, for the statuses that huma chooses itself.
func codeOf(status int) string {
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
	var e *chat.Error
	switch {
	case errors.As(err, &e) && statusOf(e.Code) != 0:
	case ctx.Err() != nil: // the client is gone, nobody reads this
		return newProblem(ctx, "unavailable", "", 0)
	default:
		e = &chat.Error{Code: "internal", Cause: err}
	}
	if e.Cause != nil {
		level := slog.LevelError
		if errors.Is(e, chat.ErrUnavailable) { // the store tells of an outage once
			level = slog.LevelDebug
		}
		s.o.Log.LogAttrs(ctx, level, "call failed", slog.String("code", e.Code),
			slog.String("request_id", mw.RequestID(ctx)), slog.String("error", err.Error()))
	}
	p := newProblem(ctx, e.Code, e.Text, e.RetryAfter)
	if e.Field != "" {
		p.Errors = []wire.FieldError{{Field: e.Field, Detail: e.Text}}
		p.Detail = e.Field + ": " + e.Text
	}
	return p
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
	p := newProblem(ctx.Context(), codeOf(m.Status), "", 0)
	p.Status = m.Status
	for _, d := range m.Errors {
		p.Errors = append(p.Errors, fieldError(d))
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
