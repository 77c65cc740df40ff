package orderstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"hubbub/internal/sqldb"
	"hubbub/orders/webhooks"
)

// dueQuery finds endpoints with something due; claimQuery, without the lock, what
// is due to one of them.
const (
	dueQuery = "SELECT id, failures FROM (SELECT e.id, e.failures, (SELECT d.due_at FROM webhook_deliveries d" +
		" WHERE d.endpoint_id=e.id AND d.state=0 ORDER BY d.due_at LIMIT 1) AS first_due" +
		" FROM webhook_endpoints e WHERE e.id>? AND e.state=0 AND e.resume_at<=?) AS waiting" +
		" WHERE first_due<=? ORDER BY id LIMIT ?"
	claimQuery = "SELECT id, type, body, attempts, claim, expires_at FROM webhook_deliveries" +
		" WHERE endpoint_id=? AND state=0 AND due_at<=? ORDER BY due_at, id LIMIT ?"
)

// Due implements [webhooks.Store]. It looks at the first pending row of each
// endpoint: one read of an index each, however many rows wait for the endpoints
// that rest.
func (w *Webhooks) Due(ctx context.Context, now int64, after webhooks.EndpointID, limit int) ([]webhooks.Due, error) {
	from, _ := keyOf(after) // zeros, which are below every id, for ""
	var list []webhooks.Due
	err := w.s.read(ctx, "due webhooks", func(ctx context.Context) error {
		return sqldb.Each(ctx, w.s.db.Read, func(rows *sql.Rows) error {
			var id idColumn
			var d webhooks.Due
			if err := rows.Scan(&id, &d.Failures); err != nil {
				return err
			}
			d.ID = webhooks.EndpointID(id.id())
			list = append(list, d)
			return nil
		}, dueQuery, from, now, now, limit)
	})
	return list, err
}

// Claim implements [webhooks.Store]. Rows that somebody claims or finishes at this
// moment are skipped. After a failed COMMIT other rows are claimed; those of the
// lost run come back when their lease is over.
func (w *Webhooks) Claim(ctx context.Context, id webhooks.EndpointID, now, until int64, limit int) ([]webhooks.Job, error) {
	key, ok := keyOf(id)
	if !ok {
		return nil, nil
	}
	var jobs []webhooks.Job
	err := w.s.write(ctx, "claim webhook deliveries", func(ctx context.Context, tx *sql.Tx) error {
		jobs = nil
		e, err := scanEndpoint(tx.QueryRowContext(ctx, "SELECT "+endpointColumns+
			" FROM webhook_endpoints WHERE id=? AND state=0 AND resume_at<=?", key, now))
		if errors.Is(err, sql.ErrNoRows) {
			return errDone
		} else if err != nil {
			return err
		}
		var keys [][]byte
		err = sqldb.Each(ctx, tx, func(rows *sql.Rows) error {
			j := webhooks.Job{Endpoint: e}
			var id idColumn
			if err := rows.Scan(&id, (*string)(&j.Type), &j.Body, &j.Attempts, &j.Claim, &j.ExpiresAt); err != nil {
				return err
			}
			j.ID = webhooks.DeliveryID(id.id())
			j.Attempts++
			j.Claim++
			jobs = append(jobs, j)
			keys = append(keys, id[:])
			return nil
		}, claimQuery+w.s.db.Dialect.SkipLocked(), key, now, limit)
		if err != nil {
			return err
		}
		if len(jobs) == 0 {
			return errDone
		}
		for chunk := range slices.Chunk(keys, sqldb.MaxIn) {
			_, err = tx.ExecContext(ctx, "UPDATE webhook_deliveries SET due_at=?, attempts=attempts+1, claim=claim+1"+
				" WHERE endpoint_id=? AND id IN ("+sqldb.Marks(len(chunk))+")", sqldb.Args(chunk, until, key)...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return jobs, nil
}

// Finish implements [webhooks.Store].
func (w *Webhooks) Finish(ctx context.Context, o webhooks.Outcome) (changed bool, err error) {
	endpointKey, ok := keyOf(o.Job.Endpoint.ID)
	key, valid := keyOf(o.Job.ID)
	if !ok || !valid {
		return false, nil
	}
	expires := o.Job.ExpiresAt
	if o.Status != webhooks.Pending {
		expires = o.Last.At + webhooks.KeptFor.Microseconds()
	}
	err = w.s.write(ctx, "finish webhook delivery", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE webhook_deliveries SET state=?, due_at=?, expires_at=?, last_at=?, last_ms=?, last_code=?,"+
			" last_reason=?, last_answer=? WHERE endpoint_id=? AND id=? AND claim=? AND state=0",
			slices.Index(deliveryStates, o.Status), o.NextTry, expires, o.Last.At, o.Last.Took.Milliseconds(), o.Last.Code,
			o.Last.Reason, o.Last.Answer, endpointKey, key, o.Job.Claim)
		if err != nil {
			return err
		}
		h, was := o.Health, o.Job.Endpoint.Health
		if h == was {
			return nil
		}
		state, still := endpointOn, "failures=?"
		if h.Disabled {
			state = endpointDisabled
		}
		if o.Status == webhooks.Delivered {
			still = "failures>0 AND ?>0"
		}
		result, err := tx.ExecContext(ctx, "UPDATE webhook_endpoints SET state=?, failures=?, failing_since=?, resume_at=?"+
			" WHERE id=? AND state=0 AND "+still, state, h.Failures, h.Since, h.ResumeAt, endpointKey, was.Failures)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		changed = changed || n > 0 // by this run, or by one whose COMMIT was lost
		return err
	})
	return changed, err
}

// Release implements [webhooks.Store].
func (w *Webhooks) Release(ctx context.Context, j webhooks.Job, now int64) error {
	endpointKey, ok := keyOf(j.Endpoint.ID)
	key, valid := keyOf(j.ID)
	if !ok || !valid {
		return nil
	}
	return w.s.write(ctx, "give webhook delivery back", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE webhook_deliveries SET due_at=?, attempts=? WHERE endpoint_id=? AND id=? AND claim=? AND state=0",
			now, j.Attempts-1, endpointKey, key, j.Claim)
		return err
	})
}

// Pending implements [webhooks.Store].
func (w *Webhooks) Pending(ctx context.Context, limit int) (n int, err error) {
	err = w.s.read(ctx, "pending webhook deliveries", func(ctx context.Context) error {
		return w.s.db.Read.QueryRowContext(ctx,
			"SELECT COUNT(*) FROM (SELECT state FROM webhook_deliveries WHERE state=0 LIMIT ?) AS pending", limit).Scan(&n)
	})
	return n, err
}
