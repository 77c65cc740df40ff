package orders_test

import (
	"slices"
	"strings"
	"testing"

	"hubbub/orders"
)

// next is what the API promises, in a row for each status.
var next = map[orders.Status]string{
	orders.Pending:   "paid cancelled",
	orders.Paid:      "packed cancelled refunded",
	orders.Packed:    "shipped refunded",
	orders.Shipped:   "delivered refunded",
	orders.Delivered: "returned refunded",
	orders.Returned:  "refunded",
	orders.Cancelled: "",
	orders.Refunded:  "",
}

// All 64 pairs: a step is made, or it is refused, names the legal ones and changes
// nothing.
func TestMove(t *testing.T) {
	w := newWorld(t)
	for _, from := range orders.Statuses {
		allowed := strings.Fields(next[from])
		for _, to := range orders.Statuses {
			id := w.at(from)
			before, told := w.order(id), len(w.published)
			r, err := w.Move(t.Context(), support, id, newKey(), to, "because")
			after := w.order(id)
			if slices.Contains(allowed, string(to)) {
				w.ok(err)
				if e := r.Event; e == nil || e.From != from || e.To != to || e.Reason != "because" || e.Actor.ID != "sue" {
					t.Errorf("%s to %s: event %+v", from, to, e)
				}
				if after.Status != to || after.Version != before.Version+1 || len(w.published) != told+1 {
					t.Errorf("%s to %s: %+v", from, to, after)
				}
				continue
			}
			e := w.is(err, orders.ErrIllegalStep)
			var names []string
			for _, s := range e.Allowed {
				names = append(names, string(s))
			}
			if e.From != from || !slices.Equal(names, allowed) {
				t.Errorf("%s to %s: from %s, allowed %v", from, to, e.From, names)
			}
			w.same(before, after)
			if len(w.published) != told {
				t.Errorf("%s to %s: a refusal was published", from, to)
			}
		}
	}
}

func TestMoveBadInput(t *testing.T) {
	w := newWorld(t)
	id := w.placed()
	before := w.order(id)
	for _, to := range []orders.Status{"", "Paid", "paid ", "lost", "'; --"} {
		_, err := w.Move(t.Context(), shop, id, newKey(), to, "")
		if e := w.is(err, orders.ErrInvalid); e.Fields[0].Field != "/to" {
			t.Errorf("%q: %+v", to, e.Fields)
		}
	}
	for reason, good := range map[string]bool{
		strings.Repeat("é", orders.MaxReason): true, strings.Repeat("x", orders.MaxReason+1): false,
		"a\nb": false, "a\x00": false, "\xff": false, "'; DROP TABLE orders; --": true,
	} {
		_, err := w.Move(t.Context(), shop, w.placed(), newKey(), orders.Paid, reason)
		if good {
			w.ok(err)
			continue
		}
		if e := w.is(err, orders.ErrInvalid); e.Fields[0].Field != "/reason" {
			t.Errorf("%q: %+v", reason, e.Fields)
		}
		_, err = w.Cancel(t.Context(), ada, id, nil, reason)
		w.is(err, orders.ErrInvalid)
	}
	w.same(before, w.order(id))
}
