package chatstore

import (
	"context"
	"database/sql"
	"fmt"

	"hubbub/chat"
	"hubbub/internal/sqldb"
)

// CreateTicket implements [chat.AccountStore].
func (s *Store) CreateTicket(ctx context.Context, ticket chat.TokenHash, session chat.SessionID, expires int64) error {
	return s.write(ctx, "create ticket", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO tickets (hash, session_id, expires_at) VALUES (?,?,?)", ticket[:], session, expires)
		if sqldb.IsDuplicate(err) {
			return nil // tickets are random: it is from a lost run of this call
		}
		return err
	})
}

// TakeTicket implements [chat.AccountStore]. Who deletes the row has the ticket.
// After a lost COMMIT nobody can tell who that was, and the ticket is refused.
func (s *Store) TakeTicket(ctx context.Context, ticket chat.TokenHash, now int64) (chat.Identity, error) {
	var who chat.Identity
	found := false
	err := s.write(ctx, "take ticket", func(ctx context.Context, tx *sql.Tx) error {
		found = false
		err := sqldb.Each(ctx, tx, func(rows *sql.Rows) error {
			found = true
			return rows.Scan(append(userFields(&who.User), sessionFields(&who.Session)...)...)
		}, "SELECT "+userColumns+", "+sessionColumns+
			" FROM tickets t JOIN sessions s ON s.id=t.session_id JOIN users u ON u.id=s.user_id"+
			" WHERE t.hash=? AND t.expires_at>? AND s.expires_at>? AND u.disabled=0", ticket[:], now, now)
		if err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, "DELETE FROM tickets WHERE hash=?", ticket[:])
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		found = found && n == 1
		return err
	})
	if err != nil {
		return chat.Identity{}, err
	}
	if !found {
		return chat.Identity{}, chat.ErrUnauthenticated
	}
	return who, nil
}

// Sweep implements [chat.AccountStore].
func (s *Store) Sweep(ctx context.Context, before int64, limit int) (int, error) {
	sessions, err := sweep[chat.SessionID](ctx, s, "sessions", "id", before, limit)
	if err != nil {
		return sessions, err
	}
	tickets, err := sweep[[]byte](ctx, s, "tickets", "hash", before, limit)
	return sessions + tickets, err
}

// sweep reads the keys first: SQLite has no DELETE … LIMIT, and MySQL no LIMIT
// in a subquery of it.
func sweep[Key any](ctx context.Context, s *Store, table, key string, before int64, limit int) (int, error) {
	var keys []Key
	err := s.read(ctx, "sweep", func(rows *sql.Rows) error {
		var k Key
		if err := rows.Scan(&k); err != nil {
			return err
		}
		keys = append(keys, k)
		return nil
	}, fmt.Sprintf("SELECT %s FROM %s WHERE expires_at<? ORDER BY expires_at LIMIT ?", key, table), before, limit)
	if err != nil {
		return 0, err
	}
	gone := 0
	for len(keys) > 0 {
		n := min(len(keys), sqldb.MaxIn)
		var deleted int64
		err := s.write(ctx, "sweep", func(ctx context.Context, tx *sql.Tx) error {
			result, err := tx.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE %s IN (%s)", table, key, sqldb.Marks(n)), sqldb.Args(keys[:n])...)
			if err != nil {
				return err
			}
			deleted, err = result.RowsAffected()
			return err
		})
		if err != nil {
			return gone, err
		}
		gone += int(deleted)
		keys = keys[n:]
	}
	return gone, nil
}
