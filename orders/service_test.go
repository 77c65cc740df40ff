package orders_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubbub/bus"
	"hubbub/orders"
	"hubbub/orders/orderstest"
)

// world is a service over a store in memory, and what the service was told to tell.
type world struct {
	*testing.T
	*orders.Service
	store *orderstest.Memory

	mu        sync.Mutex
	now       time.Time
	customers []string
	opened    []orders.ID // one for each call
	published []orders.Event
	messages  []*bus.Event
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, store: orderstest.NewMemory(), now: time.UnixMicro(1_790_000_000_123_456), customers: []string{"ada", "bob"}}
	w.Service = orders.NewService(orders.Options{Store: w.store, Customers: w, Rooms: w, Publisher: w, Now: w.clock})
	return w
}

// clock makes each call a second later than the one before.
func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(time.Second)
	return w.now
}

func (w *world) IsCustomer(_ context.Context, id string) (bool, error) {
	return slices.Contains(w.customers, id), nil
}

func (w *world) OpenOrderRoom(_ context.Context, o orders.Order, _ orders.Caller) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opened = append(w.opened, o.ID)
	return "room-" + o.Number, nil
}

func (w *world) PublishOrder(e orders.Event, epoch string, message *bus.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if epoch != w.Epoch() {
		w.Errorf("published with the epoch %q", epoch)
	}
	w.published, w.messages = append(w.published, e), append(w.messages, message)
}

var (
	shop    = orders.Caller{ID: "key-1", Name: "till", Role: orders.Shop, Shop: "books"}
	support = orders.Caller{ID: "sue", Name: "Sue", Role: orders.Support}
	ada     = orders.Caller{ID: "ada", Name: "Ada", Role: orders.Customer}
	bob     = orders.Caller{ID: "bob", Name: "Bob", Role: orders.Customer}
)

func newKey() orders.Key {
	value := rand.Text()
	return orders.Key{Owner: "key-1", Value: value, Fingerprint: sha256.Sum256([]byte(value))}
}

// draft is a good one; sums are 1990 + 300.
func draft() orders.Draft {
	return orders.Draft{
		CustomerID: "ada", Currency: "EUR", Lines: []orders.DraftLine{{SKU: "b-1", Title: "A book", Quantity: 2, UnitPrice: 995}},
		Totals: orders.DraftTotals{Shipping: 300, Total: 2290},
	}
}

func (w *world) placed() orders.ID {
	w.Helper()
	r, err := w.Place(w.Context(), shop, newKey(), draft())
	w.ok(err)
	return r.ID
}

// at places an order and takes it to a status.
func (w *world) at(status orders.Status) orders.ID {
	w.Helper()
	id := w.placed()
	for _, to := range map[orders.Status][]orders.Status{
		orders.Paid:      {orders.Paid},
		orders.Packed:    {orders.Paid, orders.Packed},
		orders.Shipped:   {orders.Paid, orders.Packed, orders.Shipped},
		orders.Delivered: {orders.Paid, orders.Packed, orders.Shipped, orders.Delivered},
		orders.Returned:  {orders.Paid, orders.Packed, orders.Shipped, orders.Delivered, orders.Returned},
		orders.Cancelled: {orders.Cancelled},
		orders.Refunded:  {orders.Paid, orders.Refunded},
	}[status] {
		_, err := w.Move(w.Context(), shop, id, newKey(), to, "")
		w.ok(err)
	}
	if o := w.order(id); o.Status != status {
		w.Fatalf("the order is %s, want %s", o.Status, status)
	}
	return id
}

func (w *world) order(id orders.ID) orders.Order {
	w.Helper()
	stored, err := w.Order(w.Context(), support, id)
	w.ok(err)
	o, err := orders.Parse(stored.Doc)
	w.ok(err)
	return o
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// is checks the error's code, and gives it with what it carries.
func (w *world) is(err error, want *orders.Error) *orders.Error {
	w.Helper()
	e, ok := errors.AsType[*orders.Error](err)
	if !ok || e.Code != want.Code {
		w.Fatalf("error %v, want %v", err, want)
	}
	return e
}

func (w *world) same(want, got any) {
	w.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.Fatalf("wanted -, got +\n%s", diff)
	}
}

func TestPlace(t *testing.T) {
	w := newWorld(t)
	key := newKey()
	r, err := w.Place(t.Context(), shop, key, draft())
	w.ok(err)
	o := w.order(r.ID)
	if o.Shop != "books" || o.CustomerID != "ada" || o.Status != orders.Pending || o.Totals.Subtotal != 1990 || o.Lines[0].Total != 1990 {
		t.Errorf("order %+v", o)
	}
	if ms := orders.FloorID(o.CreatedAt / 1000); o.ID < ms || o.ID >= orders.FloorID(o.CreatedAt/1000+1) {
		t.Errorf("id %s of %d", o.ID, o.CreatedAt)
	}
	w.same([]orders.Event{*r.Event}, w.published)
	w.same(orders.Actor{ID: "key-1", Name: "till", Role: orders.Shop}, r.Event.Actor)

	again, err := w.Place(t.Context(), shop, key, draft())
	w.ok(err)
	if !again.Replayed || string(again.Doc) != string(r.Doc) || len(w.published) != 1 {
		t.Errorf("again: %+v, %d published", again, len(w.published))
	}

	d := draft()
	d.CustomerID = "nobody"
	_, err = w.Place(t.Context(), shop, newKey(), d)
	if e := w.is(err, orders.ErrInvalid); len(e.Fields) != 1 || e.Fields[0].Field != "/customer_id" {
		t.Errorf("fields %+v", e.Fields)
	}
	w.store.Fail("Place", errors.New("broken"))
	if _, err = w.Place(t.Context(), shop, newKey(), draft()); err == nil || len(w.published) != 1 {
		t.Errorf("error %v, %d published", err, len(w.published))
	}
}

// Who may make which call at all; whose order it is comes after that.
func TestRoles(t *testing.T) {
	w := newWorld(t)
	for _, call := range []struct {
		name string
		may  []orders.Role
		do   func(c orders.Caller, id orders.ID) error
	}{
		{"place", []orders.Role{orders.Shop}, func(c orders.Caller, _ orders.ID) error {
			_, err := w.Place(t.Context(), c, newKey(), draft())
			return err
		}},
		{"move", []orders.Role{orders.Shop, orders.Support}, func(c orders.Caller, id orders.ID) error {
			_, err := w.Move(t.Context(), c, id, newKey(), orders.Paid, "")
			return err
		}},
		{"cancel", []orders.Role{orders.Customer}, func(c orders.Caller, id orders.ID) error {
			_, err := w.Cancel(t.Context(), c, id, nil, "")
			return err
		}},
		{"patch", []orders.Role{orders.Shop, orders.Support, orders.Customer}, func(c orders.Caller, id orders.ID) error {
			_, err := w.Patch(t.Context(), c, id, 1, orders.Patch{Note: new("x")})
			return err
		}},
		{"open room", []orders.Role{orders.Support, orders.Customer}, func(c orders.Caller, id orders.ID) error {
			_, _, err := w.OpenRoom(t.Context(), c, id)
			return err
		}},
		{"read", []orders.Role{orders.Shop, orders.Support, orders.Customer}, func(c orders.Caller, id orders.ID) error {
			_, err := w.Order(t.Context(), c, id)
			return err
		}},
		{"history", []orders.Role{orders.Shop, orders.Support, orders.Customer}, func(c orders.Caller, id orders.ID) error {
			_, err := w.History(t.Context(), c, id, 0, 1)
			return err
		}},
	} {
		for _, c := range []orders.Caller{{ID: "x", Role: "admin"}, {ID: "x"}, {Role: orders.Customer}, {}} {
			if err := call.do(c, w.placed()); !errors.Is(err, orders.ErrForbidden) && !errors.Is(err, orders.ErrNotFound) {
				t.Errorf("%s by %+v: %v", call.name, c, err)
			}
		}
		for _, c := range []orders.Caller{shop, support, ada} {
			err := call.do(c, w.placed())
			if slices.Contains(call.may, c.Role) != (err == nil) || err != nil && !errors.Is(err, orders.ErrForbidden) {
				t.Errorf("%s by the role %q: %v", call.name, c.Role, err)
			}
		}
		// A customer learns nothing of somebody else's order.
		if slices.Contains(call.may, orders.Customer) {
			for _, id := range []orders.ID{w.placed(), orders.NewID(w.clock()), "x"} {
				w.same(orders.NoOrder(), w.is(call.do(bob, id), orders.ErrNotFound))
			}
		}
	}
}

func TestCancel(t *testing.T) {
	for _, status := range orders.Statuses {
		w := newWorld(t)
		id := w.at(status)
		before := len(w.published)
		r, err := w.Cancel(t.Context(), ada, id, nil, "changed my mind")
		switch status {
		case orders.Pending:
			w.ok(err)
			if r.Event == nil || r.Event.Reason != "changed my mind" || w.order(id).Status != orders.Cancelled {
				t.Errorf("cancelled: %+v", r)
			}
		case orders.Cancelled:
			w.ok(err)
			if r.Event != nil || r.Version != 2 {
				t.Errorf("cancelled again: %+v", r)
			}
		default:
			if e := w.is(err, orders.ErrIllegalStep); e.From != status || len(e.Allowed) > 0 {
				t.Errorf("%s: %+v", status, e)
			}
		}
		if told := len(w.published) - before; (told == 1) != (status == orders.Pending) {
			t.Errorf("%s: %d events published", status, told)
		}
	}
}

func TestPatch(t *testing.T) {
	address := &orders.Address{Name: "Ada", Line1: "1 Main St", City: "Bonn", Country: "DE"}
	for _, status := range orders.Statuses {
		w := newWorld(t)
		id := w.at(status)
		before := w.order(id)
		patch := orders.Patch{Note: new("ring\ntwice"), Metadata: &map[string]string{"a": "b"}, ShipTo: address}
		_, err := w.Patch(t.Context(), ada, id, before.Version+1, patch)
		if e := w.is(err, orders.ErrStale); e.Version != before.Version {
			t.Errorf("stale: %+v", e)
		}
		_, err = w.Patch(t.Context(), ada, id, before.Version, patch)
		if status != orders.Pending && status != orders.Paid && status != orders.Packed {
			w.is(err, orders.ErrClosed)
			w.same(before, w.order(id))
			continue
		}
		w.ok(err)
		want := before
		want.Note, want.Metadata, want.ShipTo = *patch.Note, *patch.Metadata, address
		want.Version, want.UpdatedAt = before.Version+1, w.order(id).UpdatedAt
		w.same(want, w.order(id))

		// What is not named stays; an empty value is a value.
		_, err = w.Patch(t.Context(), shop, id, want.Version, orders.Patch{Metadata: &map[string]string{}})
		w.ok(err)
		want.Metadata, want.Version, want.UpdatedAt = map[string]string{}, want.Version+1, w.order(id).UpdatedAt
		w.same(want, w.order(id))
	}
}

func TestOpenRoom(t *testing.T) {
	w := newWorld(t)
	id := w.placed()
	for i, c := range []orders.Caller{ada, support, ada} {
		room, created, err := w.OpenRoom(t.Context(), c, id)
		w.ok(err)
		if room == "" || room != w.order(id).RoomID || created != (i == 0) {
			t.Errorf("call %d: room %q, created %v; the order has %q", i, room, created, w.order(id).RoomID)
		}
	}
	w.same([]orders.ID{id, id, id}, w.opened) // each puts its caller in
	w.same(uint64(2), w.order(id).Version)

	_, err := w.Move(t.Context(), support, id, newKey(), orders.Paid, "by bank")
	w.ok(err)
	last := w.messages[len(w.messages)-1]
	if want := "Order " + w.order(id).Number + ": pending → paid (by bank)"; last == nil || string(last.Frames[0]) != want {
		t.Errorf("message %+v, want %q", last, want)
	}
	for _, m := range w.messages[:len(w.messages)-1] {
		if m != nil {
			t.Errorf("message %+v", m)
		}
	}
}

// Keys of yesterday are forgotten, others not, also after a failure.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.now = time.Now()
		s := orders.NewService(orders.Options{Store: w.store, Customers: w, Rooms: w, Publisher: w})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		key := newKey()
		place := func() orders.Reply {
			r, err := s.Place(t.Context(), shop, key, draft())
			w.ok(err)
			return r
		}
		place()
		time.Sleep(24*time.Hour - time.Second)
		if !place().Replayed {
			t.Error("forgotten within a day")
		}
		w.store.Fail("SweepKeys", errors.New("broken"))
		time.Sleep(3 * time.Minute)
		if !place().Replayed {
			t.Error("forgotten by a sweep that fails")
		}
		w.store.Fail("SweepKeys", nil)
		time.Sleep(2 * time.Minute)
		if place().Replayed {
			t.Error("remembered for more than a day")
		}
		stop()
		w.ok(<-done)
	})
}
