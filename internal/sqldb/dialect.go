package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Dialect is the SQL that a database speaks.
type Dialect int

const (
	// MySQL is the common subset of MySQL 8 and MariaDB 10.11 and later.
	MySQL Dialect = iota + 1
	// SQLite is the embedded database.
	SQLite
)

// String is the dialect's name, and that of its folder of migrations.
func (d Dialect) String() string {
	switch d {
	case MySQL:
		return "mysql"
	case SQLite:
		return "sqlite"
	}
	return "unknown"
}

// ForUpdate is what ends a SELECT that locks the rows it reads. It is empty for
// SQLite, where a transaction of DB.Tx has the whole file to itself.
func (d Dialect) ForUpdate() string {
	if d == MySQL {
		return " FOR UPDATE"
	}
	return ""
}

// ShortWait is what begins a statement that waits for a row lock for a second at
// most. MySQL has no such thing and waits for [LockWait]; SQLite knows no row locks.
func (d Dialect) ShortWait() string {
	if d == MySQL {
		return "/*M! SET STATEMENT innodb_lock_wait_timeout=1 FOR */ "
	}
	return ""
}

// SkipLocked is what ends a SELECT that locks the rows it reads and leaves those
// out that somebody else has locked. It is empty for SQLite: see ForUpdate.
func (d Dialect) SkipLocked() string {
	if d == MySQL {
		return " FOR UPDATE SKIP LOCKED" // MySQL 8, MariaDB 10.6
	}
	return ""
}

// ForceIndex stands behind the name of a table that must be read by this index.
// SQLite chooses well by itself; MariaDB, given several indexes that begin alike,
// reads a page deep in a list by walking to it, and with many keys of a small
// table walks through the table, where it locks what was not asked for.
func (d Dialect) ForceIndex(name string) string {
	if d == MySQL {
		return " FORCE INDEX (" + name + ")"
	}
	return ""
}

// Upsert is what ends an INSERT … VALUES … that finds its row there already:
// the named columns take the values that were to be inserted, and without any
// the row stays as it is. Key are the columns of the primary key or unique
// index. SQLite looks at that key alone; MySQL looks at every unique key of the
// table, so use it only where the table has no other. Columns and keys come
// from the program, never from a client.
//
//	"INSERT INTO marks (room, user, seq) VALUES (?,?,?)" + d.Upsert([]string{"room", "user"}, "seq")
func (d Dialect) Upsert(key []string, columns ...string) string {
	var b strings.Builder
	source := func(column string) string { return "VALUES(" + column + ")" }
	if d == MySQL {
		b.WriteString(" ON DUPLICATE KEY UPDATE ")
		if len(columns) == 0 {
			b.WriteString(key[0] + "=" + key[0])
		}
	} else {
		b.WriteString(" ON CONFLICT(" + strings.Join(key, ",") + ") DO ")
		if len(columns) == 0 {
			b.WriteString("NOTHING")
		} else {
			b.WriteString("UPDATE SET ")
		}
		source = func(column string) string { return "excluded." + column }
	}
	for i, column := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(column + "=" + source(column))
	}
	return b.String()
}

// Increment adds 1 to a number in the row with that key, takes the row's lock, and
// gives the new number; sql.ErrNoRows where there is no such row. It is one round
// trip. Table and columns come from the program, never from a client.
func (d Dialect) Increment(ctx context.Context, tx *sql.Tx, table, number, key string, value any) (n uint64, err error) {
	if d == SQLite {
		err := tx.QueryRowContext(ctx, fmt.Sprintf("UPDATE %s SET %s=%s+1 WHERE %s=? RETURNING %s", table, number, number, key, number), value).Scan(&n)
		return n, err
	}
	// The answer to an UPDATE carries what LAST_INSERT_ID was set to.
	result, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET %s=LAST_INSERT_ID(%s+1) WHERE %s=?", table, number, number, key), value)
	if err != nil {
		return 0, err
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return 0, err
	}
	if rows == 0 {
		return 0, sql.ErrNoRows
	}
	id, err := result.LastInsertId()
	return uint64(id), err
}
