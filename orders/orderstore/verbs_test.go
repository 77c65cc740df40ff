package orderstore_test

import (
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"hubbub/orders"
	"hubbub/orders/orderstore"
)

var till = orders.Actor{ID: "key-1", Name: "till", Role: orders.Shop}

// newOrder is an order of somebody new, who has a log.
func newOrder(t testing.TB, s *orderstore.Store, shop string) orders.Order {
	t.Helper()
	o := orders.Order{
		ID: orders.NewID(time.Now()), Shop: shop, CustomerID: rand.Text(), Status: orders.Pending, Currency: "EUR",
		Lines:  []orders.Line{{SKU: "b-1", Title: "A book", Quantity: 2, UnitPrice: 995, Total: 1990}},
		Totals: orders.Totals{Subtotal: 1990, Total: 1990},
	}
	if err := s.OpenLog(t.Context(), o.CustomerID); err != nil {
		t.Fatal(err)
	}
	return o
}

func newKey() orders.Key {
	value := rand.Text()
	return orders.Key{Owner: till.ID, Value: value, Fingerprint: sha256.Sum256([]byte(value))}
}

func placing(o orders.Order) orders.Placing {
	return orders.Placing{Order: o, Key: newKey(), Actor: till, At: time.Now().UnixMicro()}
}

func place(t testing.TB, s *orderstore.Store, o orders.Order) orders.Reply {
	t.Helper()
	r, err := s.Place(t.Context(), placing(o))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// step is a change to another status, with a message.
func step(id orders.ID, to orders.Status) orders.Change {
	k := newKey()
	return orders.Change{
		ID: id, Key: &k, Actor: till, At: time.Now().UnixMicro(),
		Apply: func(o *orders.Order) (orders.Event, error) {
			if !slices.Contains(o.Status.Next(), to) {
				return orders.Event{}, orders.Refuse(orders.ErrIllegalStep, "not now")
			}
			e := orders.Event{Kind: orders.EventMoved, From: o.Status}
			o.Status = to
			return e, nil
		},
		Message: func(o orders.Order, _ orders.Event) string { return string(o.ID) + " " + string(o.Status) },
	}
}
