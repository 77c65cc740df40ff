package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// Tx runs fn in a transaction of the Write pool: committed when fn returns nil,
// rolled back when it returns an error or panics. The error of fn comes back
// wrapped. A *CommitError means that the outcome is unknown; every other error
// means that nothing was written.
//
// The caller's cancellation counts until the transaction has begun, and no
// longer: a client that leaves must not break off a commit, for the server
// would go on with it all the same. So fn uses the context it is handed, which
// keeps the caller's values and ends by Options.TxTimeout. fn does not call Tx
// (SQLite has one connection to write), and may be handed a transaction only
// once: who wants to try again after IsRetryable calls Tx again.
func (db *DB) Tx(ctx context.Context, fn func(ctx context.Context, tx *sql.Tx) error) error {
	return db.writing(ctx, func(conn *sql.Conn) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), db.txTimeout)
		defer cancel()
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("sqldb: begin: %w", err)
		}
		// After COMMIT this does nothing. When it fails, the connection is gone,
		// and the server rolls back by itself.
		defer tx.Rollback()
		if err := fn(ctx, tx); err != nil {
			return fmt.Errorf("sqldb: transaction: %w", err)
		}
		if err := tx.Commit(); err != nil {
			return &CommitError{Err: err}
		}
		return nil
	})
}

// writing hands f a connection of the Write pool, in the caller's turn. When f
// returns, no transaction of its own is open but one whose COMMIT failed; after
// that, and where the server takes no writes, the connection is not used again.
func (db *DB) writing(ctx context.Context, f func(conn *sql.Conn) error) error {
	if err := db.writes.enter(ctx); err != nil {
		return fmt.Errorf("sqldb: begin: %w", err)
	}
	defer db.writes.leave()
	wait, cancel := context.WithTimeout(ctx, db.txTimeout)
	defer cancel()
	conn, err := db.Write.Conn(wait)
	if err != nil {
		return fmt.Errorf("sqldb: begin: %w", err)
	}
	// The connection goes back to the pool; it reports nothing new.
	defer conn.Close()
	err = f(conn)
	if _, open := errors.AsType[*CommitError](err); open || IsReadOnly(err) {
		discard(conn)
	}
	return err
}

// discard closes a connection instead of letting the pool have it back: one to
// a server that became read-only, where the next one may reach its successor,
// or one whose COMMIT failed and whose transaction may be open still.
func discard(conn *sql.Conn) {
	// Raw returns what the function returns, and drops the connection for it.
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}
