package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// readyAge is how old an answer of /readyz may be.
//
// noticedWithin is when a node says that it is degraded: the watchdog's 3 s,
// that age, and a little for asking. liveWithin is when it is live again by itself: the
// longest wait between two tries to subscribe, and the first canary.
const (
	readyAge      = time.Second
	noticedWithin = 3*time.Second + readyAge + 500*time.Millisecond
	liveWithin    = 6 * time.Second
)

func redisFaults() []fault {
	return []fault{
		away("Redis killed, restarted empty",
			func(a *attack) { a.redis[0].Kill(a.t) }, func(a *attack) { a.redis[0].StartEmpty(a.t) }, 2*time.Second, 10*time.Second),
		away("Redis stopped, then continued",
			func(a *attack) { a.redis[0].Pause(a.t) }, func(a *attack) { a.redis[0].Continue(a.t) }, 4*time.Second, 10*time.Second),
		{
			name:   "subscriptions killed every 200 ms",
			strike: killSubscriptions,
			proof: func(a *attack, r *Report) string {
				// Each loss is noticed, but two within one try count once.
				if a.note["killed"] < 9 || a.note["reopened"] < 9 {
					return fmt.Sprintf("%v links killed, %v opened again", a.note["killed"], a.note["reopened"])
				}
				return ""
			},
			steady: true,
		},
		halfOpen("half-open link to Redis", fleetOptions{Cables: true}, func(n *fleetNode) way { return n.redis }),
		halfOpen("link to Redis whose bytes nobody acknowledges", fleetOptions{Filters: true}, func(n *fleetNode) way { return n.redisFilter }),
		{
			name:   "two halves on two Redis",
			fleet:  fleetOptions{Nodes: 4, Redis: 2},
			strike: func(a *attack) { time.Sleep(a.lasts(4*time.Second, 15*time.Second)) },
			proof: func(a *attack, r *Report) string {
				published := a.metric("hubbub_bus_published_total")
				for _, n := range a.nodes {
					if got := n.metric("hubbub_bus_received_total"); got == 0 || got > 0.8*published {
						return fmt.Sprintf("%s heard %v of %v events", n.name, got, published)
					}
				}
				return ""
			},
			steady: true,
		},
	}
}

// away is a fault that takes Redis away from all nodes for a while. Meanwhile
// they say so, and that they do not know who is online; then all is as before.
func away(name string, off, on func(*attack), short, long time.Duration) fault {
	return fault{
		name: name,
		strike: func(a *attack) {
			here, there := a.guest(a.nodes[0], "here"), a.guest(a.nodes[1], "there")
			room := a.room(a.nodes[0], here, there)
			w := a.connect(a.nodes[0], here)
			a.connect(a.nodes[1], there)
			w.watch(room)
			w.sees(5*time.Second, "known", here, there)
			reopened := a.metric("hubbub_bus_reopened_total")
			a.wait(500 * time.Millisecond)

			start := time.Now()
			off(a)
			a.note["noticed_s"] = a.until(noticedWithin, "all nodes say that they are degraded", a.allDegraded).Seconds()
			w.sees(noticedWithin, "unknown")
			time.Sleep(time.Until(start.Add(a.lasts(short, long))))
			if !a.allDegraded() {
				a.errorf("a node is not degraded any more while Redis is away")
			}
			on(a)
			a.recovered(liveWithin, "all nodes are live", func() bool { return a.metric("hubbub_bus_live") == float64(len(a.nodes)) })
			a.until(readyAge+time.Second, "all nodes say that they are well", func() bool {
				return !slices.ContainsFunc(a.nodes, func(n *fleetNode) bool {
					status, failing := n.ready()
					return status != 200 || len(failing) > 0
				})
			})
			// Never "offline" for somebody of whom it is only not known yet.
			w.seesNext(liveWithin, "known", here, there)
			a.note["reopened"] = a.metric("hubbub_bus_reopened_total") - reopened
		},
		proof: func(a *attack, r *Report) string {
			if a.note["reopened"] < 3 {
				return fmt.Sprintf("%v subscriptions were opened again", a.note["reopened"])
			}
			return ""
		},
		steady: true,
	}
}

// allDegraded tells whether every node serves and says that it does so without
// the bus.
func (f *fleet) allDegraded() bool {
	for _, n := range f.nodes {
		if !n.degraded() {
			return false
		}
	}
	return true
}

// dialRedis opens a client of the first Redis for the fault itself.
func (f *fleet) dialRedis() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: f.redis[0].Addr(), ContextTimeoutEnabled: true, WriteTimeout: 10 * time.Second})
	f.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			f.t.Errorf("close the client: %v", err)
		}
	})
	return c
}

func killSubscriptions(a *attack) {
	c := a.dialRedis()
	reopened := a.metric("hubbub_bus_reopened_total")
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); time.Since(start) < a.lasts(5*time.Second, 30*time.Second); <-tick.C {
		n, err := c.Do(a.t.Context(), "CLIENT", "KILL", "TYPE", "pubsub").Int()
		if err != nil {
			a.t.Fatal(err)
		}
		a.note["killed"] += float64(n)
	}
	a.recovered(liveWithin, "all nodes are live", func() bool { return a.metric("hubbub_bus_live") == float64(len(a.nodes)) })
	a.note["reopened"] = a.metric("hubbub_bus_reopened_total") - reopened
}

// halfOpen is a fault that lets nothing through between one node and Redis,
// without an end of any connection; the other nodes go on.
func halfOpen(name string, fleet fleetOptions, of func(*fleetNode) way) fault {
	return fault{
		name: name, fleet: fleet,
		strike: func(a *attack) {
			n := a.nodes[0]
			link := of(n)
			here, there := a.guest(n, "here"), a.guest(n, "there")
			room := a.room(n, here, there)
			w := a.connect(n, here)
			a.connect(a.nodes[1], there)
			w.watch(room)
			w.sees(5*time.Second, "known", here, there)
			reopened := n.metric("hubbub_bus_reopened_total")
			link.Hole()
			start := time.Now()
			a.note["noticed_s"] = a.until(noticedWithin, "the node says that it is degraded", n.degraded).Seconds()
			w.sees(noticedWithin, "unknown")
			time.Sleep(time.Until(start.Add(a.lasts(5*time.Second, 15*time.Second))))
			for _, other := range a.nodes[1:] {
				if status, failing := other.ready(); status != 200 || len(failing) > 0 {
					a.errorf("%s, whose link is well: %d, failing %v", other.name, status, failing)
				}
			}
			a.note["held"] = link.Held()
			link.Flow()
			a.recovered(liveWithin, "the node is live", func() bool { return n.metric("hubbub_bus_live") == 1 })
			w.seesNext(liveWithin, "known", here, there)
			a.note["reopened"] = n.metric("hubbub_bus_reopened_total") - reopened
			if !strings.Contains(n.Log(), "bus is degraded") {
				a.errorf("the node has not logged that it was degraded")
			}
		},
		proof: func(a *attack, r *Report) string {
			if a.note["held"] == 0 || a.note["reopened"] == 0 {
				return fmt.Sprintf("%v pieces of data held back, %v subscriptions opened again", a.note["held"], a.note["reopened"])
			}
			return ""
		},
		steady: true,
	}
}
