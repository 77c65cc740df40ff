package orderstore

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"hubbub/internal/sqldb"
	"hubbub/orders"
)

// statements are prepared once for each connection of the pool and held, so that a
// look-up is one round trip, and nothing of it is parsed again.
type statements struct {
	owner        *sql.Stmt // of an order
	one, oneOf   *sql.Stmt // an order; of a customer
	many, manyOf [len(lookupSizes)]*sql.Stmt
}

// lookupSizes are the numbers of ids that a statement may ask for. What is left
// over in the last one is asked for twice.
var lookupSizes = [...]int{4, 20, orders.MaxLookup}

const storedColumns = "id, customer_id, version, doc"

const selectStored = "SELECT " + storedColumns + " FROM orders WHERE "

func (h *statements) prepare(ctx context.Context, pool *sql.DB) error {
	var failed error
	prepare := func(query string) *sql.Stmt {
		if failed != nil {
			return nil
		}
		var held *sql.Stmt
		held, failed = pool.PrepareContext(ctx, query)
		return held
	}
	h.owner = prepare("SELECT customer_id FROM orders WHERE id=?")
	h.one = prepare(selectStored + "id=?")
	h.oneOf = prepare(selectStored + "id=? AND customer_id=?")
	for i, n := range lookupSizes {
		in := "id IN (" + sqldb.Marks(n) + ")"
		h.many[i] = prepare(selectStored + in)
		h.manyOf[i] = prepare(selectStored + in + " AND customer_id=?")
	}
	return failed
}

// The columns that are scanned often have types that database/sql fills in
// without reflection.

// idColumn is an id as it is stored.
type idColumn [16]byte

// Scan implements [sql.Scanner].
func (c *idColumn) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok || len(b) != len(c) {
		return fmt.Errorf("an id is %T of %d bytes", v, len(b))
	}
	copy(c[:], b)
	return nil
}

func (c idColumn) id() orders.ID { return orders.FormatID(c) }

// countColumn is a BIGINT that is not negative.
type countColumn uint64

// Scan implements [sql.Scanner].
func (c *countColumn) Scan(v any) error {
	switch v := v.(type) {
	case int64:
		if v < 0 {
			return fmt.Errorf("a count is %d", v)
		}
		*c = countColumn(v)
		return nil
	case []byte: // of a driver that leaves the parsing to others
		n, err := strconv.ParseUint(string(v), 10, 63)
		*c = countColumn(n)
		return err
	}
	return fmt.Errorf("a count is %T", v)
}

// scanStored reads storedColumns.
func scanStored(rows *sql.Rows) (orders.Stored, error) {
	var id idColumn
	var o orders.Stored
	err := rows.Scan(&id, &o.Customer, (*countColumn)(&o.Version), &o.Doc)
	o.ID = id.id()
	return o, err
}

const eventColumns = "customer_id, seq, order_id, version, number, kind, from_status, to_status," +
	" actor_id, actor_name, actor_role, reason, at"

// scanEvent reads eventColumns.
func scanEvent(rows *sql.Rows) (orders.Event, error) {
	var id idColumn
	var e orders.Event
	err := rows.Scan(&e.Customer, (*countColumn)(&e.Seq), &id, (*countColumn)(&e.Version), &e.Number,
		(*string)(&e.Kind), (*string)(&e.From), (*string)(&e.To),
		&e.Actor.ID, &e.Actor.Name, (*string)(&e.Actor.Role), &e.Reason, &e.At)
	e.Order = id.id()
	return e, err
}

// insertEvent stores an event under its random id.
func insertEvent(ctx context.Context, tx *sql.Tx, id string, e orders.Event) error {
	order, _ := e.Order.Binary()
	_, err := tx.ExecContext(ctx, "INSERT INTO order_events (id, "+eventColumns+") VALUES ("+sqldb.Marks(1+strings.Count(eventColumns, ",")+1)+")",
		id, e.Customer, e.Seq, order[:], e.Version, e.Number, e.Kind, e.From, e.To,
		e.Actor.ID, e.Actor.Name, e.Actor.Role, e.Reason, e.At)
	if err != nil {
		return fmt.Errorf("insert event: %w", err)
	}
	return nil
}
