package chatstore_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubbub/chat/chatstore"
	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
)

// Both dialects have the same tables with the same columns in the same order,
// NULL where the other has NULL, and indexes of the same names.
func TestSchemas(t *testing.T) {
	_, lite := open(t, sqliteURL(t))
	_, maria := open(t, testenv.SharedMariaDB(t).NewDatabase(t))
	got := describe(t, lite.Read,
		`SELECT m.name, p.name, p."notnull"=0 FROM sqlite_schema m JOIN pragma_table_info(m.name) p
		 WHERE m.type='table' AND m.name NOT LIKE '%migrations' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, p.cid`,
		`SELECT tbl_name, name FROM sqlite_schema WHERE type='index' AND sql IS NOT NULL ORDER BY 1, 2`)
	want := describe(t, maria.Read,
		`SELECT table_name, column_name, is_nullable='YES' FROM information_schema.columns
		 WHERE table_schema=DATABASE() AND table_name NOT LIKE '%migrations' ORDER BY table_name, ordinal_position`,
		`SELECT DISTINCT table_name, index_name FROM information_schema.statistics
		 WHERE table_schema=DATABASE() AND table_name NOT LIKE '%migrations' AND index_name<>'PRIMARY' ORDER BY 1, 2`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("MariaDB has -, SQLite has +\n%s", diff)
	}
	if !strings.Contains(got, "events seq") {
		t.Fatalf("nothing was compared:\n%s", got)
	}
}

func describe(t *testing.T, db *sql.DB, columns, indexes string) string {
	t.Helper()
	var b strings.Builder
	rows, err := db.QueryContext(t.Context(), columns)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, column string
		var null bool
		if err := rows.Scan(&table, &column, &null); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, table, column, null)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	keys, err := db.QueryContext(t.Context(), indexes)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	for keys.Next() {
		var table, index string
		if err := keys.Scan(&table, &index); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, table, "index", index)
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Text of the tables does not take the database's character set, which
// testenv leaves at latin1.
func TestCharacterSets(t *testing.T) {
	_, db := open(t, testenv.SharedMariaDB(t).NewDatabase(t))
	rows, err := db.Read.QueryContext(t.Context(), `SELECT table_name, column_name, collation_name FROM information_schema.columns
		WHERE table_schema=DATABASE() AND table_name NOT LIKE '%migrations' AND collation_name NOT IN ('ascii_bin', 'utf8mb4_bin')`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, column, collation string
		if err := rows.Scan(&table, &column, &collation); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%s.%s is %s", table, column, collation)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestMigrateThreeAtATime(t *testing.T) {
	url := testenv.SharedMariaDB(t).NewDatabase(t)
	errs := make(chan error)
	for range 3 {
		go func() {
			db, err := sqldb.Open(url, sqldb.Options{})
			if err == nil {
				err = errors.Join(chatstore.Migrate(t.Context(), db), db.Close())
			}
			errs <- err
		}()
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		return
	}
	s, _ := open(t, url)
	if _, err := s.PublicRooms(t.Context(), "", "", 1); err != nil {
		t.Fatal(err)
	}
}
