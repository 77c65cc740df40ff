package main

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asNode is the variable that makes the test binary be hubbub: the processes of
// a test are its own program, built with -race when the tests are.
const asNode = "TEST_AS_NODE"

// beNode is main in a process of a test. Such a process ends with the test
// binary, however that ends: then the pipe to its standard input closes.
func beNode() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // any end of it means the same
		os.Exit(3)
	}()
	main()
}

// nodeProcess is a node in a process of its own.
type nodeProcess struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *logBuffer
	done chan struct{} // closed when it has ended
	addr string        // host:port, once it serves
}

// launch starts hubbub with settings such as "HUBBUB_SQL=…". It listens on a
// free port, and is killed at the test's end if it still runs.
func launch(t *testing.T, settings ...string) *nodeProcess {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &nodeProcess{t: t, cmd: exec.Command(program), log: &logBuffer{}, done: make(chan struct{})}
	p.cmd.Env = append([]string{
		asNode + "=1", "GORACE=" + os.Getenv("GORACE"),
		"HUBBUB_LISTEN=127.0.0.1:0", "HUBBUB_ADMIN=off", "HUBBUB_LOG_FORMAT=json",
	}, settings...)
	p.cmd.Dir = t.TempDir()
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // exit looks at how it ended
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended already
		<-p.done
		stdin.Close()
		if t.Failed() {
			t.Logf("process %d:\n%s", p.cmd.Process.Pid, p.log)
		}
		if strings.Contains(p.log.String(), "DATA RACE") {
			t.Error("a data race in a node")
		}
	})
	return p
}

var openLine = regexp.MustCompile(`(?m)^hubbub .*: open http://(\S+)$`)

// serving waits until the node says where it listens.
func (p *nodeProcess) serving() *nodeProcess {
	p.t.Helper()
	eventually(p.t, 2*patience, "the node listens", func() bool {
		select {
		case <-p.done:
			p.t.Fatalf("the node ended: %v", p.cmd.ProcessState)
		default:
		}
		m := openLine.FindStringSubmatch(p.log.String())
		if m == nil {
			return false
		}
		p.addr = m[1]
		return true
	})
	return p
}

func (p *nodeProcess) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%v: %v", s, err)
	}
}

// exit waits for the end of the process and gives its code, -1 after a signal.
func (p *nodeProcess) exit(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		p.t.Fatalf("the process still runs after %v", within)
	}
	return p.cmd.ProcessState.ExitCode()
}

// logged waits for a line of the log with this message.
func (p *nodeProcess) logged(msg string) {
	p.t.Helper()
	eventually(p.t, patience, "the node logs "+msg, func() bool { return strings.Contains(p.log.String(), `"msg":"`+msg+`"`) })
}

// said gives what the process wrote that is no line of the log.
func (p *nodeProcess) said() string {
	var lines []string
	for line := range strings.Lines(p.log.String()) {
		if !json.Valid([]byte(line)) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// deadPort is an address where nobody listens.
func deadPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
