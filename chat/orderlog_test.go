package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/chattest"
	"hubbub/chat/wire"
)

// orderLog keeps the logs of orders in memory.
type orderLog struct {
	mu    sync.Mutex
	epoch chat.Epoch
	logs  map[chat.UserID][]chat.Event
	err   error // of every read, when set
	reads int
}

func newOrderLog() *orderLog {
	return &orderLog{epoch: chat.Epoch(chat.NewID()), logs: map[chat.UserID][]chat.Event{}}
}

// add commits the next event of a customer's log.
func (l *orderLog) add(customer chat.UserID, reason string) chat.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq := chat.Seq(len(l.logs[customer]) + 1)
	body, err := json.Marshal(wire.OrderBody{
		Order: "o1", Number: "K7Q2-M9XD", Version: uint64(seq), Change: "moved", From: "pending", Status: "paid", Reason: reason})
	if err != nil {
		panic(err)
	}
	e := chat.Event{Room: chat.OrdersOf(customer), Epoch: l.epoch, Seq: seq, Kind: chat.EventOrder,
		Actor: chat.Actor{ID: "shop", Name: "Till"}, At: int64(seq), Body: body}
	l.logs[customer] = append(l.logs[customer], e)
	return e
}

func (l *orderLog) fail(err error) {
	l.mu.Lock()
	l.err = err
	l.mu.Unlock()
}

func (l *orderLog) OrdersSince(_ context.Context, customer chat.UserID, after chat.Seq, limit int) (chat.Head, []chat.Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	log := l.logs[customer]
	head := chat.Head{Epoch: l.epoch, Seq: chat.Seq(len(log))}
	log = log[min(after, head.Seq):]
	return head, log[:min(limit, len(log))], l.err
}

func (l *orderLog) OrderHeads(_ context.Context, customers []chat.UserID) (map[chat.UserID]chat.Head, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	heads := map[chat.UserID]chat.Head{}
	for _, c := range customers {
		if log := l.logs[c]; len(log) > 0 {
			heads[c] = chat.Head{Epoch: l.epoch, Seq: chat.Seq(len(log))}
		}
	}
	return heads, l.err
}

// order commits an event of a customer's orders and tells of it.
func (w *world) order(customer chat.Identity) chat.Event {
	e := w.orders.add(customer.User.ID, "")
	if err := w.Publish(e.Hint()); err != nil {
		w.t.Error(err)
	}
	return e
}

// joinOrders joins the user's own stream and gives the answer.
func joinOrders(c *chattest.Client, more cmd) chattest.Frame {
	frame := cmd{"type": "join", "id": "o", "room": "orders/me"}
	maps.Copy(frame, more)
	c.Send(frame)
	return c.Expect("joined")
}

// TestOrdersReachTheirCustomer has a customer who ordered nothing yet on two
// nodes, and sees the first order and the next arrive on both.
func TestOrdersReachTheirCustomer(t *testing.T) {
	w := newWorld(t, 2, chat.RoomsOptions{})
	ada, eve := w.user("ada"), w.user("eve")
	stream := string(chat.OrdersOf(ada.User.ID))
	a, b, other := w.nodes[0].connect(ada), w.nodes[1].connect(ada), w.nodes[1].connect(eve)
	joinOrders(other, nil)
	for _, c := range []*chattest.Client{a, b} {
		if f := joinOrders(c, cmd{"since": 0}); f.Str("room") != stream || f.Num("head") != 0 || f.Str("epoch") != string(w.orders.epoch) {
			t.Fatalf("joined: %v", f)
		}
	}
	for seq := range uint64(3) {
		w.order(ada)
		for _, c := range []*chattest.Client{a, b} {
			f := c.Expect("order")
			if f.Num("seq") != seq+1 || f.Str("room") != stream || f.Str("number") != "K7Q2-M9XD" || f.Str("status") != "paid" || f.Str("client_id") != "" {
				t.Errorf("got %v", f)
			}
		}
	}
	other.Send(cmd{"type": "ping", "id": "p"})
	if f, _ := other.Next(); f.Type() != "pong" {
		t.Errorf("somebody else got %v", f)
	}
	a.Send(cmd{"type": "leave", "id": "l", "room": "orders/me"})
	if f := a.Expect("left"); f.Str("room") != stream || f.Str("id") != "l" {
		t.Errorf("left: %v", f)
	}
	w.order(ada)
	b.Expect("order")
	a.Send(cmd{"type": "ping", "id": "p"})
	if f, _ := a.Next(); f.Type() != "pong" {
		t.Errorf("after leaving came %v", f)
	}
	if f := joinOrders(a, cmd{"since": 3, "epoch": string(w.orders.epoch)}); f.Num("from") != 3 || f.Num("head") != 4 {
		t.Errorf("joined again: %v", f)
	}
	if f := a.Expect("order"); f.Num("seq") != 4 {
		t.Errorf("got %v", f)
	}
}

// TestEveryOrderEventOnceInOrder is TestEverySeqOnceInOrder for a customer's
// stream: the bus drops, doubles and swaps, readers move from node to node.
func TestEveryOrderEventOnceInOrder(t *testing.T) {
	w := newWorld(t, 2, chat.RoomsOptions{})
	ada := w.user("ada")
	stream := chat.Room{ID: chat.OrdersOf(ada.User.ID), Head: chat.Head{Epoch: w.orders.epoch}}
	var held *bus.Event
	w.breakBus(func(e bus.Event) []bus.Event {
		old := held
		switch rand.IntN(6) {
		case 0:
			return nil
		case 1:
			return []bus.Event{e, e}
		case 2:
			held = &e
			if old == nil {
				return nil
			}
			return []bus.Event{*old}
		case 3:
			if old != nil {
				return []bus.Event{e, *old}
			}
		}
		return []bus.Event{e}
	})
	const last, readers = 800, 6
	var wg sync.WaitGroup
	wg.Go(func() {
		for range last {
			w.order(ada)
		}
	})
	for i := range readers {
		c := w.nodes[i%2].connect(ada)
		wg.Go(func() { follow(t, w, w.nodes[(i+1)%2], ada, c, stream, last) })
	}
	wg.Wait()
	if one, two := w.nodes[0].hub.Stats(), w.nodes[1].hub.Stats(); one.Fills+two.Fills == 0 {
		t.Errorf("the bus was not as bad as it should be: %+v, %+v", one, two)
	}
}

func TestTheLastOrderEventIsFoundWithoutTheBus(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	ada := w.user("ada")
	c := w.nodes[0].connect(ada)
	joinOrders(c, nil)
	w.orders.add(ada.User.ID, "nobody tells of this")
	if f := c.Expect("order"); f.Num("seq") != 1 {
		t.Errorf("got %v", f)
	}
}

// TestOrdersAreReadByTheirCustomerAlone holds what is not done with a stream.
func TestOrdersAreReadByTheirCustomerAlone(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	n := w.nodes[0]
	n.opts.Presence = chat.NewPresence(n.hub, chat.NewLocalLeases(), "life", n.opts.Log)
	ada, eve := w.user("ada"), w.user("eve")
	w.order(ada)
	others, own := string(chat.OrdersOf(ada.User.ID)), string(chat.OrdersOf(eve.User.ID))
	c := n.connect(eve)
	joinOrders(c, cmd{"room": own})
	joinOrders(c, nil) // the same stream, once
	for _, tc := range []struct{ frame, room, code string }{
		{"join", others, "not_found"},
		{"join", "orders/" + chat.NewID(), "not_found"},
		{"join", "orders/", "not_found"},
		{"join", "orders/Me", "not_found"},
		{"join", "orders/me/", "not_found"},
		{"leave", others, "not_found"},
		{"typing", others, "forbidden"},
		{"typing", own, "forbidden"},
		{"typing", "orders/me", "forbidden"},
		{"history", own, "not_found"},
		{"history", "orders/me", "not_found"},
		{`post","text":"x`, own, "not_found"},
		{`post","text":"x`, "orders/me", "not_found"},
		{`delete","seq":1,"a":"`, own, "bad_request"},
	} {
		c.Send(fmt.Appendf(nil, `{"id":"1","room":%q,"type":"%s"}`, tc.room, tc.frame))
		if f := c.Expect("error"); f.Str("code") != tc.code {
			t.Errorf("%s of %s: %v, want %s", tc.frame, tc.room, f, tc.code)
		}
	}
	for _, typ := range []string{"delete", "pin", "read"} {
		c.Send(fmt.Appendf(nil, `{"id":"1","room":%q,"type":%q,"seq":1}`, own, typ))
		if f := c.Expect("error"); f.Str("code") != "not_found" {
			t.Errorf("%s: %v", typ, f)
		}
	}
	c.Send(cmd{"type": "presence", "id": "1", "rooms": []string{own}})
	if f := c.Expect("error"); f.Str("code") != "not_found" {
		t.Errorf("presence: %v", f)
	}
	w.order(eve)
	if f := c.Expect("order"); f.Num("seq") != 1 || f.Str("room") != own {
		t.Errorf("got %v", f)
	}
}

func TestOrdersReset(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	ada := w.user("ada")
	for range 5 {
		w.order(ada)
	}
	for _, ask := range []cmd{{"since": 6}, {"since": 2, "epoch": "OTHER"}} {
		c := w.nodes[0].connect(ada)
		ask["type"], ask["id"], ask["room"] = "join", "j", "orders/me"
		c.Send(ask)
		if f := c.Expect("reset"); f.Num("head") != 5 || f.Str("epoch") != string(w.orders.epoch) || f.Str("room") != string(chat.OrdersOf(ada.User.ID)) {
			t.Errorf("%v: %v", ask, f)
		}
	}
	c := w.nodes[0].connect(ada)
	joinOrders(c, nil)
	w.orders.mu.Lock()
	w.orders.epoch = "RESTORED"
	w.orders.logs[ada.User.ID] = w.orders.logs[ada.User.ID][:3]
	w.orders.mu.Unlock()
	if f := c.Expect("reset"); f.Num("head") != 3 || f.Str("epoch") != "RESTORED" || f.Str("id") != "" {
		t.Errorf("in the middle of a stream: %v", f)
	}
	if f := joinOrders(c, cmd{"since": 3}); f.Str("epoch") != "RESTORED" {
		t.Errorf("joined: %v", f)
	}
}

// TestRoomsGoOnWithoutOrders holds that a log of orders which cannot be read is
// told to who asks for it, and delays no room.
func TestRoomsGoOnWithoutOrders(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	ada := w.user("ada")
	room := w.room("tea", ada)
	c := w.nodes[0].connect(ada)
	join(c, room, nil)
	joinOrders(c, nil)
	w.orders.fail(errors.New("no such table"))
	w.breakBus(func(bus.Event) []bus.Event { return nil })
	post(c, room, "m1", "found by the head check")
	c.Expect("ack")
	if f := c.Expect("message"); f.Num("seq") != 3 {
		t.Errorf("got %v", f)
	}
	other := w.nodes[0].connect(w.user("eve"))
	other.Send(cmd{"type": "join", "id": "1", "room": "orders/me"})
	if f := other.Expect("error"); f.Str("code") != "internal" || strings.Contains(f.Str("detail"), "table") {
		t.Errorf("got %v", f)
	}
	w.orders.fail(chat.Later(chat.ErrUnavailable, "the database does not answer; try again", 0, nil))
	other.Send(cmd{"type": "join", "id": "1", "room": "orders/me"})
	if f := other.Expect("error"); f.Str("code") != "unavailable" {
		t.Errorf("got %v", f)
	}
	w.orders.fail(nil)
	joinOrders(other, nil)
}

// TestLogsOfOrdersAndRooms asks the two halves through one reader.
func TestLogsOfOrdersAndRooms(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	ada, eve := w.user("ada"), w.user("eve")
	room := w.room("tea", ada)
	const each = 20
	for range 10 {
		w.orders.add(ada.User.ID, strings.Repeat("x", chat.MaxRead/each))
	}
	all, orders := chat.WithOrders(w.store, w.orders), chat.OrdersOf(ada.User.ID)
	heads, err := all.Heads(w.ctx, []chat.RoomID{orders, room.ID, chat.OrdersOf(eve.User.ID), chat.RoomID(chat.NewID())})
	want := map[chat.RoomID]chat.Head{orders: {Epoch: w.orders.epoch, Seq: 10}, room.ID: room.Head}
	if err != nil || !maps.Equal(heads, want) {
		t.Errorf("heads %v, %v, want %v", heads, err, want)
	}
	if head, name, err := all.RoomHead(w.ctx, orders); err != nil || head.Seq != 10 || name != "orders" {
		t.Errorf("head %v of %q, %v", head, name, err)
	}
	if _, name, err := all.RoomHead(w.ctx, room.ID); err != nil || name != "tea" {
		t.Errorf("room %q, %v", name, err)
	}
	for i := range 20 {
		w.orders.add(eve.User.ID, strings.Repeat("y", chat.MaxRead/each*(1+i/19*each)))
	}
	got := 0
	for after := chat.Seq(0); after < 20; {
		_, events, err := all.Since(w.ctx, chat.OrdersOf(eve.User.ID), after, 500)
		size := 0
		for _, e := range events {
			size += len(e.Body)
		}
		if err != nil || len(events) == 0 || events[0].Seq != after+1 || len(events) > 1 && size > chat.MaxRead {
			t.Fatalf("after %d: %d events of %d bytes, %v", after, len(events), size, err)
		}
		after += chat.Seq(len(events))
		got++
	}
	if got < 2 {
		t.Error("one read gave them all: the limit shows nothing")
	}
	if _, events, err := all.Since(w.ctx, room.ID, 0, 1); err != nil || len(events) != 1 || events[0].Kind != chat.EventRoom {
		t.Errorf("of the room: %v, %v", events, err)
	}
}

// TestManyWhoComeBackShareReads holds that a customer's tabs which all come back
// at once cost few reads of the log.
func TestManyWhoComeBackShareReads(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	ada := w.user("ada")
	w.order(ada)
	var clients []*chattest.Client
	for range 20 {
		clients = append(clients, w.nodes[0].connect(ada))
	}
	for _, c := range clients {
		joinOrders(c, cmd{"since": 1})
	}
	w.orders.mu.Lock()
	reads := w.orders.reads
	w.orders.mu.Unlock()
	if reads > 3 {
		t.Errorf("%d reads for %d joins", reads, len(clients))
	}
}
