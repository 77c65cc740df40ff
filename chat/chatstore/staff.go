package chatstore

import (
	"context"
	"database/sql"

	"hubbub/chat"
)

// SetRole implements [chat.AccountStore].
func (s *Store) SetRole(ctx context.Context, id chat.UserID, role chat.UserRole) error {
	return s.write(ctx, "set role", func(ctx context.Context, tx *sql.Tx) error {
		if err := s.lockUser(ctx, tx, id); err != nil {
			return err
		}
		if role == chat.Customer {
			_, err := tx.ExecContext(ctx, "DELETE FROM staff WHERE user_id=?", id)
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO staff (user_id, role) VALUES (?,?)"+
			s.db.Dialect.Upsert([]string{"user_id"}, "role"), id, role)
		return err
	})
}

// Staff implements [chat.AccountStore].
func (s *Store) Staff(ctx context.Context, role chat.UserRole, limit int) ([]chat.User, error) {
	var users []chat.User
	err := s.read(ctx, "staff", func(rows *sql.Rows) error {
		var u chat.User
		if err := rows.Scan(userFields(&u)...); err != nil {
			return err
		}
		users = append(users, u)
		return nil
	}, "SELECT "+userColumns+" FROM staff t JOIN users u ON u.id=t.user_id"+
		" WHERE t.role=? AND u.disabled=0 ORDER BY u.id LIMIT ?", role, limit)
	return users, err
}

// SetDisabled implements [chat.AccountStore].
func (s *Store) SetDisabled(ctx context.Context, id chat.UserID, disabled bool) ([]chat.SessionID, error) {
	var ended []chat.SessionID // by this run and by one whose COMMIT was lost
	err := s.write(ctx, "set disabled", func(ctx context.Context, tx *sql.Tx) error {
		if err := s.lockUser(ctx, tx, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE users SET disabled=? WHERE id=?", disabled, id); err != nil || !disabled {
			return err
		}
		return s.endSessions(ctx, tx, id, "", &ended)
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}
