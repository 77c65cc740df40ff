package chatstore

import (
	"context"
	"database/sql"

	"hubbub/chat"
	"hubbub/internal/sqldb"
)

// sessionColumns are those of sessions s that sessionFields takes.
const sessionColumns = "s.id, s.user_id, s.created_at, s.expires_at, s.client"

func sessionFields(s *chat.Login) []any {
	return []any{&s.ID, &s.User, &s.CreatedAt, &s.ExpiresAt, &s.Client}
}

// CreateSession implements [chat.AccountStore].
func (s *Store) CreateSession(ctx context.Context, session chat.Login, token chat.TokenHash) error {
	return s.write(ctx, "create session", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO sessions (id, user_id, token_hash, created_at, expires_at, client)"+
			" VALUES (?,?,?,?,?,?)", session.ID, session.User, token[:], session.CreatedAt, session.ExpiresAt, session.Client)
		if sqldb.IsDuplicate(err) {
			return nil // ids and tokens are random: it is from a lost run of this call
		}
		return err
	})
}

// SessionByToken implements [chat.AccountStore].
func (s *Store) SessionByToken(ctx context.Context, token chat.TokenHash, now int64) (chat.Identity, error) {
	var who chat.Identity
	found := false
	err := s.read(ctx, "session", func(rows *sql.Rows) error {
		found = true
		return rows.Scan(append(userFields(&who.User), sessionFields(&who.Session)...)...)
	}, "SELECT "+userColumns+", "+sessionColumns+" FROM sessions s JOIN users u ON u.id=s.user_id"+
		" WHERE s.token_hash=? AND s.expires_at>? AND u.disabled=0", token[:], now)
	if err == nil && !found {
		err = chat.ErrUnauthenticated
	}
	return who, err
}

// Sessions implements [chat.AccountStore].
func (s *Store) Sessions(ctx context.Context, user chat.UserID, now int64) ([]chat.Login, error) {
	var sessions []chat.Login
	err := s.read(ctx, "sessions", func(rows *sql.Rows) error {
		var session chat.Login
		if err := rows.Scan(sessionFields(&session)...); err != nil {
			return err
		}
		sessions = append(sessions, session)
		return nil
	}, "SELECT "+sessionColumns+" FROM sessions s WHERE s.user_id=? AND s.expires_at>? ORDER BY s.created_at DESC, s.id DESC", user, now)
	return sessions, err
}

// EndSession implements [chat.AccountStore].
func (s *Store) EndSession(ctx context.Context, user chat.UserID, id chat.SessionID) error {
	ended := false // by this run, or by one whose COMMIT was lost
	return s.write(ctx, "end session", func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "DELETE FROM sessions WHERE id=? AND user_id=?", id, user)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		ended = ended || n > 0
		if !ended {
			return chat.NoSession()
		}
		return nil
	})
}

// LiveSessions implements [chat.AccountStore].
func (s *Store) LiveSessions(ctx context.Context, ids []chat.SessionID, now int64) (map[chat.SessionID]bool, error) {
	live := make(map[chat.SessionID]bool, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), sqldb.MaxIn)
		err := s.read(ctx, "live sessions", func(rows *sql.Rows) error {
			var id chat.SessionID
			if err := rows.Scan(&id); err != nil {
				return err
			}
			live[id] = true
			return nil
		}, "SELECT s.id FROM sessions s JOIN users u ON u.id=s.user_id"+
			" WHERE s.expires_at>? AND u.disabled=0 AND s.id IN ("+sqldb.Marks(n)+")", sqldb.Args(ids[:n], now)...)
		if err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return live, nil
}
