package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"hubbub/chat/wire"
)

// crowd is the clients of a load against one target, the nodes or the floor,
// and the ledgers of their rooms.
type crowd struct {
	target string  // "nodes" or "floor"
	groups []group // whose cost belongs to it
	o      loadOptions
	nodes  []string
	now    func() time.Duration
	mint   *mint
	poller *poller

	rooms   []*ledger
	members [][]*guest // of each room
	guests  []*guest

	meter    atomic.Pointer[meter]
	ready    atomic.Int64 // guests that follow all their rooms and have read what was there
	ends     statusCount  // ends of connections by code or cause
	refusals statusCount  // errors over sockets by code
	strays   atomic.Int64 // events of rooms that the client does not follow

	last lastMessage // owned by the poller's goroutine

	mu     sync.Mutex
	limits *wire.Limits
	named  map[string]bool // nodes, by the name that welcomes told
}

// connectParallel is how many handshakes are under way at the same time.
const connectParallel = 32

// newCrowd makes the clients of rooms that are there; none is connected.
func newCrowd(target string, nodes []string, o loadOptions, now func() time.Duration, m *mint, users []account, rooms []string) (*crowd, error) {
	p, err := newPoller(now)
	if err != nil {
		return nil, err
	}
	c := &crowd{target: target, o: o, nodes: nodes, now: now, mint: m, poller: p, named: make(map[string]bool)}
	c.meter.Store(newMeter())
	for i, u := range users {
		c.guests = append(c.guests, &guest{crowd: c, index: i, acct: u, follows: make(map[string]*follower)})
	}
	for i, id := range rooms {
		l := &ledger{name: id, index: i}
		var members []*guest
		for k, m := range o.members(i) {
			g := c.guests[m]
			members = append(members, g)
			if o.Readers == 0 || k < o.Readers {
				g.follows[id] = l.follow(fmt.Sprintf("client %d", m))
			}
		}
		c.rooms = append(c.rooms, l)
		c.members = append(c.members, members)
	}
	return c, nil
}

func (c *crowd) close() { c.poller.close() }

// connect brings everybody who has no socket to where they were, and waits
// until they follow their rooms.
func (c *crowd) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.setupTime())
	defer cancel()
	for {
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(connectParallel)
		for _, guest := range c.guests {
			if !guest.connected() {
				g.Go(func() error { return guest.insist(gctx) })
			}
		}
		if err := g.Wait(); err != nil {
			return err
		}
		all := func() bool { return c.ready.Load() == int64(len(c.guests)) }
		if err := c.await(ctx, "could not join their rooms", func() bool { return all() || !c.allConnected() }); err != nil {
			return err
		}
		if all() {
			return nil
		}
		if !sleep(ctx, backoffFirst) { // some were thrown out again
			return fmt.Errorf("clients could not stay connected: %v", c.ends.all())
		}
	}
}

// await waits for a condition until ctx ends, and says then what was not so.
func (c *crowd) await(ctx context.Context, what string, ok func() bool) error {
	for !ok() {
		if !sleep(ctx, 5*time.Millisecond) {
			return fmt.Errorf("%d of %d clients %s (connections ended: %v, refused: %v)",
				int64(len(c.guests))-c.ready.Load(), len(c.guests), what, c.ends.all(), c.refusals.all())
		}
	}
	return nil
}

func (c *crowd) allConnected() bool {
	return !slices.ContainsFunc(c.guests, func(g *guest) bool { return !g.connected() })
}

// behind is how many events have not come to followers who are there, of all
// that anybody was told of, and how many to the slowest.
func (c *crowd) behind() (all, most uint64) {
	for _, l := range c.rooms {
		a, m := l.behind()
		all, most = all+a, max(most, m)
	}
	return all, most
}

// found sums up what the ledgers found wrong.
func (c *crowd) found() (sum tally, first [kinds]*Fault) {
	for _, l := range c.rooms {
		t, f := l.found()
		sum.add(t)
		for k := range f {
			if f[k] != nil && (first[k] == nil || f[k].At < first[k].At) {
				first[k] = f[k]
			}
		}
	}
	return sum, first
}

// welcome notes what a server says of itself.
func (c *crowd) welcome(w wire.Welcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.named) < maxNames {
		c.named[w.Node] = true
	}
	if c.limits == nil {
		c.limits = &w.Limits
	}
}

// checkLimits refuses a rate that the server's own limits forbid.
func (c *crowd) checkLimits() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	writers := 0
	for i := range c.rooms {
		writers += len(c.writers(i))
	}
	each := c.o.Rate / float64(max(1, min(writers, len(c.guests))))
	if l := c.limits; writers > 0 && l != nil && l.RatePerS > 0 && each > 0.9*l.RatePerS {
		return fmt.Errorf("each client would send %.0f frames per second, the server takes %.0f: %s", each, l.RatePerS, limitsHint)
	}
	return nil
}

// lastMessage is the last message of ours that was read, and where its frame
// puts it.
type lastMessage struct {
	data, epoch []byte
	room        *ledger
	seq         uint64
	n           uint32
}

func (l *lastMessage) set(data []byte, room *ledger, f flatFrame, n uint32) {
	l.data, l.epoch = append(l.data[:0], data...), append(l.epoch[:0], f.epoch...)
	l.room, l.seq, l.n = room, f.seq, n
}
