package chatstore_test

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"hubbub/bus"
	"hubbub/chat"
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
		s, db := open(t, sqliteURL(t))
		return speaking{s, db}
	})
}

func TestMariaDB(t *testing.T) {
	chattest.Suite(t, func(t *testing.T) chattest.Stores {
		s, db := open(t, testenv.SharedMariaDB(t).NewDatabase(t))
		return speaking{s, db}
	})
}

// speaking gives each system message a transaction of its own.
type speaking struct {
	*chatstore.Store
	db *sqldb.DB
}

func (s speaking) Say(ctx context.Context, room chat.RoomID, clientID, text string, at int64) (e bus.Event, err error) {
	err = s.db.Tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		e, err = s.AppendSystem(ctx, tx, string(room), clientID, text, at)
		return err
	})
	return e, err
}
