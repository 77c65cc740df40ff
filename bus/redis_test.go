package bus

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"hubbub/internal/testenv"

	"github.com/redis/go-redis/v9"
)

// testKey seals the envelopes of all tests.
var testKey = []byte("a key of the tests")

// quick are options with which a fault is noticed within half a second.
var quick = Options{Key: testKey, Canary: 50 * time.Millisecond, Timeout: 400 * time.Millisecond}

// open opens a client as the process's pool does, with short time limits.
func open(t testing.TB, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{
		Addr:                  addr,
		ContextTimeoutEnabled: true,
		DialTimeout:           300 * time.Millisecond,
		ReadTimeout:           300 * time.Millisecond,
		WriteTimeout:          300 * time.Millisecond,
	})
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close the client: %v", err)
		}
	})
	return c
}

// logLines is a log that tests can read.
type logLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logLines) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.buf.String()), "\n")
}

// run runs a bus until stop is called, which waits for its end, or the test's end.
func run(t testing.TB, b *Redis) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run did not end within 10 s")
		}
	})
	t.Cleanup(stop)
	return stop
}

// node starts a node and waits until its bus is live.
func node(t testing.TB, client redis.UniversalClient, r Receiver, name string, o Options) (*Redis, *logLines) {
	t.Helper()
	log := new(logLines)
	b, err := NewRedis([]redis.UniversalClient{client}, r, name, slog.New(slog.NewTextHandler(log, nil)), o)
	if err != nil {
		t.Fatal(err)
	}
	run(t, b)
	eventually(t, name+" is live", b.Healthy)
	return b, log
}

// prefix keeps tests that share a server apart.
func prefix(t testing.TB) string { return t.Name() + ":" }

func TestRedis(t *testing.T) {
	server := testenv.SharedRedis(t)
	testBus(t, func(t *testing.T, receivers ...Receiver) []publisher {
		var buses []publisher
		for i, r := range receivers {
			b, _ := node(t, open(t, server.Addr()), r, fmt.Sprint("n", i), Options{Key: testKey, Prefix: prefix(t)})
			buses = append(buses, b)
		}
		return buses
	})
}

func TestSeveralRedis(t *testing.T) {
	t.Parallel()
	servers := []*testenv.RedisServer{testenv.SharedRedis(t), testenv.Redis(t)}
	testBus(t, func(t *testing.T, receivers ...Receiver) []publisher {
		var buses []publisher
		for i, r := range receivers {
			clients := []redis.UniversalClient{open(t, servers[0].Addr()), open(t, servers[1].Addr())}
			b, err := NewRedis(clients, r, fmt.Sprint("n", i), slog.New(slog.DiscardHandler), Options{Key: testKey, Prefix: prefix(t)})
			if err != nil {
				t.Fatal(err)
			}
			run(t, b)
			eventually(t, "both servers are heard", b.Healthy)
			buses = append(buses, b)
		}
		return buses
	})
}

func TestRedisCluster(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t, "--cluster-enabled", "yes")
	direct := open(t, server.Addr())
	if err := direct.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cluster serves all slots", func() bool {
		info, err := direct.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
	dial := func(t *testing.T) *redis.ClusterClient {
		c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{server.Addr()}, ContextTimeoutEnabled: true})
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Errorf("close the client: %v", err)
			}
		})
		return c
	}
	testBus(t, func(t *testing.T, receivers ...Receiver) []publisher {
		var buses []publisher
		for i, r := range receivers {
			b, _ := node(t, dial(t), r, fmt.Sprint("n", i), Options{Key: testKey, Prefix: prefix(t)})
			buses = append(buses, b)
		}
		return buses
	})
	t.Run("a slot that has gone is subscribed anew", func(t *testing.T) {
		r := new(recorder)
		b, _ := node(t, dial(t), r, "n0", quick)
		before := r.leastMissed()
		// A server that loses a slot ends its subscriptions there.
		if err := direct.ClusterDelSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the loss shows", func() bool { return !b.Healthy() })
		if err := direct.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the bus is live", b.Healthy)
		if r.leastMissed() <= before {
			t.Error("a partition was not marked missed")
		}
		publish(t, b, logEvent("room/1", 1, "x"))
		eventually(t, "an event arrives", func() bool { return r.count() == 1 })
	})
}

func TestNewRedisRefuses(t *testing.T) {
	good := redis.NewClient(&redis.Options{ContextTimeoutEnabled: true})
	limitless := redis.NewClient(&redis.Options{})
	ring := redis.NewRing(&redis.RingOptions{ContextTimeoutEnabled: true})
	for _, c := range []redis.UniversalClient{good, limitless, ring} {
		defer c.Close()
	}
	tests := map[string]struct {
		client redis.UniversalClient
		node   string
		o      Options
	}{
		"no node name":        {good, "", Options{Key: testKey}},
		"long node name":      {good, strings.Repeat("n", MaxName+1), Options{Key: testKey}},
		"brace in the prefix": {good, "n", Options{Key: testKey, Prefix: "a{b"}},
		"impatient watchdog":  {good, "n", Options{Key: testKey, Canary: time.Second, Timeout: time.Second}},
		"tiny queue":          {good, "n", Options{Key: testKey, QueueBytes: 1000}},
		"no context timeouts": {limitless, "n", Options{Key: testKey}},
		"a ring":              {ring, "n", Options{Key: testKey}},
		"short key":           {good, "n", Options{Key: testKey[:15]}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := NewRedis([]redis.UniversalClient{tt.client}, new(recorder), tt.node, slog.New(slog.DiscardHandler), tt.o); err == nil {
				t.Error("accepted")
			}
		})
	}
	if _, err := NewRedis([]redis.UniversalClient{good}, new(recorder), "n", slog.New(slog.DiscardHandler), Options{Key: testKey}); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

// Whoever reaches Redis can publish on our channels.
func TestOddInputIsCounted(t *testing.T) {
	client := open(t, testenv.SharedRedis(t).Addr())
	r := new(recorder)
	b, _ := node(t, client, r, "n0", Options{Key: testKey, Prefix: prefix(t)})
	encode := func(e Event) []byte {
		out, err := Encode(nil, e)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	good := encode(logEvent("room/1", 1, "good"))
	highSeq := bytes.Clone(good)
	highSeq[8] = 0x80
	home := b.links[0].names[Topic("room/1").Partition()]
	elsewhere := b.links[0].names[(Topic("room/1").Partition()+1)%Partitions]
	sealed := func(envelope []byte) []byte {
		out := append(make([]byte, sealSize), envelope...)
		b.seals.seal(out)
		return out
	}
	forged := sealed(good)
	forged[len(forged)-1] ^= 1
	for _, m := range []struct {
		channel string
		payload []byte
	}{
		{home, sealed(append([]byte{2}, good[1:]...))},
		{home, sealed(good[:20])},
		{home, sealed(nil)},
		{home, nil},
		{home, good},
		{home, forged},
		{home, make([]byte, sealSize+MaxEnvelope+1)},
		{home, sealed(highSeq)},
		{elsewhere, sealed(good)},
		{b.links[0].canary, []byte("tweet")},
		{home, sealed(good)},
	} {
		if err := client.Publish(t.Context(), m.channel, m.payload).Err(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the good one arrives", func() bool { return r.count() == 1 })
	got := b.Stats()
	got = Stats{BadVersion: got.BadVersion, BadMalformed: got.BadMalformed, BadTooLarge: got.BadTooLarge,
		BadSeq: got.BadSeq, BadSeal: got.BadSeal, BadChannel: got.BadChannel, Received: got.Received}
	want := Stats{BadVersion: 1, BadMalformed: 3, BadTooLarge: 1, BadSeq: 1, BadSeal: 3, BadChannel: 1, Received: 1}
	if got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	if !b.Healthy() {
		t.Error("odd input has made the bus unhealthy")
	}
}
