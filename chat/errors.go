package chat

import (
	"errors"
	"time"
)

// Error is a failure that a client is told of: a stable code, and a sentence
// that may be shown. The codes are those of the protocol; web has the one table
// that maps them to HTTP statuses. Everything that is not an Error is
// "internal" to the client and logged for the operator.
type Error struct {
	// Code is stable and part of the protocol.
	Code string
	// Text is safe to show.
	Text string
	// Field names the input that is wrong, if it is one.
	Field string
	// RetryAfter says when it makes sense to try again; 0 when it does not.
	RetryAfter time.Duration
	// Cause is for the log, never for the client.
	Cause error
}

func (e *Error) Error() string {
	s := e.Code + ": " + e.Text
	if e.Field != "" {
		s = e.Code + ": " + e.Field + ": " + e.Text
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is(err, ErrNotFound) true for every error with that code.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code && (t.Text == "" || t.Text == e.Text)
}

// The codes, each as a value for errors.Is. With a Text of their own they are
// returned as they are; the others are made by [Refuse], [Invalid] and [Wrap].
var (
	ErrBadRequest      = &Error{Code: "bad_request"}
	ErrUnauthenticated = &Error{Code: "unauthenticated"}
	ErrForbidden       = &Error{Code: "forbidden"}
	ErrNotFound        = &Error{Code: "not_found"}
	ErrConflict        = &Error{Code: "conflict"}
	ErrTooLarge        = &Error{Code: "too_large"}
	ErrUnsupported     = &Error{Code: "unsupported"}
	ErrInvalid         = &Error{Code: "invalid"}
	ErrRateLimited     = &Error{Code: "rate_limited"}
	ErrInternal        = &Error{Code: "internal"}
	ErrUnknownOutcome  = &Error{Code: "unknown_outcome"}
	ErrUnavailable     = &Error{Code: "unavailable"}
)

// Refuse makes an error of the same code as kind, with a text for the client.
func Refuse(kind *Error, text string) *Error { return &Error{Code: kind.Code, Text: text} }

// Invalid refuses one field of the input.
func Invalid(field, text string) *Error {
	return &Error{Code: ErrInvalid.Code, Field: field, Text: text}
}

// Later refuses for now: try again after the delay. The cause, if any, is logged.
func Later(kind *Error, text string, after time.Duration, cause error) *Error {
	return &Error{Code: kind.Code, Text: text, RetryAfter: after, Cause: cause}
}

// The refusals that several places give.
var (
	errNoRoom    = Refuse(ErrNotFound, "there is no such room")
	errNoMessage = Refuse(ErrNotFound, "there is no such message")
	errNoUser    = Refuse(ErrNotFound, "there is no such user")
	errNoSession = Refuse(ErrNotFound, "there is no such session")
)

// NoRoom, NoMessage, NoUser and NoSession say that something is absent, or
// that the caller may not know of it: the answer is the same.
func NoRoom() error    { return errNoRoom }
func NoMessage() error { return errNoMessage }
func NoUser() error    { return errNoUser }
func NoSession() error { return errNoSession }
