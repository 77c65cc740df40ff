package orderstest

import (
	"bytes"
	"errors"
	"fmt"

	"hubbub/orders"
)

func (w world) changing() {
	ada := w.customer()
	o := newOrder(ada)
	placed := w.place(o)
	other := w.place(newOrder(ada)) // takes the next number of the log
	c := step(o.ID, orders.Paid)
	c.Customer = ada
	r := w.change(c)
	if r.Replayed || r.Message != nil || r.Event == nil {
		w.Fatalf("reply %+v", r)
	}
	stored, got := w.order(o.ID)
	w.same(r.Stored, stored)
	_, want := w.order(o.ID)
	want.Status, want.Version, want.CreatedAt, want.UpdatedAt = orders.Paid, 2, now, now+1
	w.same(want, got)
	e := orders.Event{
		Order: o.ID, Number: got.Number, Customer: ada, Version: 2, Seq: 3, Kind: orders.EventMoved,
		From: orders.Pending, To: orders.Paid, Actor: shopkeeper, Reason: "as agreed", At: now + 1,
	}
	w.same(&e, r.Event)
	w.same([]orders.Event{*placed.Event, e}, w.events(o.ID))
	w.same([]orders.Event{*placed.Event, *other.Event, e}, w.log(ada))

	// All of an order can change, without a key too.
	by := orders.Actor{ID: ada, Name: "Ada", Role: orders.Customer}
	r = w.change(orders.Change{ID: o.ID, Customer: ada, Actor: by, At: now + 2, Apply: func(o *orders.Order) (orders.Event, error) {
		o.Note, o.Metadata, o.ShipTo = "", nil, nil
		return orders.Event{Kind: orders.EventChanged}, nil
	}})
	_, got = w.order(o.ID)
	if r.Version != 3 || got.Note != "" || len(got.Metadata) != 0 || got.ShipTo != nil || got.UpdatedAt != now+2 {
		w.Fatalf("changed to %+v", got)
	}
	if last := w.events(o.ID)[2]; last.Kind != orders.EventChanged || last.From != "" || last.To != orders.Paid || last.Actor != by {
		w.Fatalf("event %+v", last)
	}
}

func (w world) refusal() {
	broken := errors.New("broken")
	for want, apply := range map[error]func(*orders.Order) (orders.Event, error){
		orders.ErrStale: func(o *orders.Order) (orders.Event, error) {
			o.Note = "never"
			return orders.Event{}, &orders.Error{Code: orders.ErrStale.Code, Text: "read again", Version: o.Version}
		},
		broken: func(o *orders.Order) (orders.Event, error) {
			return orders.Event{Kind: orders.EventMoved}, broken
		},
	} {
		o := newOrder(w.customer())
		w.place(o)
		k := newKey()
		c := orders.Change{ID: o.ID, Key: &k, Actor: shopkeeper, At: now + 1, Apply: apply}
		w.unchanged(o.ID, func() {
			_, err := w.s.Change(w.Context(), c)
			w.is(err, want)
			if refusal, ok := errors.AsType[*orders.Error](err); ok && refusal.Version != 1 {
				w.Fatalf("the refusal lost its version: %+v", refusal)
			}
		})
		c.Key.Fingerprint[0]++
		c.Apply = step(o.ID, orders.Paid).Apply
		if r := w.change(c); r.Replayed {
			w.Fatal("the key of a call that failed was remembered")
		}
	}
}

func (w world) noChange() {
	o := newOrder(w.customer())
	w.place(o)
	k := newKey()
	c := orders.Change{ID: o.ID, Key: &k, Actor: shopkeeper, At: now + 1, Apply: func(o *orders.Order) (orders.Event, error) {
		return orders.Event{}, nil
	}, Message: func(orders.Order, orders.Event) string { return "never" }}
	w.unchanged(o.ID, func() {
		for range 2 {
			r := w.change(c)
			stored, _ := w.order(o.ID)
			w.same(orders.Reply{Stored: stored}, r)
		}
	})
	// What was not committed is not remembered.
	c.Key.Fingerprint[0]++
	c.Apply = step(o.ID, orders.Paid).Apply
	if r := w.change(c); r.Event == nil {
		w.Fatalf("reply %+v", r)
	}
}

func (w world) replayedChange() {
	o := newOrder(w.customer())
	w.place(o)
	c := step(o.ID, orders.Paid)
	first := w.change(c)
	w.change(step(o.ID, orders.Packed))
	w.unchanged(o.ID, func() { w.replayed(w.change(c), first) })

	other := step(o.ID, orders.Shipped)
	other.Key.Value = c.Key.Value
	w.unchanged(o.ID, func() {
		_, err := w.s.Change(w.Context(), other)
		w.is(err, orders.ErrKeyReused)
	})
}

func (w world) foreign() {
	ada, bob := w.customer(), w.customer()
	o := newOrder(ada)
	w.place(o)
	w.place(newOrder(bob))
	absent := newOrder(ada).ID
	for _, who := range []struct {
		id       orders.ID
		customer string
	}{
		{o.ID, bob}, {o.ID, ada + " "}, {o.ID, "nobody"}, {absent, ada}, {absent, ""},
		{"", ""}, {"x", ada}, {o.ID[:35], ""}, {o.ID + "0", ""}, {o.ID + " ", ""}, {orders.ID("%" + o.ID[1:]), ""},
	} {
		w.unchanged(o.ID, func() {
			_, err := w.s.Order(w.Context(), who.id, who.customer)
			w.same(error(orders.NoOrder()), err)
			_, err = w.s.History(w.Context(), who.id, who.customer, 0, 10)
			w.same(error(orders.NoOrder()), err)
			found, err := w.s.Lookup(w.Context(), []orders.ID{who.id}, who.customer)
			w.ok(err)
			if len(found) > 0 {
				w.Fatalf("%+v found %+v", who, found)
			}
			c := step(who.id, orders.Paid)
			c.Customer = who.customer
			_, err = w.s.Change(w.Context(), c)
			w.same(error(orders.NoOrder()), err)
		})
	}
}

func (w world) messages() {
	o := newOrder(w.customer())
	w.place(o)
	if r := w.change(step(o.ID, orders.Paid)); r.Message != nil {
		w.Fatalf("a message without a room: %+v", r.Message)
	}
	room := orders.Change{ID: o.ID, Actor: shopkeeper, At: now, Apply: func(o *orders.Order) (orders.Event, error) {
		o.RoomID = "room-" + string(o.ID)
		return orders.Event{Kind: orders.EventRoom}, nil
	}}
	if r := w.change(room); r.Message != nil {
		w.Fatalf("a message without a text: %+v", r.Message)
	}
	first := uint64(0)
	for i, to := range []orders.Status{orders.Packed, orders.Shipped} {
		c := step(o.ID, to)
		r := w.change(c)
		if r.Message == nil || len(r.Message.Frames) != 1 || r.Message.First != first+uint64(i) && i > 0 {
			w.Fatalf("message %+v", r.Message)
		}
		first = r.Message.First - uint64(i)
		want := fmt.Sprintf("%s: %s, version %d", r.Event.Number, to, r.Version)
		if frame := r.Message.Frames[0]; !bytes.Contains(frame, []byte(want)) {
			w.Fatalf("message %q, want %q", frame, want)
		}
		w.replayed(w.change(c), r)
	}
	quiet := step(o.ID, orders.Delivered)
	quiet.Message = func(orders.Order, orders.Event) string { return "" }
	if r := w.change(quiet); r.Message != nil || r.Event == nil {
		w.Fatalf("an empty message: %+v", r)
	}
}

// text that means something to SQL, JSON or a careless column is stored as it is.
func (w world) text() {
	for _, text := range []string{
		`'; DROP TABLE orders; --`, `" OR ""="`, `\`, `\'`, "`", "%", "?", "/* x", "é", "日本", "😀", "e\u0301", "a b ", " a", "\u2028", "<b>&amp;",
	} {
		ada := text + w.customer()
		w.ok(w.s.OpenLog(w.Context(), ada))
		o := newOrder(ada)
		o.Shop, o.Note, o.RoomID, o.Metadata = text, text, "r", map[string]string{text: text}
		o.Lines[0].Title, o.ShipTo.Name = text, text
		p := placing(o)
		p.Actor = orders.Actor{ID: text, Name: text, Role: orders.Support}
		p.Key.Value = text + p.Key.Value
		placed, err := w.s.Place(w.Context(), p)
		w.ok(err)
		c := step(o.ID, orders.Paid)
		c.Actor, c.Customer = p.Actor, ada
		apply := c.Apply
		c.Apply = func(o *orders.Order) (orders.Event, error) {
			e, err := apply(o)
			e.Reason = text
			return e, err
		}
		c.Message = func(orders.Order, orders.Event) string { return text }
		moved := w.change(c)
		_, got := w.order(o.ID)
		if got.Shop != text || got.Note != text || got.Metadata[text] != text || got.Lines[0].Title != text || got.ShipTo.Name != text {
			w.Fatalf("%q came back as %+v", text, got)
		}
		w.same([]orders.Event{*placed.Event, *moved.Event}, w.log(ada))
		page, err := w.s.List(w.Context(), orders.Filter{Customer: ada, Limit: 10})
		w.ok(err)
		w.same([]orders.Stored{moved.Stored}, page)
		for _, f := range []orders.Filter{
			{Customer: text, Limit: 10}, {Number: text, Limit: 10}, {Status: orders.Status(text), Limit: 10},
		} {
			if page, err := w.s.List(w.Context(), f); err != nil || len(page) > 0 {
				w.Fatalf("%+v found %d orders, error %v", f, len(page), err)
			}
		}
	}
}
