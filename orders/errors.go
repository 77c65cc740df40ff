package orders

import (
	"errors"
	"time"
)

// Error is a failure that a client is told of. The codes are stable; web has the
// one table that maps them to HTTP statuses. Everything that is not an Error is
// "internal" to the client and logged for the operator.
type Error struct {
	Code string
	// Text is safe to show.
	Text string
	// Fields names every input that is wrong, each with a JSON pointer.
	Fields []FieldError
	// From and Allowed go with ErrIllegalStep.
	From    Status
	Allowed []Status
	// Version is the current one, with ErrStale.
	Version uint64
	// RetryAfter says when it makes sense to try again; 0 when it does not.
	RetryAfter time.Duration
	// Cause is for the log, never for the client.
	Cause error
}

// FieldError says what is wrong with one field. Field is a JSON pointer
// (RFC 6901), such as /lines/0/quantity, or the name of a parameter.
type FieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

func (e *Error) Error() string {
	s := e.Code + ": " + e.Text
	for _, f := range e.Fields {
		s += "; " + f.Field + " " + f.Detail
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

// The codes, each as a value for errors.Is.
var (
	ErrBadRequest      = &Error{Code: "bad_request"}           // 400
	ErrUnauthenticated = &Error{Code: "unauthenticated"}       // 401
	ErrForbidden       = &Error{Code: "forbidden"}             // 403: the call is not for this role
	ErrNotFound        = &Error{Code: "not_found"}             // 404: absent, or somebody else's
	ErrIllegalStep     = &Error{Code: "illegal_step"}          // 409: see From and Allowed
	ErrConflict        = &Error{Code: "conflict"}              // 409: not as things stand
	ErrClosed          = &Error{Code: "order_closed"}          // 409: too late to change that
	ErrKeyRunning      = &Error{Code: "key_running"}           // 409: the first call with the key still runs
	ErrStale           = &Error{Code: "stale"}                 // 412: see Version
	ErrInvalid         = &Error{Code: "invalid"}               // 422: see Fields
	ErrKeyReused       = &Error{Code: "key_reused"}            // 422: the key stands for another request
	ErrNoLog           = &Error{Code: "no_log"}                // never shown: see Store.Place
	ErrNoPrecondition  = &Error{Code: "precondition_required"} // 428
	ErrUnknownOutcome  = &Error{Code: "unknown_outcome"}       // 503: send the same again
	ErrUnavailable     = &Error{Code: "unavailable"}           // 503
)

// Refuse makes an error of the same code as kind, with a text for the client.
func Refuse(kind *Error, text string) *Error { return &Error{Code: kind.Code, Text: text} }

// Later refuses for now: try again after the delay. The cause, if any, is logged.
func Later(kind *Error, text string, after time.Duration, cause error) *Error {
	return &Error{Code: kind.Code, Text: text, RetryAfter: after, Cause: cause}
}

// Invalid refuses one field of the input.
func Invalid(field, detail string) *Error {
	return &Error{Code: ErrInvalid.Code, Text: field + " " + detail, Fields: []FieldError{{field, detail}}}
}

var errNoOrder = Refuse(ErrNotFound, "there is no such order")

// NoOrder says that an order is absent, or that the caller may not know of it:
// the answer is the same.
func NoOrder() *Error { return errNoOrder }

var errKeyReused = Refuse(ErrKeyReused, "the idempotency key was used for another request")

// KeyReused says that a key came with two different requests.
func KeyReused() *Error { return errKeyReused }
