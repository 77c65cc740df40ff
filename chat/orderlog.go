package chat

import (
	"context"
	"errors"
	"strings"

	"hubbub/chat/wire"
)

// A customer's orders are a log too, which the customer's sockets read like a
// room: same topic, same numbers, same resume. It has a name where a room has
// its id, and one reader.

const (
	ordersPrefix = "orders/"
	ordersMine   = ordersPrefix + "me"
)

// OrdersOf names the stream of a customer's orders.
func OrdersOf(customer UserID) RoomID { return RoomID(ordersPrefix + customer) }

// customerOf gives whose orders a stream is of; ok is false for a room.
func customerOf(id RoomID) (customer UserID, ok bool) {
	of, ok := strings.CutPrefix(string(id), ordersPrefix)
	return UserID(of), ok
}

// OrderLog reads the logs of customers' orders. Errors are *Error or internal.
type OrderLog interface {
	// OrdersSince reads events with a seq above after, in order and at most limit,
	// and where the log stands at that time. Their room is [OrdersOf] the customer,
	// their kind [EventOrder]. Who has ordered nothing has an empty log.
	OrdersSince(ctx context.Context, customer UserID, after Seq, limit int) (Head, []Event, error)
	// OrderHeads reads where the logs stand; one that was never opened may be left out.
	OrderHeads(ctx context.Context, customers []UserID) (map[UserID]Head, error)
}

// WithOrders reads the logs of rooms and those of orders, by their names.
func WithOrders(rooms LogReader, orders OrderLog) LogReader { return logs{rooms, orders} }

type logs struct {
	rooms  LogReader
	orders OrderLog
}

func (l logs) Since(ctx context.Context, id RoomID, after Seq, limit int) (Head, []Event, error) {
	customer, ok := customerOf(id)
	if !ok {
		return l.rooms.Since(ctx, id, after, limit)
	}
	head, events, err := l.orders.OrdersSince(ctx, customer, after, limit)
	return head, fitting(events, MaxRead), err
}

// fitting gives as many of the first events as have room, but one at least.
func fitting(events []Event, room int) []Event {
	for i, e := range events {
		if room -= len(e.Body); room < 0 && i > 0 {
			return events[:i]
		}
	}
	return events
}

// Heads gives what could be read even where it has an error: the logs of one
// kind are followed while those of the other cannot be read.
func (l logs) Heads(ctx context.Context, ids []RoomID) (map[RoomID]Head, error) {
	var rooms []RoomID
	var customers []UserID
	for _, id := range ids {
		if customer, ok := customerOf(id); ok {
			customers = append(customers, customer)
		} else {
			rooms = append(rooms, id)
		}
	}
	heads := make(map[RoomID]Head, len(ids))
	var errs []error
	if len(rooms) > 0 {
		read, err := l.rooms.Heads(ctx, rooms)
		errs = append(errs, err)
		for id, h := range read {
			heads[id] = h
		}
	}
	if len(customers) > 0 {
		read, err := l.orders.OrderHeads(ctx, customers)
		errs = append(errs, err)
		for customer, h := range read {
			heads[OrdersOf(customer)] = h
		}
	}
	return heads, errors.Join(errs...)
}

func (l logs) RoomHead(ctx context.Context, id RoomID) (Head, string, error) {
	customer, ok := customerOf(id)
	if !ok {
		return l.rooms.RoomHead(ctx, id)
	}
	head, _, err := l.orders.OrdersSince(ctx, customer, wire.MaxSeq, 1)
	return head, "orders", err
}

func (l logs) MemberIDs(ctx context.Context, id RoomID, limit int) ([]UserID, error) {
	if customer, ok := customerOf(id); ok {
		return []UserID{customer}, nil
	}
	return l.rooms.MemberIDs(ctx, id, limit)
}

// ownOrders resolves a name of the user's own stream; ok is false for what names
// no such stream. That of somebody else is absent, whether there is one or not.
func (s *Session) ownOrders(ref string) (id RoomID, ok bool, err error) {
	if _, ok := customerOf(RoomID(ref)); !ok {
		return "", false, nil
	}
	own := OrdersOf(s.User().ID)
	if ref != ordersMine && ref != string(own) {
		return "", true, errNoRoom
	}
	return own, true, nil
}
