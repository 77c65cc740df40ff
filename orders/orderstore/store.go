// Package orderstore keeps orders in SQL: orders and their histories, the logs of
// customers, idempotency keys. All of the orders' SQL is here, and it runs
// unchanged on MySQL, MariaDB and SQLite.
//
// # One change, one transaction
//
// Locks are taken in this order: the idempotency key (its row, inserted first), the
// customer's log, the order, the room of the order. So two calls with one key are
// one after the other wherever they come in, the numbers of a log have no hole, and
// a reader who sees n sees everything below n.
//
// # A failed COMMIT
//
// The transaction is run again (see [sqldb.DB.Settle]). It waits for the key or the
// log that the lost run may still hold, and then looks for the event that the lost
// run was to store: its id is random. Only where that fails too is the outcome
// unknown.
package orderstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"hubbub/bus"
	"hubbub/internal/sqldb"
	"hubbub/orders"
)

const (
	// retryAfter is told to clients while the database is away, or their key busy.
	retryAfter = time.Second
)

//go:embed schema
var schema embed.FS

// Migrate brings the tables of orders up to date; see [sqldb.DB.Migrate].
func Migrate(ctx context.Context, db *sqldb.DB) error {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return fmt.Errorf("orderstore: %w", err)
	}
	return db.Migrate(ctx, "orders", files)
}

// RoomLog is what orders need of the chat: a log to which a change appends in its
// own transaction.
type RoomLog interface {
	// AppendSystem appends a system message to a room under the room's lock, which
	// it takes and tx holds until its end. The client id is new and of at most 64
	// ASCII characters; at is in microseconds since 1970. The event is published by
	// the caller once tx is committed.
	AppendSystem(ctx context.Context, tx *sql.Tx, room, clientID, text string, at int64) (bus.Event, error)
	// OrderRoom finds the room of an order; "" while it has none.
	OrderRoom(ctx context.Context, tx *sql.Tx, order string) (string, error)
}

// Store is an [orders.Store]. It has no goroutine; the database belongs to whoever
// opened it, and the statements held end with it.
type Store struct {
	db    *sqldb.DB
	log   *slog.Logger
	rooms RoomLog
	epoch string

	held    statements
	running running
	number  func() string // orders.NewNumber, but for a test
	// outbox, where it is not nil, stores what is to be told of a change to others,
	// in the change's own transaction.
	outbox func(ctx context.Context, tx *sql.Tx, o orders.Order, e orders.Event) error

	reads, writes sqldb.Outage
}

var _ orders.Store = (*Store)(nil)

// New makes a store over a database that [Migrate] brought up to date. It reads
// the database's epoch, which the first node of all makes.
func New(ctx context.Context, db *sqldb.DB, log *slog.Logger, rooms RoomLog) (*Store, error) {
	s := &Store{db: db, log: log, rooms: rooms, number: orders.NewNumber}
	s.running.calls = map[keyID]chan struct{}{}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	if err := s.held.prepare(ctx, db.Read); err != nil {
		return nil, s.fail("prepare", err)
	}
	return s, nil
}

// Epoch implements [orders.Store].
func (s *Store) Epoch() string { return s.epoch }

// begin reads the epoch; the first caller makes it.
func (s *Store) begin(ctx context.Context) error {
	fresh := rand.Text()
	err := s.write(ctx, "make epoch", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO order_meta (id, epoch) VALUES (1,?)", fresh)
		if sqldb.IsDuplicate(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.read(ctx, "epoch", func(ctx context.Context) error {
		return s.db.Read.QueryRowContext(ctx, "SELECT epoch FROM order_meta WHERE id=1").Scan(&s.epoch)
	})
}

// write runs fn in transactions until its outcome is known. The error is an
// *orders.Error or internal.
func (s *Store) write(ctx context.Context, op string, fn func(context.Context, *sql.Tx) error) error {
	err := s.db.Settle(ctx, s.log, op, fn)
	if errors.Is(err, errDone) {
		err = nil
	}
	err = s.fail(op, err)
	s.writes.Note(ctx, s.log, "that write orders", err, errors.Is(err, orders.ErrUnavailable))
	return err
}

// errDone is what a function hands to write that has nothing to commit.
var errDone = errors.New("orderstore: nothing to commit")

// read runs f, to its end when the caller leaves: a query that is broken off costs
// its connection. Nor has f a deadline of its own: watching one costs a look-up two
// goroutines. It ends all the same, by [sqldb.StatementTime] on a server, and by the
// driver's own time-outs where that is silent.
func (s *Store) read(ctx context.Context, op string, f func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err // left before it began
	}
	err := s.fail(op, s.db.Reading(ctx, func() error { return f(context.WithoutCancel(ctx)) }))
	s.reads.Note(ctx, s.log, "that read orders", err, errors.Is(err, orders.ErrUnavailable))
	return err
}

// fail turns an error of the database into what the caller is told.
func (s *Store) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*orders.Error](err); ok {
		return refusal
	}
	cause := fmt.Errorf("orderstore: %s: %w", op, err)
	_, open := errors.AsType[*sqldb.CommitError](err)
	switch {
	case open:
		return orders.Later(orders.ErrUnknownOutcome, "it may have been stored or not; send it again", retryAfter, cause)
	case sqldb.IsReadOnly(err), sqldb.IsUnavailable(err), sqldb.IsRetryable(err):
		return orders.Later(orders.ErrUnavailable, "the database does not answer; try again", retryAfter, cause)
	}
	return cause
}
