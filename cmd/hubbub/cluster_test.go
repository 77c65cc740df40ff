package main

import (
	"bytes"
	"context"
	"flag"
	"log/slog"
	"os"
	"sync"
	"testing"

	"hubbub/internal/testenv"
)

func TestMain(m *testing.M) {
	if customer := os.Getenv(asMover); customer != "" {
		beMover(customer)
		return
	}
	if os.Getenv(asPeer) != "" {
		bePeer()
		return
	}
	if os.Getenv(asNode) != "" {
		beNode()
		return
	}
	takeRedisLog(discard())
	// Most of the tests wait, so more of them than there are cores may run; the
	// command line is read later and wins.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(testenv.Main(m))
}

// logBuffer takes a node's log lines, from any goroutine.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// unlimited switches the limits off that tests with many commands would meet.
var unlimited = []string{"--rate-session=off", "--rate-user=off", "--rate-key=off", "--rate-address=off", "--rate-login=off", "--rate-signup=off"}

// startNode runs a node inside the test, with the settings of the command line;
// it listens on a free port and stops at the test's end, without an error.
func startNode(t testing.TB, args ...string) *node {
	t.Helper()
	args = append([]string{"--listen=127.0.0.1:0", "--admin=off", "--log-format=text", "--drain=2s"}, args...)
	cfg := mustParse(t, args, nil)
	log := &logBuffer{}
	n, err := newNode(t.Context(), cfg, newLogger(cfg, log))
	if err != nil {
		t.Fatalf("new node: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("node %s: %v", cfg.Node, err)
		}
		if t.Failed() {
			t.Logf("node %s:\n%s", cfg.Node, log)
		}
	})
	return n
}

// discard is where tests log that have nothing to tell.
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
