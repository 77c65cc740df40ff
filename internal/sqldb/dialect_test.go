package sqldb_test

import (
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
