package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"hubbub/internal/sqldb"
)

func TestUpsert(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sqldb.DB) {
		exec1(t, db, "CREATE TABLE marks (room INTEGER, user INTEGER, seq INTEGER, at INTEGER, PRIMARY KEY (room, user))")
		key := []string{"room", "user"}
		insert := "INSERT INTO marks (room, user, seq, at) VALUES (?,?,?,?)"
		for _, step := range []struct {
			columns []string
			seq, at int
			want    int // seq * 100 + at
		}{
			{[]string{"seq", "at"}, 1, 10, 110},
			{[]string{"seq", "at"}, 2, 20, 220},
			{[]string{"seq"}, 3, 30, 320},
			{nil, 4, 40, 320},
		} {
			exec1(t, db, insert+db.Dialect.Upsert(key, step.columns...), 1, 1, step.seq, step.at)
			if got := get[int](t, db.Read, "SELECT seq * 100 + at FROM marks"); got != step.want {
				t.Errorf("%v %d %d: %d, want %d", step.columns, step.seq, step.at, got, step.want)
			}
		}
		if _, err := db.Write.Exec(insert, 1, 1, 9, 9); !sqldb.IsDuplicate(err) {
			t.Errorf("primary key: %v, want a duplicate", err)
		}
		exec1(t, db, "CREATE UNIQUE INDEX marks_seq ON marks (seq)")
		if _, err := db.Write.Exec(insert, 2, 2, 3, 9); !sqldb.IsDuplicate(err) {
			t.Errorf("unique index: %v, want a duplicate", err)
		}
		if got := get[int](t, db.Write, "SELECT seq FROM marks WHERE room = 1"+db.Dialect.ForUpdate()); got != 3 {
			t.Errorf("locking read: %d, want 3", got)
		}
	})
}

// TestSkipLocked: what somebody else has locked is left out, at once.
func TestSkipLocked(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sqldb.DB) {
		exec1(t, db, "CREATE TABLE jobs (id INTEGER PRIMARY KEY)")
		exec1(t, db, "INSERT INTO jobs VALUES (1), (2)")
		query := "SELECT COUNT(*) FROM (SELECT id FROM jobs ORDER BY id" + db.Dialect.SkipLocked() + ") AS free"
		err := db.Tx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			var locked int
			if err := tx.QueryRowContext(ctx, "SELECT id FROM jobs WHERE id=1"+db.Dialect.ForUpdate()).Scan(&locked); err != nil {
				return err
			}
			want := 1
			if db.Dialect == sqldb.SQLite {
				want = 2 // it is a reader beside the only writer there is
			}
			if got := get[int](t, db.Read, query); got != want {
				t.Errorf("%d rows are free, want %d", got, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := get[int](t, db.Read, query); got != 2 {
			t.Errorf("%d rows are free afterwards", got)
		}
	})
}

func TestIncrement(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sqldb.DB) {
		exec1(t, db, "CREATE TABLE logs (name VARCHAR(9) PRIMARY KEY, n BIGINT)")
		exec1(t, db, "INSERT INTO logs (name, n) VALUES ('a', 0), ('b', 1000000000000)")
		increment := func(key string) (n uint64, err error) {
			err = db.Tx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				n, err = db.Dialect.Increment(ctx, tx, "logs", "n", "name", key)
				return err
			})
			return n, err
		}
		for _, step := range []struct {
			key  string
			want uint64
		}{{"a", 1}, {"a", 2}, {"b", 1_000_000_000_001}, {"a", 3}} {
			if got, err := increment(step.key); err != nil || got != step.want {
				t.Errorf("%s: %d, %v; want %d", step.key, got, err, step.want)
			}
		}
		if _, err := increment("c"); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("no such row: %v", err)
		}
		if got := get[int](t, db.Read, "SELECT SUM(n) FROM logs"); got != 1_000_000_000_004 {
			t.Errorf("sum %d", got)
		}
	})
}
