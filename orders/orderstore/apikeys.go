package orderstore

import (
	"context"
	"database/sql"

	"hubbub/internal/sqldb"
	"hubbub/orders"
)

var _ orders.KeyStore = (*Store)(nil)

// CreateKey implements [orders.KeyStore].
func (s *Store) CreateKey(ctx context.Context, k orders.APIKey, token orders.TokenHash) error {
	return s.write(ctx, "create key", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO api_keys (id, token_hash, name, role, shop, created_at, revoked_at) VALUES (?,?,?,?,?,?,?)",
			k.ID, token[:], k.Name, k.Role, k.Shop, k.CreatedAt, k.RevokedAt)
		if sqldb.IsDuplicate(err) {
			return errDone // ids and tokens are random: it is from a lost run of this call
		}
		return err
	})
}

// KeyByToken implements [orders.KeyStore].
func (s *Store) KeyByToken(ctx context.Context, token orders.TokenHash) (orders.APIKey, error) {
	found, err := s.apiKeys(ctx, "WHERE token_hash=?", token[:])
	if err == nil && len(found) == 0 {
		err = orders.ErrNotFound
	}
	if err != nil {
		return orders.APIKey{}, err
	}
	return found[0], nil
}

// Keys implements [orders.KeyStore].
func (s *Store) Keys(ctx context.Context) ([]orders.APIKey, error) {
	return s.apiKeys(ctx, "ORDER BY created_at DESC, id DESC")
}

func (s *Store) apiKeys(ctx context.Context, which string, args ...any) ([]orders.APIKey, error) {
	var found []orders.APIKey
	err := s.read(ctx, "keys", func(ctx context.Context) error {
		return sqldb.Each(ctx, s.db.Read, func(rows *sql.Rows) error {
			var k orders.APIKey
			err := rows.Scan(&k.ID, &k.Name, &k.Role, &k.Shop, &k.CreatedAt, &k.RevokedAt)
			found = append(found, k)
			return err
		}, "SELECT id, name, role, shop, created_at, revoked_at FROM api_keys "+which, args...)
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// RevokeKey implements [orders.KeyStore].
func (s *Store) RevokeKey(ctx context.Context, id string, at int64) error {
	return s.write(ctx, "revoke key", func(ctx context.Context, tx *sql.Tx) error {
		var revoked int64
		err := tx.QueryRowContext(ctx, "SELECT revoked_at FROM api_keys WHERE id=?"+s.db.Dialect.ForUpdate(), id).Scan(&revoked)
		switch {
		case err == sql.ErrNoRows:
			return orders.ErrNotFound
		case err != nil || revoked != 0:
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE api_keys SET revoked_at=? WHERE id=?", at, id)
		return err
	})
}
