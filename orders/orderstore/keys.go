package orderstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"hubbub/internal/sqldb"
	"hubbub/orders"
)

// keyWait is how long a call waits for an earlier one with its key.
const keyWait = time.Second

// keyID names an idempotency key: SHA-256 of its owner and its value.
type keyID [sha256.Size]byte

func newKeyID(k orders.Key) keyID {
	return sha256.Sum256(fmt.Appendf(nil, "%d %s %s", len(k.Owner), k.Owner, k.Value))
}

var errKeyRunning = orders.Later(orders.ErrKeyRunning, "the first request with this key still runs; send it again", retryAfter, nil)

// running has the keys of the calls that run in this process, so that a key costs
// at most one connection of it. It holds as much as there are callers.
type running struct {
	mu    sync.Mutex
	calls map[keyID]chan struct{} // closed when the call ends
}

// enter waits until no other call with the key runs here, and takes its place.
// ErrKeyRunning where one still does after keyWait. The caller calls leave.
func (r *running) enter(ctx context.Context, id keyID) (leave func(), err error) {
	patience := time.NewTimer(keyWait)
	defer patience.Stop()
	for {
		r.mu.Lock()
		other, busy := r.calls[id]
		if !busy {
			mine := make(chan struct{})
			r.calls[id] = mine
			r.mu.Unlock()
			return func() {
				r.mu.Lock()
				delete(r.calls, id)
				r.mu.Unlock()
				close(mine)
			}, nil
		}
		r.mu.Unlock()
		select {
		case <-other:
		case <-patience.C:
			return nil, errKeyRunning
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// claim takes the key for this transaction by storing its row, with what its call
// is told (o) or to be filled in. Old is what an earlier call with the key was
// told, if there is one. Where another transaction has the key still, the error is
// a lock wait.
func (s *Store) claim(ctx context.Context, tx *sql.Tx, id keyID, k *orders.Key, o orders.Stored, at int64) (old *orders.Stored, err error) {
	order, _ := o.ID.Binary()
	doc := o.Doc
	if doc == nil {
		doc = []byte{} // nil is NULL
	}
	_, err = tx.ExecContext(ctx, s.db.Dialect.ShortWait()+
		"INSERT INTO idempotency_keys (id, fingerprint, order_id, customer_id, version, doc, at) VALUES (?,?,?,?,?,?,?)",
		id[:], k.Fingerprint[:], order[:], o.Customer, o.Version, doc, at)
	switch {
	case err == nil:
		return nil, nil
	case !sqldb.IsDuplicate(err):
		return nil, fmt.Errorf("claim key: %w", err)
	}
	var fingerprint []byte
	var oldOrder idColumn
	old = &orders.Stored{}
	err = tx.QueryRowContext(ctx, "SELECT fingerprint, order_id, customer_id, version, doc FROM idempotency_keys WHERE id=?", id[:]).
		Scan(&fingerprint, &oldOrder, &old.Customer, (*countColumn)(&old.Version), &old.Doc)
	switch {
	case errors.Is(err, sql.ErrNoRows): // swept this very moment
		return nil, sqldb.ErrAgain
	case err != nil:
		return nil, fmt.Errorf("find key: %w", err)
	case string(fingerprint) != string(k.Fingerprint[:]):
		return nil, orders.KeyReused()
	}
	old.ID = oldOrder.id()
	return old, nil
}

// fill notes in the key's row what its call is told.
func fill(ctx context.Context, tx *sql.Tx, id keyID, o orders.Stored) error {
	order, _ := o.ID.Binary()
	_, err := tx.ExecContext(ctx, "UPDATE idempotency_keys SET order_id=?, customer_id=?, version=?, doc=? WHERE id=?",
		order[:], o.Customer, o.Version, o.Doc, id[:])
	if err != nil {
		return fmt.Errorf("fill key in: %w", err)
	}
	return nil
}

// SweepKeys implements [orders.Store]. It reads the keys first: SQLite has no
// DELETE … LIMIT, and MySQL no LIMIT in a subquery of it.
func (s *Store) SweepKeys(ctx context.Context, before int64, limit int) (int, error) {
	var ids [][]byte
	err := s.read(ctx, "sweep keys", func(ctx context.Context) error {
		return sqldb.Each(ctx, s.db.Read, func(rows *sql.Rows) error {
			var id []byte
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
			return nil
		}, "SELECT id FROM idempotency_keys WHERE at<? ORDER BY at LIMIT ?", before, limit)
	})
	if err != nil {
		return 0, err
	}
	gone := 0
	for len(ids) > 0 {
		n := min(len(ids), sqldb.MaxIn)
		var deleted int64
		err := s.write(ctx, "sweep keys", func(ctx context.Context, tx *sql.Tx) error {
			result, err := tx.ExecContext(ctx, "DELETE FROM idempotency_keys WHERE id IN ("+sqldb.Marks(n)+")", sqldb.Args(ids[:n])...)
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
		ids = ids[n:]
	}
	return gone, nil
}
