package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Statement is a statement and its arguments.
type Statement struct {
	Query string
	Args  []any
}

// Question is a query whose rows Scan is handed, one by one.
type Question struct {
	Statement
	Scan func(*sql.Rows) error
}

// Conn is what a transaction can be asked while it runs: a *sql.Tx, or what
// [DB.Exchange] hands out.
type Conn interface {
	Queryer
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Exchange runs a transaction that asks, decides and writes: the questions in
// their order, then the statements that decide makes of what they brought. Without
// statements it is rolled back. A server is spoken to twice, where BEGIN, two
// questions, two statements and COMMIT would be six times; that halves what it
// costs this side, and takes a third off the time. Through conn, decide may ask
// and change more, at the price of a round trip each.
//
// Errors are those of Tx, and so is what the caller's cancellation means. The
// caller's deadline counts all the time: a write that it cuts off is a *CommitError.
func (db *DB) Exchange(ctx context.Context, questions []Question, decide func(ctx context.Context, conn Conn) ([]Statement, error)) error {
	if db.Dialect == SQLite {
		return db.exchangeByOne(ctx, questions, decide)
	}
	return db.writing(ctx, func(conn *sql.Conn) error {
		until := time.Now().Add(db.txTimeout)
		if d, ok := ctx.Deadline(); ok && d.Before(until) {
			until = d
		}
		ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
		defer cancel()
		over := false
		defer func() {
			if !over {
				rollback(conn)
			}
		}()
		if err := ask(ctx, conn, questions); err != nil {
			return fmt.Errorf("sqldb: transaction: %w", err)
		}
		statements, err := decide(ctx, conn)
		if err != nil {
			return fmt.Errorf("sqldb: transaction: %w", err)
		}
		if len(statements) > 0 {
			over, err = write(ctx, conn, statements)
		}
		return err
	})
}

// exchangeByOne is Exchange for a database that is nobody's server.
func (db *DB) exchangeByOne(ctx context.Context, questions []Question, decide func(context.Context, Conn) ([]Statement, error)) error {
	err := db.Tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, q := range questions {
			if err := Each(ctx, tx, q.Scan, q.Query, q.Args...); err != nil {
				return err
			}
		}
		statements, err := decide(ctx, tx)
		if err != nil {
			return err
		}
		for _, s := range statements {
			if _, err := tx.ExecContext(ctx, s.Query, s.Args...); err != nil {
				return err
			}
		}
		if len(statements) == 0 {
			return errNothing
		}
		return nil
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	return err
}

// errNothing rolls back a transaction that has nothing to write.
var errNothing = errors.New("sqldb: nothing to write")

// ask begins a transaction and reads the answers of the questions.
func ask(ctx context.Context, conn *sql.Conn, questions []Question) error {
	all := []Statement{{Query: "START TRANSACTION"}}
	for _, q := range questions {
		all = append(all, q.Statement)
	}
	rows, err := together(ctx, conn, all)
	if err != nil {
		return err
	}
	defer rows.Close()
	for i, q := range questions {
		if i > 0 && !rows.NextResultSet() {
			return errors.Join(rows.Err(), fmt.Errorf("question %d has no answer", i))
		}
		for rows.Next() {
			if err := q.Scan(rows); err != nil {
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return rows.Close()
}

// write carries the statements out and commits. Over means that the transaction
// has ended, or may have: the error is a *CommitError then. The row in between
// tells apart which of them failed: an error that the server reports before it
// comes from the statements, and nothing is committed.
func write(ctx context.Context, conn *sql.Conn, statements []Statement) (over bool, err error) {
	rows, err := together(ctx, conn, append(slices.Clip(statements), Statement{Query: "SELECT 1"}, Statement{Query: "COMMIT"}))
	if _, reported := errors.AsType[*mysql.MySQLError](err); reported {
		return false, fmt.Errorf("sqldb: transaction: %w", err)
	}
	if err != nil {
		return true, &CommitError{Err: err}
	}
	for rows.Next() {
	}
	rows.NextResultSet() // there is none; the answer to COMMIT is what Err and Close tell of
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return true, &CommitError{Err: err}
	}
	return true, nil
}

// together sends several statements at once. The rows are those of the first
// that has any, once those before it succeeded.
func together(ctx context.Context, conn *sql.Conn, statements []Statement) (*sql.Rows, error) {
	var text strings.Builder
	var args []any
	for i, s := range statements {
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(s.Query)
		args = append(args, s.Args...)
	}
	return conn.QueryContext(context.WithValue(ctx, several{}, true), text.String(), args...)
}

// rollback ends a transaction; a connection that cannot say so is closed, and
// the server rolls back by itself.
func rollback(conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), rollbackTime)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		discard(conn)
	}
}

// rollbackTime bounds a ROLLBACK.
const rollbackTime = 2 * time.Second
