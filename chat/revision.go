package chat

import (
	"encoding/json"
	"fmt"
	"slices"

	"hubbub/chat/wire"
)

// Revision is what happened to a message since it was posted. Most messages
// have none. Like the rules of a room it is pure; stores keep it beside the log.
type Revision struct {
	// Kind and Text are those of the last edit, when EditedAt is set.
	Kind, Text string
	EditedAt   int64 // microseconds since 1970, 0: never
	// Edits are the events that edited the message: their texts go with it.
	Edits     []Seq
	Deleted   bool
	Pinned    bool
	Reactions []wire.Reaction
}

// Apply decides and makes the change that the draft asks of a message by that
// author. The draft becomes the event seq of a room of that kind; its actor has
// that role. When it is refused, nothing changed.
func (r *Revision) Apply(d Draft, seq Seq, author UserID, kind RoomKind, role Role) error {
	if author == System.ID {
		return Refuse(ErrForbidden, "what the server says stays as it is")
	}
	if r.Deleted {
		return Refuse(ErrConflict, "the message was deleted")
	}
	own := d.Actor.ID == author
	switch d.Kind {
	case EventEdited:
		return r.edit(d, seq, own)
	case EventDeleted:
		if !own && !role.Moderates() {
			return Refuse(ErrForbidden, "the author and moderators delete a message")
		}
		*r = Revision{Deleted: true, EditedAt: r.EditedAt, Kind: r.Kind, Edits: r.Edits}
	case EventReacted:
		return r.react(d)
	case EventPinned:
		if kind != Direct && !role.Moderates() {
			return Refuse(ErrForbidden, "moderators pin messages")
		}
		r.Pinned = !d.Removed
	default:
		return fmt.Errorf("chat: a %q event changes no message", d.Kind)
	}
	return nil
}

func (r *Revision) edit(d Draft, seq Seq, own bool) error {
	switch {
	case !own:
		return Refuse(ErrForbidden, "only the author edits a message")
	case len(r.Edits) >= wire.MaxEdits:
		return Invalid("seq", fmt.Sprintf("a message is edited at most %d times", wire.MaxEdits))
	}
	r.Kind, r.Text, r.EditedAt = d.TextKind, d.Text, d.At
	r.Edits = append(r.Edits, seq)
	return nil
}

// react sets a reaction or takes it back. Doing it twice changes nothing more
// but is an event all the same, so that each command has a seq to answer with.
func (r *Revision) react(d Draft) error {
	i := slices.IndexFunc(r.Reactions, func(x wire.Reaction) bool { return x.Emoji == d.Emoji })
	user := string(d.Actor.ID)
	switch {
	case i < 0 && d.Removed:
	case i < 0 && len(r.Reactions) >= wire.MaxReactions:
		return Invalid("emoji", fmt.Sprintf("a message has at most %d different reactions", wire.MaxReactions))
	case i < 0:
		r.Reactions = append(r.Reactions, wire.Reaction{Emoji: d.Emoji, Users: []string{user}})
	case d.Removed:
		users := slices.DeleteFunc(r.Reactions[i].Users, func(u string) bool { return u == user })
		r.Reactions[i].Users = users
		if len(users) == 0 {
			r.Reactions = slices.Delete(r.Reactions, i, i+1)
		}
	case !slices.Contains(r.Reactions[i].Users, user):
		r.Reactions[i].Users = append(r.Reactions[i].Users, user)
	}
	return nil
}

// Message gives the message of an EventMessage as it is now.
func (r Revision) Message(e Event) (Message, error) {
	var body wire.MessageBody
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return Message{}, fmt.Errorf("chat: body of %s/%d: %w", e.Room, e.Seq, err)
	}
	m := Message{
		Seq: e.Seq, At: e.At, Actor: e.Actor, ClientID: e.ClientID,
		Kind: body.Kind, Text: body.Text, ReplyTo: Seq(body.ReplyTo),
		EditedAt: r.EditedAt, Deleted: r.Deleted, Pinned: r.Pinned, Reactions: r.Reactions,
	}
	if r.EditedAt != 0 {
		m.Kind, m.Text = r.Kind, r.Text
	}
	return m, nil
}

// Erased gives the body of a "message" or "edited" event without its text, to
// take the place of the body when the message is deleted.
func Erased(kind EventKind, body []byte) ([]byte, error) {
	if kind == EventEdited {
		var b wire.EditedBody
		if err := json.Unmarshal(body, &b); err != nil {
			return nil, fmt.Errorf("chat: body to erase: %w", err)
		}
		b.Text = ""
		return json.Marshal(b)
	}
	var b wire.MessageBody
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, fmt.Errorf("chat: body to erase: %w", err)
	}
	b.Text, b.Deleted = "", true
	return json.Marshal(b)
}
