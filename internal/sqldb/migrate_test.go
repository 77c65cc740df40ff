package sqldb_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
)

// schema returns migrations of both dialects. The second one is not
// repeatable and the third changes rows, so any that runs twice shows.
func schema(files ...string) fstest.MapFS {
	all := map[string]string{
		"00001_a.sql": "-- +goose Up\nCREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER);\n",
		"00002_m.sql": "-- +goose Up\nALTER TABLE a ADD COLUMN m INTEGER;\n",
		"00003_n.sql": "-- +goose Up\nINSERT INTO a (id, n, m) VALUES (1, 0, 0);\n",
		"00009_e.sql": "-- +goose Up\nCREATE TABLE;\n",
	}
	fsys := fstest.MapFS{}
	for _, name := range files {
		for _, dialect := range []string{"mysql/", "sqlite/"} {
			fsys[dialect+name] = &fstest.MapFile{Data: []byte(all[name])}
		}
	}
	return fsys
}

func TestMigrateStepByStep(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sqldb.DB) {
		for _, files := range [][]string{
			{"00001_a.sql"},
			{"00001_a.sql", "00002_m.sql", "00003_n.sql"},
			{"00001_a.sql", "00002_m.sql", "00003_n.sql"},
			{"00001_a.sql"}, // an older program
		} {
			if err := db.Migrate(t.Context(), "chat", schema(files...)); err != nil {
				t.Fatalf("%v: %v", files, err)
			}
		}
		if n := get[int](t, db.Read, "SELECT COUNT(m) FROM a"); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
		if v := get[int](t, db.Read, "SELECT MAX(version_id) FROM chat_migrations"); v != 3 {
			t.Errorf("version %d, want 3", v)
		}
		other := schema("00002_m.sql", "00003_n.sql")
		if err := db.Migrate(t.Context(), "orders", other); err == nil || !strings.Contains(err.Error(), "m") {
			t.Errorf("column twice: %v", err)
		}
		if v := get[int](t, db.Read, "SELECT MAX(version_id) FROM orders_migrations"); v != 0 {
			t.Errorf("orders: version %d, want 0", v)
		}
	})
}

func TestMigrateReportsWhatIsWrong(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sqldb.DB) {
		if err := db.Migrate(t.Context(), "chat", schema("00009_e.sql")); err == nil || !strings.Contains(err.Error(), "version:9") {
			t.Errorf("bad SQL: %v, want the file's number", err)
		}
		if err := db.Migrate(t.Context(), "chat", fstest.MapFS{}); err == nil {
			t.Error("no files: no error")
		}
		if err := db.Migrate(t.Context(), "chat;", schema("00001_a.sql")); err == nil {
			t.Error("bad name: no error")
		}
	})
}

func TestNodesMigrateTogether(t *testing.T) {
	url := testenv.SharedMariaDB(t).NewDatabase(t)
	const nodes = 3
	results := make(chan error, nodes)
	for range nodes {
		db := open(t, url, sqldb.Options{})
		go func() {
			results <- db.Migrate(t.Context(), "chat", schema("00001_a.sql", "00002_m.sql", "00003_n.sql"))
		}()
	}
	for range nodes {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	db := open(t, url, sqldb.Options{})
	if n := get[int](t, db.Read, "SELECT COUNT(*) FROM a"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	if n := get[int](t, db.Read, "SELECT COUNT(*) FROM chat_migrations WHERE version_id > 0"); n != 3 {
		t.Errorf("%d versions, want 3: each once", n)
	}
}

// A node may die between goose's CREATE TABLE and its first row.
func TestMigrateAfterACrashWithoutAFirstVersion(t *testing.T) {
	db := open(t, testenv.SharedMariaDB(t).NewDatabase(t), sqldb.Options{})
	if err := db.Migrate(t.Context(), "chat", schema("00001_a.sql")); err != nil {
		t.Fatal(err)
	}
	exec1(t, db, "DROP TABLE a")
	exec1(t, db, "DELETE FROM chat_migrations")
	if err := db.Migrate(t.Context(), "chat", schema("00001_a.sql")); err != nil {
		t.Error(err)
	}
}

// TestMigrateWaitsForTheLock holds the lock as another node would, and checks
// that a migration waits for it, gives up with its context, and gets it when
// the holder's connection breaks.
func TestMigrateWaitsForTheLock(t *testing.T) {
	server := testenv.SharedMariaDB(t)
	url := server.NewDatabase(t)
	db, holder := open(t, url, sqldb.Options{}), open(t, url, sqldb.Options{MaxOpen: 1})
	lock := get[int](t, holder.Write, "SELECT GET_LOCK(LEFT(CONCAT('hubbub.migrate.', SHA2(DATABASE(), 256)), 47), 0)")
	if lock != 1 {
		t.Fatal("the lock is taken")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := db.Migrate(ctx, "chat", schema("00001_a.sql"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("lock held: %v, want the context's end", err)
	}
	holderID := get[int](t, holder.Write, "SELECT CONNECTION_ID()")
	if _, err := server.Admin(t).Exec("KILL ?", holderID); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), "chat", schema("00001_a.sql")); err != nil {
		t.Errorf("holder gone: %v", err)
	}
}
