package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hubbub/chat"
)

// The topology of compose.yaml, from processes: three nodes behind HAProxy. One
// node is terminated, then another one killed; the clients know the balancer
// only, and go on.
func TestDeploymentBehindTheBalancer(t *testing.T) {
	t.Parallel()
	settings := cluster(t, "HUBBUB_PROXIES=127.0.0.1/32", "HUBBUB_DRAIN=4s")
	byName := map[string]*nodeProcess{}
	var addresses [3]string
	for _, name := range nodes {
		byName[name] = launch(t, append(settings, "HUBBUB_NODE="+name)...)
	}
	for i, name := range nodes {
		addresses[i] = byName[name].serving().addr
	}
	balancer := startBalancer(t, addresses)
	talkers := crowd(t, 6, 5*time.Millisecond, balancer)
	more(t, patience, 10, talkers...)
	if on := hosts(talkers); len(on) != len(nodes) {
		t.Errorf("six clients are on %v, want all nodes", on)
	}

	// Calls for as long as nobody is killed: none may fail.
	ctx, stop := context.WithCancel(t.Context())
	var rest sync.WaitGroup
	var calls atomic.Int64
	for _, k := range talkers {
		rest.Go(func() {
			for ctx.Err() == nil {
				got, err := call(ctx, k.Token, "POST", "http://"+balancer+"/v1/rooms/"+k.room+"/messages",
					map[string]string{"client_id": fmt.Sprint("rest-", calls.Add(1)), "text": "over REST"})
				if ctx.Err() == nil && (err != nil || got.Status != 201) {
					t.Errorf("REST while a node stops: %v, %d %s", err, got.Status, got.Body)
					return
				}
			}
		})
	}
	terminated := byName[nodes[0]]
	terminated.signal(syscall.SIGTERM)
	if code := terminated.exit(patience); code != 0 {
		t.Errorf("the terminated node ends with %d", code)
	}
	more(t, patience, 10, talkers...)
	stop()
	rest.Wait()
	if calls.Load() < 50 {
		t.Errorf("only %d calls were made", calls.Load())
	}
	for _, k := range talkers {
		k.mu.Lock()
		if slices.ContainsFunc(k.codes, func(code int) bool { return code != chat.CloseRestart }) || k.told != len(k.codes) {
			t.Errorf("%s: close codes %v, told %d times", k.name, k.codes, k.told)
		}
		k.mu.Unlock()
	}

	byName[nodes[1]].signal(syscall.SIGKILL)
	more(t, patience, 10, talkers...)
	if on := hosts(talkers); !slices.Equal(on, []string{nodes[2]}) {
		t.Errorf("the clients are on %v, want all on the last node", on)
	}
	audit(t, balancer, talkers...)
}

// hosts gives the names of the nodes that the talkers are on.
func hosts(talkers []*talker) []string {
	var on []string
	for _, k := range talkers {
		k.mu.Lock()
		on = append(on, k.hosts[len(k.hosts)-1])
		k.mu.Unlock()
	}
	slices.Sort(on)
	return slices.Compact(on)
}
