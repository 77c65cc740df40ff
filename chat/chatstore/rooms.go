package chatstore

import (
	"context"
	"database/sql"

	"hubbub/chat"
	"hubbub/internal/sqldb"
)

// roomView is a room as one user sees it; the user is its first argument.
const roomView = "SELECT r.id, r.kind, r.name, r.topic, r.epoch, r.last_seq, r.last_message_no, r.created_at," +
	" COALESCE(r.direct_key, '')," +
	" m.role, m.read_seq, m.read_message_no" +
	" FROM rooms r LEFT JOIN members m ON m.room_id=r.id AND m.user_id=? WHERE "

// rooms reads the rooms of a roomView and fills in who is in the direct ones.
func (s *Store) rooms(ctx context.Context, q sqldb.Queryer, user chat.UserID, query string, args ...any) ([]chat.Room, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	var rooms []chat.Room
	scan := func(rows *sql.Rows) error {
		var r chat.Room
		var role sql.NullString
		var read, readNo sql.NullInt64
		var messages uint64
		var key string
		if err := rows.Scan(&r.ID, &r.Kind, &r.Name, &r.Topic, &r.Head.Epoch, &r.Head.Seq, &messages, &r.CreatedAt,
			&key, &role, &read, &readNo); err != nil {
			return err
		}
		r.OrderID = chat.OrderOf(key)
		if role.Valid {
			r.Role, r.ReadSeq = chat.Role(role.String), chat.Seq(read.Int64)
			r.Unread = messages - uint64(readNo.Int64)
		}
		rooms = append(rooms, r)
		return nil
	}
	err := s.db.Reading(ctx, func() error {
		if err := sqldb.Each(ctx, q, scan, query, args...); err != nil {
			return err
		}
		return addOthers(ctx, q, user, rooms)
	})
	if err != nil {
		return nil, s.fail("rooms", err)
	}
	return rooms, nil
}

func addOthers(ctx context.Context, q sqldb.Queryer, user chat.UserID, rooms []chat.Room) error {
	at := map[chat.RoomID]*chat.Room{}
	var ids []chat.RoomID
	for i := range rooms {
		if rooms[i].Kind == chat.Direct && rooms[i].IsMember() {
			at[rooms[i].ID] = &rooms[i]
			ids = append(ids, rooms[i].ID)
		}
	}
	for len(ids) > 0 {
		n := min(len(ids), sqldb.MaxIn)
		err := sqldb.Each(ctx, q, func(rows *sql.Rows) error {
			var room chat.RoomID
			var other chat.Actor
			if err := rows.Scan(&room, &other.ID, &other.Name); err != nil {
				return err
			}
			at[room].Others = append(at[room].Others, other)
			return nil
		}, "SELECT m.room_id, u.id, u.display_name FROM members m JOIN users u ON u.id=m.user_id"+
			" WHERE m.user_id<>? AND m.room_id IN ("+sqldb.Marks(n)+")", sqldb.Args(ids[:n], user)...)
		if err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// oneRoom gives a room, or a zero one if there is none such.
func (s *Store) oneRoom(ctx context.Context, q sqldb.Queryer, user chat.UserID, where string, args ...any) (chat.Room, error) {
	rooms, err := s.rooms(ctx, q, user, roomView+where, sqldb.Args(args, user)...)
	if err != nil || len(rooms) == 0 {
		return chat.Room{}, err
	}
	return rooms[0], nil
}

// Room implements [chat.Store].
func (s *Store) Room(ctx context.Context, ref string, user chat.UserID) (chat.Room, error) {
	where := "r.public_name=?"
	if chat.IsID(ref) {
		where = "r.id=?"
	}
	room, err := s.oneRoom(ctx, s.db.Read, user, where, ref)
	if err != nil {
		return chat.Room{}, err
	}
	// MySQL ignores spaces at the end when it compares text.
	exact := string(room.ID) == ref || room.Name == ref
	if !exact || room.Kind != chat.Public && !room.IsMember() {
		return chat.Room{}, chat.NoRoom()
	}
	return room, nil
}

// RoomsOf implements [chat.Store].
func (s *Store) RoomsOf(ctx context.Context, user chat.UserID, after chat.RoomID, limit int) ([]chat.Room, error) {
	return s.rooms(ctx, s.db.Read, user, roomView+"m.room_id>? ORDER BY m.room_id LIMIT ?", user, after, limit)
}

// PublicRooms implements [chat.Store].
func (s *Store) PublicRooms(ctx context.Context, user chat.UserID, after string, limit int) ([]chat.Room, error) {
	return s.rooms(ctx, s.db.Read, user, roomView+"r.public_name>? ORDER BY r.public_name LIMIT ?", user, after, limit)
}

// Members implements [chat.Store].
func (s *Store) Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) ([]chat.Member, error) {
	var members []chat.Member
	err := s.read(ctx, "members", func(rows *sql.Rows) error {
		var m chat.Member
		fields := append(userFields(&m.User), &m.Role, &m.JoinedAt)
		if err := rows.Scan(fields...); err != nil {
			return err
		}
		members = append(members, m)
		return nil
	}, "SELECT "+userColumns+", m.role, m.joined_at FROM members m JOIN users u ON u.id=m.user_id"+
		" WHERE m.room_id=? AND m.user_id>? ORDER BY m.user_id LIMIT ?", room, after, limit)
	return members, err
}

// MemberIDs implements [chat.Store].
func (s *Store) MemberIDs(ctx context.Context, room chat.RoomID, limit int) ([]chat.UserID, error) {
	var users []chat.UserID
	err := s.read(ctx, "member ids", func(rows *sql.Rows) error {
		var u chat.UserID
		if err := rows.Scan(&u); err != nil {
			return err
		}
		users = append(users, u)
		return nil
	}, "SELECT user_id FROM members WHERE room_id=? LIMIT ?", room, limit)
	return users, err
}

// MarkRead implements [chat.Store].
func (s *Store) MarkRead(ctx context.Context, room chat.RoomID, user chat.UserID, seq chat.Seq) (chat.Seq, error) {
	var now chat.Seq
	err := s.write(ctx, "mark read", func(ctx context.Context, tx *sql.Tx) error {
		// The event of that number, or the last one.
		var to chat.Seq
		var messageNo uint64
		err := tx.QueryRowContext(ctx, "SELECT seq, message_no FROM events WHERE room_id=? AND seq<=? ORDER BY seq DESC LIMIT 1",
			room, min(seq, maxSeq)).Scan(&to, &messageNo)
		if err != nil && err != sql.ErrNoRows {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE members SET read_seq=?, read_message_no=?"+
			" WHERE room_id=? AND user_id=? AND read_seq<?", to, messageNo, room, user, to); err != nil {
			return err
		}
		err = tx.QueryRowContext(ctx, "SELECT read_seq FROM members WHERE room_id=? AND user_id=?", room, user).Scan(&now)
		if err == sql.ErrNoRows {
			return chat.NoRoom()
		}
		return err
	})
	return now, err
}

// maxSeq is the largest number that SQL keeps.
const maxSeq = chat.Seq(1<<63 - 1)
