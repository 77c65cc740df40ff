package orderstest

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubbub/orders"
)

// Suite tests that a store keeps the contract of orders.Store. Open makes a store,
// which the tests share; it may hold other orders already. The rooms of its orders
// take every message.
func Suite(t *testing.T, open func(t *testing.T) orders.Store) {
	s := open(t)
	for _, part := range []struct {
		name string
		test func(w world)
	}{
		{"place", world.placing},
		{"place without a log", world.withoutLog},
		{"numbers", world.numbers},
		{"replay", world.replay},
		{"key of another request", world.keyReused},
		{"change", world.changing},
		{"refusal", world.refusal},
		{"nothing to change", world.noChange},
		{"replayed change", world.replayedChange},
		{"absent and foreign", world.foreign},
		{"messages", world.messages},
		{"text", world.text},
		{"look-up", world.lookups},
		{"filters", world.filters},
		{"pages", world.pages},
		{"history", world.history},
		{"logs", world.logs},
		{"sweep", world.sweep},
		{"one key at a time", world.parallelPlace},
		{"one step at a time", world.parallelSteps},
		{"one log at a time", world.parallelLog},
		{"like memory", world.likeMemory},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(world{T: t, s: s}) })
	}
}

// world is one test with a store and the verbs of orders. What fails ends the
// test, so the verbs return no errors; those that start with try do.
type world struct {
	*testing.T
	s orders.Store
}

// now is the time of all that happens in the suite, in microseconds.
const now = int64(1_790_000_000_123_456)

var shopkeeper = orders.Actor{ID: "key-1", Name: "till", Role: orders.Shop}

// customer is somebody new, with a log.
func (w world) customer() string {
	w.Helper()
	id := rand.Text()
	w.ok(w.s.OpenLog(w.Context(), id))
	return id
}

// newOrder is what the service hands the store.
func newOrder(customer string) orders.Order {
	return orders.Order{
		ID: orders.NewID(time.UnixMicro(now)), Shop: "books", CustomerID: customer, Status: orders.Pending, Currency: "EUR",
		Lines:  []orders.Line{{SKU: "b-1", Title: "A book", Quantity: 2, UnitPrice: 995, Total: 1990}},
		Totals: orders.Totals{Subtotal: 1990, Shipping: 300, Total: 2290},
		Note:   "ring twice", Metadata: map[string]string{"channel": "web"},
		ShipTo: &orders.Address{Name: "Ada", Line1: "1 Main St", City: "Bonn", Country: "DE"},
	}
}

// newKey is a key that nobody used, of a request that nobody made.
func newKey() orders.Key {
	k := orders.Key{Owner: shopkeeper.ID, Value: rand.Text()}
	k.Fingerprint = sha256.Sum256([]byte(k.Value))
	return k
}

func placing(o orders.Order) orders.Placing {
	return orders.Placing{Order: o, Key: newKey(), Actor: shopkeeper, At: now}
}

// place places a new order.
func (w world) place(o orders.Order) orders.Reply {
	w.Helper()
	r, err := w.s.Place(w.Context(), placing(o))
	w.ok(err)
	return r
}

// step is a change to another status, with a message to the room.
func step(id orders.ID, to orders.Status) orders.Change {
	k := newKey()
	return orders.Change{
		ID: id, Key: &k, Actor: shopkeeper, At: now + 1,
		Apply: func(o *orders.Order) (orders.Event, error) {
			if !slices.Contains(o.Status.Next(), to) {
				return orders.Event{}, orders.Refuse(orders.ErrIllegalStep, "not now")
			}
			e := orders.Event{Kind: orders.EventMoved, From: o.Status, Reason: "as agreed"}
			o.Status = to
			return e, nil
		},
		Message: func(o orders.Order, e orders.Event) string {
			return fmt.Sprintf("%s: %s, version %d", o.Number, o.Status, e.Version)
		},
	}
}

func (w world) change(c orders.Change) orders.Reply {
	w.Helper()
	r, err := w.s.Change(w.Context(), c)
	w.ok(err)
	return r
}

// moved places an order and takes it through the statuses.
func (w world) moved(o orders.Order, path ...orders.Status) orders.Reply {
	w.Helper()
	r := w.place(o)
	for _, to := range path {
		r = w.change(step(o.ID, to))
	}
	return r
}

// order reads an order.
func (w world) order(id orders.ID) (orders.Stored, orders.Order) {
	w.Helper()
	stored, err := w.s.Order(w.Context(), id, "")
	w.ok(err)
	o, err := orders.Parse(stored.Doc)
	w.ok(err)
	return stored, o
}

// events reads an order's whole history and checks that it has no hole.
func (w world) events(id orders.ID) []orders.Event {
	w.Helper()
	events, err := w.s.History(w.Context(), id, "", 0, 1000)
	w.ok(err)
	for i, e := range events {
		if e.Version != uint64(i+1) || e.Order != id {
			w.Fatalf("event %d of %s is %+v", i+1, id, e)
		}
	}
	return events
}

// log reads a customer's whole log and checks that it has no hole.
func (w world) log(customer string) []orders.Event {
	w.Helper()
	head, events, err := w.s.Since(w.Context(), customer, 0, 1000)
	w.ok(err)
	for i, e := range events {
		if e.Seq != uint64(i+1) || e.Customer != customer {
			w.Fatalf("event %d of %s is %+v", i+1, customer, e)
		}
	}
	if head.Seq != uint64(len(events)) || head.Epoch != w.s.Epoch() || head.Epoch == "" {
		w.Fatalf("the head is %+v, the log has %d events", head, len(events))
	}
	return events
}

// unchanged checks that f leaves the order, its history and its customer's log as
// they are.
func (w world) unchanged(id orders.ID, f func()) {
	w.Helper()
	before, _ := w.order(id)
	events, log := w.events(id), w.log(before.Customer)
	f()
	after, _ := w.order(id)
	w.same(before, after)
	w.same(events, w.events(id))
	w.same(log, w.log(before.Customer))
}

func (w world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w world) is(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Fatalf("error %v, want %v", err, want)
	}
}

func (w world) same(want, got any) {
	w.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.Fatalf("wanted -, got +\n%s", diff)
	}
}

// replayed checks that a reply is an earlier one over again.
func (w world) replayed(got, first orders.Reply) {
	w.Helper()
	if !got.Replayed || got.Event != nil || got.Message != nil || !bytes.Equal(got.Doc, first.Doc) {
		w.Fatalf("replayed %v, event %v, message %v:\n%s\nthe first reply was\n%s",
			got.Replayed, got.Event, got.Message, got.Doc, first.Doc)
	}
	w.same(first.Stored, got.Stored)
}
