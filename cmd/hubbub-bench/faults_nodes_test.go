package main

import (
	"fmt"
	"strings"
	"time"
)

// offlineWithin is when the users of a node that died are offline (promise G9).
const offlineWithin = 10 * time.Second

func nodeFaults() []fault {
	return []fault{
		{
			name:   "kill -9 a node",
			load:   func(a *attack) { a.load.Rate = 300 },
			strike: killNodes,
			proof:  nodeGone,
		},
		crash("dies between COMMIT and ack", "committed:150", 150),
		// So few that no later event shows the gap: the look at the head has to.
		crash("dies between COMMIT and publish", "acked:8", 8),
		{
			name:  "node stopped, then continued",
			fleet: fleetOptions{Balancer: true},
			load: func(a *attack) {
				// Who is on the node that stands still hears nothing for that long.
				a.load.Late += a.lasts(5*time.Second, 15*time.Second)
			},
			strike: stopNode,
			proof: func(a *attack, r *Report) string {
				if a.note["stood_s"] < 1 {
					return "the balancer did not take the node out"
				}
				return ""
			},
		},
	}
}

// killNodes kills all three nodes, one after the other; somebody on the second
// one watches the presence of somebody on the first.
func killNodes(a *attack) {
	victim, other := a.nodes[0], a.nodes[1]
	watcher, watched := a.guest(other, "watcher"), a.guest(other, "watched")
	room := a.room(other, watcher, watched)
	a.connect(victim, watched)
	w := a.connect(other, watcher)
	w.watch(room)
	w.sees(5*time.Second, "known", watcher, watched)
	a.wait(time.Second)
	victim.Kill(a.t)
	a.note["offline_s"] = w.sees(offlineWithin, "known", watcher).Seconds()
	victim.Start(a.t)
	for _, n := range a.nodes[1:] {
		a.wait(time.Second)
		// It stands still for a moment first, so that it dies with sends in hand.
		n.Pause(a.t)
		time.Sleep(30 * time.Millisecond)
		n.Kill(a.t)
		n.Start(a.t)
	}
}

func nodeGone(a *attack, r *Report) string {
	if r.Closes["1006"] == 0 || r.Resent == 0 {
		return fmt.Sprintf("%d sockets broke and %d sends lost their answer", r.Closes["1006"], r.Resent)
	}
	return ""
}

// crash is a fault at a point that only a node built for it has: two of three
// nodes end there now and then, and are started again.
func crash(name, point string, rate float64) fault {
	return fault{
		name: name,
		fleet: fleetOptions{Env: func(i int) []string {
			if i == 2 {
				return nil
			}
			return []string{"HUBBUBFAULT_CRASH=" + point}
		}},
		load: func(a *attack) { a.load.Rate = rate },
		strike: func(a *attack) {
			deaths, most := 0.0, a.lasts(4*time.Second, 20*time.Second)
			for start := time.Now(); time.Since(start) < most || deaths == 0 && time.Since(start) < time.Minute; time.Sleep(10 * time.Millisecond) {
				for _, n := range a.nodes[:2] {
					if n.Ended() {
						deaths++
						n.Kill(a.t)
						n.Start(a.t)
					}
				}
			}
			// The last life is an ordinary one.
			for _, n := range a.nodes[:2] {
				n.Kill(a.t)
				n.Set(n.settings, nil)
				n.Start(a.t)
			}
			a.note["deaths"] = deaths
		},
		proof: func(a *attack, r *Report) string {
			said := 0
			for _, n := range a.nodes {
				said += strings.Count(n.Log(), "fault: ends at ")
			}
			fills := a.nodes[2].metric("hubbub_gap_fills_total")
			if said == 0 || fills == 0 {
				return fmt.Sprintf("%v deaths, %d of them at the point; the last node filled %v gaps", a.note["deaths"], said, fills)
			}
			return ""
		},
	}
}

// stopNode stops a node for a while: what it says afterwards must be true.
func stopNode(a *attack) {
	victim, other := a.nodes[0], a.nodes[1]
	watcher, watched := a.guest(other, "watcher"), a.guest(other, "watched")
	room := a.room(other, watcher, watched)
	a.connect(victim, watched)
	w := a.connect(other, watcher)
	w.watch(room)
	w.sees(5*time.Second, "known", watcher, watched)
	down, up := "Server nodes/"+victim.name+" is DOWN", "Server nodes/"+victim.name+" is UP"
	before := strings.Count(a.balancer.Log(), down)
	victim.Pause(a.t)
	stopped := time.Now()
	a.until(5*time.Second, "the balancer takes the node out", func() bool { return strings.Count(a.balancer.Log(), down) > before })
	if a.long { // its lease has run out by then
		a.note["offline_s"] = w.sees(offlineWithin, "known", watcher).Seconds()
	}
	time.Sleep(time.Until(stopped.Add(a.lasts(5*time.Second, 15*time.Second))))
	a.note["stood_s"] = time.Since(stopped).Seconds()
	ups := strings.Count(a.balancer.Log(), up)
	victim.Continue(a.t)
	w.sees(5*time.Second, "known", watcher, watched)
	a.recovered(10*time.Second, "the balancer takes the node back", func() bool { return strings.Count(a.balancer.Log(), up) > ups })
}
