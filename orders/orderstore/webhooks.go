package orderstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"hubbub/internal/sqldb"
	"hubbub/orders"
	"hubbub/orders/webhooks"
)

// Webhooks is a [webhooks.Store]. It has no goroutine.
type Webhooks struct{ s *Store }

var _ webhooks.Store = (*Webhooks)(nil)

// NewWebhooks makes the store of webhooks beside that of orders, whose changes are
// from then on told to endpoints: call it before the first change. What is done
// for a receiver takes its connections from db, which is the same database, and
// may be a share of it.
func NewWebhooks(s *Store, db *sqldb.DB) *Webhooks {
	w := &Webhooks{&Store{db: db, log: s.log}} // for its write and read
	s.outbox = func(ctx context.Context, tx *sql.Tx, o orders.Order, e orders.Event) error {
		return w.put(ctx, tx, o.Shop, webhooks.TypeOf(e), func() webhooks.Message { return webhooks.NewMessage(o, e) })
	}
	return w
}

// put writes the deliveries of a message in the transaction of its event. Message
// is called where somebody wants to hear it. The endpoints are read without a
// lock, as READ COMMITTED has it.
func (w *Webhooks) put(ctx context.Context, tx *sql.Tx, shop string, t webhooks.EventType, message func() webhooks.Message) error {
	events, known := webhooks.EventsOf(t)
	if !known {
		return fmt.Errorf("message of type %q", t)
	}
	endpoints, err := keysOf(ctx, tx, "SELECT id FROM webhook_endpoints WHERE shop=? AND state=0 AND (events & ?)<>0", shop, events)
	if err != nil {
		return fmt.Errorf("find webhooks: %w", err)
	}
	if len(endpoints) == 0 {
		return nil
	}
	m := message()
	id, _ := keyOf(m.ID)
	for _, endpoint := range endpoints {
		_, err := tx.ExecContext(ctx, "INSERT INTO webhook_deliveries (endpoint_id, id, type, state, due_at, expires_at, attempts, claim,"+
			" created_at, body, last_at, last_ms, last_code, last_reason, last_answer) VALUES (?,?,?,0,?,?,0,0,?,?,0,0,0,'','')",
			endpoint, id, m.Type, m.At, m.At+webhooks.GiveUpAfter.Microseconds(), m.At, m.Body)
		if err != nil {
			return fmt.Errorf("write webhook delivery: %w", err)
		}
	}
	return nil
}

// keyOf is how ids are stored; false for what is no id, and so not there.
func keyOf[ID ~string](id ID) ([]byte, bool) {
	b, ok := orders.ID(id).Binary()
	return b[:], ok
}

// What stands in the columns state of the two tables.
const (
	endpointOn       = 0
	endpointDisabled = 1
	endpointDeleted  = 2
)

var deliveryStates = []webhooks.Status{webhooks.Pending, webhooks.Delivered, webhooks.Failed}

const endpointColumns = "id, shop, url, events, secret, state, failures, failing_since, resume_at, created_at"

// scanEndpoint reads endpointColumns.
func scanEndpoint(row interface{ Scan(...any) error }) (webhooks.Endpoint, error) {
	var e webhooks.Endpoint
	var id idColumn
	var state int
	h := &e.Health
	err := row.Scan(&id, &e.Shop, &e.URL, &e.Events, (*[]byte)(&e.Secret), &state, &h.Failures, &h.Since, &h.ResumeAt, &e.CreatedAt)
	e.ID, h.Disabled = webhooks.EndpointID(id.id()), state != endpointOn
	return e, err
}

// endpoint finds an endpoint of the shop, locked in a transaction with
// [sqldb.Dialect.ForUpdate] as lock.
func endpoint(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, shop string, id webhooks.EndpointID, lock string) (webhooks.Endpoint, error) {
	key, ok := keyOf(id)
	if !ok {
		return webhooks.Endpoint{}, webhooks.NoEndpoint()
	}
	e, err := scanEndpoint(q.QueryRowContext(ctx, "SELECT "+endpointColumns+
		" FROM webhook_endpoints WHERE id=? AND shop=? AND state<>2"+lock, key, shop))
	if errors.Is(err, sql.ErrNoRows) {
		return webhooks.Endpoint{}, webhooks.NoEndpoint()
	}
	return e, err
}

// Create implements [webhooks.Store]. An endpoint takes one of its shop's slots,
// so that two calls at a time cannot make one too many.
func (w *Webhooks) Create(ctx context.Context, e webhooks.Endpoint) error {
	key, ok := keyOf(e.ID)
	if !ok {
		return fmt.Errorf("orderstore: %q is no id of an endpoint", e.ID)
	}
	return w.s.write(ctx, "create webhook", func(ctx context.Context, tx *sql.Tx) error {
		var slots [webhooks.MaxEndpoints + 1]bool
		done := false // by a lost run
		err := sqldb.Each(ctx, tx, func(rows *sql.Rows) error {
			var id idColumn
			var slot int
			if err := rows.Scan(&id, &slot); err != nil {
				return err
			}
			slots[slot] = true
			done = done || id == idColumn(key)
			return nil
		}, "SELECT id, slot FROM webhook_endpoints WHERE shop=? AND slot IS NOT NULL", e.Shop)
		if err != nil || done {
			return err
		}
		free := 1
		for free <= webhooks.MaxEndpoints && slots[free] {
			free++
		}
		if free > webhooks.MaxEndpoints {
			return webhooks.TooMany()
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO webhook_endpoints (slot, "+endpointColumns+") VALUES ("+sqldb.Marks(11)+")",
			free, key, e.Shop, e.URL, e.Events, []byte(e.Secret), endpointOn, 0, 0, 0, e.CreatedAt)
		if sqldb.IsDuplicate(err) {
			return sqldb.ErrAgain // somebody was faster
		}
		return err
	})
}

// Endpoints implements [webhooks.Store].
func (w *Webhooks) Endpoints(ctx context.Context, shop string) ([]webhooks.Endpoint, error) {
	var list []webhooks.Endpoint
	err := w.s.read(ctx, "webhooks", func(ctx context.Context) error {
		return sqldb.Each(ctx, w.s.db.Read, func(rows *sql.Rows) error {
			e, err := scanEndpoint(rows)
			list = append(list, e)
			return err
		}, "SELECT "+endpointColumns+" FROM webhook_endpoints WHERE shop=? AND slot IS NOT NULL ORDER BY id", shop)
	})
	return list, err
}

// Endpoint implements [webhooks.Store].
func (w *Webhooks) Endpoint(ctx context.Context, shop string, id webhooks.EndpointID) (e webhooks.Endpoint, err error) {
	err = w.s.read(ctx, "webhook", func(ctx context.Context) (err error) {
		e, err = endpoint(ctx, w.s.db.Read, shop, id, "")
		return err
	})
	return e, err
}

// Enable implements [webhooks.Store].
func (w *Webhooks) Enable(ctx context.Context, shop string, id webhooks.EndpointID, on bool) (e webhooks.Endpoint, err error) {
	err = w.s.write(ctx, "enable webhook", func(ctx context.Context, tx *sql.Tx) (err error) {
		if e, err = endpoint(ctx, tx, shop, id, w.s.db.Dialect.ForUpdate()); err != nil {
			return err
		}
		e.Health = webhooks.Health{Disabled: !on}
		return setHealth(ctx, tx, e.ID, e.Health)
	})
	return e, err
}

// setHealth writes the health of an endpoint whose row is locked.
func setHealth(ctx context.Context, tx *sql.Tx, id webhooks.EndpointID, h webhooks.Health) error {
	key, _ := keyOf(id)
	state := endpointOn
	if h.Disabled {
		state = endpointDisabled
	}
	_, err := tx.ExecContext(ctx, "UPDATE webhook_endpoints SET state=?, failures=?, failing_since=?, resume_at=? WHERE id=?",
		state, h.Failures, h.Since, h.ResumeAt, key)
	return err
}

// Delete implements [webhooks.Store]. The row stays until its deliveries are swept.
func (w *Webhooks) Delete(ctx context.Context, shop string, id webhooks.EndpointID) error {
	deleted := false // by this run, or by one whose COMMIT was lost
	return w.s.write(ctx, "delete webhook", func(ctx context.Context, tx *sql.Tx) error {
		e, err := endpoint(ctx, tx, shop, id, w.s.db.Dialect.ForUpdate())
		if err != nil {
			if deleted && errors.Is(err, orders.ErrNotFound) {
				return nil
			}
			return err
		}
		deleted = true
		key, _ := keyOf(e.ID)
		_, err = tx.ExecContext(ctx, "UPDATE webhook_endpoints SET state=2, slot=NULL WHERE id=?", key)
		return err
	})
}
