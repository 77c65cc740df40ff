package orderstore

import (
	"context"
	"database/sql"

	"hubbub/internal/sqldb"
	"hubbub/orders"
)

// OpenLog implements [orders.Store].
func (s *Store) OpenLog(ctx context.Context, customer string) error {
	return s.write(ctx, "open log", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO order_logs (customer_id, last_seq) VALUES (?,0)", customer)
		if sqldb.IsDuplicate(err) {
			return errDone
		}
		return err
	})
}

// Since implements [orders.Store]. The head comes first: what was committed since
// is left out of the events, so the two are of one time.
func (s *Store) Since(ctx context.Context, customer string, after uint64, limit int) (orders.Head, []orders.Event, error) {
	heads, err := s.Heads(ctx, []string{customer})
	if err != nil {
		return orders.Head{}, nil, err
	}
	head := heads[customer]
	if after >= head.Seq {
		return head, nil, nil
	}
	events, err := s.events(ctx, "since", "customer_id=? AND seq>? AND seq<=? ORDER BY seq LIMIT ?", customer, after, head.Seq, limit)
	if err != nil {
		return orders.Head{}, nil, err
	}
	return head, events, nil
}

// Heads implements [orders.Store].
func (s *Store) Heads(ctx context.Context, customers []string) (map[string]orders.Head, error) {
	heads := make(map[string]orders.Head, len(customers))
	for _, c := range customers {
		heads[c] = orders.Head{Epoch: s.epoch}
	}
	for len(customers) > 0 {
		n := min(len(customers), sqldb.MaxIn)
		err := s.read(ctx, "heads", func(ctx context.Context) error {
			return sqldb.Each(ctx, s.db.Read, func(rows *sql.Rows) error {
				var customer string
				head := orders.Head{Epoch: s.epoch}
				err := rows.Scan(&customer, (*countColumn)(&head.Seq))
				heads[customer] = head
				return err
			}, "SELECT customer_id, last_seq FROM order_logs WHERE customer_id IN ("+sqldb.Marks(n)+")", sqldb.Args(customers[:n])...)
		})
		if err != nil {
			return nil, err
		}
		customers = customers[n:]
	}
	return heads, nil
}
