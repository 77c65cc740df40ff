package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
)

func TestTxCommitsOrLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sqldb.DB) {
		exec1(t, db, "CREATE TABLE a (id INTEGER PRIMARY KEY)")
		insert := func(id int, fail func() error) error {
			return db.Tx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				if _, err := tx.ExecContext(ctx, "INSERT INTO a VALUES (?)", id); err != nil {
					return err
				}
				return fail()
			})
		}
		if err := insert(1, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		boom := errors.New("boom")
		if err := insert(2, func() error { return boom }); !errors.Is(err, boom) {
			t.Errorf("error of fn: %v, want %v", err, boom)
		}
		func() {
			defer func() {
				if got := recover(); got != "bang" {
					t.Errorf("panic %v, want bang", got)
				}
			}()
			insert(3, func() error { panic("bang") })
		}()
		err := insert(1, func() error { return nil })
		if !sqldb.IsDuplicate(err) || sqldb.IsRetryable(err) || sqldb.IsUnavailable(err) {
			t.Errorf("same key: %v, want a duplicate alone", err)
		}
		if n := get[int](t, db.Read, "SELECT COUNT(*) FROM a"); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
	})
}

func TestTxGoesOnWithoutItsCaller(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sqldb.DB) {
		exec1(t, db, "CREATE TABLE a (id INTEGER PRIMARY KEY)")
		caller, leave := context.WithCancel(t.Context())
		err := db.Tx(caller, func(ctx context.Context, tx *sql.Tx) error {
			leave()
			if _, ok := ctx.Deadline(); !ok {
				t.Error("the transaction has no deadline")
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO a VALUES (1)")
			return err
		})
		if err != nil || get[int](t, db.Read, "SELECT COUNT(*) FROM a") != 1 {
			t.Errorf("the caller left: %v, want a commit", err)
		}
		err = db.Tx(caller, func(context.Context, *sql.Tx) error {
			t.Error("began for a caller who had left")
			return nil
		})
		if !errors.Is(err, context.Canceled) || sqldb.IsUnavailable(err) {
			t.Errorf("the caller had left: %v, want context.Canceled", err)
		}
	})
}

func TestTxWaitsForAConnectionInBounds(t *testing.T) {
	db := open(t, "sqlite:"+t.TempDir()+"/hubbub.db", sqldb.Options{TxTimeout: 50 * time.Millisecond})
	conn, err := db.Write.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = db.Tx(t.Context(), func(context.Context, *sql.Tx) error { return nil })
	if !sqldb.IsUnavailable(err) {
		t.Errorf("no free connection: %v, want unavailable", err)
	}
}

// A deferred foreign key is checked by COMMIT, and SQLite leaves the
// transaction open when it fails there.
func TestCommitErrorSQLite(t *testing.T) {
	db := openFile(t)
	exec1(t, db, "CREATE TABLE a (id INTEGER PRIMARY KEY)")
	exec1(t, db, "CREATE TABLE b (a INTEGER REFERENCES a(id) DEFERRABLE INITIALLY DEFERRED)")
	insert := func(a int) error {
		return db.Tx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO b VALUES (?)", a)
			return err
		})
	}
	var commit *sqldb.CommitError
	if err := insert(7); !errors.As(err, &commit) {
		t.Fatalf("%v, want a CommitError", err)
	}
	exec1(t, db, "INSERT INTO a VALUES (7)")
	if err := insert(7); err != nil {
		t.Errorf("next transaction: %v", err)
	}
	if n := get[int](t, db.Read, "SELECT COUNT(*) FROM b"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func TestCommitErrorMariaDB(t *testing.T) {
	server := testenv.SharedMariaDB(t)
	db, admin := open(t, server.NewDatabase(t), sqldb.Options{}), server.Admin(t)
	exec1(t, db, "CREATE TABLE a (id INT PRIMARY KEY) ENGINE=InnoDB")
	err := db.Tx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO a VALUES (1)"); err != nil {
			return err
		}
		var id int
		if err := tx.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
			return err
		}
		_, err := admin.ExecContext(ctx, "KILL ?", id)
		return err
	})
	var commit *sqldb.CommitError
	if !errors.As(err, &commit) || !sqldb.IsUnavailable(err) || sqldb.IsRetryable(err) {
		t.Errorf("%v, want a CommitError that is unavailable and not retryable", err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("next use: %v", err)
	}
}

// TestTxLockWait also shows the isolation: the waiter sees what the holder has
// committed meanwhile, though its transaction began before.
func TestTxLockWait(t *testing.T) {
	db := open(t, testenv.SharedMariaDB(t).NewDatabase(t), sqldb.Options{})
	exec1(t, db, "CREATE TABLE a (id INT PRIMARY KEY, n INT) ENGINE=InnoDB")
	exec1(t, db, "INSERT INTO a VALUES (1, 0)")
	read := "SELECT n FROM a WHERE id = 1"
	err := db.Tx(t.Context(), func(ctx context.Context, waiter *sql.Tx) error {
		var n int
		if err := waiter.QueryRowContext(ctx, read).Scan(&n); err != nil {
			return err
		}
		return db.Tx(ctx, func(ctx context.Context, holder *sql.Tx) error {
			if _, err := holder.ExecContext(ctx, "UPDATE a SET n = 1 WHERE id = 1"); err != nil {
				return err
			}
			// The session's 3 s are checked elsewhere.
			if _, err := waiter.ExecContext(ctx, "SET innodb_lock_wait_timeout = 0"); err != nil {
				return err
			}
			err := waiter.QueryRowContext(ctx, read+db.Dialect.ForUpdate()).Scan(&n)
			if !sqldb.IsRetryable(err) || sqldb.IsUnavailable(err) {
				t.Errorf("row is locked: %v, want retryable alone", err)
			}
			if err := holder.Commit(); err != nil {
				return err
			}
			if err := waiter.QueryRowContext(ctx, read).Scan(&n); err != nil || n != 1 {
				t.Errorf("after the other's commit: %d, %v; want 1", n, err)
			}
			return errHandled
		})
	})
	if !errors.Is(err, errHandled) {
		t.Error(err)
	}
}

var errHandled = errors.New("handled")

// TestMariaDBFreesTheLocksOfTheSilent: whoever is gone without a word holds
// nothing up for long.
func TestMariaDBFreesTheLocksOfTheSilent(t *testing.T) {
	db := open(t, testenv.SharedMariaDB(t).NewDatabase(t), sqldb.Options{})
	exec1(t, db, "CREATE TABLE a (id INT PRIMARY KEY, n INT) ENGINE=InnoDB")
	exec1(t, db, "INSERT INTO a VALUES (1, 0)")
	err := db.Tx(t.Context(), func(ctx context.Context, silent *sql.Tx) error {
		// The session's 15 s are checked elsewhere.
		if _, err := silent.ExecContext(ctx, "SET wait_timeout = 1"); err != nil {
			return err
		}
		if _, err := silent.ExecContext(ctx, "UPDATE a SET n = 1 WHERE id = 1"); err != nil {
			return err
		}
		// It waits for the row.
		return db.Tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE a SET n = n + 10 WHERE id = 1")
			return err
		})
	})
	if commit := (*sqldb.CommitError)(nil); !errors.As(err, &commit) || !sqldb.IsUnavailable(err) {
		t.Errorf("COMMIT of the silent one: %v, want a CommitError that is unavailable", err)
	}
	if n := get[int](t, db.Read, "SELECT n FROM a"); n != 10 {
		t.Errorf("n = %d, want 10", n)
	}
}

func TestDeadlockIsRetryable(t *testing.T) {
	db := open(t, testenv.SharedMariaDB(t).NewDatabase(t), sqldb.Options{})
	exec1(t, db, "CREATE TABLE a (id INT PRIMARY KEY, n INT) ENGINE=InnoDB")
	exec1(t, db, "INSERT INTO a VALUES (1, 0), (2, 0)")
	both := make(chan struct{}, 2) // one token of each who holds its first row
	met := make(chan struct{})
	results := make(chan error, 2)
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		go func() {
			results <- db.Tx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				const update = "UPDATE a SET n = n + 1 WHERE id = ?"
				_, err := tx.ExecContext(ctx, update, order[0])
				both <- struct{}{}
				<-met
				if err == nil {
					_, err = tx.ExecContext(ctx, update, order[1])
				}
				return err
			})
		}()
	}
	<-both
	<-both
	close(met)
	first, second := <-results, <-results
	if (first == nil) == (second == nil) || !sqldb.IsRetryable(errors.Join(first, second)) {
		t.Errorf("%v and %v, want one deadlock that may be tried again", first, second)
	}
}
