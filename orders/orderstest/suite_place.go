package orderstest

import (
	"crypto/rand"
	"strings"

	"hubbub/orders"
)

func (w world) placing() {
	ada := w.customer()
	o := newOrder(ada)
	r := w.place(o)
	if r.Replayed || r.Message != nil || r.Event == nil {
		w.Fatalf("reply %+v", r)
	}
	stored, got := w.order(o.ID)
	w.same(r.Stored, stored)
	want := o
	want.Number, want.Version, want.CreatedAt, want.UpdatedAt = got.Number, 1, now, now
	w.same(want, got)
	if len(got.Number) != len(orders.NewNumber()) {
		w.Fatalf("number %q", got.Number)
	}
	w.same(orders.Stored{ID: o.ID, Customer: ada, Version: 1, Doc: orders.Append(nil, want)}, stored)

	e := orders.Event{
		Order: o.ID, Number: got.Number, Customer: ada, Version: 1, Seq: 1,
		Kind: orders.EventPlaced, To: orders.Pending, Actor: shopkeeper, At: now,
	}
	w.same(&e, r.Event)
	w.same([]orders.Event{e}, w.events(o.ID))
	w.same([]orders.Event{e}, w.log(ada))
}

func (w world) withoutLog() {
	stranger := rand.Text()
	p := placing(newOrder(stranger))
	_, err := w.s.Place(w.Context(), p)
	w.is(err, orders.ErrNoLog)
	_, err = w.s.Order(w.Context(), p.Order.ID, "")
	w.is(err, orders.ErrNotFound)

	w.ok(w.s.OpenLog(w.Context(), stranger))
	w.ok(w.s.OpenLog(w.Context(), stranger))
	r, err := w.s.Place(w.Context(), p)
	w.ok(err)
	if r.Replayed {
		w.Fatal("the key of a call that failed was remembered")
	}
	w.ok(w.s.OpenLog(w.Context(), stranger))
	if n := len(w.log(stranger)); n != 1 {
		w.Fatalf("the log has %d events after it was opened again", n)
	}
}

func (w world) numbers() {
	ada := w.customer()
	seen := map[string]bool{}
	for range 50 {
		r := w.place(newOrder(ada))
		if seen[r.Event.Number] || strings.ToUpper(r.Event.Number) != r.Event.Number {
			w.Fatalf("number %q", r.Event.Number)
		}
		seen[r.Event.Number] = true
	}
}

func (w world) replay() {
	ada, bob := w.customer(), w.customer()
	p := placing(newOrder(ada))
	first, err := w.s.Place(w.Context(), p)
	w.ok(err)
	w.change(step(p.Order.ID, orders.Paid))

	again := p
	again.Order.ID = newOrder(ada).ID // as the service makes it each time
	again.At++
	w.unchanged(p.Order.ID, func() {
		r, err := w.s.Place(w.Context(), again)
		w.ok(err)
		w.replayed(r, first)
	})
	_, err = w.s.Order(w.Context(), again.Order.ID, "")
	w.is(err, orders.ErrNotFound)

	// A key belongs to its owner, and is not one with its name.
	for _, k := range []orders.Key{
		{Owner: "key-2", Value: p.Key.Value}, {Owner: p.Key.Owner, Value: strings.ToLower(p.Key.Value)},
		{Owner: p.Key.Owner, Value: p.Key.Value + " "}, {Owner: p.Key.Owner + " ", Value: p.Key.Value},
		{Owner: p.Key.Owner + p.Key.Value[:1], Value: p.Key.Value[1:]},
	} {
		other := placing(newOrder(bob))
		other.Key = k
		r, err := w.s.Place(w.Context(), other)
		w.ok(err)
		if r.Replayed || r.ID != other.Order.ID {
			w.Fatalf("key %+v of %+v", k, r)
		}
	}
}

func (w world) keyReused() {
	ada, bob := w.customer(), w.customer()
	p := placing(newOrder(ada))
	_, err := w.s.Place(w.Context(), p)
	w.ok(err)
	for _, customer := range []string{ada, bob, rand.Text()} {
		other := placing(newOrder(customer))
		other.Key = p.Key
		other.Key.Fingerprint[0]++
		w.unchanged(p.Order.ID, func() {
			_, err := w.s.Place(w.Context(), other)
			w.is(err, orders.ErrKeyReused)
		})
		_, err = w.s.Order(w.Context(), other.Order.ID, "")
		w.is(err, orders.ErrNotFound)
	}
	c := step(p.Order.ID, orders.Paid)
	c.Key.Value = p.Key.Value
	w.unchanged(p.Order.ID, func() {
		_, err := w.s.Change(w.Context(), c)
		w.is(err, orders.ErrKeyReused)
	})
}

func (w world) sweep() {
	ada := w.customer()
	const old = int64(1000) // older than all other keys
	var placed []orders.Placing
	var replies []orders.Reply
	for i := range 5 {
		p := placing(newOrder(ada))
		p.At = old + int64(i)
		r, err := w.s.Place(w.Context(), p)
		w.ok(err)
		placed, replies = append(placed, p), append(replies, r)
	}
	for _, sweep := range []struct {
		before int64
		limit  int
		want   int
	}{{old, 10, 0}, {old + 4, 3, 3}, {old + 4, 3, 1}, {old + 4, 3, 0}} {
		n, err := w.s.SweepKeys(w.Context(), sweep.before, sweep.limit)
		w.ok(err)
		if n != sweep.want {
			w.Fatalf("%d keys swept by %+v", n, sweep)
		}
	}
	r, err := w.s.Place(w.Context(), placed[4])
	w.ok(err)
	w.replayed(r, replies[4])
	forgotten := placed[0]
	forgotten.Order.ID = newOrder(ada).ID
	r, err = w.s.Place(w.Context(), forgotten)
	w.ok(err)
	if r.Replayed {
		w.Fatal("a key that was swept is known")
	}
	if n := len(w.log(ada)); n != 6 {
		w.Fatalf("%d events", n)
	}
}
