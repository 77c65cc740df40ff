package orderstore

import (
	"context"
	"database/sql"

	"hubbub/orders/webhooks"
)

// Put writes the deliveries of a message that belongs to no order.
func (w *Webhooks) Put(ctx context.Context, m webhooks.Message) error {
	return w.s.write(ctx, "put", func(ctx context.Context, tx *sql.Tx) error {
		return w.put(ctx, tx, m.Shop, m.Type, func() webhooks.Message { return m })
	})
}

const (
	DueQuery   = dueQuery
	ClaimQuery = claimQuery
)
