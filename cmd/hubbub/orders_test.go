package main

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubbub/chat"
	"hubbub/chat/wire"
	"hubbub/orders"
)

// What orders write and what the protocol says are one.
func TestOrderFrames(t *testing.T) {
	at := time.Date(2026, 1, 1, 9, 0, 0, 7000, time.UTC)
	e := orders.Event{
		Order: orders.NewID(at), Number: "K7Q2-M9XD", Customer: chat.NewID(), Version: 3, Seq: 7, Kind: orders.EventMoved,
		From: orders.Paid, To: orders.Packed, Actor: orders.Actor{ID: chat.NewID(), Name: `Till "2"`, Role: orders.Shop},
		Reason: "in <time>\u2028", At: at.UnixMicro(),
	}
	hint := orderEvent(e, "E").Hint()
	if want := "room/orders/" + e.Customer; string(hint.Topic) != want || hint.Epoch != "E" || hint.First != 7 || len(hint.Frames) != 1 {
		t.Fatalf("hint %+v, want one for %s", hint, want)
	}
	got, err := wire.ParseEvent(hint.Frames[0])
	if err != nil {
		t.Fatal(err)
	}
	want := wire.EventFrame{
		Type: wire.TypeOrder, Room: "orders/" + e.Customer, Epoch: "E", Seq: 7, At: wire.Micros(e.At),
		Actor: wire.Actor{ID: e.Actor.ID, Name: e.Actor.Name},
		Order: string(e.Order), Number: e.Number, Version: 3, Change: "moved", From: "paid", Status: "packed", Reason: e.Reason,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A refusal keeps its code and its text on the way from one domain to the other,
// and what is no refusal stays internal.
func TestRefusalsBetweenChatAndOrders(t *testing.T) {
	refused := fmt.Errorf("make a room: %w", chat.Later(chat.ErrUnavailable, "try again", time.Second, errors.New("gone")))
	var o *orders.Error
	if err := toOrders(refused); !errors.As(err, &o) || !errors.Is(err, orders.ErrUnavailable) || o.Text != "try again" || o.RetryAfter != time.Second || !errors.Is(err, refused) {
		t.Errorf("to orders: %v", err)
	}
	var c *chat.Error
	if err := toChat(fmt.Errorf("since: %w", orders.Later(orders.ErrUnavailable, "try again", time.Second, nil))); !errors.As(err, &c) ||
		c.Code != "unavailable" || c.Text != "try again" || c.RetryAfter != time.Second {
		t.Errorf("to chat: %v", err)
	}
	broken := errors.New("broken")
	if toOrders(broken) != broken || toChat(broken) != broken || toOrders(nil) != nil || toChat(nil) != nil {
		t.Error("what is no refusal has become one")
	}
}
