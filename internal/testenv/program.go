package testenv

import (
	"net"
	"os"
	"strconv"
	"testing"
)

// Program is any other program that a test runs on a port of its own: a node
// under test, a balancer. It has the methods of the servers, and dies with the
// test binary as they do.
type Program struct{ *process }

// NewProgram makes a program and starts nothing. Ready returns nil once it
// answers. Before the first Start, Set says how it is called.
func NewProgram(t testing.TB, name, path string, port int, ready func() error) *Program {
	t.Helper()
	p := &Program{&process{name: name, dir: t.TempDir(), port: port, path: path, ready: ready}}
	t.Cleanup(func() {
		if err := p.end(); err != nil {
			t.Errorf("testenv: end %s: %v", p.name, err)
		}
	})
	p.logOnFailure(t)
	return p
}

// Set gives the arguments and the environment of the next Start; of this
// process's own environment nothing is handed on.
func (p *Program) Set(args, env []string) { p.args, p.env = args, append([]string{}, env...) }

// Ended tells whether the program has ended by itself since the last Start.
// Kill it before the next one.
func (p *Program) Ended() bool {
	r := p.current()
	if r == nil {
		return false
	}
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// Log is all that the program wrote, over all its lives.
func (p *Program) Log() string {
	text, err := os.ReadFile(p.logPath())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// FreePort gives a loopback port that nobody listens on now, and which the
// system gives to no outgoing connection.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	return port
}

// Loopback is 127.0.0.1:port.
func Loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Find gives the path of a program, in PATH or where systems keep servers; it
// fails the test with the Debian package to install.
func Find(t testing.TB, program, debianPackage string) string {
	t.Helper()
	path, err := find(program, debianPackage)
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	return path
}
