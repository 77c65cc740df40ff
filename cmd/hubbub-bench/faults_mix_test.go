package main

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// trouble is a fault of the random mix: what it does to one part, and how that
// is undone.
type trouble struct {
	name    string
	part    string // two troubles of one part are not made at the same time
	off, on func(a *attack, n *fleetNode)
}

// troubles are in the order in which they are undone: a node needs the servers
// to start.
func troubles() []trouble {
	none := func(*attack, *fleetNode) {}
	return []trouble{
		{"mariadbd killed", "sql",
			func(a *attack, _ *fleetNode) { a.sql.Kill(a.t) }, func(a *attack, _ *fleetNode) { a.sql.Start(a.t) }},
		{"mariadbd stopped", "sql",
			func(a *attack, _ *fleetNode) { a.sql.Pause(a.t) }, func(a *attack, _ *fleetNode) { a.sql.Continue(a.t) }},
		{"mariadbd read-only", "sql",
			func(a *attack, _ *fleetNode) { a.exec(a.admin(), "SET GLOBAL read_only = 1") },
			func(a *attack, _ *fleetNode) { a.exec(a.admin(), "SET GLOBAL read_only = 0") }},
		{"SQL connections killed", "sql",
			func(a *attack, _ *fleetNode) { a.exec(a.admin(), "KILL USER "+a.sqlUser) },
			func(a *attack, _ *fleetNode) { a.exec(a.admin(), "KILL USER "+a.sqlUser) }},
		{"Redis killed, restarted empty", "redis",
			func(a *attack, _ *fleetNode) { a.redis[0].Kill(a.t) }, func(a *attack, _ *fleetNode) { a.redis[0].StartEmpty(a.t) }},
		{"Redis stopped", "redis",
			func(a *attack, _ *fleetNode) { a.redis[0].Pause(a.t) }, func(a *attack, _ *fleetNode) { a.redis[0].Continue(a.t) }},
		{"links to Redis cut", "link", func(_ *attack, n *fleetNode) { n.redis.Cut() }, none},
		{"links to the database cut", "link", func(_ *attack, n *fleetNode) { n.sql.Cut() }, none},
		{"half-open link to Redis", "link",
			func(_ *attack, n *fleetNode) { n.redis.Hole() }, func(_ *attack, n *fleetNode) { n.redis.Flow() }},
		{"half-open link to the database", "link",
			func(_ *attack, n *fleetNode) { n.sql.Hole() }, func(_ *attack, n *fleetNode) { n.sql.Flow() }},
		{"node stopped", "node",
			func(a *attack, n *fleetNode) { n.Pause(a.t) }, func(a *attack, n *fleetNode) { n.Continue(a.t) }},
		{"node killed", "node",
			func(a *attack, n *fleetNode) { n.Kill(a.t) }, func(a *attack, n *fleetNode) { n.Start(a.t) }},
		{"node drained", "node",
			func(a *attack, n *fleetNode) { n.Stop(a.t) }, func(a *attack, n *fleetNode) { n.Start(a.t) }},
	}
}

// admin gives all rights on the database. It keeps no connection: one to a
// mariadbd that was killed could not be closed.
func (a *attack) admin() *sql.DB {
	if a.db == nil {
		a.db = a.sql.Admin(a.t)
		a.db.SetMaxIdleConns(-1)
	}
	return a.db
}

func mixed() []fault {
	return []fault{{
		name:  "all of these at random",
		fleet: fleetOptions{OwnSQL: true, Cables: true},
		load: func(a *attack) {
			// What was acked just before all went away comes when the last part is back.
			a.load.Late, a.load.Grace = 30*time.Second, time.Minute
			a.load.Rate = 100
		},
		strike: mix,
		proof: func(a *attack, r *Report) string {
			if a.note["troubles"] < 5 || r.Closes["1006"] == 0 && r.Resent == 0 && r.Refusals["unavailable"] == 0 {
				return fmt.Sprintf("%v troubles, and no client noticed", a.note["troubles"])
			}
			return ""
		},
	}}
}

// mix makes one trouble or two of different parts at a time; which, with which
// node and for how long follows from the seed.
func mix(a *attack) {
	all := troubles()
	for start := time.Now(); time.Since(start) < a.lasts(15*time.Second, 10*time.Minute); {
		var now []int
		for range 1 + a.rand.IntN(2) {
			i := a.rand.IntN(len(all))
			if !slices.ContainsFunc(now, func(j int) bool { return all[j].part == all[i].part }) {
				now = append(now, i)
			}
		}
		slices.Sort(now)
		n := a.nodes[a.rand.IntN(len(a.nodes))]
		var names []string
		for _, i := range slices.Backward(now) { // a node can drain while the servers are there
			names = append(names, all[i].name)
			all[i].off(a, n)
		}
		a.t.Logf("%5.1f s: %s (%s)", time.Since(start).Seconds(), strings.Join(names, ", "), n.name)
		a.wait(a.lasts(1500*time.Millisecond, 6*time.Second))
		for _, i := range now {
			all[i].on(a, n)
		}
		a.note["troubles"] += float64(len(now))
		a.wait(a.lasts(500*time.Millisecond, 5*time.Second))
	}
	a.recovered(10*time.Second, "all nodes are ready, and live", func() bool {
		return a.readyNodes() == len(a.nodes) && a.metric("hubbub_bus_live") == float64(len(a.nodes))
	})
}
