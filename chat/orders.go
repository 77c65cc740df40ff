package chat

import (
	"context"
	"errors"
	"fmt"

	"hubbub/chat/wire"
)

// What the chat knows of orders: that each may have a room, and its customer a
// stream. What an order is, it does not know.

// MaxOrderStaff is how many of the support staff are in an order's room from its
// start. The others come in when they open it.
const MaxOrderStaff = 50

// OrderRoom says what order a room is about.
type OrderRoom struct {
	ID       string // at most 100 bytes
	Number   string // what people call the order
	Customer UserID
}

// OpenOrderRoom gives the room about an order, made by the first who asks: its
// customer is in it, and the support staff as moderators. A caller of the
// support who is not in it, or has left, comes in. ErrForbidden: the caller is
// neither the customer nor support; whether the order is there, and whose it is,
// the caller of this has looked at.
//
// Nobody invites others or puts anybody out, and the room is called after the
// order for ever. Support may leave, pin, and delete what was said (a customer
// may have told the number of a card); the customer stays.
func (r *Rooms) OpenOrderRoom(ctx context.Context, o OrderRoom, caller UserID) (RoomID, error) {
	who, _, err := r.users.UserByID(ctx, caller)
	if err != nil {
		return "", fmt.Errorf("find who opens the room: %w", err)
	}
	customer := who
	if caller != o.Customer {
		if who.Role != Support {
			return "", Refuse(ErrForbidden, "the room of an order is for its customer and for support")
		}
		if customer, _, err = r.users.UserByID(ctx, o.Customer); err != nil {
			return "", fmt.Errorf("find the order's customer: %w", err)
		}
	}
	staff, err := r.users.Staff(ctx, Support, MaxOrderStaff)
	if err != nil {
		return "", fmt.Errorf("list the support staff: %w", err)
	}
	n := NewRoom{
		ID: RoomID(NewID()), Epoch: Epoch(NewID()), Kind: Order, Name: "Order " + o.Number, OrderID: o.ID,
		Creator: System, Members: []Actor{customer.Actor()}, CreatedAt: r.now().UnixMicro(),
	}
	for _, u := range staff {
		n.Staff = append(n.Staff, u.Actor())
	}
	room, events, err := r.store.CreateRoom(ctx, n)
	if err != nil {
		return "", fmt.Errorf("make the order's room: %w", err)
	}
	r.tell(events)
	if len(events) > 0 {
		if err := r.recheck(ctx, room.ID, n.Staff); err != nil {
			return "", err
		}
	}
	if caller == o.Customer {
		return room.ID, nil
	}
	_, err = r.store.Room(ctx, string(room.ID), caller)
	if errors.Is(err, ErrNotFound) { // not in it
		err = r.changeMember(ctx, who.Actor(), room.ID, MemberChange{
			User: who.Actor(), Change: wire.ChangeJoined, Role: Moderator, Server: true})
		if errors.Is(err, ErrConflict) { // but now, through another node
			err = nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("come into the order's room: %w", err)
	}
	return room.ID, nil
}

// recheck puts those out of a new room who were support when its members were
// listed, and are so no longer: whoever took the role away saw no such room yet.
func (r *Rooms) recheck(ctx context.Context, room RoomID, staff []Actor) error {
	for _, member := range staff {
		u, _, err := r.users.UserByID(ctx, member.ID)
		if err != nil {
			return fmt.Errorf("find who is in the order's room: %w", err)
		}
		if u.Role == Support {
			continue
		}
		if err := r.leaveOrder(ctx, u, room); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rooms) leaveOrder(ctx context.Context, who User, room RoomID) error {
	err := r.changeMember(ctx, who.Actor(), room, MemberChange{User: who.Actor(), Change: wire.ChangeLeft, Server: true})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("leave an order's room: %w", err)
	}
	return nil
}

// LeaveOrders puts somebody who is support no longer out of the rooms of all
// orders but their own. When it fails, calling it again goes on.
func (r *Rooms) LeaveOrders(ctx context.Context, who User) error {
	for after := RoomID(""); ; {
		rooms, err := r.store.RoomsOf(ctx, who.ID, after, wire.MaxPage)
		if err != nil {
			return fmt.Errorf("list the rooms to leave: %w", err)
		}
		for _, room := range rooms {
			after = room.ID
			if room.Kind != Order || !room.Role.Moderates() {
				continue
			}
			if err := r.leaveOrder(ctx, who, room.ID); err != nil {
				return err
			}
		}
		if len(rooms) < wire.MaxPage {
			return nil
		}
	}
}
