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
	"time"

	"hubbub/chat"
	"hubbub/internal/sqldb"
)

const (
	// readTime bounds a call that reads.
	readTime = 5 * time.Second
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
	db  *sqldb.DB
	log *slog.Logger

	reads, writes sqldb.Outage
}

var (
	_ chat.Store        = (*Store)(nil)
	_ chat.AccountStore = (*Store)(nil)
)

// New makes a store over a database that [Migrate] brought up to date.
func New(db *sqldb.DB, log *slog.Logger) *Store {
	return &Store{db: db, log: log}
}

// write runs fn in transactions until its outcome is known; see [sqldb.DB.Settle].
// The error is a *chat.Error or internal.
func (s *Store) write(ctx context.Context, op string, fn func(context.Context, *sql.Tx) error) error {
	return s.wrote(ctx, op, s.db.Settle(ctx, s.log, op, fn))
}

// wrote takes the outcome of a call that wrote.
func (s *Store) wrote(ctx context.Context, op string, err error) error {
	err = s.fail(op, err)
	s.writes.Note(ctx, s.log, "that write", err, errors.Is(err, chat.ErrUnavailable))
	return err
}

// fail turns an error of the database into what the caller is told.
func (s *Store) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*chat.Error](err); ok {
		return refusal
	}
	cause := fmt.Errorf("chatstore: %s: %w", op, err)
	_, open := errors.AsType[*sqldb.CommitError](err)
	switch {
	case open:
		return chat.Later(chat.ErrUnknownOutcome, "it may have been stored or not; send it again", retryAfter, cause)
	case sqldb.IsReadOnly(err), sqldb.IsUnavailable(err), sqldb.IsRetryable(err):
		return chat.Later(chat.ErrUnavailable, "the database does not answer; try again", retryAfter, cause)
	}
	return cause
}

// read runs a query on the pool for reading and hands each row to scan.
func (s *Store) read(ctx context.Context, op string, scan func(*sql.Rows) error, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	err := s.fail(op, s.db.Reading(ctx, func() error { return sqldb.Each(ctx, s.db.Read, scan, query, args...) }))
	s.reads.Note(ctx, s.log, "that read", err, errors.Is(err, chat.ErrUnavailable))
	return err
}
