package chatstore_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"hubbub/chat/chatstore"
	"hubbub/chat/chattest"
	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "hubbub.db") }

// open opens a store; an empty database gets its tables.
func open(t testing.TB, url string) (*chatstore.Store, *sqldb.DB) {
	t.Helper()
	return openWith(t, url, sqldb.Options{})
}

func openWith(t testing.TB, url string, opts sqldb.Options) (*chatstore.Store, *sqldb.DB) {
	t.Helper()
	db, err := sqldb.Open(url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := chatstore.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return chatstore.New(db, slog.New(slog.NewTextHandler(t.Output(), nil))), db
}

func TestSQLite(t *testing.T) {
	chattest.Suite(t, func(t *testing.T) chattest.Stores {
		s, _ := open(t, sqliteURL(t))
		return s
	})
}

func TestMariaDB(t *testing.T) {
	chattest.Suite(t, func(t *testing.T) chattest.Stores {
		s, _ := open(t, testenv.SharedMariaDB(t).NewDatabase(t))
		return s
	})
}
