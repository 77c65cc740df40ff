package orderstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"hubbub/bus"
	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
	"hubbub/orders"
	"hubbub/orders/orderstest"
	"hubbub/orders/orderstore"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "hubbub.db") }

// open opens a store; an empty database gets its tables.
func open(t testing.TB, url string) (*orderstore.Store, *sqldb.DB) {
	t.Helper()
	return openWith(t, url, sqldb.Options{})
}

func openWith(t testing.TB, url string, opts sqldb.Options) (*orderstore.Store, *sqldb.DB) {
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
	for _, migrate := range []func(context.Context, *sqldb.DB) error{orderstore.Migrate, makeRooms} {
		if err := migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	s, err := orderstore.New(t.Context(), db, slog.New(slog.NewTextHandler(t.Output(), nil)), rooms{db.Dialect})
	if err != nil {
		t.Fatal(err)
	}
	return s, db
}

// rooms is a RoomLog with one table. It numbers the messages of all rooms in a row,
// so that a message which is missing is seen.
type rooms struct{ sqldb.Dialect }

func makeRooms(ctx context.Context, db *sqldb.DB) error {
	binary := "TEXT"
	if db.Dialect == sqldb.MySQL {
		binary = "VARBINARY(255)"
	}
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS test_rooms (room " + binary + " NOT NULL PRIMARY KEY, last_seq BIGINT NOT NULL)",
		"CREATE TABLE IF NOT EXISTS test_messages (room " + binary + " NOT NULL, seq BIGINT NOT NULL," +
			" client_id " + binary + " NOT NULL, body " + binary + " NOT NULL, PRIMARY KEY (room, seq))",
	} {
		if _, err := db.Write.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// AppendSystem implements orderstore.RoomLog.
func (r rooms) AppendSystem(ctx context.Context, tx *sql.Tx, room, clientID, text string, at int64) (bus.Event, error) {
	if _, err := tx.ExecContext(ctx, "INSERT INTO test_rooms (room, last_seq) VALUES (?,0)"+r.Upsert([]string{"room"}), room); err != nil {
		return bus.Event{}, err
	}
	var seq uint64
	err := tx.QueryRowContext(ctx, "SELECT last_seq FROM test_rooms WHERE room=?"+r.ForUpdate(), room).Scan(&seq)
	if err != nil {
		return bus.Event{}, err
	}
	seq++
	if _, err := tx.ExecContext(ctx, "UPDATE test_rooms SET last_seq=? WHERE room=?", seq, room); err != nil {
		return bus.Event{}, err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO test_messages (room, seq, client_id, body) VALUES (?,?,?,?)", room, seq, clientID, text); err != nil {
		return bus.Event{}, err
	}
	return bus.Event{
		Topic: bus.Topic("room/" + room), Kind: bus.Log, Epoch: "rooms", First: seq, At: at, Frames: [][]byte{[]byte(text)},
	}, nil
}

// OrderRoom implements orderstore.RoomLog: orders here say themselves which room
// they have.
func (rooms) OrderRoom(context.Context, *sql.Tx, string) (string, error) { return "", nil }

func TestSQLite(t *testing.T) {
	orderstest.Suite(t, func(t *testing.T) orders.Store {
		s, _ := open(t, sqliteURL(t))
		return s
	})
}

func TestMariaDB(t *testing.T) {
	orderstest.Suite(t, func(t *testing.T) orders.Store {
		s, _ := open(t, testenv.SharedMariaDB(t).NewDatabase(t))
		return s
	})
}

// Orders that a shop places keep apart what the random numbers do not.
func TestNumberIsTaken(t *testing.T) {
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "mariadb": testenv.SharedMariaDB(t).NewDatabase(t)} {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t, url)
			drawn := 0
			s.SetNumbers(func() string {
				drawn++
				return fmt.Sprint("N", drawn/2) // each twice
			})
			for shop, want := range map[string][]string{"a": {"N0", "N1", "N2"}} {
				for _, number := range want {
					r := place(t, s, newOrder(t, s, shop))
					if r.Event.Number != number {
						t.Errorf("number %s, want %s", r.Event.Number, number)
					}
				}
			}
			drawn = 0
			if r := place(t, s, newOrder(t, s, "b")); r.Event.Number != "N0" {
				t.Errorf("another shop's number is %s", r.Event.Number)
			}
		})
	}
}
