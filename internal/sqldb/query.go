package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// MaxIn is how many values a store puts into one IN (…).
const MaxIn = 500

// Marks is "?,?,?", one for each of n values.
func Marks(n int) string {
	return strings.TrimSuffix(strings.Repeat("?,", n), ",")
}

// Args makes arguments of a query from the values, after some others.
func Args[T any](values []T, before ...any) []any {
	args := append(make([]any, 0, len(before)+len(values)), before...)
	for _, v := range values {
		args = append(args, v)
	}
	return args
}

// Queryer is a pool or a transaction.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// ErrEnough is what a function hands to [Each] to see no more rows.
var ErrEnough = errors.New("sqldb: enough rows")

// Each hands each row of a query to scan, until scan fails or has [ErrEnough].
func Each(ctx context.Context, q Queryer, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	return eachRow(rows, err, scan)
}

// EachOf is [Each] for a statement that is prepared.
func EachOf(ctx context.Context, statement *sql.Stmt, scan func(*sql.Rows) error, args ...any) error {
	rows, err := statement.QueryContext(ctx, args...)
	return eachRow(rows, err, scan)
}

func eachRow(rows *sql.Rows, err error, scan func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err == ErrEnough {
			return nil
		} else if err != nil {
			return err
		}
	}
	return rows.Err()
}
