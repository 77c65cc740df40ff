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

// numbers asks for the ids of a, and locks them.
func numbers(db *sqldb.DB, into *[]int) []sqldb.Question {
	return []sqldb.Question{{
		Statement: sqldb.Statement{Query: "SELECT id FROM a WHERE id<? ORDER BY id" + db.Dialect.ForUpdate(), Args: []any{10}},
		Scan: func(rows *sql.Rows) error {
			var id int
			err := rows.Scan(&id)
			*into = append(*into, id)
			return err
		},
	}, {
		Statement: sqldb.Statement{Query: "SELECT COUNT(*) FROM a"},
		Scan: func(rows *sql.Rows) error {
			var n int
			err := rows.Scan(&n)
			*into = append(*into, -n)
			return err
		},
	}}
}

func insertA(ids ...int) (out []sqldb.Statement) {
	for _, id := range ids {
		out = append(out, sqldb.Statement{Query: "INSERT INTO a VALUES (?)", Args: []any{id}})
	}
	return out
}

func TestExchange(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sqldb.DB) {
		exec1(t, db, "CREATE TABLE a (id INTEGER PRIMARY KEY)")
		run := func(statements []sqldb.Statement, fail error) (seen []int, err error) {
			err = db.Exchange(t.Context(), numbers(db, &seen), func(context.Context, sqldb.Conn) ([]sqldb.Statement, error) {
				return statements, fail
			})
			return seen, err
		}
		count := func(want int) {
			t.Helper()
			if n := get[int](t, db.Write, "SELECT COUNT(*) FROM a"); n != want {
				t.Errorf("%d rows, want %d", n, want)
			}
		}
		if _, err := run(insertA(3, 1, 20), nil); err != nil {
			t.Fatal(err)
		}
		if seen, err := run(nil, nil); err != nil || len(seen) != 3 || seen[0] != 1 || seen[1] != 3 || seen[2] != -3 {
			t.Errorf("saw %v, %v", seen, err)
		}
		boom := errors.New("boom")
		if _, err := run(insertA(4), boom); !errors.Is(err, boom) {
			t.Errorf("got %v", err)
		}
		// The first of the statements counts for nothing when another one fails.
		if _, err := run(insertA(5, 1, 6), nil); !sqldb.IsDuplicate(err) || errors.As(err, new(*sqldb.CommitError)) {
			t.Errorf("got %v, want a duplicate alone", err)
		}
		count(3)
		func() {
			defer func() {
				if recover() != "bang" {
					t.Error("no panic")
				}
			}()
			db.Exchange(t.Context(), numbers(db, new([]int)), func(ctx context.Context, conn sqldb.Conn) ([]sqldb.Statement, error) {
				if _, err := conn.ExecContext(ctx, "INSERT INTO a VALUES (7)"); err != nil {
					t.Error(err)
				}
				panic("bang")
			})
		}()
		count(3)
		// What decide asks for itself belongs to the transaction, and the caller may leave.
		caller, leave := context.WithCancel(t.Context())
		err := db.Exchange(caller, numbers(db, new([]int)), func(ctx context.Context, conn sqldb.Conn) ([]sqldb.Statement, error) {
			leave()
			_, err := conn.ExecContext(ctx, "INSERT INTO a VALUES (8)")
			return insertA(9), err
		})
		if err != nil {
			t.Error(err)
		}
		count(5)
		if err := db.Exchange(caller, nil, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("the caller had left: %v", err)
		}
	})
}

// A server that does not answer to the second message leaves the outcome open,
// whatever it did; an error that it reports does not.
func TestExchangeFails(t *testing.T) {
	behind, through := testenv.NewProxy(t, testenv.SharedMariaDB(t).NewDatabase(t))
	db := open(t, through, sqldb.Options{})
	exec1(t, db, "CREATE TABLE a (id INT PRIMARY KEY) ENGINE=InnoDB")
	write := func(statements ...sqldb.Statement) error {
		return db.Exchange(t.Context(), numbers(db, new([]int)), func(context.Context, sqldb.Conn) ([]sqldb.Statement, error) {
			return statements, nil
		})
	}
	for i, act := range []func(*testenv.Link){(*testenv.Link).Send, func(*testenv.Link) {}} {
		behind.OnCommit(act)
		if err := write(insertA(i)...); !errors.As(err, new(*sqldb.CommitError)) {
			t.Errorf("got %v, want a CommitError", err)
		}
	}
	for stop := time.Now().Add(5 * time.Second); get[int](t, db.Write, "SELECT COUNT(*) FROM a") != 1; {
		if time.Now().After(stop) {
			t.Fatal("what was sent was not carried out")
		}
	}
	if err := write(sqldb.Statement{Query: "INSERT INTO nowhere VALUES (1)"}); err == nil || errors.As(err, new(*sqldb.CommitError)) {
		t.Errorf("got %v, want an error that is none of COMMIT", err)
	}
	if err := write(insertA(5)...); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// The caller's deadline ends a transaction that waits for a lock.
func TestExchangeKeepsItsDeadline(t *testing.T) {
	db := open(t, testenv.SharedMariaDB(t).NewDatabase(t), sqldb.Options{})
	exec1(t, db, "CREATE TABLE a (id INT PRIMARY KEY) ENGINE=InnoDB")
	exec1(t, db, "INSERT INTO a VALUES (1)")
	holder, err := db.Write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback()
	if _, err := holder.Exec("UPDATE a SET id=1 WHERE id=1"); err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec("SELECT id FROM a FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = db.Exchange(ctx, numbers(db, new([]int)), func(context.Context, sqldb.Conn) ([]sqldb.Statement, error) {
		t.Error("the lock was given twice")
		return nil, nil
	})
	if !errors.Is(err, context.DeadlineExceeded) || !sqldb.IsUnavailable(err) {
		t.Errorf("got %v", err)
	}
}
