package testenv

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// readyWithin bounds the start of a server, crash recovery included.
	readyWithin = 30 * time.Second
	// stopWithin bounds a polite stop; SIGKILL follows.
	stopWithin = 15 * time.Second
	// logTail is how much of a server's log a failed test prints, in bytes.
	logTail = 16 << 10
	// startTries is how many ports are tried before a start counts as failed.
	startTries = 3
)

// process is a server program with its folder and port. It may be ended and
// started again any number of times. The methods of one process are called
// from one goroutine at a time; that is the test's goroutine, since they end
// the test on failure.
type process struct {
	name string // of the program, for messages
	dir  string // removed at the end
	port int    // on 127.0.0.1, kept over restarts
	path string
	args []string
	env  []string // nil: this process's own
	// ready returns nil once the server answers.
	ready func() error

	mu  sync.Mutex
	run *run // nil while the server is down
}

// run is one life of a process.
type run struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the program has ended
}

// Addr is the server's TCP address, host:port. It stays the same over restarts.
func (p *process) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// Pid is the process id of the running server, 0 while it is down.
func (p *process) Pid() int {
	if r := p.current(); r != nil {
		return r.cmd.Process.Pid
	}
	return 0
}

// Start starts a server that is down, on its old port and with its old data,
// and waits until it answers.
func (p *process) Start(t testing.TB) {
	t.Helper()
	if err := p.start(); err != nil {
		t.Fatalf("testenv: %v\n%s", err, p.log(0))
	}
}

// Stop ends the server politely (SIGTERM) and waits for its end. A paused
// server is continued first.
func (p *process) Stop(t testing.TB) {
	t.Helper()
	r := p.take()
	if r == nil {
		t.Fatalf("testenv: Stop: %s is not running", p.name)
	}
	// A program that has ended by itself makes signals fail; done tells.
	_ = r.cmd.Process.Signal(syscall.SIGCONT)
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.done:
	case <-time.After(stopWithin):
		r.kill()
		t.Fatalf("testenv: %s did not stop within %v\n%s", p.name, stopWithin, p.log(0))
	}
}

// Kill ends the server at once (SIGKILL) and waits for its end.
func (p *process) Kill(t testing.TB) {
	t.Helper()
	r := p.take()
	if r == nil {
		t.Fatalf("testenv: Kill: %s is not running", p.name)
	}
	r.kill()
}

// Restart is Stop and Start.
func (p *process) Restart(t testing.TB) {
	t.Helper()
	p.Stop(t)
	p.Start(t)
}

// Pause freezes the server (SIGSTOP) and waits until it stands still: the
// kernel still accepts connections and bytes for it, and nothing answers.
func (p *process) Pause(t testing.TB) {
	t.Helper()
	pid := p.Pid()
	p.signal(t, syscall.SIGSTOP)
	deadline := time.Now().Add(stopWithin)
	for !stopped(pid) {
		if time.Now().After(deadline) {
			t.Fatalf("testenv: %s goes on %v after SIGSTOP\n%s", p.name, stopWithin, p.log(0))
		}
		time.Sleep(time.Millisecond)
	}
}

// Continue lets a paused server go on (SIGCONT).
func (p *process) Continue(t testing.TB) {
	t.Helper()
	p.signal(t, syscall.SIGCONT)
}

func (p *process) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	r := p.current()
	if r == nil {
		t.Fatalf("testenv: %v: %s is not running", sig, p.name)
	}
	if err := r.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("testenv: %v to %s: %v\n%s", sig, p.name, err, p.log(0))
	}
}

func (p *process) current() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

func (p *process) take() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.run
	p.run = nil
	return r
}

// end kills the server, if it runs, and removes its folder.
func (p *process) end() error {
	if r := p.take(); r != nil {
		r.kill()
	}
	return os.RemoveAll(p.dir)
}

func (r *run) kill() {
	// The error says that the program has ended already, which is the aim.
	_ = r.cmd.Process.Kill()
	<-r.done
}

// start starts the program and waits until it is ready.
func (p *process) start() error {
	if p.current() != nil {
		return fmt.Errorf("%s runs already", p.name)
	}
	log, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	defer log.Close()

	r := &run{cmd: exec.Command(p.path, p.args...), done: make(chan struct{})}
	r.cmd.Dir, r.cmd.Env = p.dir, p.env
	r.cmd.Stdout, r.cmd.Stderr = log, log
	r.cmd.SysProcAttr = dieWithParent()
	started := make(chan error, 1)
	go r.own(started)
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	if err := p.awaitReady(r); err != nil {
		r.kill()
		return err
	}
	p.mu.Lock()
	p.run = r
	p.mu.Unlock()
	return nil
}

// own starts the program and stays with it until its end. Linux sends the
// parent-death signal when the thread that forked ends, which need not be the
// end of the process; so the goroutine keeps its thread as long as the program
// lives.
func (r *run) own(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(r.done)
	err := r.cmd.Start()
	started <- err
	if err == nil {
		// How a killed server ended is not news; the log has the rest.
		_ = r.cmd.Wait()
	}
}

func (p *process) awaitReady(r *run) error {
	deadline := time.After(readyWithin)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.ready()
		if err == nil {
			return nil
		}
		select {
		case <-r.done:
			return fmt.Errorf("%s ended while it started: %v", p.name, r.cmd.ProcessState)
		case <-deadline:
			return fmt.Errorf("%s did not answer within %v: %w", p.name, readyWithin, err)
		case <-tick.C:
		}
	}
}

func (p *process) logPath() string { return filepath.Join(p.dir, "server.log") }

// logSize is where the log ends now, for log.
func (p *process) logSize() int64 {
	info, err := os.Stat(p.logPath())
	if err != nil {
		return 0
	}
	return info.Size()
}

// log returns the server's log from an offset on, the last logTail bytes at most.
func (p *process) log(from int64) string {
	f, err := os.Open(p.logPath())
	if err != nil {
		return fmt.Sprintf("no log of %s: %v", p.name, err)
	}
	defer f.Close()
	if _, err := f.Seek(max(from, p.logSize()-logTail), io.SeekStart); err != nil {
		return fmt.Sprintf("no log of %s: %v", p.name, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, logTail))
	if err != nil {
		return fmt.Sprintf("no log of %s: %v", p.name, err)
	}
	return fmt.Sprintf("--- log of %s\n%s", p.name, text)
}

// logOnFailure prints what the server logs from now on, if the test fails.
func (p *process) logOnFailure(t testing.TB) {
	from := p.logSize()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.log(from))
		}
	})
}
