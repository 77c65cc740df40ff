package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/wire"
	"hubbub/internal/testenv"
	"hubbub/orders"
)

// till is a shop that places and moves orders through one node.
type till struct {
	t       testing.TB
	service *orders.Service
	caller  orders.Caller
}

func newTill(t testing.TB, s *orders.Service) till {
	return till{t, s, orders.Caller{ID: chat.NewID(), Name: "Till 2", Role: orders.Shop, Shop: "acme"}}
}

func (s till) key() orders.Key { return orders.Key{Owner: s.caller.ID, Value: rand.Text()} }

func (s till) place(customer string) orders.ID {
	s.t.Helper()
	r, err := s.service.Place(s.t.Context(), s.caller, s.key(), tea(customer))
	if err != nil {
		s.t.Fatalf("place: %v", err)
	}
	return r.ID
}

// tea is an order of some tea.
func tea(customer string) orders.Draft {
	return orders.Draft{
		CustomerID: customer, Currency: "EUR", Lines: []orders.DraftLine{{SKU: "T-1", Title: "Tea", Quantity: 2, UnitPrice: 450}},
		Totals: orders.DraftTotals{Total: 900},
	}
}

func (s till) move(id orders.ID, to orders.Status) {
	s.t.Helper()
	if _, err := s.service.Move(s.t.Context(), s.caller, id, s.key(), to, ""); err != nil {
		s.t.Fatalf("move to %s: %v", to, err)
	}
}

// customer is the person as a caller of orders.
func (p person) customer() orders.Caller {
	return orders.Caller{ID: p.ID, Name: p.Name, Role: orders.Customer}
}

// orderFrame is what a customer's socket is told.
func orderFrame(t testing.TB, f frame) wire.EventFrame {
	t.Helper()
	e, err := wire.ParseEvent([]byte(f.raw))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func isOrder(f frame) bool { return f.Type == wire.TypeOrder }

// order takes the next event of the customer's stream, which must have that
// number and status.
func (s *socket) order(seq uint64, status orders.Status) wire.EventFrame {
	s.t.Helper()
	f, err := s.pick(patience, isOrder)
	if err != nil {
		s.t.Fatalf("waiting for the event %d: %v", seq, err)
	}
	if e := orderFrame(s.t, f); e.Seq != seq || e.Status != string(status) {
		s.t.Fatalf("got %s, want number %d and %s", f.raw, seq, status)
	}
	return orderFrame(s.t, f)
}

// TestOrdersMeetTheChat follows orders that are placed and moved through one
// node, on the other: in the customer's stream and in the order's room.
func TestOrdersMeetTheChat(t *testing.T) {
	t.Parallel()
	args := append([]string{"--sql=" + testenv.SharedMariaDB(t).NewDatabase(t), "--redis=" + testenv.Redis(t).URL(), "--sql-open=10"}, unlimited...)
	a, b := startNode(t, append(args, "--node=a")...), startNode(t, append(args, "--node=b")...)
	shop := newTill(t, a.orders)
	ada, eve, sue := signUp(t, a.Addr(), "Ada"), signUp(t, a.Addr(), "Eve"), signUp(t, b.Addr(), "Sue")
	if _, err := a.accounts.SetRole(t.Context(), sue.Name, chat.Support); err != nil {
		t.Fatal(err)
	}
	stream, other := ada.connect(t, b.Addr()), eve.connect(t, b.Addr())
	if f := stream.join("orders/me"); f.Room != "orders/"+ada.ID || f.Head != 0 {
		t.Fatalf("joined: %s", f.raw)
	}
	other.join("orders/me")

	first, second := shop.place(ada.ID), shop.place(ada.ID)
	shop.move(first, orders.Paid)
	if e := stream.order(1, orders.Pending); e.Order != string(first) || e.Change != "placed" || e.Version != 1 || e.Actor.Name != "Till 2" {
		t.Errorf("placed: %+v", e)
	}
	stream.order(2, orders.Pending)
	paid := stream.order(3, orders.Paid)
	if paid.From != "pending" || paid.Version != 2 || paid.Order != string(first) {
		t.Errorf("moved: %+v", paid)
	}

	room, created, err := b.orders.OpenRoom(t.Context(), ada.customer(), first)
	if err != nil || !created {
		t.Fatalf("open the room: %v, %v", created, err)
	}
	if e := stream.order(4, orders.Paid); e.Change != "room" {
		t.Errorf("opened: %+v", e)
	}
	support := orders.Caller{ID: sue.ID, Name: sue.Name, Role: orders.Support}
	if again, created, err := a.orders.OpenRoom(t.Context(), support, first); err != nil || created || again != room {
		t.Errorf("opened again: %q, %v, %v, want %q", again, created, err, room)
	}
	if _, _, err := a.orders.OpenRoom(t.Context(), eve.customer(), first); !isNotFound(err) {
		t.Errorf("opened by somebody else: %v", err)
	}
	if r := ada.room(t, b.Addr(), room); r.Kind != "order" || r.OrderID != string(first) || !strings.HasPrefix(r.Name, "Order ") {
		t.Errorf("the room is %+v", r)
	}
	eve.do(t, a.Addr(), "GET", "/v1/rooms/"+room, nil, 404)

	talk, desk := ada.connect(t, b.Addr()), sue.connect(t, a.Addr())
	talk.join(room)
	desk.join(room)
	talk.said(room, "m1", "when will it come?")
	shop.move(first, orders.Packed)
	shop.move(second, orders.Cancelled) // has no room
	packed := stream.order(5, orders.Packed)
	stream.order(6, orders.Cancelled)
	for _, s := range []*socket{talk, desk} {
		s.message("m1")
		f := s.message(fmt.Sprintf("order/%s/%d", packed.Order, packed.Version))
		if e := orderFrame(t, f); e.Kind != wire.KindSystem || e.Actor.ID != "" || e.Text != "Order "+packed.Number+": paid → packed" {
			t.Errorf("the room was told %s", f.raw)
		}
	}

	// From any number, on either node.
	back := ada.connect(t, a.Addr())
	if f := back.join("orders/me", 4); f.Head != 6 || f.Epoch != packed.Epoch {
		t.Errorf("joined again: %s", f.raw)
	}
	back.order(5, orders.Packed)
	back.order(6, orders.Cancelled)
	shop.move(first, orders.Shipped)
	back.order(7, orders.Shipped)
	stream.order(7, orders.Shipped)
	// Who is support no longer is out of the room.
	if _, err := a.accounts.SetRole(t.Context(), sue.Name, chat.Customer); err != nil {
		t.Fatal(err)
	}
	desk.want("left")
	sue.do(t, b.Addr(), "GET", "/v1/rooms/"+room, nil, 404)
	other.silent(0, "somebody else's order", isOrder)
}

func isNotFound(err error) bool { return errors.Is(err, orders.ErrNotFound) }

// nobody takes what a node tells that dies before it is told.
type nobody struct{}

func (nobody) Publish(bus.Event) error { return nil }

// TestOrdersOfNodeThatTellsNobody has steps that are committed and never told, as
// by a node which is killed right then: they are found by their numbers.
func TestOrdersOfNodeThatTellsNobody(t *testing.T) {
	t.Parallel()
	n := startNode(t, append([]string{"--sql=" + testenv.SharedMariaDB(t).NewDatabase(t), "--sql-open=10"}, unlimited...)...)
	ada := signUp(t, n.Addr(), "Ada")
	s := ada.connect(t, n.Addr())
	s.join("orders/me")
	id := newTill(t, n.orders).place(ada.ID)
	s.order(1, orders.Pending)
	room, _, err := n.orders.OpenRoom(t.Context(), ada.customer(), id)
	if err != nil {
		t.Fatal(err)
	}
	s.order(2, orders.Pending)
	s.join(room)

	store := openOrders(t.Context(), n, func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	})
	mute := newTill(t, newOrders(store, n.accounts, n.rooms, orderPublisher{nobody{}, discard()}, clock, discard()))
	mute.move(id, orders.Paid)
	s.order(3, orders.Paid)
	s.message(fmt.Sprintf("order/%s/3", id))
}
