package testenv

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// SameSchema checks that both dialects have the same tables with the same columns
// in the same order, NULL where the other has NULL, and indexes of the same names;
// and that has is among them, such as "events index events_client".
func SameSchema(t testing.TB, sqlite, mariadb *sql.DB, has string) {
	t.Helper()
	got := describe(t, sqlite,
		`SELECT m.name, p.cid+1, p.name, p."notnull"=0 FROM sqlite_schema m JOIN pragma_table_info(m.name) p
		 WHERE m.type='table' AND m.name NOT LIKE '%migrations' AND m.name NOT LIKE 'sqlite%'`,
		`SELECT tbl_name, 'index', name FROM sqlite_schema WHERE type='index' AND sql IS NOT NULL`)
	want := describe(t, mariadb,
		`SELECT table_name, ordinal_position, column_name, is_nullable='YES' FROM information_schema.columns
		 WHERE table_schema=DATABASE() AND table_name NOT LIKE '%migrations'`,
		`SELECT DISTINCT table_name, 'index', index_name FROM information_schema.statistics
		 WHERE table_schema=DATABASE() AND table_name NOT LIKE '%migrations' AND index_name<>'PRIMARY'`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("MariaDB has -, SQLite has +\n%s", diff)
	}
	if !strings.Contains(got, has) {
		t.Fatalf("nothing was compared:\n%s", got)
	}
}

// OwnCharacterSets checks that no text of the tables takes the database's character
// set, which NewDatabase leaves at latin1.
func OwnCharacterSets(t testing.TB, mariadb *sql.DB) {
	t.Helper()
	if wrong := describe(t, mariadb, `SELECT table_name, column_name, collation_name FROM information_schema.columns
		WHERE table_schema=DATABASE() AND table_name NOT LIKE '%migrations' AND collation_name NOT IN ('ascii_bin', 'utf8mb4_bin')`); wrong != "" {
		t.Fatal(wrong)
	}
}

// describe is a line for each row of the queries, sorted here: the two databases
// sort differently.
func describe(t testing.TB, db *sql.DB, queries ...string) string {
	t.Helper()
	var lines []string
	for _, query := range queries {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, into := make([]string, len(names)), make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, strings.Join(values, " ")+"\n")
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
