package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		program.remove()
		os.Exit(code)
	}))
}

// program is hubbub, built once per test binary.
var program builtProgram

type builtProgram struct {
	once sync.Once
	dir  string
	err  error
}

func (p *builtProgram) path(t testing.TB) string {
	t.Helper()
	p.once.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "hubbub-bench-"); p.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", p.dir, "hubbub/cmd/hubbub").CombinedOutput()
		if err != nil {
			p.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if p.err != nil {
		t.Fatalf("build hubbub: %v", p.err)
	}
	return filepath.Join(p.dir, "hubbub")
}

func (p *builtProgram) remove() {
	if p.dir != "" {
		os.RemoveAll(p.dir)
	}
}

// node is a hubbub in a process of its own, without limits of rate unless args
// set them. It is killed at the test's end, or by a guardian when the test
// binary dies first.
type node struct {
	t        testing.TB
	url      string
	cmd      *exec.Cmd
	guardian *exec.Cmd
	done     chan struct{} // closed when it has ended
	log      *safeBuffer
}

var openLine = regexp.MustCompile(`(?m)^hubbub .*: open (http://\S+)$`)

// startNode starts a node on a free port, or on the one that args give, and
// waits until it listens.
func startNode(t testing.TB, dir string, args ...string) *node {
	t.Helper()
	n := &node{t: t, done: make(chan struct{}), log: &safeBuffer{}}
	n.cmd = exec.Command(program.path(t), append([]string{
		"--listen", "127.0.0.1:0", "--admin", "off", "--data", dir, "--log-format", "json", "--log-level", "warn",
		"--rate-address", "off", "--rate-user", "off", "--rate-session", "off",
	}, args...)...)
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = n.cmd.Wait() // how it ended is for the log
		close(n.done)
	}()
	t.Cleanup(n.kill)
	n.guard()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if m := openLine.FindStringSubmatch(n.log.String()); m != nil {
			n.url = m[1]
			return n
		}
		select {
		case <-n.done:
			t.Fatalf("the node ended: %s", n.log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the node does not listen: %s", n.log)
		}
	}
}

// guard starts a shell that kills the node when this process is gone: then its
// standard input ends.
func (n *node) guard() {
	n.guardian = exec.Command("sh", "-c", "read -r _; kill -9 "+strconv.Itoa(n.cmd.Process.Pid))
	if _, err := n.guardian.StdinPipe(); err != nil {
		n.t.Fatal(err)
	}
	if err := n.guardian.Start(); err != nil {
		n.t.Fatal(err)
	}
}

// kill ends the node as a crash does; it may be called again.
func (n *node) kill() {
	if n.guardian != nil {
		_ = n.guardian.Process.Kill() // first, since the pid is free for others later
		_ = n.guardian.Wait()         // it was killed
		n.guardian = nil
	}
	if err := n.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		n.t.Errorf("kill: %v", err)
	}
	<-n.done
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
