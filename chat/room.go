package chat

import (
	"strings"

	"hubbub/chat/wire"
)

// RoomID is opaque, of the form of [NewID].
type RoomID string

// Epoch is one life of a room's log: set when the room is made, changed when a
// backup was restored. A sequence number means nothing without it.
type Epoch string

// Seq numbers the events of a room from 1, without a hole.
type Seq uint64

// RoomKind says who may find and enter a room.
type RoomKind string

const (
	Public  RoomKind = "public"  // everybody finds it by its name and may join
	Private RoomKind = "private" // one has to be invited
	Direct  RoomKind = "direct"  // two users, one room, for ever
	Order   RoomKind = "order"   // about one order: its customer, and support as moderators; see [Rooms.OpenOrderRoom]
)

// Role says what a member may do.
type Role string

const (
	Owner     Role = "owner"     // everything, and gives roles
	Moderator Role = "moderator" // kicks members, deletes and pins messages
	Plain     Role = "member"    // talks
)

// Moderates tells whether the role may act on what others wrote.
func (r Role) Moderates() bool { return r == Owner || r == Moderator }

// Head is where a room's log stands.
type Head struct {
	Epoch Epoch
	Seq   Seq
}

// Room is a room as one user sees it.
type Room struct {
	ID        RoomID
	Kind      RoomKind
	Name      string // "" for a direct room
	Topic     string
	Head      Head
	OrderID   string // the order that a room of the kind Order is about
	CreatedAt int64  // microseconds since 1970

	// Of the user who looks: zero when not a member.
	Role    Role
	ReadSeq Seq
	Unread  uint64
	// Others are the other members of a direct room.
	Others []Actor
}

// IsMember tells whether the user who looks is in the room.
func (r Room) IsMember() bool { return r.Role != "" }

// Wire gives the room as it travels.
func (r Room) Wire() wire.Room {
	out := wire.Room{
		ID: string(r.ID), Kind: string(r.Kind), Name: r.Name, Topic: r.Topic,
		Epoch: string(r.Head.Epoch), Head: uint64(r.Head.Seq),
		Role: string(r.Role), ReadSeq: uint64(r.ReadSeq), Unread: r.Unread,
		OrderID:   r.OrderID,
		CreatedAt: wire.Micros(r.CreatedAt),
	}
	for _, a := range r.Others {
		out.With = append(out.With, a.Wire())
	}
	return out
}

// Member is one member of a room.
type Member struct {
	User     User
	Role     Role
	JoinedAt int64 // microseconds since 1970
}

// Wire gives the member as it travels.
func (m Member) Wire() wire.Member {
	return wire.Member{User: m.User.Wire(), Role: string(m.Role), JoinedAt: wire.Micros(m.JoinedAt)}
}

// Wire gives the user as it travels.
func (u User) Wire() wire.User {
	return wire.User{ID: string(u.ID), Name: u.Name, DisplayName: u.DisplayName, Guest: u.Guest, Role: string(u.Role)}
}

// Wire gives the actor as it travels.
func (a Actor) Wire() wire.Actor { return wire.Actor{ID: string(a.ID), Name: a.Name} }

// NewRoom is what a room is made of.
type NewRoom struct {
	ID      RoomID
	Epoch   Epoch
	Kind    RoomKind
	Name    string
	Topic   string
	Creator Actor
	// Members are the others who are in it from the start, Staff those of them who
	// are moderators from the start.
	Members []Actor
	Staff   []Actor
	// DirectKey names the pair of a direct room: there is one room per key.
	DirectKey string
	// OrderID is the order of an order's room: there is one room per order.
	OrderID   string
	CreatedAt int64
}

// Key is what there is one room of: the pair of a direct room, the order of an
// order's. It is "" for other kinds.
func (n NewRoom) Key() string {
	switch n.Kind {
	case Direct:
		return n.DirectKey
	case Order:
		return orderKey + n.OrderID
	}
	return ""
}

const orderKey = "order/"

// OrderOf gives the order that a [NewRoom.Key] is of; "" for that of a pair.
func OrderOf(key string) string {
	order, ok := strings.CutPrefix(key, orderKey)
	if !ok {
		return ""
	}
	return order
}
