package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/orders"
)

// Where orders and chat meet. Neither knows the other: what each asks for is
// given here, in the other's terms.

// newOrders makes the service over its store.
func newOrders(store orders.Store, accounts *chat.Accounts, rooms *chat.Rooms, to orders.Publisher, now func() time.Time, log *slog.Logger) *orders.Service {
	return orders.NewService(orders.Options{
		Store: store, Customers: orderCustomers{accounts}, Rooms: orderRooms{rooms}, Publisher: to,
		Now: now, Log: log,
	})
}

// orderLog is a [chat.OrderLog]: what customers' sockets read.
type orderLog struct{ store orders.Store }

func (l orderLog) OrdersSince(ctx context.Context, customer chat.UserID, after chat.Seq, limit int) (chat.Head, []chat.Event, error) {
	head, events, err := l.store.Since(ctx, string(customer), uint64(after), limit)
	if err != nil {
		return chat.Head{}, nil, toChat(err)
	}
	out := make([]chat.Event, len(events))
	for i, e := range events {
		out[i] = orderEvent(e, head.Epoch)
	}
	return orderHead(head), out, nil
}

func (l orderLog) OrderHeads(ctx context.Context, customers []chat.UserID) (map[chat.UserID]chat.Head, error) {
	ids := make([]string, len(customers))
	for i, c := range customers {
		ids[i] = string(c)
	}
	heads, err := l.store.Heads(ctx, ids)
	if err != nil {
		return nil, toChat(err)
	}
	out := make(map[chat.UserID]chat.Head, len(heads))
	for c, h := range heads {
		out[chat.UserID(c)] = orderHead(h)
	}
	return out, nil
}

func orderHead(h orders.Head) chat.Head {
	return chat.Head{Epoch: chat.Epoch(h.Epoch), Seq: chat.Seq(h.Seq)}
}

// orderEvent is an event as it stands in its customer's stream, the same bytes
// whether it is told at once or read later.
func orderEvent(e orders.Event, epoch string) chat.Event {
	customer := chat.UserID(e.Customer)
	return chat.Event{
		Room: chat.OrdersOf(customer), Epoch: chat.Epoch(epoch), Seq: chat.Seq(e.Seq), Kind: chat.EventOrder,
		Actor: chat.Actor{ID: chat.UserID(e.Actor.ID), Name: e.Actor.Name}, At: e.At, Body: orders.AppendBody(nil, e),
	}
}

// orderPublisher is an [orders.Publisher] on the bus of the chat. What is lost
// there is found by number, as with rooms.
type orderPublisher struct {
	to  chat.Publisher
	log *slog.Logger
}

func (p orderPublisher) PublishOrder(e orders.Event, epoch string, message *bus.Event) {
	p.publish(orderEvent(e, epoch).Hint())
	if message != nil {
		p.publish(*message)
	}
}

func (p orderPublisher) publish(e bus.Event) {
	if err := p.to.Publish(e); err != nil && !errors.Is(err, bus.ErrFull) {
		p.log.Error("publish", "topic", e.Topic, "seq", e.First, "error", err)
	}
}

// orderCustomers is [orders.Customers]: every user may have orders.
type orderCustomers struct{ accounts *chat.Accounts }

func (c orderCustomers) IsCustomer(ctx context.Context, id string) (bool, error) {
	_, err := c.accounts.User(ctx, chat.UserID(id))
	if errors.Is(err, chat.ErrNotFound) {
		return false, nil
	}
	return err == nil, toOrders(err)
}

// orderRooms is [orders.Rooms].
type orderRooms struct{ rooms *chat.Rooms }

func (r orderRooms) OpenOrderRoom(ctx context.Context, o orders.Order, caller orders.Caller) (string, error) {
	room, err := r.rooms.OpenOrderRoom(ctx, chat.OrderRoom{
		ID: string(o.ID), Number: o.Number, Customer: chat.UserID(o.CustomerID)}, chat.UserID(caller.ID))
	return string(room), toOrders(err)
}

// toChat and toOrders hand a refusal on in the other's terms: the codes are the
// protocol's, and mean the same in both.

func toChat(err error) error {
	if e, ok := errors.AsType[*orders.Error](err); ok {
		return &chat.Error{Code: e.Code, Text: e.Text, RetryAfter: e.RetryAfter, Cause: err}
	}
	return err
}

func toOrders(err error) error {
	if e, ok := errors.AsType[*chat.Error](err); ok {
		return &orders.Error{Code: e.Code, Text: e.Text, RetryAfter: e.RetryAfter, Cause: err}
	}
	return err
}
