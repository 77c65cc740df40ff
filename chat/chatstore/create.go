package chatstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"hubbub/chat"
	"hubbub/chat/wire"
	"hubbub/internal/sqldb"
)

const insertMember = "INSERT INTO members (room_id, user_id, role, read_seq, read_message_no, joined_at) VALUES (?,?,?,?,?,?)"

var errNameTaken = chat.Refuse(chat.ErrConflict, "the name is taken")

// CreateRoom implements [chat.Store]. The same room again (its id and epoch are
// random) is given as it was made.
func (s *Store) CreateRoom(ctx context.Context, n chat.NewRoom) (chat.Room, []chat.Event, error) {
	if n.Key() != "" {
		room, err := s.keyedRoom(ctx, s.db.Read, n)
		if err != nil || room.ID != "" {
			return room, nil, err
		}
	}
	rows, members, err := firstRows(n)
	if err != nil {
		return chat.Room{}, nil, err
	}
	taken := false
	err = s.write(ctx, "create room", func(ctx context.Context, tx *sql.Tx) error {
		err := insertRoom(ctx, tx, n, rows, members)
		taken = sqldb.IsDuplicate(err)
		return err
	})
	if taken {
		return s.existing(ctx, n, len(rows))
	}
	if err != nil {
		return chat.Room{}, nil, err
	}
	return newView(n, rows), eventsOf(rows), nil
}

// newView is a new room as its creator sees it. It is not read back: what was
// made must not be answered with an error.
func newView(n chat.NewRoom, rows []row) chat.Room {
	room := chat.Room{
		ID: n.ID, Kind: n.Kind, Name: n.Name, Topic: n.Topic,
		Head: chat.Head{Epoch: n.Epoch, Seq: chat.Seq(len(rows))}, OrderID: n.OrderID, CreatedAt: n.CreatedAt,
	}
	if n.Creator.ID == "" {
		return room
	}
	room.Role, room.ReadSeq = creatorRole(n.Kind), 2 // the event of the creator
	if n.Kind == chat.Direct {
		for _, user := range n.Members {
			if user.ID != n.Creator.ID && !slices.Contains(room.Others, user) {
				room.Others = append(room.Others, user)
			}
		}
	}
	return room
}

// creatorRole is what the creator becomes.
func creatorRole(kind chat.RoomKind) chat.Role {
	if kind == chat.Direct {
		return chat.Plain
	}
	return chat.Owner
}

// firstRows are the events that a room begins with, and its members.
func firstRows(n chat.NewRoom) ([]row, [][]any, error) {
	var rows []row
	var members [][]any
	add := func(kind chat.EventKind, body any) error {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("chatstore: %s event: %w", kind, err)
		}
		rows = append(rows, row{hash: sha256.Sum256(data), Event: chat.Event{
			Room: n.ID, Epoch: n.Epoch, Seq: chat.Seq(len(rows) + 1), Kind: kind,
			Actor: n.Creator, ClientID: chat.NewID(), At: n.CreatedAt, Body: data,
		}})
		return nil
	}
	in := map[chat.UserID]bool{}
	enter := func(user chat.Actor, change string, role chat.Role) error {
		if in[user.ID] {
			return nil
		}
		in[user.ID] = true
		members = append(members, []any{n.ID, user.ID, role, len(rows) + 1, 0, n.CreatedAt})
		return add(chat.EventMember, wire.MemberBody{User: user.Wire(), Change: change, Role: string(role)})
	}
	if err := add(chat.EventRoom, wire.RoomBody{Kind: string(n.Kind), Name: n.Name, Topic: n.Topic}); err != nil {
		return nil, nil, err
	}
	if n.Creator.ID != "" { // else nobody made it, as #general
		if err := enter(n.Creator, wire.ChangeJoined, creatorRole(n.Kind)); err != nil {
			return nil, nil, err
		}
	}
	for _, user := range n.Members {
		if err := enter(user, wire.ChangeInvited, chat.Plain); err != nil {
			return nil, nil, err
		}
	}
	for _, user := range n.Staff {
		if err := enter(user, wire.ChangeInvited, chat.Moderator); err != nil {
			return nil, nil, err
		}
	}
	return rows, members, nil
}

func insertRoom(ctx context.Context, tx *sql.Tx, n chat.NewRoom, rows []row, members [][]any) error {
	key := sql.NullString{String: n.Key(), Valid: n.Key() != ""}
	if _, err := tx.ExecContext(ctx, "INSERT INTO rooms (id, kind, name, public_name, direct_key, topic, epoch,"+
		" last_seq, last_message_no, created_at) VALUES (?,?,?,?,?,?,?,?,0,?)",
		n.ID, n.Kind, n.Name, publicName(n.Kind, n.Name), key, n.Topic, n.Epoch, len(rows), n.CreatedAt); err != nil {
		return fmt.Errorf("room: %w", err)
	}
	for _, m := range members {
		if _, err := tx.ExecContext(ctx, insertMember, m...); err != nil {
			return fmt.Errorf("member: %w", err)
		}
	}
	return execAll(ctx, tx, insertRows(rows))
}

// publicName is what must be unique, and NULL for rooms that nobody finds by name.
func publicName(kind chat.RoomKind, name string) sql.NullString {
	return sql.NullString{String: name, Valid: kind == chat.Public}
}

// existing says what is in the way of a new room: the same room, made by a
// lost run of the same call; the room of the pair or the order; or its name.
func (s *Store) existing(ctx context.Context, n chat.NewRoom, events int) (chat.Room, []chat.Event, error) {
	room, err := s.oneRoom(ctx, s.db.Write, n.Creator.ID, "r.id=? AND r.epoch=?", n.ID, n.Epoch)
	if err != nil {
		return chat.Room{}, nil, err
	}
	if room.ID != "" {
		_, first, err := s.Since(ctx, n.ID, 0, events)
		return room, first, err
	}
	if n.Key() != "" {
		room, err := s.keyedRoom(ctx, s.db.Write, n)
		if err != nil || room.ID != "" {
			return room, nil, err
		}
	}
	return chat.Room{}, nil, errNameTaken
}

// keyedRoom finds the room that there is one of. Its column was named when there
// were direct rooms only.
func (s *Store) keyedRoom(ctx context.Context, q sqldb.Queryer, n chat.NewRoom) (chat.Room, error) {
	return s.oneRoom(ctx, q, n.Creator.ID, "r.direct_key=?", n.Key())
}

func eventsOf(rows []row) []chat.Event {
	events := make([]chat.Event, len(rows))
	for i, r := range rows {
		events[i] = r.Event
	}
	return events
}
