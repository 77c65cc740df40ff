package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// talker is a client that holds to the protocol: it reads a room and talks in
// it, without pause if nobody holds it up. When its socket ends it comes back,
// after the delay it was told or with full jitter, to the next node, and goes
// on from the last number it has; what it said and heard no answer to it says
// again under the same id.
type talker struct {
	person
	name  string // begins its client ids
	room  string
	every time.Duration // between an ack and the next message

	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	nodes   []string // where it may connect, in turn
	turn    int
	epoch   string
	got     []string          // client ids by number, got[0] is number 1
	acked   map[string]uint64 // number by client id
	said    int               // messages begun
	silent  bool              // begins no more
	pending string            // the id that waits for its answer
	codes   []int             // how its sockets ended
	told    int               // times it was told to reconnect
	refused map[string]int    // errors by code
	hosts   []string          // the nodes that welcomed it
	faults  []string          // what the server must never do
}

// talk starts a talker in a room that the person is a member of.
func (p person) talk(t *testing.T, name, room string, every time.Duration, nodes ...string) *talker {
	ctx, stop := context.WithCancel(context.Background())
	k := &talker{
		person: p, name: name, room: room, every: every, stop: stop, done: make(chan struct{}), nodes: nodes,
		acked: map[string]uint64{}, refused: map[string]int{},
	}
	go k.run(ctx)
	t.Cleanup(func() {
		stop()
		<-k.done
		if t.Failed() {
			t.Logf("talker %s: %d said, %d acked, %d got, pending %q, close codes %v, told %d times, refused %v, welcomed by %v",
				name, k.said, len(k.acked), len(k.got), k.pending, k.codes, k.told, k.refused, k.hosts)
		}
	})
	return k
}

func (k *talker) run(ctx context.Context) {
	defer close(k.done)
	for failures := 0; ctx.Err() == nil; {
		k.mu.Lock()
		addr := k.nodes[k.turn%len(k.nodes)]
		k.turn++
		k.mu.Unlock()
		welcomed, after := k.session(ctx, addr)
		if failures++; welcomed {
			failures = 0
		}
		if after == 0 {
			after = rand.N(min(100*time.Millisecond<<min(failures, 10), 3*time.Second))
		}
		select {
		case <-ctx.Done():
		case <-time.After(after):
		}
	}
}

// session is one socket; after is the delay that the server told.
func (k *talker) session(ctx context.Context, addr string) (welcomed bool, after time.Duration) {
	dialCtx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	ws, _, err := open(dialCtx, addr, dialing{token: k.Token})
	if err != nil {
		return false, 0
	}
	defer ws.CloseNow()
	in, gone := make(chan []byte), make(chan struct{})
	defer func() {
		ws.CloseNow()
		<-gone
	}()
	over, end := context.WithCancel(ctx)
	defer end()
	go func() {
		defer close(gone)
		defer close(in)
		for {
			_, data, err := ws.Read(context.Background())
			if err != nil {
				k.note(func() { k.codes = append(k.codes, closeCode(err)) }, ctx)
				return
			}
			select {
			case in <- data:
			case <-over.Done():
				return
			}
		}
	}()
	write := func(c cmd) {
		b, err := json.Marshal(c)
		if err == nil {
			err = ws.Write(over, websocket.MessageText, b)
		}
		if err != nil {
			ws.CloseNow() // the reader notices
		}
	}
	speak := time.NewTimer(time.Hour)
	defer speak.Stop()
	for {
		select {
		case <-ctx.Done():
			return welcomed, 0
		case <-speak.C:
			if id := k.next(); id != "" {
				write(cmd{"type": "post", "id": id, "room": k.room, "text": "I am " + id})
			} else {
				speak.Reset(5 * time.Millisecond)
			}
		case data, ok := <-in:
			if !ok {
				return welcomed, after
			}
			var f frame
			if err := json.Unmarshal(data, &f); err != nil {
				k.fault("no JSON: %s", data)
				continue
			}
			switch f.Type {
			case "welcome":
				welcomed = true
				k.note(func() { k.hosts = append(k.hosts, f.Node) }, ctx)
				write(k.joining())
			case "joined":
				speak.Reset(0)
			case "reconnect":
				after = max(time.Duration(f.AfterMS)*time.Millisecond, time.Millisecond)
				k.note(func() { k.told++ }, ctx)
			default:
				if delay, answered := k.take(f); answered {
					speak.Reset(delay)
				}
			}
		}
	}
}

// note changes the talker's notes, but for what its own end causes.
func (k *talker) note(change func(), ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ctx.Err() == nil {
		change()
	}
}

func (k *talker) fault(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults = append(k.faults, fmt.Sprintf(format, args...))
}

// joining goes on where the last socket ended.
func (k *talker) joining() cmd {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := cmd{"type": "join", "id": "join", "room": k.room, "since": len(k.got)}
	if k.epoch != "" {
		c["epoch"] = k.epoch
	}
	return c
}

// next gives the id to send: the one without an answer, or a new one.
func (k *talker) next() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pending == "" && !k.silent {
		k.said++
		k.pending = fmt.Sprintf("%s-%d", k.name, k.said)
	}
	return k.pending
}

// take notes a frame; answered says that the talker may go on after the delay.
func (k *talker) take(f frame) (delay time.Duration, answered bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case f.isLog():
		if k.epoch == "" {
			k.epoch = f.Epoch
		}
		if f.Epoch != k.epoch || f.Seq != uint64(len(k.got))+1 {
			k.faults = append(k.faults, fmt.Sprintf("after number %d came %d (%s)", len(k.got), f.Seq, f.ClientID))
			return 0, false
		}
		k.got = append(k.got, f.ClientID)
	case f.Type == "ack" && f.ID == k.pending:
		k.acked[f.ID] = f.Seq
		k.pending = ""
		return k.every, true
	case f.Type == "error" && f.ID == k.pending:
		k.refused[f.Code]++
		if f.RetryAfterMS == 0 {
			k.faults = append(k.faults, "refused for good: "+f.raw)
		}
		return max(time.Duration(f.RetryAfterMS)*time.Millisecond, 50*time.Millisecond), true
	case f.Type == "ping", f.Type == "membership": // a beat; the person entered another room
	default:
		k.faults = append(k.faults, fmt.Sprintf("unexpected: %+v", f))
	}
	return 0, false
}

func (k *talker) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.acked)
}

// moved tells talkers that there is one node now, at addr.
func moved(addr string, talkers ...*talker) {
	for _, k := range talkers {
		k.mu.Lock()
		k.nodes = []string{addr}
		k.mu.Unlock()
	}
}

// more waits until every talker had n more messages acked.
func more(t testing.TB, within time.Duration, n int, talkers ...*talker) {
	t.Helper()
	for _, k := range talkers {
		want := k.count() + n
		eventually(t, within, fmt.Sprintf("%s has %d acks", k.name, want), func() bool { return k.count() >= want })
	}
}

// audit lets the talkers come to an end and holds what they were told against
// the room's log, read at addr: every acked message is there once, under the
// number it was acked with, and every talker got the whole log, once, in order.
func audit(t testing.TB, addr string, talkers ...*talker) {
	t.Helper()
	for _, k := range talkers {
		k.mu.Lock()
		k.silent = true
		k.mu.Unlock()
	}
	for _, k := range talkers {
		eventually(t, patience, k.name+" has all answers", func() bool {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.pending == ""
		})
	}
	room := talkers[0].room
	log := talkers[0].log(t, addr, room)
	if err := orderly(log, 1); err != nil {
		t.Fatalf("the log of %s: %v", room, err)
	}
	numbers := map[string]uint64{}
	for _, e := range log {
		if e.Type == "message" && numbers[e.ClientID] != 0 {
			t.Errorf("%s is stored as %d and as %d", e.ClientID, numbers[e.ClientID], e.Seq)
		}
		numbers[e.ClientID] = e.Seq
	}
	for _, k := range talkers {
		eventually(t, patience, fmt.Sprintf("%s has got all of %d events", k.name, len(log)), func() bool {
			k.mu.Lock()
			defer k.mu.Unlock()
			return len(k.got) >= len(log) || len(k.faults) > 0
		})
		k.mu.Lock()
		for _, fault := range k.faults {
			t.Errorf("%s: %s", k.name, fault)
		}
		for id, seq := range k.acked {
			if numbers[id] != seq {
				t.Errorf("%s was acked as number %d, and is number %d", id, seq, numbers[id])
			}
		}
		for i, id := range k.got {
			if i < len(log) && log[i].ClientID != id {
				t.Errorf("%s got %q as number %d, which is %q", k.name, id, i+1, log[i].ClientID)
			}
		}
		if len(k.acked) != k.said {
			t.Errorf("%s said %d and was acked %d", k.name, k.said, len(k.acked))
		}
		k.mu.Unlock()
	}
}
