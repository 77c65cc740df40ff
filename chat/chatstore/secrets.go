package chatstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"

	"hubbub/internal/sqldb"
)

// secretSize is the length of a secret in bytes.
const secretSize = 32

// Secret gives the deployment's secret of that name, which the first caller
// makes: random, and the same for every node ever after.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	fresh := make([]byte, secretSize)
	rand.Read(fresh) // never fails: see its documentation
	err := s.write(ctx, "make secret", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO secrets (name, value) VALUES (?,?)", name, fresh)
		if sqldb.IsDuplicate(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var secret []byte
	err = s.read(ctx, "read secret", func(rows *sql.Rows) error { return rows.Scan(&secret) },
		"SELECT value FROM secrets WHERE name=?", name)
	if err == nil && len(secret) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("secret %q: %w", name, err)
	}
	return secret, nil
}
