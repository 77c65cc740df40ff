package chatstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"hubbub/chat"
	"hubbub/internal/sqldb"
)

// Limits of one INSERT, well below what a server takes in one statement.
const (
	maxInsertRows  = 500
	maxInsertBytes = 4 << 20 // of bodies
)

// rowColumns are those of events that [row.scan] reads.
const rowColumns = "seq, kind, actor_id, actor_name, client_id, body_hash, target_seq, message_no, body, at"

// scan reads rowColumns.
func (r *row) scan(rows *sql.Rows) error {
	var hash []byte
	if err := rows.Scan(&r.Seq, &r.Kind, &r.Actor.ID, &r.Actor.Name, &r.ClientID, &hash,
		&r.target, &r.messageNo, &r.Body, &r.At); err != nil {
		return err
	}
	if len(hash) != len(r.hash) {
		return fmt.Errorf("event %d has a hash of %d bytes", r.Seq, len(hash))
	}
	copy(r.hash[:], hash)
	return nil
}

// insertRows gives what stores events, one statement for as many as go into one.
func insertRows(rows []row) (out []sqldb.Statement) {
	const columns = 11
	for len(rows) > 0 {
		n, size := 0, 0
		for n < len(rows) && n < maxInsertRows && (n == 0 || size+len(rows[n].Body) <= maxInsertBytes) {
			size += len(rows[n].Body)
			n++
		}
		args := make([]any, 0, n*columns)
		for i := range rows[:n] {
			r := &rows[i]
			args = append(args, r.Room, r.Seq, r.Kind, r.Actor.ID, r.Actor.Name, r.ClientID, r.hash[:],
				r.target, r.messageNo, string(r.Body), r.At)
		}
		query := "INSERT INTO events (room_id, " + rowColumns + ") VALUES " +
			strings.TrimSuffix(strings.Repeat("("+sqldb.Marks(columns)+"),", n), ",")
		out = append(out, sqldb.Statement{Query: query, Args: args})
		rows = rows[n:]
	}
	return out
}

// execAll carries statements out one by one.
func execAll(ctx context.Context, tx *sql.Tx, statements []sqldb.Statement) error {
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s.Query, s.Args...); err != nil {
			return fmt.Errorf("%.20s…: %w", s.Query, err)
		}
	}
	return nil
}

// Since implements [chat.Store]. The head comes first: what was committed since
// is left out of the events, so the two are of one time. One statement for both
// makes MariaDB sort the rest of the log before it applies LIMIT.
func (s *Store) Since(ctx context.Context, room chat.RoomID, after chat.Seq, limit int) (chat.Head, []chat.Event, error) {
	heads, err := s.Heads(ctx, []chat.RoomID{room})
	if err != nil {
		return chat.Head{}, nil, err
	}
	head, ok := heads[room]
	if !ok {
		return chat.Head{}, nil, chat.NoRoom()
	}
	if after >= head.Seq {
		return head, nil, nil
	}
	p := page[chat.Event]{limit: limit, room: chat.MaxRead}
	err = p.fill(func(n int) error {
		if last := len(p.items); last > 0 {
			after = p.items[last-1].Seq
		}
		return s.read(ctx, "since", func(rows *sql.Rows) error {
			r := row{Event: chat.Event{Room: room, Epoch: head.Epoch}}
			if err := r.scan(rows); err != nil {
				return err
			}
			return p.add(r.Event, len(r.Body))
		}, "SELECT "+rowColumns+" FROM events WHERE room_id=? AND seq>? AND seq<=? ORDER BY seq LIMIT ?",
			room, after, head.Seq, n)
	})
	if err != nil {
		return chat.Head{}, nil, err
	}
	return head, p.items, nil
}

// Heads implements [chat.Store].
func (s *Store) Heads(ctx context.Context, rooms []chat.RoomID) (map[chat.RoomID]chat.Head, error) {
	heads := make(map[chat.RoomID]chat.Head, len(rooms))
	for len(rooms) > 0 {
		n := min(len(rooms), sqldb.MaxIn)
		err := s.read(ctx, "heads", func(rows *sql.Rows) error {
			var id chat.RoomID
			var head chat.Head
			if err := rows.Scan(&id, &head.Epoch, &head.Seq); err != nil {
				return err
			}
			heads[id] = head
			return nil
		}, "SELECT id, epoch, last_seq FROM rooms WHERE id IN ("+sqldb.Marks(n)+")", sqldb.Args(rooms[:n])...)
		if err != nil {
			return nil, err
		}
		rooms = rooms[n:]
	}
	return heads, nil
}

// RoomHead implements [chat.Store].
func (s *Store) RoomHead(ctx context.Context, room chat.RoomID) (chat.Head, string, error) {
	var head chat.Head
	var name string
	found := false
	err := s.read(ctx, "room head", func(rows *sql.Rows) error {
		found = true
		return rows.Scan(&head.Epoch, &head.Seq, &name)
	}, "SELECT epoch, last_seq, name FROM rooms WHERE id=?", room)
	if err == nil && !found {
		err = chat.NoRoom()
	}
	return head, name, err
}
