package orders

import (
	"slices"
	"strings"
)

// Status is where an order stands.
type Status string

const (
	Pending   Status = "pending"
	Paid      Status = "paid"
	Packed    Status = "packed"
	Shipped   Status = "shipped"
	Delivered Status = "delivered"
	Returned  Status = "returned"
	Cancelled Status = "cancelled"
	Refunded  Status = "refunded"
)

// Statuses are all of them, in the order in which an order may meet them.
var Statuses = []Status{Pending, Paid, Packed, Shipped, Delivered, Returned, Cancelled, Refunded}

// steps is the one table of what may follow.
var steps = map[Status][]Status{
	Pending:   {Paid, Cancelled},
	Paid:      {Packed, Cancelled, Refunded},
	Packed:    {Shipped, Refunded},
	Shipped:   {Delivered, Refunded},
	Delivered: {Returned, Refunded},
	Returned:  {Refunded},
}

// Known tells whether it is one of [Statuses].
func (s Status) Known() bool { return slices.Contains(Statuses, s) }

// Next lists the statuses that may follow; none for a status that is final.
func (s Status) Next() []Status { return steps[s] }

// Open tells whether note, metadata and address may still change: the parcel has
// not left, and the order is not over.
func (s Status) Open() bool { return s == Pending || s == Paid || s == Packed }

// step refuses what the table does not have, naming what it has.
func (s Status) step(to Status) *Error {
	next := s.Next()
	if slices.Contains(next, to) {
		return nil
	}
	text := "the order is " + string(s) + ", which is final"
	if len(next) > 0 {
		names := make([]string, len(next))
		for i, n := range next {
			names[i] = string(n)
		}
		text = "the order is " + string(s) + ": it can become " + strings.Join(names, ", ")
	}
	return &Error{Code: ErrIllegalStep.Code, Text: text, From: s, Allowed: next}
}
