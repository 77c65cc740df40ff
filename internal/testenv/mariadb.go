package testenv

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// adminUser may do everything; see MariaDBServer.Admin.
const adminUser = "testenv"

// maxSocketPath is what fits into a sockaddr_un on every system.
const maxSocketPath = 100

// MariaDBServer is a mariadbd with the durability of production
// (innodb_flush_log_at_trx_commit=1, no binary log) and small buffers.
type MariaDBServer struct {
	*process
	password string // of adminUser
}

// MariaDB starts a mariadbd that belongs to this test and ends with it.
// Arguments are added to its command line, such as "--max-connections=5".
func MariaDB(t testing.TB, args ...string) *MariaDBServer {
	t.Helper()
	s, err := startMariaDB(args...)
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Errorf("testenv: end %s: %v", s.name, err)
		}
	})
	s.logOnFailure(t)
	return s
}

// NewDatabase makes an empty database and an application user for it, and
// returns mysql://user:password@127.0.0.1:port/database.
//
// The user may read and write rows and run migrations in that database, and
// nothing else. In particular it does not have GRANT ALL, which on MariaDB
// includes READ ONLY ADMIN: such a user writes through read_only=1, and tests
// of a failover would prove nothing. The database has the server's default
// character set, latin1, so that a schema which forgets to name its own shows.
func (s *MariaDBServer) NewDatabase(t testing.TB) string {
	t.Helper()
	name := "hubbub_" + strings.ToLower(rand.Text())[:12]
	password := rand.Text()
	db := s.open()
	defer db.Close()
	for _, statement := range []string{
		"CREATE DATABASE " + name,
		"CREATE USER " + name + "@'127.0.0.1' IDENTIFIED BY '" + password + "'",
		"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, REFERENCES ON " + name + ".* TO " + name + "@'127.0.0.1'",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("testenv: new database: %v", err)
		}
	}
	u := url.URL{Scheme: "mysql", User: url.UserPassword(name, password), Host: s.Addr(), Path: "/" + name}
	return u.String()
}

// KillConnections ends all connections to a database of [MariaDBServer.NewDatabase],
// and tells how many there were. A server that is busy with what was killed before
// may not answer at once: it is asked three times.
func (s *MariaDBServer) KillConnections(t testing.TB, database string) int {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatalf("testenv: kill connections: %v", err)
	}
	var killed int
	for range 3 {
		if killed, err = s.killConnections(t.Context(), u.User.Username()); err == nil {
			return killed
		}
	}
	t.Fatalf("testenv: kill connections: %v", err)
	return 0
}

func (s *MariaDBServer) killConnections(ctx context.Context, user string) (killed int, err error) {
	db := s.open()
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT id FROM information_schema.processlist WHERE user=?", user)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return killed, err
		}
		// One that has ended meanwhile cannot be killed.
		_, _ = db.ExecContext(ctx, fmt.Sprintf("KILL %d", id))
		killed++
	}
	return killed, rows.Err()
}

// Admin is a connection pool with all rights and no default database, for
// tests that kill connections, look at the process list or set global
// variables. It is closed at the test's end.
func (s *MariaDBServer) Admin(t testing.TB) *sql.DB {
	t.Helper()
	db := s.open()
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("testenv: close: %v", err)
		}
	})
	return db
}

func (s *MariaDBServer) open() *sql.DB {
	config := mysql.NewConfig()
	config.User, config.Passwd = adminUser, s.password
	config.Net, config.Addr = "tcp", s.Addr()
	config.Timeout = 2 * time.Second
	config.ReadTimeout, config.WriteTimeout = 10*time.Second, 10*time.Second
	config.Logger = &mysql.NopLogger{} // it tells of every refused try while the server starts
	connector, err := mysql.NewConnector(config)
	if err != nil {
		panic(err) // the configuration above is a constant
	}
	return sql.OpenDB(connector)
}

func (s *MariaDBServer) ping() error {
	db := s.open()
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return db.PingContext(ctx)
}

func startMariaDB(args ...string) (*MariaDBServer, error) {
	path, err := find("mariadbd", "mariadb-server")
	if err != nil {
		return nil, err
	}
	install, err := find("mariadb-install-db", "mariadb-server")
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		dir, err := socketDir()
		if err != nil {
			return nil, err
		}
		s := &MariaDBServer{
			process:  &process{name: "mariadbd", dir: dir, port: port, path: path},
			password: rand.Text(),
		}
		s.ready = s.ping
		s.args = append([]string{
			"--no-defaults", "--datadir=" + s.dataDir(), "--tmpdir=" + dir,
			"--socket=" + filepath.Join(dir, "sock"), "--pid-file=" + filepath.Join(dir, "pid"),
			"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port), "--skip-name-resolve",
			"--init-file=" + s.initFile(), "--skip-log-bin", "--innodb-flush-log-at-trx-commit=1",
			"--innodb-use-native-aio=0", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M", "--max-connections=400",
		}, args...)
		s.args = append(s.args, asRoot()...)
		if err = s.install(install); err == nil {
			err = s.start()
		}
		if err == nil {
			return s, nil
		}
		err = fmt.Errorf("%w\n%s", err, s.log(0))
		if endErr := s.end(); endErr != nil || try == startTries {
			return nil, err
		}
	}
}

// install makes the system tables, and the file of statements that the server
// runs at each start before it accepts connections.
func (s *MariaDBServer) install(program string) error {
	account := adminUser + "@'127.0.0.1'"
	statements := "CREATE USER IF NOT EXISTS " + account + " IDENTIFIED BY '" + s.password + "';\n" +
		"GRANT ALL ON *.* TO " + account + " WITH GRANT OPTION;\n"
	if err := os.WriteFile(s.initFile(), []byte(statements), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(program, append([]string{
		"--no-defaults", "--datadir=" + s.dataDir(), "--tmpdir=" + s.dir, "--skip-test-db",
		"--auth-root-authentication-method=socket", "--innodb-log-file-size=16M",
	}, asRoot()...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	return nil
}

func (s *MariaDBServer) dataDir() string  { return filepath.Join(s.dir, "data") }
func (s *MariaDBServer) initFile() string { return filepath.Join(s.dir, "init.sql") }

// asRoot are the arguments without which mariadbd refuses to run as root.
func asRoot() []string {
	if os.Geteuid() == 0 {
		return []string{"--user=root"}
	}
	return nil
}

// socketDir makes a temporary folder with a path short enough for a Unix
// socket in it.
func socketDir() (string, error) {
	parent := os.TempDir()
	if len(parent) > maxSocketPath-len("/hubbub-mariadb-1234567890/sock") {
		parent = "/tmp"
	}
	return os.MkdirTemp(parent, "hubbub-mariadb-")
}
