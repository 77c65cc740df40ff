package main

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// A node with the embedded database is killed and started again on the same
// folder: what was acked is there, and clients go on from where they were.
func TestEmbeddedNodeIsKilled(t *testing.T) {
	t.Parallel()
	settings := []string{"HUBBUB_DATA=" + t.TempDir(), "HUBBUB_RATE_ADDRESS=off", "HUBBUB_RATE_USER=off", "HUBBUB_RATE_SESSION=off"}
	n := launch(t, settings...).serving()
	talkers := crowd(t, 3, 0, n.addr)
	for range 2 {
		more(t, patience, 20, talkers...)
		n.signal(syscall.SIGKILL)
		n.exit(patience)
		n = launch(t, settings...).serving()
		moved(n.addr, talkers...)
	}
	more(t, patience, 20, talkers...)
	audit(t, n.addr, talkers...)
	for _, k := range talkers {
		if len(k.hosts) != 3 {
			t.Errorf("%s was welcomed %d times, want 3", k.name, len(k.hosts))
		}
	}

	second := launch(t, settings...)
	if code := second.exit(patience + 2*time.Second); code != 1 {
		t.Errorf("a second process on the same folder ends with %d", code)
	}
	if said := second.said(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "another process") {
		t.Errorf("a second process on the same folder says %q", said)
	}
	n.signal(syscall.SIGTERM)
	if code := n.exit(patience); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
