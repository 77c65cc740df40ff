package orderstore

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"hubbub/internal/sqldb"
	"hubbub/orders"
)

// Order implements [orders.Store].
func (s *Store) Order(ctx context.Context, id orders.ID, customer string) (orders.Stored, error) {
	b, ok := id.Binary()
	if !ok {
		return orders.Stored{}, orders.NoOrder()
	}
	statement, args := s.held.one, []any{b[:]}
	if customer != "" {
		statement, args = s.held.oneOf, append(args, customer)
	}
	found, err := s.stored(ctx, "order", statement, 1, args)
	if err == nil && len(found) == 0 {
		err = orders.NoOrder()
	}
	if err != nil {
		return orders.Stored{}, err
	}
	return found[0], nil
}

// Lookup implements [orders.Store].
func (s *Store) Lookup(ctx context.Context, ids []orders.ID, customer string) ([]orders.Stored, error) {
	args := make([]any, 0, orders.MaxLookup+1)
	for _, id := range ids {
		if b, ok := id.Binary(); ok {
			args = append(args, b[:])
		}
	}
	n := len(args)
	if n == 0 {
		return nil, nil
	}
	for i, size := range lookupSizes {
		if n > size {
			continue
		}
		for len(args) < size {
			args = append(args, args[0])
		}
		if customer == "" {
			return s.stored(ctx, "look-up", s.held.many[i], n, args)
		}
		return s.stored(ctx, "look-up", s.held.manyOf[i], n, append(args, customer))
	}
	return nil, fmt.Errorf("orderstore: look-up of %d orders, at most %d", n, orders.MaxLookup)
}

// stored reads up to n orders with one of the statements held.
func (s *Store) stored(ctx context.Context, op string, statement *sql.Stmt, n int, args []any) ([]orders.Stored, error) {
	found := make([]orders.Stored, 0, n)
	err := s.read(ctx, op, func(ctx context.Context) error {
		return sqldb.EachOf(ctx, statement, func(rows *sql.Rows) error {
			o, err := scanStored(rows)
			found = append(found, o)
			return err
		}, args...)
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// owner tells whose an order is. Where it has to be a customer's, somebody else's
// is absent.
func (s *Store) owner(ctx context.Context, id orders.ID, customer string) (owner string, err error) {
	b, ok := id.Binary()
	if !ok {
		return "", orders.NoOrder()
	}
	err = s.read(ctx, "owner", func(ctx context.Context) error {
		return sqldb.EachOf(ctx, s.held.owner, func(rows *sql.Rows) error { return rows.Scan(&owner) }, b[:])
	})
	if err == nil && (owner == "" || customer != "" && owner != customer) {
		err = orders.NoOrder()
	}
	return owner, err
}

// History implements [orders.Store].
func (s *Store) History(ctx context.Context, id orders.ID, customer string, after uint64, limit int) ([]orders.Event, error) {
	if _, err := s.owner(ctx, id, customer); err != nil {
		return nil, err
	}
	b, _ := id.Binary()
	after = min(after, math.MaxInt64) // a client's number
	return s.events(ctx, "history", "order_id=? AND version>? ORDER BY version LIMIT ?", b[:], after, limit)
}

func (s *Store) events(ctx context.Context, op, where string, args ...any) ([]orders.Event, error) {
	var events []orders.Event
	err := s.read(ctx, op, func(ctx context.Context) error {
		return sqldb.Each(ctx, s.db.Read, func(rows *sql.Rows) error {
			e, err := scanEvent(rows)
			events = append(events, e)
			return err
		}, "SELECT "+eventColumns+" FROM order_events WHERE "+where, args...)
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}
