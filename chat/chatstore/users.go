package chatstore

import (
	"context"
	"database/sql"
	"slices"

	"hubbub/chat"
	"hubbub/internal/sqldb"
)

// userColumns are those of users u that userFields takes.
const userColumns = "u.id, COALESCE(u.name, ''), u.display_name, u.guest, u.disabled, u.created_at," +
	" COALESCE((SELECT role FROM staff WHERE user_id=u.id), '')"

func userFields(u *chat.User) []any {
	return []any{&u.ID, &u.Name, &u.DisplayName, &u.Guest, &u.Disabled, &u.CreatedAt, &u.Role}
}

// CreateUser implements [chat.AccountStore].
func (s *Store) CreateUser(ctx context.Context, u chat.User, hash string) error {
	name := sql.NullString{String: u.Name, Valid: u.Name != ""}
	return s.write(ctx, "create user", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO users (id, name, display_name, password_hash, guest, disabled, created_at)"+
			" VALUES (?,?,?,?,?,?,?)", u.ID, name, u.DisplayName, hash, u.Guest, u.Disabled, u.CreatedAt)
		if !sqldb.IsDuplicate(err) {
			return err
		}
		// The same id with the same hash, whose salt is random, is what a lost
		// run of this call stored.
		same := 0
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM users WHERE id=? AND password_hash=?", u.ID, hash).Scan(&same); err != nil {
			return err
		}
		if same == 0 {
			return errNameTaken
		}
		return nil
	})
}

// UserByName implements [chat.AccountStore].
func (s *Store) UserByName(ctx context.Context, name string) (chat.User, string, error) {
	u, hash, err := s.user(ctx, "u.name=?", name)
	if err == nil && u.Name != name { // MySQL ignores spaces at the end
		return chat.User{}, "", chat.NoUser()
	}
	return u, hash, err
}

// UserByID implements [chat.AccountStore].
func (s *Store) UserByID(ctx context.Context, id chat.UserID) (chat.User, string, error) {
	if !chat.IsID(string(id)) { // MySQL would ignore spaces at the end
		return chat.User{}, "", chat.NoUser()
	}
	return s.user(ctx, "u.id=?", id)
}

func (s *Store) user(ctx context.Context, where string, arg any) (chat.User, string, error) {
	var u chat.User
	var hash string
	err := s.read(ctx, "user", func(rows *sql.Rows) error {
		return rows.Scan(append(userFields(&u), &hash)...)
	}, "SELECT "+userColumns+", u.password_hash FROM users u WHERE "+where, arg)
	if err == nil && u.ID == "" {
		err = chat.NoUser()
	}
	return u, hash, err
}

// SetDisplayName implements [chat.AccountStore].
func (s *Store) SetDisplayName(ctx context.Context, id chat.UserID, name string) error {
	return s.write(ctx, "set display name", func(ctx context.Context, tx *sql.Tx) error {
		if err := s.lockUser(ctx, tx, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE users SET display_name=? WHERE id=?", name, id)
		return err
	})
}

// lockUser fails for a user who is not there. MySQL counts a row that has the
// value already as not changed, so UPDATE cannot tell.
func (s *Store) lockUser(ctx context.Context, tx *sql.Tx, id chat.UserID) error {
	var got chat.UserID
	err := tx.QueryRowContext(ctx, "SELECT id FROM users WHERE id=?"+s.db.Dialect.ForUpdate(), id).Scan(&got)
	if err == sql.ErrNoRows {
		return chat.NoUser()
	}
	return err
}

// SetPassword implements [chat.AccountStore].
func (s *Store) SetPassword(ctx context.Context, id chat.UserID, hash string, keep chat.SessionID) ([]chat.SessionID, error) {
	var ended []chat.SessionID // by this run and by one whose COMMIT was lost
	err := s.write(ctx, "set password", func(ctx context.Context, tx *sql.Tx) error {
		if err := s.lockUser(ctx, tx, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE users SET password_hash=? WHERE id=?", hash, id); err != nil {
			return err
		}
		return s.endSessions(ctx, tx, id, keep, &ended)
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}

// endSessions deletes the sessions of a user but keep, and adds those to ended
// that are not in it yet.
func (s *Store) endSessions(ctx context.Context, tx *sql.Tx, user chat.UserID, keep chat.SessionID, ended *[]chat.SessionID) error {
	err := sqldb.Each(ctx, tx, func(rows *sql.Rows) error {
		var session chat.SessionID
		if err := rows.Scan(&session); err != nil {
			return err
		}
		if !slices.Contains(*ended, session) {
			*ended = append(*ended, session)
		}
		return nil
	}, "SELECT id FROM sessions WHERE user_id=? AND id<>?"+s.db.Dialect.ForUpdate(), user, keep)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM sessions WHERE user_id=? AND id<>?", user, keep)
	return err
}
