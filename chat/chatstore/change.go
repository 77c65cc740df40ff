package chatstore

import (
	"context"
	"encoding/json"
	"fmt"

	"hubbub/chat"
	"hubbub/chat/wire"
	"hubbub/internal/sqldb"
)

// change makes the draft's change to the room, its members or its messages, and
// gives the body of its event. A refusal is a *chat.Error and changes nothing.
func (b *batch) change(ctx context.Context, d chat.Draft) ([]byte, error) {
	role := b.roles[d.Actor.ID]
	if err := d.Admit(b.kind(), role); err != nil {
		return nil, err
	}
	switch d.Kind {
	case chat.EventMessage:
		return d.Body, b.checkReply(ctx, d.Target)
	case chat.EventMember:
		return b.changeMember(ctx, d, role)
	case chat.EventRoom:
		return b.changeRoom(ctx, *d.Room, role)
	}
	return d.Body, b.changeMessage(ctx, d, role)
}

func (b *batch) checkReply(ctx context.Context, to chat.Seq) error {
	if to == 0 {
		return nil
	}
	t, err := b.target(ctx, to)
	if err == nil && t == nil {
		return chat.Invalid("reply_to", "there is no such message")
	}
	return err
}

func (b *batch) changeMember(ctx context.Context, d chat.Draft, byRole chat.Role) ([]byte, error) {
	if b.owners < 0 {
		if err := b.conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM members WHERE room_id=? AND role=?",
			b.room, chat.Owner).Scan(&b.owners); err != nil {
			return nil, fmt.Errorf("owners: %w", err)
		}
	}
	c := *d.Member
	old := b.roles[c.User.ID]
	now, err := c.Apply(b.kind(), d.Actor.ID, byRole, old, b.owners)
	if err != nil {
		return nil, err
	}
	switch {
	case now == "":
		_, err = b.conn.ExecContext(ctx, "DELETE FROM members WHERE room_id=? AND user_id=?", b.room, c.User.ID)
	case old == "":
		// What was said before is not unread.
		_, err = b.conn.ExecContext(ctx, insertMember, b.room, c.User.ID, now, b.next(), b.messageNo, d.At)
	default:
		_, err = b.conn.ExecContext(ctx, "UPDATE members SET role=? WHERE room_id=? AND user_id=?", now, b.room, c.User.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("member: %w", err)
	}
	b.roles[c.User.ID] = now
	if old == chat.Owner {
		b.owners--
	}
	if now == chat.Owner {
		b.owners++
	}
	return json.Marshal(wire.MemberBody{User: c.User.Wire(), Change: c.Change, Role: string(now)})
}

func (b *batch) changeRoom(ctx context.Context, c chat.RoomChange, role chat.Role) ([]byte, error) {
	is := b.is
	if err := c.Apply(role, &is); err != nil {
		return nil, err
	}
	_, err := b.conn.ExecContext(ctx, "UPDATE rooms SET name=?, public_name=?, topic=? WHERE id=?",
		is.Name, publicName(b.kind(), is.Name), is.Topic, b.room)
	if sqldb.IsDuplicate(err) {
		return nil, errNameTaken
	}
	if err != nil {
		return nil, fmt.Errorf("room: %w", err)
	}
	b.is = is
	return json.Marshal(is)
}

func (b *batch) changeMessage(ctx context.Context, d chat.Draft, role chat.Role) error {
	t, err := b.target(ctx, d.Target)
	if err != nil {
		return err
	}
	if t == nil {
		return chat.NoMessage()
	}
	if err := t.Apply(d, b.next(), t.author, b.kind(), role); err != nil {
		return err
	}
	t.changed = true
	t.erase = t.erase || d.Kind == chat.EventDeleted
	return nil
}
