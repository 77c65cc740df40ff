package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"hubbub/chat"
	"hubbub/chat/wire"
	"hubbub/internal/testenv"
)

// cluster is the settings of the processes of one deployment on an empty
// database.
func cluster(t *testing.T, more ...string) []string {
	return append([]string{
		"HUBBUB_SQL=" + testenv.SharedMariaDB(t).NewDatabase(t), "HUBBUB_REDIS=" + testenv.Redis(t).URL(),
		"HUBBUB_SQL_OPEN=10", "HUBBUB_RATE_ADDRESS=off", "HUBBUB_RATE_USER=off", "HUBBUB_RATE_SESSION=off",
	}, more...)
}

// crowd lets so many people talk in one new room: each has one of the nodes as
// the first, and knows them all.
func crowd(t *testing.T, n int, every time.Duration, nodes ...string) []*talker {
	t.Helper()
	var talkers []*talker
	room := ""
	for i := range n {
		name := fmt.Sprint("talker", i)
		p := signUp(t, nodes[0], name)
		if room == "" {
			room = p.newRoom(t, nodes[0], "public")
		} else {
			p.enter(t, nodes[0], room)
		}
		first := i % len(nodes)
		talkers = append(talkers, p.talk(t, name, room, every, slices.Concat(nodes[first:], nodes[:first])...))
	}
	return talkers
}

// Nodes that start together on an empty database all come up, and make its
// tables and the first room once.
func TestNodesStartTogether(t *testing.T) {
	t.Parallel()
	settings := cluster(t, "HUBBUB_GUESTS=on")
	var nodes []*nodeProcess
	for range 3 {
		nodes = append(nodes, launch(t, settings...))
	}
	ids := map[string]bool{}
	for _, n := range nodes {
		addr := n.serving().addr
		var page struct{ Items []wire.Room }
		guest(t, addr, "Guest").do(t, addr, "GET", "/v1/rooms?scope=public", nil, 200).decode(t, &page)
		if len(page.Items) != 1 || page.Items[0].Name != chat.General {
			t.Errorf("a node shows the rooms %+v", page.Items)
			continue
		}
		ids[page.Items[0].ID] = true
	}
	if len(ids) != 1 {
		t.Errorf("the nodes know %d rooms of that name", len(ids))
	}
	for _, n := range nodes {
		n.signal(syscall.SIGTERM)
	}
	for _, n := range nodes {
		if code := n.exit(patience); code != 0 {
			t.Errorf("a node without work to do ends with %d", code)
		}
	}
}

// A node is killed under load: its clients go on at the other one, and nobody
// misses or doubles a message.
func TestNodeIsKilled(t *testing.T) {
	t.Parallel()
	settings := cluster(t)
	a, b := launch(t, settings...).serving(), launch(t, settings...).serving()
	talkers := crowd(t, 6, 0, a.addr, b.addr)
	more(t, patience, 40, talkers...)
	a.signal(syscall.SIGKILL)
	a.exit(patience)
	more(t, patience, 40, talkers...)
	audit(t, b.addr, talkers...)
	for i, k := range talkers {
		if want := 1 + (i+1)%2; len(k.hosts) != want {
			t.Errorf("%s was welcomed by %v, want %d nodes", k.name, k.hosts, want)
		}
	}
}

// SIGTERM under load: clients are told when to come back, nothing that was
// acked is lost, and the process ends in time and in order.
func TestNodeIsTerminated(t *testing.T) {
	t.Parallel()
	settings := cluster(t)
	a, b := launch(t, settings...).serving(), launch(t, settings...).serving()
	talkers := crowd(t, 6, 0, a.addr, b.addr)
	more(t, patience, 20, talkers...)

	// REST goes on at b all the time.
	ctx, stop := context.WithCancel(t.Context())
	var rest sync.WaitGroup
	poster, calls := talkers[0], 0
	rest.Go(func() {
		for ; ctx.Err() == nil; calls++ {
			got, err := call(ctx, poster.Token, "POST", "http://"+b.addr+"/v1/rooms/"+poster.room+"/messages",
				map[string]string{"client_id": fmt.Sprint("rest-", calls), "text": "over REST"})
			if ctx.Err() == nil && (err != nil || got.Status != 201) {
				t.Errorf("REST while the other node stops: %v, %d %s", err, got.Status, got.Body)
				return
			}
		}
	})

	// This one does not answer, which holds the node up for as long as it is
	// given time.
	deaf := dial(t, a.addr, dialing{token: poster.Token, asleep: true})
	start := time.Now()
	a.signal(syscall.SIGTERM)
	a.logged("stopping")
	if got, err := call(ctx, "", "GET", "http://"+a.addr+"/readyz", nil); err != nil || got.Status != 503 {
		t.Errorf("readyz while stopping: %v, %d; want 503", err, got.Status)
	}
	if got, err := call(ctx, "", "GET", "http://"+a.addr+"/healthz", nil); err != nil || got.Status != 200 {
		t.Errorf("healthz while stopping: %v, %d; want 200", err, got.Status)
	}
	if ws, resp, err := open(ctx, a.addr, dialing{token: poster.Token}); err == nil || resp == nil || resp.StatusCode != 503 {
		if err == nil {
			ws.CloseNow()
		}
		t.Errorf("a new socket while stopping: %v, %v; want 503", err, resp)
	}
	if code := a.exit(patience + time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	deaf.wakeUp()
	deaf.want("reconnect")
	if code, _ := deaf.closed(patience); code != chat.CloseRestart {
		t.Errorf("the socket of a client that does not answer ended with %d", code)
	}

	more(t, patience, 20, talkers...)
	stop()
	rest.Wait()
	if calls < 10 {
		t.Errorf("only %d REST calls were made", calls)
	}
	audit(t, b.addr, talkers...)
	for i, k := range talkers {
		var codes []int
		if i%2 == 0 { // was on a
			codes = []int{chat.CloseRestart}
		}
		if !slices.Equal(k.codes, codes) || k.told != len(codes) {
			t.Errorf("%s: close codes %v, told %d times; want %v", k.name, k.codes, k.told, codes)
		}
	}
}

// Where a balancer asks for /readyz, the node serves calls until that can have
// noticed; where nobody asks, it does not wait.
func TestBalancerHasTimeToNotice(t *testing.T) {
	t.Parallel()
	for _, probed := range []bool{true, false} {
		n := launch(t, "HUBBUB_DATA="+t.TempDir(), "HUBBUB_DRAIN=8s", "HUBBUB_RATE_ADDRESS=off").serving()
		if probed {
			person{}.do(t, n.addr, "GET", "/readyz", nil, 200)
		}
		start := time.Now()
		n.signal(syscall.SIGTERM)
		n.logged("stopping")
		for probed && time.Since(start) < 700*time.Millisecond {
			person{}.do(t, n.addr, "GET", "/readyz", nil, 503)
			person{}.do(t, n.addr, "GET", "/v1/openapi.json", nil, 200)
		}
		if code := n.exit(patience); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if took := time.Since(start); (took > 2*time.Second) != probed {
			t.Errorf("asked for /readyz: %v; it ended after %v", probed, took)
		}
	}
}

// Sockets of clients that have not said yet who they are do not hold a node up.
func TestStrangersWhenTerminated(t *testing.T) {
	t.Parallel()
	n := launch(t, "HUBBUB_DATA="+t.TempDir()).serving()
	stranger := dial(t, n.addr, dialing{})
	n.signal(syscall.SIGTERM)
	if code, _ := stranger.closed(5 * time.Second); code != chat.CloseRestart {
		t.Errorf("the stranger's socket ended with %d, want %d", code, chat.CloseRestart)
	}
	if code := n.exit(5 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A second signal does not wait for anybody.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	n := launch(t, "HUBBUB_DATA="+t.TempDir()).serving()
	dial(t, n.addr, dialing{token: guest(t, n.addr, "Deaf").Token, asleep: true})
	n.signal(syscall.SIGTERM)
	n.logged("stopping")
	start := time.Now()
	n.signal(syscall.SIGTERM)
	if code := n.exit(patience); code != -1 {
		t.Errorf("exit code %d, want the end by the signal", code)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}
