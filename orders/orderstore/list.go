package orderstore

import (
	"context"
	"database/sql"
	"strings"

	"hubbub/internal/sqldb"
	"hubbub/orders"
)

// List implements [orders.Store]. Whatever the filters, it is a range of one index,
// read backwards from where the page begins; a number alone is of few orders.
func (s *Store) List(ctx context.Context, f orders.Filter) ([]orders.Stored, error) {
	query, args, err := listQuery(s.db.Dialect, f)
	if err != nil {
		return nil, err
	}
	found := make([]orders.Stored, 0, f.Limit)
	err = s.read(ctx, "list", func(ctx context.Context) error {
		return sqldb.Each(ctx, s.db.Read, func(rows *sql.Rows) error {
			o, err := scanStored(rows)
			found = append(found, o)
			return err
		}, query, args...)
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func listQuery(d sqldb.Dialect, f orders.Filter) (query string, args []any, err error) {
	index := "PRIMARY"
	switch {
	case f.Number != "":
		index = "orders_number"
	case f.Customer != "" && f.Status != "":
		index = "orders_customer_status"
	case f.Customer != "":
		index = "orders_customer"
	case f.Status != "":
		index = "orders_status"
	}
	var where []string
	and := func(condition string, arg any) {
		where = append(where, condition)
		args = append(args, arg)
	}
	for _, filter := range []struct{ condition, value string }{
		{"customer_id=?", f.Customer}, {"status=?", string(f.Status)}, {"number=?", f.Number},
	} {
		if filter.value != "" {
			and(filter.condition, filter.value)
		}
	}
	for _, bound := range []struct {
		condition string
		id        orders.ID
	}{{"id>=?", f.From}, {"id<?", f.Below}} {
		if bound.id == "" {
			continue
		}
		id, err := binary(bound.id)
		if err != nil {
			return "", nil, err
		}
		and(bound.condition, id[:])
	}
	query = "SELECT " + storedColumns + " FROM orders" + d.ForceIndex(index)
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	return query + " ORDER BY id DESC LIMIT ?", append(args, f.Limit), nil
}
