package testenv_test

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"

	"hubbub/internal/testenv"
)

// childEnv makes the test binary start a server and wait to be killed.
const childEnv = "TESTENV_CHILD"

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

func TestRedisKeepsItsDataUnlessEmptied(t *testing.T) {
	s := testenv.Redis(t)
	if want := "redis://" + s.Addr(); s.URL() != want {
		t.Errorf("URL = %q, want %q", s.URL(), want)
	}
	ask(t, s.Addr(), "SET k v", "+OK")
	first := s.Pid()
	s.Kill(t)
	if _, err := net.Dial("tcp", s.Addr()); err == nil || s.Pid() != 0 {
		t.Errorf("after Kill: dial error %v, pid %d; want refused, 0", err, s.Pid())
	}
	s.Start(t)
	if s.Pid() == first {
		t.Errorf("after Start: same pid %d", first)
	}
	ask(t, s.Addr(), "EXISTS k", ":1")
	s.Restart(t)
	ask(t, s.Addr(), "EXISTS k", ":1")
	s.RestartEmpty(t)
	ask(t, s.Addr(), "EXISTS k", ":0")
}

func TestPausedServerAcceptsAndDoesNotAnswer(t *testing.T) {
	s := testenv.Redis(t)
	s.Pause(t)
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatalf("dial a paused server: %v", err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "PING\r\n")
	reader := bufio.NewReader(conn)
	conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if line, err := reader.ReadString('\n'); err == nil {
		t.Fatalf("a paused server answered %q", line)
	}
	s.Continue(t)
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if line, err := reader.ReadString('\n'); line != "+PONG\r\n" {
		t.Fatalf("after Continue: %q, %v", line, err)
	}
	s.Pause(t) // the clean-up must end a paused server too
}

func TestSharedServersAreOnePerBinary(t *testing.T) {
	if a, b := testenv.SharedRedis(t), testenv.SharedRedis(t); a != b {
		t.Errorf("two shared redis-servers: %s, %s", a.Addr(), b.Addr())
	}
	ask(t, testenv.SharedRedis(t).Addr(), "PING", "+PONG")
	goleak.VerifyNone(t, testenv.IgnoreServers())
}

func TestMariaDBApplicationUser(t *testing.T) {
	s := testenv.SharedMariaDB(t)
	mine, other := openURL(t, s.NewDatabase(t)), s.NewDatabase(t)
	for _, statement := range []string{
		"CREATE TABLE a (id INT PRIMARY KEY, n INT) ENGINE=InnoDB",
		"CREATE TABLE b (id INT PRIMARY KEY, a INT, FOREIGN KEY (a) REFERENCES a(id)) ENGINE=InnoDB",
		"ALTER TABLE a ADD COLUMN m INT",
		"CREATE INDEX a_n ON a (n)",
		"INSERT INTO a (id, n) VALUES (1, 1)",
		"UPDATE a SET n = 2",
		"DELETE FROM a",
		"DROP TABLE b",
	} {
		if _, err := mine.Exec(statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	u, err := url.Parse(other)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"CREATE TABLE " + u.Path[1:] + ".a (id INT)",
		"SET GLOBAL read_only = 1",
		"SELECT 1 FROM mysql.global_priv",
	} {
		if _, err := mine.Exec(statement); err == nil {
			t.Errorf("%s: allowed, want refused", statement)
		}
	}
}

func TestMariaDBKeepsItsDataOverKill(t *testing.T) {
	s := testenv.MariaDB(t, "--max-connections=12")
	db := openURL(t, s.NewDatabase(t))
	for _, statement := range []string{"CREATE TABLE a (id INT) ENGINE=InnoDB", "INSERT INTO a VALUES (7)"} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	s.Kill(t)
	s.Start(t)
	var id, connections int
	if err := db.QueryRow("SELECT id FROM a").Scan(&id); err != nil || id != 7 {
		t.Errorf("after Kill and Start: %d, %v; want 7", id, err)
	}
	if err := s.Admin(t).QueryRow("SELECT @@max_connections").Scan(&connections); err != nil || connections != 12 {
		t.Errorf("max_connections %d, %v; want the argument 12", connections, err)
	}
}

// TestServerDiesWithTheTestBinary kills a second copy of this test binary that
// has started a server, and waits for the server's end.
func TestServerDiesWithTheTestBinary(t *testing.T) {
	if file := os.Getenv(childEnv); file != "" {
		s := testenv.Redis(t)
		if err := os.WriteFile(file+".new", []byte(strconv.Itoa(s.Pid())), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
		select {} // killed below
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "pid")
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=60s")
	child.Env = append(os.Environ(), childEnv+"="+file, "TMPDIR="+dir)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	until(t, "the child has started its server", func() bool {
		text, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(string(text))
		return err == nil
	})
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // "signal: killed"
	until(t, "the server has ended", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil && syscall.Kill(pid, 0) != nil || strings.Contains(string(stat), ") Z ")
	})
}

// TestRunApart runs a second copy of this test binary in a network of its own,
// where it can listen on a port that is taken here.
func TestRunApart(t *testing.T) {
	if addr := os.Getenv(childEnv); addr != "" {
		if err := testenv.LoopbackUp(); err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=60s")
	child.Env = append(os.Environ(), childEnv+"="+l.Addr().String())
	var out strings.Builder
	child.Stdout, child.Stderr = &out, &out
	if err := testenv.RunApart(child); errors.Is(err, testenv.ErrNoNetwork) {
		t.Log("not run: ", err) // a container may be forbidden to
	} else if err != nil {
		t.Errorf("%v: %s", err, out.String())
	}
}

// ask sends one inline Redis command and checks the first line of the answer.
func ask(t *testing.T, addr, command, want string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(conn, command+"\r\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	if got := strings.TrimSpace(line); got != want {
		t.Errorf("%s: %q, %v; want %q", command, got, err, want)
	}
}

// openURL opens what NewDatabase returned.
func openURL(t *testing.T, raw string) *sql.DB {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("mysql", fmt.Sprintf("%s@tcp(%s)%s", u.User, u.Host, u.Path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
