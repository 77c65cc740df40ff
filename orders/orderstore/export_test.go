package orderstore

import (
	"context"
	"database/sql"

	"hubbub/internal/sqldb"
	"hubbub/orders"
)

// SetNumbers puts a source of numbers in the place of random ones.
func (s *Store) SetNumbers(f func() string) { s.number = f }

// SetOutbox fills the place where deliveries to others will be stored.
func (s *Store) SetOutbox(f func(context.Context, *sql.Tx, orders.Order, orders.Event) error) {
	s.outbox = f
}

// ListQuery is the statement of a list.
func ListQuery(d sqldb.Dialect, f orders.Filter) (string, []any, error) { return listQuery(d, f) }
