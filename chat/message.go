package chat

import (
	"crypto/sha256"

	"hubbub/chat/wire"
)

// EventKind says what an event of the log does; the values are those of
// wire.TypeMessage and its neighbours.
type EventKind string

const (
	EventMessage EventKind = wire.TypeMessage
	EventEdited  EventKind = wire.TypeEdited
	EventDeleted EventKind = wire.TypeDeleted
	EventReacted EventKind = wire.TypeReacted
	EventPinned  EventKind = wire.TypePinned
	EventMember  EventKind = wire.TypeMember
	EventRoom    EventKind = wire.TypeRoom
	EventOrder   EventKind = wire.TypeOrder // of a customer's stream, never of a room
)

// Event is one entry of a room's log, committed.
type Event struct {
	Room     RoomID
	Epoch    Epoch
	Seq      Seq
	Kind     EventKind
	Actor    Actor
	ClientID string
	At       int64 // microseconds since 1970; order never depends on it
	// Body is the JSON object of the kind's own fields (wire.MessageBody, …).
	Body []byte
}

// Wire gives the event as it travels.
func (e Event) Wire() wire.Event {
	return wire.Event{
		Type: string(e.Kind), Room: string(e.Room), Epoch: string(e.Epoch), Seq: uint64(e.Seq),
		At: e.At, Actor: e.Actor.Wire(), ClientID: e.ClientID, Body: e.Body,
	}
}

// Draft is an event before it has a number. Body and Hash are filled by Rooms;
// exactly the field that belongs to Kind is set.
type Draft struct {
	Kind  EventKind
	Actor Actor
	// ClientID is unique per room and actor for ever: the same id again is the
	// same event, or a conflict when Hash differs. Never empty.
	ClientID string
	Hash     [sha256.Size]byte
	At       int64 // microseconds since 1970
	Body     []byte

	// Target is the message that is edited, deleted, reacted to or pinned, or
	// that an EventMessage replies to (refused if there is none such), or 0.
	Target Seq
	// Text and TextKind are the new text of an edit.
	Text, TextKind string
	// Emoji is the reaction; Removed takes a reaction or a pin back.
	Emoji   string
	Removed bool
	// Member is the change of an EventMember.
	Member *MemberChange
	// Room is the change of an EventRoom; nil fields stay.
	Room *RoomChange
}

// MemberChange puts a user into a room, out of it, or into a role. Who may do
// that is decided under the room's lock:
//
//	joined   the actor itself, into a public room; as its owner only if that is
//	         asked for and there is none
//	invited  any member of a private room, any moderator of a public one
//	left     the actor itself, not out of a direct room, nor the customer out of an order's
//	kicked   a moderator, never an owner; an owner kicks anybody but itself; nobody in an order's room
//	role     an owner; the last owner keeps the role
type MemberChange struct {
	User   Actor
	Change string // wire.ChangeJoined and its neighbours
	Role   Role   // for joined, invited and role; Plain when empty
	// Server: the server itself lets the user in (joined) or out (left), for a
	// reason that it has looked at elsewhere. No rule of the room is asked.
	Server bool
}

// RoomChange renames a room or gives it a topic: moderators and owners only,
// never a direct room nor an order's.
type RoomChange struct {
	Name  *string
	Topic *string
}

// Result is what became of one draft.
type Result struct {
	// Event is the event as committed; on a repeat the one of old.
	Event  Event
	Repeat bool
	// Err says why it was refused (nothing was stored), or is ErrUnknownOutcome.
	Err error
}

// Message is a message as it is now.
type Message struct {
	Seq       Seq
	At        int64
	Actor     Actor
	ClientID  string
	Kind      string
	Text      string
	ReplyTo   Seq
	EditedAt  int64 // 0: never
	Deleted   bool
	Pinned    bool
	Reactions []wire.Reaction
}

// Size is what the message counts for in [MaxRead]: the bytes of its text and
// of its reactions.
func (m Message) Size() int {
	n := len(m.Text)
	for _, r := range m.Reactions {
		n += len(r.Emoji)
		for _, user := range r.Users {
			n += len(user)
		}
	}
	return n
}

// Wire gives the message as it travels.
func (m Message) Wire(room RoomID) wire.Message {
	out := wire.Message{
		Room: string(room), Seq: uint64(m.Seq), At: wire.Micros(m.At), Actor: m.Actor.Wire(),
		ClientID: m.ClientID, Kind: m.Kind, Text: m.Text, ReplyTo: uint64(m.ReplyTo),
		Deleted: m.Deleted, Pinned: m.Pinned, Reactions: m.Reactions,
	}
	if m.EditedAt != 0 {
		t := wire.Micros(m.EditedAt)
		out.EditedAt = &t
	}
	return out
}

// Range asks for one page of a room's messages; at most one of Before, After
// and Around is set, and with none it is the newest page.
type Range struct {
	Before, After, Around Seq
	Limit                 int
}
