package bus

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hubbub/internal/testenv"
)

func TestQueueIsBounded(t *testing.T) {
	client := open(t, testenv.SharedRedis(t).Addr())
	r := new(recorder)
	b, err := NewRedis(client, r, "n0", slog.New(slog.DiscardHandler), Options{Prefix: prefix(t), QueueEvents: 100})
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
	node(t, client, r, "listener", Options{Prefix: prefix(t)})
	b, err := NewRedis(client, new(recorder), "leaver", slog.New(slog.DiscardHandler), Options{Prefix: prefix(t)})
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
	bus, _ := node(b, client, r, "n0", Options{Prefix: prefix(b)})
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
