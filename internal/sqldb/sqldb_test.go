package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
)

// inUseEnv makes the test binary open that file and print the error.
const inUseEnv = "SQLDB_TEST_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(inUseEnv); path != "" {
		_, err := sqldb.Open("sqlite:"+path, sqldb.Options{})
		fmt.Print(err, errors.Is(err, sqldb.ErrInUse))
		os.Exit(0)
	}
	os.Exit(testenv.Main(m))
}

// onBoth runs a test on SQLite and on MariaDB.
func onBoth(t *testing.T, test func(t *testing.T, db *sqldb.DB)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openFile(t)) })
	t.Run("mariadb", func(t *testing.T) {
		test(t, open(t, testenv.SharedMariaDB(t).NewDatabase(t), sqldb.Options{}))
	})
}

func openFile(t *testing.T) *sqldb.DB {
	t.Helper()
	return open(t, "sqlite:"+filepath.Join(t.TempDir(), "hubbub.db"), sqldb.Options{})
}

func open(t *testing.T, url string, opts sqldb.Options) *sqldb.DB {
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
	return db
}

func exec1(t *testing.T, db *sqldb.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.Write.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func get[T any](t *testing.T, db *sql.DB, query string) (value T) {
	t.Helper()
	if err := db.QueryRow(query).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func TestSQLiteSettings(t *testing.T) {
	db := openFile(t)
	for _, pool := range []*sql.DB{db.Write, db.Read} {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000",
		} {
			if got := get[string](t, pool, "PRAGMA "+pragma); got != want {
				t.Errorf("%s = %s, want %s", pragma, got, want)
			}
		}
	}
	if w, r := get[int](t, db.Write, "PRAGMA query_only"), get[int](t, db.Read, "PRAGMA query_only"); w != 0 || r != 1 {
		t.Errorf("query_only: writer %d, reader %d; want 0, 1", w, r)
	}
	exec1(t, db, "CREATE TABLE a (id INTEGER PRIMARY KEY)")
	if _, err := db.Read.Exec("INSERT INTO a VALUES (1)"); !sqldb.IsReadOnly(err) {
		t.Errorf("insert on the read pool: %v, want read-only", err)
	}
	if _, err := db.Write.Exec(`INSERT INTO a VALUES ("1")`); err == nil {
		t.Error("double quotes made a string")
	}
	if write, read := db.Stats(); write.MaxOpenConnections != 1 || read.MaxOpenConnections < 2 {
		t.Errorf("connections: writer %d, readers %d", write.MaxOpenConnections, read.MaxOpenConnections)
	}
}

func TestSQLiteFileIsPrivateAndItsNameTakenAsItStands(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "a b%20#c.db")
	db := open(t, "sqlite:"+path, sqldb.Options{})
	exec1(t, db, "CREATE TABLE a (id INTEGER PRIMARY KEY)")
	if runtime.GOOS == "windows" {
		return
	}
	for name, want := range map[string]os.FileMode{
		filepath.Dir(path): 0o700, path: 0o600, path + "-wal": 0o600, path + ".lock": 0o600,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Error(err)
		} else if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", name, got, want)
		}
	}
}

func TestSQLiteFileHasOneOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hubbub.db")
	db, err := sqldb.Open("sqlite:"+path, sqldb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqldb.Open("sqlite:"+path, sqldb.Options{}); !errors.Is(err, sqldb.ErrInUse) {
		t.Errorf("second Open in this process: %v, want ErrInUse", err)
	}
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), inUseEnv+"="+path)
	out, err := other.Output()
	if want := "sqldb: open " + path + ": the SQLite file is in use by another process true"; err != nil || string(out) != want {
		t.Errorf("second process: %q, %v; want %q", out, err, want)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, "sqlite:"+path, sqldb.Options{})
}

func TestMariaDBSession(t *testing.T) {
	db := open(t, testenv.SharedMariaDB(t).NewDatabase(t), sqldb.Options{MaxOpen: 3})
	for variable, want := range map[string]string{
		"tx_isolation": "READ-COMMITTED", "time_zone": "+00:00",
		"innodb_lock_wait_timeout": "3", "max_statement_time": "5", "wait_timeout": "15",
		"collation_connection": "utf8mb4_bin", "character_set_client": "utf8mb4",
		"sql_mode": "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION",
	} {
		if got := get[string](t, db.Write, "SELECT @@session."+variable); got != want {
			t.Errorf("%s = %s, want %s", variable, got, want)
		}
	}
	if db.Read != db.Write || db.Write.Stats().MaxOpenConnections != 3 {
		t.Errorf("pools %p, %p with %d connections; want one with 3", db.Write, db.Read, db.Write.Stats().MaxOpenConnections)
	}
	if _, err := db.Write.Exec("SELECT 1; SELECT 2"); err == nil {
		t.Error("two statements in one were carried out")
	}
}

func TestMariaDBStatementEndsInTime(t *testing.T) {
	db := open(t, testenv.SharedMariaDB(t).NewDatabase(t), sqldb.Options{MaxOpen: 1})
	exec1(t, db, "SET max_statement_time = 0.05") // to not wait for 5 s
	_, err := db.Write.Exec("SELECT SLEEP(30)")
	if !sqldb.IsUnavailable(err) || sqldb.IsRetryable(err) {
		t.Errorf("statement out of time: %v, want unavailable", err)
	}
}

func TestPasswordIsPercentDecoded(t *testing.T) {
	server := testenv.SharedMariaDB(t)
	u, err := url.Parse(server.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	name := u.User.Username()
	if _, err := server.Admin(t).Exec("SET PASSWORD FOR " + name + "@'127.0.0.1' = PASSWORD('a/b@c:d%2Fe?#')"); err != nil {
		t.Fatal(err)
	}
	db := open(t, "mysql://"+name+":a%2Fb%40c%3Ad%252Fe%3F%23@"+u.Host+u.Path, sqldb.Options{})
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFrozenServerHoldsNobody(t *testing.T) {
	server := testenv.MariaDB(t)
	db := open(t, server.NewDatabase(t), sqldb.Options{IOTimeout: 100 * time.Millisecond, DialTimeout: 100 * time.Millisecond})
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Pause(t)
	if err := db.Ping(t.Context()); !sqldb.IsUnavailable(err) {
		t.Errorf("frozen: %v, want unavailable", err)
	}
	server.Kill(t)
	if err := db.Ping(t.Context()); !sqldb.IsUnavailable(err) {
		t.Errorf("dead: %v, want unavailable", err)
	}
	server.Start(t)
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("back again: %v", err)
	}
}

func TestReadOnlyServerLosesTheConnection(t *testing.T) {
	server := testenv.MariaDB(t)
	db := open(t, server.NewDatabase(t), sqldb.Options{MaxOpen: 1})
	exec1(t, db, "CREATE TABLE a (id INT PRIMARY KEY) ENGINE=InnoDB")
	before := get[int](t, db.Write, "SELECT CONNECTION_ID()")
	if _, err := server.Admin(t).Exec("SET GLOBAL read_only = 1"); err != nil {
		t.Fatal(err)
	}
	err := db.Tx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO a VALUES (1)")
		return err
	})
	if !sqldb.IsReadOnly(err) || sqldb.IsRetryable(err) || sqldb.IsUnavailable(err) {
		t.Errorf("insert: %v, want read-only alone", err)
	}
	if after := get[int](t, db.Write, "SELECT CONNECTION_ID()"); after == before {
		t.Error("the connection to a read-only server stayed in the pool")
	}
}

func TestOpenRefusesWithoutThePassword(t *testing.T) {
	const secret = "s3cr3t"
	for _, raw := range []string{
		"",
		"hubbub.db",
		"postgres://hubbub:s3cr3t@db/hubbub",
		"mysql:hubbub:s3cr3t@db/hubbub",
		"mysql://hubbub:s3cr3t@/hubbub",
		"mysql://hubbub:s3cr3t@db",
		"mysql://hubbub:s3cr3t@db/hubbub/more",
		"mysql://hubbub:s3cr3t@db:port/hubbub",
		"mysql://hubbub:s3cr3t%zz@db/hubbub",
		"mysql://hubbub:/s3cr3t@db/hubbub",
		"mysql://hubbub:1/s3cr3t@db/hubbub",
		"mysql://hubbub:1?s3cr3t@db/hubbub",
		"mysql://hubbub:1#s3cr3t@db/hubbub",
		"mysql://db/hubbub",
		"mysql://:s3cr3t@db/hubbub",
		"mysql://hubbub:s3cr3t@db/hubbub?multiStatements=true",
		"mysql://hubbub:s3cr3t@db/hubbub?tls=nonsense",
		"mysql://hubbub:s3cr3t@db/hubbub#more",
		"sqlite:",
		"sqlite::memory:",
		"sqlite:folder/",
		"sqlite://host/hubbub.db",
		"sqlite:hubbub.db?mode=ro",
	} {
		db, err := sqldb.Open(raw, sqldb.Options{})
		if err == nil {
			db.Close()
			t.Errorf("%s: opened", raw)
			continue
		}
		if !strings.HasPrefix(err.Error(), "sqldb: ") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestPingSaysWhyWithoutThePassword(t *testing.T) {
	server := testenv.SharedMariaDB(t)
	u, err := url.Parse(server.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("no:body", "s3/cr@3t")
	refused := *u
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused.Host = listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[string]string{u.String(): "no:body", refused.String(): "refused"} {
		db := open(t, raw, sqldb.Options{})
		err := db.Ping(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
			continue
		}
		for _, secret := range []string{"s3/", "s3%", "cr@", "cr%"} { // not "s3": a database may be called so
			if text := err.Error() + db.String(); strings.Contains(text, secret) {
				t.Errorf("%q of the password is in %q", secret, text)
			}
		}
	}
}
