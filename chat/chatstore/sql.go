package chatstore

import (
	"context"
	"database/sql"

	"hubbub/internal/sqldb"
)

const maxIn = sqldb.MaxIn

func marks(n int) string { return sqldb.Marks(n) }

func anys[T any](values []T, before ...any) []any { return sqldb.Args(values, before...) }

func each(ctx context.Context, q sqldb.Queryer, scan func(*sql.Rows) error, query string, args ...any) error {
	return sqldb.Each(ctx, q, scan, query, args...)
}
