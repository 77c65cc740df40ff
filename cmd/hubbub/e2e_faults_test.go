package main

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hubbub/internal/testenv"
)

// health gives the answer of /healthz or /readyz, and which parts fail.
func health(t *testing.T, addr, path string) (status int, failing []string) {
	t.Helper()
	a, err := call(t.Context(), "", "GET", "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	var h struct {
		Parts []struct{ Name, State string }
	}
	a.decode(t, &h)
	for _, p := range h.Parts {
		if p.State != "ok" {
			failing = append(failing, p.Name)
		}
	}
	return a.Status, failing
}

// The database goes away and comes back: whoever sends is told when to try
// again, and nothing that was acked is lost, nothing sent again is doubled.
func TestDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	server, bus := testenv.MariaDB(t), testenv.Redis(t)
	args := append([]string{"--sql=" + server.NewDatabase(t), "--redis=" + bus.URL(), "--sql-open=10"}, unlimited...)
	a, b := startNode(t, append(args, "--node=a")...), startNode(t, append(args, "--node=b")...)
	talkers := crowd(t, 6, 0, a.Addr(), b.Addr())
	more(t, patience, 20, talkers...)

	server.Kill(t)
	for _, k := range talkers {
		eventually(t, 2*patience, k.name+" is refused for now", func() bool {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.refused["unavailable"]+k.refused["unknown_outcome"] > 0
		})
	}
	for _, n := range []*node{a, b} {
		if status, _ := health(t, n.Addr(), "/healthz"); status != 200 {
			t.Errorf("healthz: %d, want 200: the node itself is well", status)
		}
		if status, failing := health(t, n.Addr(), "/readyz"); status != 503 || !slices.Equal(failing, []string{"sql"}) {
			t.Errorf("readyz: %d, failing %v; want 503 and sql", status, failing)
		}
		got, err := call(t.Context(), talkers[0].Token, "POST", "http://"+n.Addr()+"/v1/rooms/"+talkers[0].room+"/messages",
			map[string]string{"client_id": "rest", "text": "hello?"})
		if err != nil || got.Status != 503 || got.problem() != "unavailable" {
			t.Errorf("REST without the database: %v, %d %s", err, got.Status, got.Body)
		}
		if s, err := strconv.Atoi(got.Header.Get("Retry-After")); err != nil || s < 1 {
			t.Errorf("Retry-After is %q", got.Header.Get("Retry-After"))
		}
	}
	server.Start(t)
	more(t, patience, 20, talkers...)
	for _, n := range []*node{a, b} {
		shows(t, n)
	}
	audit(t, a.Addr(), talkers...)
	for _, k := range talkers {
		if len(k.hosts) != 1 {
			t.Errorf("%s lost its socket: welcomed by %v", k.name, k.hosts)
		}
	}
}

// The database hangs for a while, which is not the same as being gone: no
// connection fails, and every answer is late.
func TestDatabaseHangs(t *testing.T) {
	t.Parallel()
	server := testenv.MariaDB(t)
	n := startNode(t, append([]string{"--sql=" + server.NewDatabase(t), "--sql-open=10"}, unlimited...)...)
	talkers := crowd(t, 3, 0, n.Addr())
	more(t, patience, 20, talkers...)
	server.Pause(t)
	start := time.Now()
	if status, failing := health(t, n.Addr(), "/readyz"); status != 503 || !slices.Equal(failing, []string{"sql"}) {
		t.Errorf("readyz: %d, failing %v; want 503 and sql", status, failing)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("readyz took %v", took)
	}
	if status, _ := health(t, n.Addr(), "/healthz"); status != 200 {
		t.Errorf("healthz: %d", status)
	}
	server.Continue(t)
	more(t, patience, 20, talkers...)
	audit(t, n.Addr(), talkers...)
}

// A node that is terminated while its database hangs ends in time all the same,
// and says that it did not end in order. Nothing that was acked is lost.
func TestTerminatedWhileDatabaseHangs(t *testing.T) {
	t.Parallel()
	server := testenv.MariaDB(t)
	settings := []string{"HUBBUB_SQL=" + server.NewDatabase(t), "HUBBUB_DRAIN=3s",
		"HUBBUB_RATE_ADDRESS=off", "HUBBUB_RATE_USER=off", "HUBBUB_RATE_SESSION=off"}
	n := launch(t, settings...).serving()
	talkers := crowd(t, 3, 0, n.addr)
	more(t, patience, 20, talkers...)
	server.Pause(t)
	waiting := make([]string, len(talkers)) // for the answer to which message
	eventually(t, patience, "everybody waits for an answer", func() bool {
		same := true
		for i, k := range talkers {
			k.mu.Lock()
			same = same && k.pending != "" && k.pending == waiting[i]
			waiting[i] = k.pending
			k.mu.Unlock()
		}
		return same
	})
	start := time.Now()
	n.signal(syscall.SIGTERM)
	if code := n.exit(patience); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
	if said := n.said(); !strings.Contains(said, "did not end in time") {
		t.Errorf("it says %q", said)
	}
	server.Continue(t)
	n = launch(t, settings...).serving()
	moved(n.addr, talkers...)
	more(t, patience, 20, talkers...)
	audit(t, n.addr, talkers...)
}

// Redis goes away and comes back: messages are acked as before and reach the
// other node a little later; the node stays in the balancer, and says so.
func TestBusGoesAway(t *testing.T) {
	t.Parallel()
	bus := testenv.Redis(t)
	args := append([]string{"--sql=" + testenv.SharedMariaDB(t).NewDatabase(t), "--redis=" + bus.URL(), "--sql-open=10"}, unlimited...)
	a, b := startNode(t, append(args, "--node=a")...), startNode(t, append(args, "--node=b")...)
	talkers := crowd(t, 4, 20*time.Millisecond, a.Addr(), b.Addr())
	alice, bob := talkers[0], talkers[1]
	room := alice.newRoom(t, a.Addr(), "public")
	bob.enter(t, b.Addr(), room)
	onA, onB := alice.connect(t, a.Addr()), bob.connect(t, b.Addr())
	onA.join(room)
	onB.join(room)
	more(t, patience, 20, talkers...)

	for round, away := range []struct{ off, on func(testing.TB) }{
		{bus.Kill, bus.Start}, {bus.Pause, bus.Continue}, {bus.Stop, bus.Start},
	} {
		away.off(t)
		for i := range 3 {
			id := fmt.Sprintf("away-%d-%d", round, i)
			start := time.Now()
			onA.said(room, id, "without the bus")
			if took := time.Since(start); took > time.Second {
				t.Errorf("round %d: the ack took %v", round, took)
			}
			onB.message(id)
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("round %d: without the bus a message took %v", round, took)
			}
		}
		eventually(t, patience, "both nodes have noticed", func() bool { return !a.bus.Healthy() && !b.bus.Healthy() })
		shows(t, a, "bus")
		if f := dial(t, a.Addr(), dialing{token: alice.Token}).want("welcome"); !f.Degraded {
			t.Errorf("round %d: a newcomer is not told: %s", round, f.raw)
		}
		more(t, patience, 10, talkers...)
		away.on(t)
		eventually(t, patience, "both nodes hear the bus again", func() bool { return a.bus.Healthy() && b.bus.Healthy() })
		shows(t, a)
		if f := dial(t, a.Addr(), dialing{token: alice.Token}).want("welcome"); f.Degraded {
			t.Errorf("round %d: a newcomer is told of a fault that is over: %s", round, f.raw)
		}
		start := time.Now()
		onA.said(room, fmt.Sprint("back-", round), "over the bus")
		onB.message(fmt.Sprint("back-", round))
		if took := time.Since(start); took > 500*time.Millisecond {
			t.Errorf("round %d: with the bus back a message took %v", round, took)
		}
	}
	audit(t, a.Addr(), talkers...)
}

// shows waits until a node is ready all the same, and says that these parts
// fail; what it says may be a second old.
func shows(t *testing.T, n *node, parts ...string) {
	t.Helper()
	eventually(t, 2*time.Second, fmt.Sprintf("ready, but %v", parts), func() bool {
		status, failing := health(t, n.Addr(), "/readyz")
		return status == http.StatusOK && slices.Equal(failing, parts)
	})
}
