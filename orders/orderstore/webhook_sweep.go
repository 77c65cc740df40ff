package orderstore

import (
	"context"
	"database/sql"
	"slices"

	"hubbub/internal/sqldb"
	"hubbub/orders/webhooks"
)

// Sweep implements [webhooks.Store]. It reads the keys first: SQLite has no
// DELETE … LIMIT, and MySQL no LIMIT in a subquery of it.
func (w *Webhooks) Sweep(ctx context.Context, now int64, limit int) (int, error) {
	gone := 0
	for state, before := range []int64{now - webhooks.ExpiryGrace.Microseconds(), now, now} {
		n, err := w.sweepExpired(ctx, state, before, now, limit)
		gone += n
		if err != nil {
			return gone, err
		}
	}
	n, err := w.sweepDeleted(ctx, limit)
	return gone + n, err
}

// sweepExpired ends what is pending, and deletes what is over, where it expired
// before the time.
func (w *Webhooks) sweepExpired(ctx context.Context, state int, before, now int64, limit int) (int, error) {
	var endpoints []idColumn // in the order of the rows
	keys := map[idColumn][][]byte{}
	err := w.s.read(ctx, "sweep webhook deliveries", func(ctx context.Context) error {
		return sqldb.Each(ctx, w.s.db.Read, func(rows *sql.Rows) error {
			var endpoint, id idColumn
			if err := rows.Scan(&endpoint, &id); err != nil {
				return err
			}
			if keys[endpoint] == nil {
				endpoints = append(endpoints, endpoint)
			}
			keys[endpoint] = append(keys[endpoint], id[:])
			return nil
		}, "SELECT endpoint_id, id FROM webhook_deliveries WHERE state=? AND expires_at<? ORDER BY expires_at LIMIT ?", state, before, limit)
	})
	if err != nil {
		return 0, err
	}
	statement, args := "DELETE FROM webhook_deliveries", []any(nil)
	if deliveryStates[state] == webhooks.Pending {
		statement = "UPDATE webhook_deliveries SET state=2, due_at=0, expires_at=?, last_at=?, last_ms=0, last_code=0, last_reason=?, last_answer=''"
		args = []any{now + webhooks.KeptFor.Microseconds(), now, webhooks.ReasonExpired}
	}
	gone := 0
	for _, endpoint := range endpoints {
		n, err := w.each(ctx, keys[endpoint], statement+" WHERE endpoint_id=? AND state=? AND expires_at<? AND id IN ",
			append(slices.Clip(args), endpoint[:], state, before)...)
		gone += n
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// each runs a statement for some ids at a time, a transaction each, and tells how
// many rows it changed.
func (w *Webhooks) each(ctx context.Context, keys [][]byte, statement string, args ...any) (int, error) {
	changed := 0
	for chunk := range slices.Chunk(keys, sqldb.MaxIn) {
		var n int64
		err := w.s.write(ctx, "sweep webhook deliveries", func(ctx context.Context, tx *sql.Tx) error {
			result, err := tx.ExecContext(ctx, statement+"("+sqldb.Marks(len(chunk))+")", sqldb.Args(chunk, args...)...)
			if err != nil {
				return err
			}
			n, err = result.RowsAffected()
			return err
		})
		if err != nil {
			return changed, err
		}
		changed += int(n)
	}
	return changed, nil
}

// sweepDeleted takes the deliveries of deleted endpoints away, and then the
// endpoints. What an order's transaction still writes for one of them expires.
func (w *Webhooks) sweepDeleted(ctx context.Context, limit int) (int, error) {
	var endpoints [][]byte
	err := w.s.read(ctx, "sweep webhooks", func(ctx context.Context) (err error) {
		endpoints, err = keysOf(ctx, w.s.db.Read, "SELECT id FROM webhook_endpoints WHERE state=2 LIMIT ?", limit)
		return err
	})
	if err != nil {
		return 0, err
	}
	gone := 0
	for _, endpoint := range endpoints {
		var keys [][]byte
		err := w.s.read(ctx, "sweep webhooks", func(ctx context.Context) (err error) {
			keys, err = keysOf(ctx, w.s.db.Read, "SELECT id FROM webhook_deliveries WHERE endpoint_id=? LIMIT ?", endpoint, limit-gone)
			return err
		})
		if err != nil {
			return gone, err
		}
		n, err := w.each(ctx, keys, "DELETE FROM webhook_deliveries WHERE endpoint_id=? AND id IN ", endpoint)
		gone += n
		if err != nil {
			return gone, err
		}
		if gone >= limit {
			return gone, nil
		}
		if _, err := w.each(ctx, [][]byte{endpoint}, "DELETE FROM webhook_endpoints WHERE state=2 AND id IN "); err != nil {
			return gone, err
		}
	}
	return gone, nil
}
