package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

// The bounds of [DB.Settle].
const (
	// settleTime bounds a call with all its tries.
	settleTime = 10 * time.Second
	// maxTries bounds the tries where no wait is between them.
	maxTries = 100
)

// ErrAgain is what a function hands to [DB.Settle] to be run again at once.
var ErrAgain = errors.New("sqldb: again")

// Settle runs fn in transactions until its outcome is known: again when it lost
// to another transaction, when it gives [ErrAgain], and when COMMIT failed.
//
// When a connection breaks during COMMIT, the transaction was mostly committed
// all the same. So what fn writes has a key by which it can be told again: run
// once more, fn waits for the lock that the lost run may still hold, finds what
// is there and stores what is not. Only where that fails too, for
// [Options.OutcomeTime], is the outcome unknown: the error then wraps a
// *CommitError beside the last one. Where fn itself refuses after a failed
// COMMIT, that is the outcome, and the caller looks for its own refusal first.
//
// It ends within 10 s and OutcomeTime; op names the call in the log.
func (db *DB) Settle(ctx context.Context, log *slog.Logger, op string, fn func(ctx context.Context, tx *sql.Tx) error) error {
	return db.SettleRun(ctx, nil, log, op, func(ctx context.Context) error { return db.txUntil(ctx, fn) })
}

// SettleRun is Settle for transactions that the caller runs: run is one of them,
// by Tx or Exchange, and keeps the deadline of the context it is handed. Open is
// the error of an earlier COMMIT of the caller's, or nil.
func (db *DB) SettleRun(ctx context.Context, open *CommitError, log *slog.Logger, op string, run func(ctx context.Context) error) error {
	deadline := time.Now().Add(settleTime)
	if open != nil {
		deadline = time.Now().Add(db.outcomeTime)
	}
	for try := 1; ; try++ {
		err := runUntil(ctx, deadline, run)
		if err == nil {
			return nil
		}
		pause := 2 * time.Millisecond << min(try, 6)
		again := true
		switch e, isCommit := errors.AsType[*CommitError](err); {
		case isCommit:
			log.WarnContext(ctx, "COMMIT failed, looking its outcome up", "op", op, "error", err)
			if open == nil {
				deadline = time.Now().Add(db.outcomeTime)
			}
			open = e
		case errors.Is(err, ErrAgain):
			pause = 0
		case IsRetryable(err):
		case open != nil && (IsUnavailable(err) || IsReadOnly(err)):
		default:
			again = false
		}
		if !again || try == maxTries || !sleep(ctx, deadline, pause) {
			if open != nil {
				return errors.Join(err, open)
			}
			return err
		}
	}
}

func runUntil(ctx context.Context, deadline time.Time, run func(context.Context) error) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return run(ctx)
}

// txUntil is Tx with the deadline of ctx for the statements too.
func (db *DB) txUntil(ctx context.Context, fn func(context.Context, *sql.Tx) error) error {
	deadline, _ := ctx.Deadline()
	return db.Tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
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
