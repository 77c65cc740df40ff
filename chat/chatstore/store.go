// Package chatstore keeps the chat in SQL: rooms and their logs, members,
// users, sessions. All of the chat's SQL is here, and it runs unchanged on
// MySQL, MariaDB and SQLite.
//
// # Numbering
//
// A room's row in rooms is the room's lock. [Store.Append] takes it first and
// reads afterwards, so that nothing it decides rests on an old snapshot, and
// writes the counters back into it before COMMIT. So seq has no hole, and a
// reader who sees n sees everything below n.
//
// # A failed COMMIT
//
// When a connection breaks during COMMIT, the transaction was mostly committed
// all the same. Everything written here can be told again from its key (an id,
// a client id, a hash), so the answer is to run the same transaction once more:
// it waits for the lock that the lost one may still hold, finds what is there,
// and stores what is not. Only when that fails too is the outcome unknown.
package chatstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"time"

	"hubbub/chat"
	"hubbub/internal/sqldb"
)

const (
	// writeTime bounds a call that writes, with all its tries.
	writeTime = 10 * time.Second
	// outcomeTime is granted once more to find out about a failed COMMIT.
	outcomeTime = 6 * time.Second
	// readTime bounds a call that reads.
	readTime = 5 * time.Second
	// maxTries bounds the tries where no wait is between them.
	maxTries = 100
	// retryAfter is told to clients while the database is away.
	retryAfter = time.Second
)

//go:embed schema
var schema embed.FS

// Migrate brings the chat's tables up to date; see [sqldb.DB.Migrate].
func Migrate(ctx context.Context, db *sqldb.DB) error {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return fmt.Errorf("chatstore: %w", err)
	}
	return db.Migrate(ctx, "chat", files)
}

// Store is a [chat.Store] and a [chat.AccountStore]. It has no goroutine; the
// database belongs to whoever opened it.
type Store struct {
	db          *sqldb.DB
	log         *slog.Logger
	outcomeTime time.Duration // shorter in tests

	reads, writes outage
}

var (
	_ chat.Store        = (*Store)(nil)
	_ chat.AccountStore = (*Store)(nil)
)

// New makes a store over a database that [Migrate] brought up to date.
func New(db *sqldb.DB, log *slog.Logger) *Store {
	return &Store{db: db, log: log, outcomeTime: outcomeTime}
}

// errAgain makes write run its function again at once.
var errAgain = errors.New("chatstore: again")

// write runs fn in a transaction, and again when it lost to another one and when
// COMMIT failed: fn begins anew each time and finds what an earlier run may have
// stored. The error is a *chat.Error or internal.
func (s *Store) write(ctx context.Context, op string, fn func(context.Context, *sql.Tx) error) error {
	return s.writeOn(ctx, op, nil, fn)
}

// writeOn is write where open is the error of an earlier run whose outcome is
// unknown, or nil.
func (s *Store) writeOn(ctx context.Context, op string, open *sqldb.CommitError, fn func(context.Context, *sql.Tx) error) (err error) {
	defer func() { s.writes.note(ctx, s.log, "that write", err) }()
	deadline := time.Now().Add(writeTime)
	if open != nil {
		deadline = time.Now().Add(s.outcomeTime)
	}
	for try := 1; ; try++ {
		err := s.transact(ctx, deadline, fn)
		if err == nil {
			return nil
		}
		pause := 2 * time.Millisecond << min(try, 6)
		switch e, isCommit := errors.AsType[*sqldb.CommitError](err); {
		case isCommit:
			s.log.WarnContext(ctx, "COMMIT failed, looking its outcome up", "op", op, "error", err)
			if open == nil {
				deadline = time.Now().Add(s.outcomeTime)
			}
			open = e
		case errors.Is(err, errAgain):
			pause = 0
		case sqldb.IsRetryable(err):
		case open != nil && (sqldb.IsUnavailable(err) || sqldb.IsReadOnly(err)):
		default:
			return s.fail(op, err, open)
		}
		if try == maxTries || !sleep(ctx, deadline, pause) {
			return s.fail(op, err, open)
		}
	}
}

func (s *Store) transact(ctx context.Context, deadline time.Time, fn func(context.Context, *sql.Tx) error) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return s.db.Tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		ctx, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		return fn(ctx, tx)
	})
}

// sleep waits some time around d and tells whether there is time to go on.
func sleep(ctx context.Context, deadline time.Time, d time.Duration) bool {
	if d > 0 {
		timer := time.NewTimer(d/2 + rand.N(d))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil && time.Now().Before(deadline)
}

// fail turns an error of the database into what the caller is told. Open is a
// COMMIT whose outcome is not known, if there is one.
func (s *Store) fail(op string, err error, open *sqldb.CommitError) error {
	refusal, refused := errors.AsType[*chat.Error](err)
	switch {
	case open != nil && !refused:
		return chat.Later(chat.ErrUnknownOutcome, "it may have been stored or not; send it again",
			retryAfter, fmt.Errorf("chatstore: %s: %w", op, errors.Join(open, err)))
	case refused:
		return refusal
	case sqldb.IsReadOnly(err), sqldb.IsUnavailable(err), sqldb.IsRetryable(err):
		return chat.Later(chat.ErrUnavailable, "the database does not answer; try again",
			retryAfter, fmt.Errorf("chatstore: %s: %w", op, err))
	}
	return fmt.Errorf("chatstore: %s: %w", op, err)
}

// read runs a query on the pool for reading and hands each row to scan.
func (s *Store) read(ctx context.Context, op string, scan func(*sql.Rows) error, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	err := each(ctx, s.db.Read, scan, query, args...)
	if err != nil {
		err = s.fail(op, err, nil)
	}
	s.reads.note(ctx, s.log, "that read", err)
	return err
}

// queryer is a pool or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each hands each row of a query to scan, until scan fails or has errEnough.
func each(ctx context.Context, q queryer, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err == errEnough {
			return nil
		} else if err != nil {
			return err
		}
	}
	return rows.Err()
}
