package testenv

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// RedisServer is a redis-server without a password. It keeps its data over
// Stop, Kill and Start, through an append-only file.
type RedisServer struct {
	*process
}

// Redis starts a redis-server that belongs to this test and ends with it.
// Arguments are added to its command line, such as "--maxmemory", "10mb".
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	s, err := startRedis(args...)
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

// URL is redis://127.0.0.1:port.
func (s *RedisServer) URL() string { return "redis://" + s.Addr() }

// RestartEmpty kills the server and starts it without its data, as when a
// machine comes back without its disk.
func (s *RedisServer) RestartEmpty(t testing.TB) {
	t.Helper()
	s.Kill(t)
	s.StartEmpty(t)
}

// StartEmpty starts a server that is down without its data.
func (s *RedisServer) StartEmpty(t testing.TB) {
	t.Helper()
	if err := os.RemoveAll(s.dataDir()); err != nil {
		t.Fatalf("testenv: empty redis-server: %v", err)
	}
	if err := os.Mkdir(s.dataDir(), 0o700); err != nil {
		t.Fatalf("testenv: empty redis-server: %v", err)
	}
	s.Start(t)
}

func (s *RedisServer) dataDir() string { return filepath.Join(s.dir, "data") }

func startRedis(args ...string) (*RedisServer, error) {
	path, err := find("redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		dir, err := os.MkdirTemp("", "hubbub-redis-")
		if err != nil {
			return nil, err
		}
		s := &RedisServer{&process{name: "redis-server", dir: dir, port: port, path: path}}
		s.ready = s.ping
		s.args = append([]string{
			"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", s.dataDir(),
			"--daemonize", "no", "--save", "", "--appendonly", "yes", "--appendfsync", "no",
		}, args...)
		if err = os.Mkdir(s.dataDir(), 0o700); err == nil {
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

// ping speaks the inline form of the Redis protocol, which needs no client.
func (s *RedisServer) ping() error {
	conn, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if line != "+PONG\r\n" { // -LOADING while it reads its data
		return fmt.Errorf("redis-server answered %q", line)
	}
	return nil
}
