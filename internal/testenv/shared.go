package testenv

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// shared holds the servers that the tests of this binary share. It is package
// state because tests are handed nothing but their testing.TB; Main sets it
// before the first test runs and ends what it holds after the last.
var shared *servers

type servers struct {
	redis   once[*RedisServer]
	mariadb once[*MariaDBServer]
}

// once starts a server for the first test that asks.
type once[S any] struct {
	sync.Mutex
	asked  bool
	server S
	err    error
}

func (o *once[S]) get(start func(...string) (S, error)) (S, error) {
	o.Lock()
	defer o.Unlock()
	if !o.asked {
		o.asked = true
		o.server, o.err = start()
	}
	return o.server, o.err
}

// Main runs the tests of a package, ends the servers they shared and then
// looks for goroutines that the tests left behind; options are goleak's. It
// returns the exit code, so a package needs only
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }
func Main(m *testing.M, options ...goleak.Option) int {
	shared = &servers{}
	code := m.Run()
	if err := shared.end(); err != nil {
		fmt.Fprintf(os.Stderr, "testenv: end shared servers: %v\n", err)
		code = max(code, 1)
	}
	// Failed tests leave goroutines behind as a rule; their own words matter more.
	if code == 0 {
		if err := goleak.Find(options...); err != nil {
			fmt.Fprintf(os.Stderr, "goleak: errors on successful test run: %v\n", err)
			code = 1
		}
	}
	return code
}

// IgnoreServers makes goleak.VerifyNone(t) overlook the goroutines that belong
// to running servers. Main needs no such option.
func IgnoreServers() goleak.Option {
	return goleak.IgnoreAnyFunction("hubbub/internal/testenv.(*run).own")
}

// SharedRedis returns the redis-server that all tests of this binary share.
// Tests choose keys and channels of their own, and do not stop or empty it.
func SharedRedis(t testing.TB) *RedisServer {
	t.Helper()
	needMain(t)
	s, err := shared.redis.get(startRedis)
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	s.logOnFailure(t)
	return s
}

// SharedMariaDB returns the mariadbd that all tests of this binary share. Each
// test takes a NewDatabase of it, and does not stop it or set global variables.
func SharedMariaDB(t testing.TB) *MariaDBServer {
	t.Helper()
	needMain(t)
	s, err := shared.mariadb.get(startMariaDB)
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	s.logOnFailure(t)
	return s
}

func needMain(t testing.TB) {
	t.Helper()
	if shared == nil {
		t.Fatal("testenv: shared servers need: func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }")
	}
}

func (s *servers) end() error {
	var errs []error
	if s.redis.server != nil {
		errs = append(errs, s.redis.server.end())
	}
	if s.mariadb.server != nil {
		errs = append(errs, s.mariadb.server.end())
	}
	return errors.Join(errs...)
}
