// Package wire is what client and server say to each other: the frames of the
// client protocol, version 1, their limits, and the formats they travel in.
//
// PROTOCOL.md beside this file is the same for authors of clients. The frames
// do not depend on the format: [ForProtocol] picks a [Codec] by the WebSocket
// subprotocol, and everything above it sees [Command] and [Frame] values only.
//
// The REST API answers with the same shapes ([User], [Room], [Member],
// [Message]), so a client reads one kind of JSON everywhere.
package wire

import (
	"encoding/json"
	"time"
)

// Limits of the protocol. The server tells them to every client in [Welcome].
const (
	MaxFrame       = 64 << 10 // bytes of one frame from a client
	MaxText        = 16_000   // characters (code points) of one message
	MaxDepth       = 8        // nesting of JSON objects and arrays
	MaxID          = 64       // ASCII characters of a command's id
	MaxJoins       = 500      // rooms joined on one socket
	MaxPage        = 200      // items of one page
	MaxName        = 64       // characters of a room's name
	MaxTopic       = 500      // characters of a room's topic
	MaxDisplayName = 64       // characters of a display name
	MaxEmoji       = 32       // bytes of one reaction
	MaxReactions   = 32       // different reactions on one message
	MaxEdits       = 500      // edits of one message
	MaxPresence    = 50       // rooms of one presence command
)

// Kinds of a message's text.
const (
	KindText     = "text"
	KindMarkdown = "markdown"
	KindSystem   = "system" // said by the server itself; nobody can send it
)

// Types of log events. Each is a frame type too: the frame is the event.
const (
	TypeMessage = "message" // somebody said something
	TypeEdited  = "edited"  // the text of an earlier message changed
	TypeDeleted = "deleted" // an earlier message is gone
	TypeReacted = "reacted" // a reaction was set or taken back
	TypePinned  = "pinned"  // a message was pinned or unpinned
	TypeMember  = "member"  // somebody joined, left, was invited, kicked or got a role
	TypeRoom    = "room"    // the room was created, renamed or got a topic
	TypeOrder   = "order"   // an order was placed, moved or changed; in its customer's stream, in no room
)

// Actor is who did something: the id, and the display name at that time.
type Actor struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Event is one entry of a room's log as it travels. Body is a JSON object with
// the fields of its type ([MessageBody], [EditedBody], …); on the wire they
// stand beside the fields of the Event itself, not in an object of their own.
type Event struct {
	Type     string
	Room     string
	Epoch    string
	Seq      uint64
	At       int64 // microseconds since 1970, UTC
	Actor    Actor
	ClientID string // the id under which the actor sent it
	Body     []byte
}

// MessageBody are the fields of a "message" event.
type MessageBody struct {
	Kind    string `json:"kind"`
	Text    string `json:"text"`
	ReplyTo uint64 `json:"reply_to,omitempty"`
	// Deleted marks a message whose text was erased after it was posted.
	Deleted bool `json:"deleted,omitempty"`
}

// EditedBody are the fields of an "edited" event.
type EditedBody struct {
	Target uint64 `json:"target"`
	Kind   string `json:"kind"`
	Text   string `json:"text"`
}

// TargetBody are the fields of "deleted" (Target) and "pinned" (Target, Removed).
type TargetBody struct {
	Target  uint64 `json:"target"`
	Removed bool   `json:"removed,omitempty"`
}

// ReactedBody are the fields of a "reacted" event.
type ReactedBody struct {
	Target  uint64 `json:"target"`
	Emoji   string `json:"emoji"`
	Removed bool   `json:"removed,omitempty"`
}

// Changes of a member.
const (
	ChangeJoined  = "joined"  // came in by itself
	ChangeInvited = "invited" // was let in by another
	ChangeLeft    = "left"    // went by itself
	ChangeKicked  = "kicked"  // was put out by another
	ChangeRole    = "role"    // got another role
)

// MemberBody are the fields of a "member" event.
type MemberBody struct {
	User   Actor  `json:"user"`
	Change string `json:"change"`
	Role   string `json:"role,omitempty"`
}

// RoomBody are the fields of a "room" event: what the room is called now.
type RoomBody struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Topic string `json:"topic"`
}

// OrderBody are the fields of an "order" event.
type OrderBody struct {
	Order   string `json:"order"`
	Number  string `json:"number"`
	Version uint64 `json:"version"` // of the order, after it
	// Change is placed, moved, changed (note, metadata or address) or room (its
	// support room was opened).
	Change string `json:"change"`
	From   string `json:"from,omitempty"` // the status before, of moved
	Status string `json:"status"`         // the status after it
	Reason string `json:"reason,omitempty"`
}

// User is a person or program with an account, or a guest.
type User struct {
	ID          string `json:"id"`
	Name        string `json:"name,omitempty" doc:"Sign-in name; guests have none."`
	DisplayName string `json:"display_name"`
	Guest       bool   `json:"guest,omitempty"`
	Role        string `json:"role,omitempty" enum:"support" doc:"What the user is to the whole deployment: support, or absent."`
}

// Room is a room as one user sees it.
type Room struct {
	ID    string `json:"id"`
	Kind  string `json:"kind" enum:"public,private,direct,order"`
	Name  string `json:"name,omitempty" doc:"Direct rooms have none."`
	Topic string `json:"topic,omitempty"`
	Epoch string `json:"epoch" doc:"The life of the room's log; changes when a backup was restored."`
	Head  uint64 `json:"head" doc:"Sequence number of the newest event."`
	// Member fields; absent when the caller is not a member of a public room.
	Role    string  `json:"role,omitempty" doc:"The caller's role: owner, moderator or member; absent for non-members."`
	ReadSeq uint64  `json:"read_seq,omitempty" doc:"Up to where the caller has read."`
	Unread  uint64  `json:"unread,omitempty" doc:"Messages after read_seq."`
	With    []Actor `json:"with,omitempty" doc:"In a direct room: the others."`
	OrderID string  `json:"order_id,omitempty" doc:"In the room of an order: which one."`
	// CreatedAt is RFC 3339, UTC, microseconds.
	CreatedAt Time `json:"created_at"`
}

// Member is one member of a room.
type Member struct {
	User     User   `json:"user"`
	Role     string `json:"role"`
	JoinedAt Time   `json:"joined_at"`
}

// Message is a message as it is now: after edits, deletion and reactions.
type Message struct {
	Room      string     `json:"room"`
	Seq       uint64     `json:"seq"`
	At        Time       `json:"at"`
	Actor     Actor      `json:"actor"`
	ClientID  string     `json:"client_id"`
	Kind      string     `json:"kind" doc:"text, markdown, or system: said by the server itself."`
	Text      string     `json:"text"`
	ReplyTo   uint64     `json:"reply_to,omitempty"`
	EditedAt  *Time      `json:"edited_at,omitempty"`
	Deleted   bool       `json:"deleted,omitempty"`
	Pinned    bool       `json:"pinned,omitempty"`
	Reactions []Reaction `json:"reactions,omitempty"`
}

// Reaction is one emoji on a message and who set it.
type Reaction struct {
	Emoji string   `json:"emoji"`
	Users []string `json:"users" doc:"Ids of the users, in the order they reacted."`
}

// Time is a time that travels as RFC 3339 in UTC with microseconds.
type Time struct{ time.Time }

// timeLayout always shows six digits, so texts sort like times.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// Micros gives the Time of so many microseconds since 1970.
func Micros(us int64) Time { return Time{time.UnixMicro(us).UTC()} }

// MarshalJSON writes the one layout that this protocol uses.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(nil, `"`+timeLayout+`"`), nil
}

// UnmarshalJSON reads any RFC 3339 time.
func (t *Time) UnmarshalJSON(data []byte) error {
	var v time.Time
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	t.Time = v.UTC()
	return nil
}
