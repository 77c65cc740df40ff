package orderstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"hubbub/internal/sqldb"
	"hubbub/orders/webhooks"
)

const deliveryColumns = "id, endpoint_id, type, state, attempts, created_at, due_at, last_at, last_ms, last_code, last_reason, last_answer"

// scanDelivery reads deliveryColumns.
func scanDelivery(row interface{ Scan(...any) error }) (webhooks.Delivery, error) {
	var d webhooks.Delivery
	var id, endpoint idColumn
	var state int
	err := row.Scan(&id, &endpoint, (*string)(&d.Type), &state, &d.Attempts, &d.CreatedAt, &d.NextTry,
		&d.Last.At, &d.Last.Took, &d.Last.Code, (*string)(&d.Last.Reason), &d.Last.Answer)
	if err == nil && (state < 0 || state >= len(deliveryStates)) {
		err = fmt.Errorf("state %d of a webhook delivery", state)
	}
	if err != nil {
		return webhooks.Delivery{}, err
	}
	d.ID, d.Endpoint = webhooks.DeliveryID(id.id()), webhooks.EndpointID(endpoint.id())
	d.Status = deliveryStates[state]
	d.Last.Took *= time.Millisecond
	return d, nil
}

// Deliveries implements [webhooks.Store].
func (w *Webhooks) Deliveries(ctx context.Context, shop string, id webhooks.EndpointID, below webhooks.DeliveryID, limit int) ([]webhooks.Delivery, error) {
	key, _ := keyOf(id)
	query, args := "", []any{key}
	if below != "" {
		b, ok := keyOf(below)
		if !ok {
			return nil, fmt.Errorf("orderstore: %q is no id of a delivery", below)
		}
		query, args = " AND id<?", append(args, b)
	}
	var list []webhooks.Delivery
	err := w.s.read(ctx, "webhook deliveries", func(ctx context.Context) error {
		if _, err := endpoint(ctx, w.s.db.Read, shop, id, ""); err != nil {
			return err
		}
		return sqldb.Each(ctx, w.s.db.Read, func(rows *sql.Rows) error {
			d, err := scanDelivery(rows)
			list = append(list, d)
			return err
		}, "SELECT "+deliveryColumns+" FROM webhook_deliveries WHERE endpoint_id=?"+query+" ORDER BY id DESC LIMIT ?", append(args, limit)...)
	})
	return list, err
}

// Replay implements [webhooks.Store].
func (w *Webhooks) Replay(ctx context.Context, shop string, id webhooks.EndpointID, delivery webhooks.DeliveryID, now int64) (d webhooks.Delivery, err error) {
	endpointKey, _ := keyOf(id)
	key, valid := keyOf(delivery)
	replayed := false // by a run whose COMMIT was lost
	err = w.s.write(ctx, "replay webhook delivery", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := endpoint(ctx, tx, shop, id, ""); err != nil {
			return err
		}
		if !valid {
			return webhooks.NoDelivery()
		}
		var err error
		d, err = scanDelivery(tx.QueryRowContext(ctx, "SELECT "+deliveryColumns+
			" FROM webhook_deliveries WHERE endpoint_id=? AND id=?"+w.s.db.Dialect.ForUpdate(), endpointKey, key))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return webhooks.NoDelivery()
		case err != nil:
			return err
		case d.Status == webhooks.Pending && replayed:
			return errDone
		case d.Status == webhooks.Pending:
			return webhooks.StillPending()
		}
		replayed = true
		d.Status, d.Attempts, d.NextTry = webhooks.Pending, 0, now
		_, err = replay(ctx, tx, endpointKey, now, key)
		return err
	})
	return d, err
}

// replay makes deliveries that are no longer pending due again.
func replay(ctx context.Context, tx *sql.Tx, endpoint []byte, now int64, keys ...[]byte) (int, error) {
	result, err := tx.ExecContext(ctx, "UPDATE webhook_deliveries SET state=0, attempts=0, due_at=?, expires_at=?"+
		" WHERE endpoint_id=? AND state<>0 AND id IN ("+sqldb.Marks(len(keys))+")",
		sqldb.Args(keys, now, now+webhooks.GiveUpAfter.Microseconds(), endpoint)...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// ReplayFailed implements [webhooks.Store]. After a failed COMMIT it may tell too
// few.
func (w *Webhooks) ReplayFailed(ctx context.Context, shop string, id webhooks.EndpointID, now int64, limit int) (n int, err error) {
	endpointKey, _ := keyOf(id)
	err = w.s.write(ctx, "replay webhook deliveries", func(ctx context.Context, tx *sql.Tx) error {
		n = 0
		if _, err := endpoint(ctx, tx, shop, id, ""); err != nil {
			return err
		}
		keys, err := keysOf(ctx, tx, "SELECT id FROM webhook_deliveries WHERE endpoint_id=? AND state=2 ORDER BY id LIMIT ?"+
			w.s.db.Dialect.ForUpdate(), endpointKey, limit)
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(keys, sqldb.MaxIn) {
			replayed, err := replay(ctx, tx, endpointKey, now, chunk...)
			if err != nil {
				return err
			}
			n += replayed
		}
		return nil
	})
	return n, err
}

// keysOf reads a column of ids.
func keysOf(ctx context.Context, q sqldb.Queryer, query string, args ...any) ([][]byte, error) {
	var keys [][]byte
	err := sqldb.Each(ctx, q, func(rows *sql.Rows) error {
		var id idColumn
		if err := rows.Scan(&id); err != nil {
			return err
		}
		keys = append(keys, id[:])
		return nil
	}, query, args...)
	return keys, err
}
