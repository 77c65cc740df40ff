package bus

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubbub/internal/testenv"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

type publisher interface{ Publish(Event) error }

// recorder is a receiver that keeps everything, and complains when one
// partition calls it twice at a time.
type recorder struct {
	busy     [Partitions]atomic.Bool
	overlaps atomic.Int64

	mu     sync.Mutex
	events []Event
	missed [Partitions]int
}

func (r *recorder) enter(partition int) func() {
	if !r.busy[partition].CompareAndSwap(false, true) {
		r.overlaps.Add(1)
	}
	return func() { r.busy[partition].Store(false) }
}

func (r *recorder) Deliver(e Event) {
	defer r.enter(e.Topic.Partition())()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) Missed(partition int) {
	defer r.enter(partition)()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missed[partition]++
}

func (r *recorder) topic(topic Topic) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var events []Event
	for _, e := range r.events {
		if e.Topic == topic {
			events = append(events, e)
		}
	}
	return events
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}

// leastMissed is how often the partition was missed that was missed least.
func (r *recorder) leastMissed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	least := r.missed[0]
	for _, n := range r.missed {
		least = min(least, n)
	}
	return least
}

// eventually waits until a condition holds; 10 s are for slow machines.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func publish(t testing.TB, p publisher, e Event) {
	t.Helper()
	if err := p.Publish(e); err != nil {
		t.Fatalf("publish %s %d: %v", e.Topic, e.First, err)
	}
}

// testBus is what every bus keeps. start makes a deployment with one node per
// receiver and returns once it is live.
func testBus(t *testing.T, start func(*testing.T, ...Receiver) []publisher) {
	nodes := func(t *testing.T, n int) ([]publisher, []*recorder) {
		var receivers []Receiver
		var recorders []*recorder
		for range n {
			r := new(recorder)
			receivers, recorders = append(receivers, r), append(recorders, r)
		}
		t.Cleanup(func() {
			for i, r := range recorders {
				if n := r.overlaps.Load(); n > 0 {
					t.Errorf("node %d: %d overlapping calls for one partition", i, n)
				}
			}
		})
		return start(t, receivers...), recorders
	}

	t.Run("every node gets every kind as it was", func(t *testing.T) {
		buses, recorders := nodes(t, 3)
		sent := []Event{
			{Topic: "room/1", Kind: Log, Epoch: "e", First: 5, Frames: [][]byte{[]byte(`{"seq":5}`), []byte("\x00\xff")}},
			{Topic: "room/1", Kind: Ephemeral, Frames: [][]byte{[]byte("typing")}},
			{Topic: "user/1", Kind: Control, Frames: [][]byte{[]byte("session ended")}},
			{Topic: "room/2", Kind: Log, Epoch: "é", First: MaxSeq, Frames: [][]byte{[]byte("last")}},
		}
		before := time.Now().UnixMicro()
		for _, e := range sent {
			publish(t, buses[1], e)
		}
		for i, r := range recorders {
			eventually(t, fmt.Sprintf("node %d has all", i), func() bool { return r.count() == len(sent) })
			for _, topic := range []Topic{"room/1", "user/1", "room/2"} {
				var want []Event
				for _, e := range sent {
					if e.Topic == topic {
						want = append(want, e)
					}
				}
				got := r.topic(topic)
				if d := cmp.Diff(want, got, cmpopts.IgnoreFields(Event{}, "At", "Node")); d != "" {
					t.Errorf("node %d, %s: %s", i, topic, d)
				}
				for _, e := range got {
					if e.At < before || e.At > time.Now().UnixMicro() {
						t.Errorf("node %d: published at %d, not between %d and now", i, e.At, before)
					}
				}
			}
		}
	})

	t.Run("a topic stays in order", func(t *testing.T) {
		const topics, each = 20, 100
		buses, recorders := nodes(t, 2)
		var wg sync.WaitGroup
		for n := range topics {
			wg.Go(func() { // one writer per topic, as for a room
				for seq := range uint64(each) {
					e := logEvent(Topic(fmt.Sprint("room/", n)), seq+1, fmt.Sprint(n, " ", seq+1))
					if err := buses[n%len(buses)].Publish(e); err != nil {
						t.Errorf("publish: %v", err)
					}
				}
			})
		}
		wg.Wait()
		for i, r := range recorders {
			eventually(t, fmt.Sprintf("node %d has all", i), func() bool { return r.count() == topics*each })
			for n := range topics {
				for k, e := range r.topic(Topic(fmt.Sprint("room/", n))) {
					want := fmt.Sprint(n, " ", k+1)
					if e.First != uint64(k+1) || string(e.Frames[0]) != want {
						t.Fatalf("node %d: event %d of room %d is %d %q, want %q", i, k, n, e.First, e.Frames[0], want)
					}
				}
			}
		}
	})

	t.Run("a frame of 100 KiB", func(t *testing.T) {
		buses, recorders := nodes(t, 2)
		frame := bytes.Repeat([]byte("0123456789abcdef"), 100<<10/16)
		publish(t, buses[0], Event{Topic: "room/big", Kind: Log, Epoch: "e", First: 1, Frames: [][]byte{frame}})
		for i, r := range recorders {
			eventually(t, "the frame arrives", func() bool { return r.count() == 1 })
			if !bytes.Equal(r.topic("room/big")[0].Frames[0], frame) {
				t.Errorf("node %d got another frame", i)
			}
		}
	})

	t.Run("bad events are refused", func(t *testing.T) {
		buses, recorders := nodes(t, 1)
		for want, e := range map[error]Event{
			ErrTooLarge:  logEvent("room/1", 1, strings.Repeat("x", MaxEnvelope)),
			ErrMalformed: {Topic: "room/1", Kind: Log, First: 1, Frames: [][]byte{[]byte("no epoch")}},
			ErrSeq:       logEvent("room/1", MaxSeq+1, "x"),
		} {
			if err := buses[0].Publish(e); !errors.Is(err, want) {
				t.Errorf("Publish gives %v, want %v", err, want)
			}
		}
		publish(t, buses[0], logEvent("room/1", 1, "good"))
		eventually(t, "the good event arrives", func() bool { return recorders[0].count() > 0 })
		if got := recorders[0].topic("room/1"); len(got) != 1 || string(got[0].Frames[0]) != "good" {
			t.Errorf("got %+v, want the good event alone", got)
		}
	})
}

func TestLocal(t *testing.T) {
	testBus(t, func(_ *testing.T, receivers ...Receiver) []publisher {
		l := NewLocal(receivers[0])
		for _, r := range receivers[1:] {
			l.Attach(r)
		}
		buses := make([]publisher, len(receivers))
		for i := range buses {
			buses[i] = l
		}
		return buses
	})
}
