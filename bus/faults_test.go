package bus

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubbub/internal/testenv"

	"github.com/redis/go-redis/v9"
)

// counter is a receiver that only counts.
type counter struct{ events atomic.Uint64 }

func (c *counter) Deliver(Event) { c.events.Add(1) }
func (c *counter) Missed(int)    {}

func TestServerComesBackEmpty(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	r := new(recorder)
	b, log := node(t, open(t, server.Addr()), r, "n0", quick)
	if got := r.leastMissed(); got != 1 {
		t.Errorf("the first subscription marked a partition missed %d times, want 1", got)
	}

	server.Kill(t)
	eventually(t, "the loss shows", func() bool { return !b.Healthy() })
	if b.State().Reason == "" {
		t.Error("no reason is given")
	}
	// The link's end and each new subscription are gaps.
	eventually(t, "all partitions are missed", func() bool { return r.leastMissed() == 2 })
	publish(t, b, logEvent("room/1", 1, "into the void"))
	eventually(t, "the event is given up", func() bool { return b.Stats().DroppedFailed == 1 })

	server.Start(t)
	eventually(t, "the bus is live", b.Healthy)
	if got := r.leastMissed(); got < 3 {
		t.Errorf("a partition was marked missed %d times, want 3 at least", got)
	}
	publish(t, b, logEvent("room/1", 2, "back"))
	eventually(t, "an event arrives", func() bool { return r.count() == 1 })

	// Live, degraded, live; and nothing for the tries in between.
	if lines := log.lines(); len(lines) != 3 || !strings.Contains(lines[1], "degraded") {
		t.Errorf("the log has\n%s\nwant three lines", strings.Join(lines, "\n"))
	}
}

func TestServerRestartsAtOnce(t *testing.T) {
	server := testenv.Redis(t)
	r := new(recorder)
	b, _ := node(t, open(t, server.Addr()), r, "n0", quick)
	server.RestartEmpty(t)
	eventually(t, "all partitions are missed again", func() bool { return r.leastMissed() >= 3 })
	eventually(t, "the bus is live", b.Healthy)
	publish(t, b, logEvent("room/1", 1, "x"))
	eventually(t, "an event arrives", func() bool { return r.count() == 1 })
}

func TestSubscriberIsKilled(t *testing.T) {
	client := open(t, testenv.Redis(t).Addr())
	r := new(recorder)
	b, _ := node(t, client, r, "n0", quick)
	for i := range uint64(3) {
		before := r.leastMissed()
		if err := client.Do(t.Context(), "client", "kill", "type", "pubsub").Err(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "all partitions are missed, at the end and after it", func() bool { return r.leastMissed() >= before+2 })
		eventually(t, "the bus is live", b.Healthy)
		publish(t, b, logEvent("room/1", i+1, "x"))
		eventually(t, "an event arrives", func() bool { return r.count() == int(i)+1 })
	}
	if s := b.Stats(); s.Reopened != 3 || s.Subscribed != 4*Partitions || s.Lag <= 0 {
		t.Errorf("stats are %+v, want 3 reopened, %d subscribed and a lag", s, 4*Partitions)
	}
}

// A paused server keeps its connections open and says nothing.
func TestServerHangs(t *testing.T) {
	server := testenv.Redis(t)
	r := new(recorder)
	b, _ := node(t, open(t, server.Addr()), r, "n0", quick)
	server.Pause(t)
	eventually(t, "the silence shows", func() bool { return !b.Healthy() })
	server.Continue(t)
	eventually(t, "the bus is live", b.Healthy)
	before := r.count()
	publish(t, b, logEvent("room/1", 1, "x"))
	eventually(t, "an event arrives", func() bool { return r.count() > before })
}

// Bytes vanish and no connection ends: only the canary can tell.
func TestLinkIsBlackHole(t *testing.T) {
	p := newProxy(t, testenv.SharedRedis(t).Addr())
	o := quick
	o.Prefix = prefix(t)
	r := new(recorder)
	b, _ := node(t, open(t, p.addr()), r, "n0", o)
	before := r.leastMissed()

	p.swallow(true)
	start := time.Now()
	eventually(t, "the silence shows", func() bool { return !b.Healthy() && r.leastMissed() > before })
	if d := time.Since(start); d > 3*o.Timeout {
		t.Errorf("noticed after %v with a timeout of %v", d, o.Timeout)
	}
	p.swallow(false)
	eventually(t, "the bus is live", b.Healthy)
	if got := r.leastMissed(); got < before+2 {
		t.Errorf("a partition was marked missed %d times since, want 2 at least", got-before)
	}
	publish(t, b, logEvent("room/1", 1, "x"))
	eventually(t, "an event arrives", func() bool { return r.count() == 1 })
}

// Run ends within its time limits whatever Redis does.
func TestRunEndsOverABlackHole(t *testing.T) {
	t.Parallel()
	p := newProxy(t, testenv.SharedRedis(t).Addr())
	b, err := NewRedis([]redis.UniversalClient{open(t, p.addr())}, new(recorder), "n0", slog.New(slog.DiscardHandler), Options{Key: testKey, Prefix: prefix(t)})
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, b)
	eventually(t, "the bus is live", b.Healthy)
	p.swallow(true)
	for i := range uint64(10_000) {
		publish(t, b, logEvent("room/1", i+1, "x"))
	}
	start := time.Now()
	stop()
	if d := time.Since(start); d > sendTimeout+flushTimeout+time.Second {
		t.Errorf("Run ended after %v", d)
	}
	if s := b.Stats(); s.Queued != 0 || s.Published+s.DroppedFailed != 10_000 {
		t.Errorf("stats are %+v, want every event published or dropped", s)
	}
}

// proxy stands between a client and a server. While it swallows, it takes all
// bytes and passes none; connections of that time stay dead after it.
type proxy struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	mu         sync.Mutex
	swallowing bool
	conns      map[*proxied]bool
}

type proxied struct {
	client, server net.Conn
	dead           atomic.Bool
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, conns: make(map[*proxied]bool)}
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) swallow(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallowing = on
	for c := range p.conns {
		c.dead.Store(true)
	}
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		_, _ = c.client.Close(), c.server.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		c := &proxied{client: client, server: server}
		p.mu.Lock()
		c.dead.Store(p.swallowing)
		p.conns[c] = true
		p.mu.Unlock()
		p.wg.Go(func() { p.pass(c, c.client, c.server) })
		p.wg.Go(func() { p.pass(c, c.server, c.client) })
	}
}

// pass copies one direction until either end closes.
func (p *proxy) pass(c *proxied, from io.Reader, to io.Writer) {
	defer func() { _, _ = c.client.Close(), c.server.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if c.dead.Load() {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
