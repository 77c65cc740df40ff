package bus

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/internal/testenv"

	"github.com/redis/go-redis/v9"
)

// After an outage nobody wants to know who was typing during it.
func TestQueueDropsStaleEphemeral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1000, 1<<20)
		push := func(n int, life time.Duration) {
			for range n {
				it := item{envelope: []byte("x")}
				if life > 0 {
					it.until = time.Now().Add(life)
				}
				if err := q.push(it); err != nil {
					t.Fatal(err)
				}
			}
		}
		push(2*batchEvents, ephemeralLife)
		push(1, 0)
		time.Sleep(ephemeralLife + time.Millisecond)
		push(1, ephemeralLife)
		batch, stale := q.take(nil)
		if len(batch) != 2 || stale != 2*batchEvents {
			t.Errorf("took %d and dropped %d, want 2 and %d", len(batch), stale, 2*batchEvents)
		}
		if items, bytes := q.size(); items != 0 || bytes != 0 {
			t.Errorf("%d items of %d bytes are left", items, bytes)
		}
	})
}

// One pipeline is bounded by count and by bytes.
func TestQueueBatches(t *testing.T) {
	for size, want := range map[int]int{1: batchEvents, MaxEnvelope: batchBytes / MaxEnvelope} {
		q := newQueue(100, 100*MaxEnvelope)
		for i := range 100 {
			if err := q.push(item{partition: i, envelope: make([]byte, size)}); err != nil {
				t.Fatal(err)
			}
		}
		next := 0
		for batch, _ := q.take(nil); len(batch) > 0; batch, _ = q.take(batch) {
			if len(batch) != min(want, 100-next) {
				t.Errorf("after %d envelopes of %d bytes: a batch of %d, want %d", next, size, len(batch), want)
			}
			for _, it := range batch {
				if it.partition != next {
					t.Fatalf("item %d came as number %d", it.partition, next)
				}
				next++
			}
		}
		if next != 100 {
			t.Errorf("took %d of 100", next)
		}
	}
}

func TestQueueIsBounded(t *testing.T) {
	client := open(t, testenv.SharedRedis(t).Addr())
	r := new(recorder)
	b, err := NewRedis([]redis.UniversalClient{client}, r, "n0", slog.New(slog.DiscardHandler), Options{Key: testKey, Prefix: prefix(t), QueueEvents: 100})
	if err != nil {
		t.Fatal(err)
	}
	// Nothing is published before Run, so the queue fills.
	minor := Event{Topic: "room/1", Kind: Ephemeral, Frames: [][]byte{[]byte("typing")}}
	for i := range uint64(100) {
		if err := b.Publish(minor); (err == nil) != (i < 50) || err != nil && !errors.Is(err, ErrFull) {
			t.Fatalf("ephemeral event after %d others: %v", i, err)
		}
	}
	for i := range uint64(60) {
		if err := b.Publish(logEvent("room/1", i+1, "x")); (err == nil) != (i < 50) || err != nil && !errors.Is(err, ErrFull) {
			t.Fatalf("log event after %d others: %v", i+50, err)
		}
	}
	if s := b.Stats(); s.Queued != 100 || s.QueuedBytes == 0 || s.DroppedFull != 60 {
		t.Errorf("stats are %+v, want 100 queued and 60 dropped", s)
	}
	stop := run(t, b)
	eventually(t, "all is published", func() bool { return b.Stats().Published == 100 })
	stop()
	if s := b.Stats(); s.Queued != 0 || s.QueuedBytes != 0 {
		t.Errorf("%d events and %d bytes are queued, want none", s.Queued, s.QueuedBytes)
	}
	if err := b.Publish(minor); !errors.Is(err, ErrClosed) {
		t.Errorf("Publish after the end gives %v, want ErrClosed", err)
	}
}

// What was published before the end of Run still goes out.
func TestRunFlushes(t *testing.T) {
	client := open(t, testenv.SharedRedis(t).Addr())
	r := new(recorder)
	node(t, client, r, "listener", Options{Key: testKey, Prefix: prefix(t)})
	b, err := NewRedis([]redis.UniversalClient{client}, new(recorder), "leaver", slog.New(slog.DiscardHandler), Options{Key: testKey, Prefix: prefix(t)})
	if err != nil {
		t.Fatal(err)
	}
	const n = 1000
	for i := range uint64(n) {
		publish(t, b, logEvent("room/1", i+1, "x"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Run(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all arrive", func() bool { return r.count() == n })
}

func BenchmarkRedis(b *testing.B) {
	client := open(b, testenv.SharedRedis(b).Addr())
	r := &counter{}
	bus, _ := node(b, client, r, "n0", Options{Key: testKey, Prefix: prefix(b)})
	e := logEvent("room/0199a0c4-8a4f-7cc0-8000-000000000001", 0, strings.Repeat("x", 300))
	b.ReportAllocs()
	for b.Loop() {
		e.First++
		for errors.Is(bus.Publish(e), ErrFull) {
			time.Sleep(100 * time.Microsecond)
		}
	}
	eventually(b, "all arrive", func() bool { return r.events.Load() == e.First })
}
