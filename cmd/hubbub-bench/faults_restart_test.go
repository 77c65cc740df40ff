package main

import (
	"fmt"
	"strings"
	"time"
)

// rollDrain is --drain of the nodes that are rolled. Half of it goes by as
// planned; the rest is for commits of a machine that is busy with other tests.
const rollDrain = 6 * time.Second

func restarts() []fault {
	return []fault{
		{
			name:  "rolling SIGTERM, twice",
			fleet: fleetOptions{Balancer: true, Args: []string{"--drain=" + rollDrain.String()}},
			load: func(a *attack) {
				a.load.Clients, a.load.Rooms, a.load.RoomSize, a.load.REST = 60, 6, 10, 0.3
			},
			strike: roll,
			proof: func(a *attack, r *Report) string {
				if moved := r.Closes["1012"] + r.Closes["1001"]; a.note["stopped"] != 6 || moved < int64(a.load.Clients) {
					return fmt.Sprintf("%v nodes stopped and %d sockets were sent elsewhere", a.note["stopped"], moved)
				}
				return ""
			},
			judge: drained,
		},
		{
			name:  "balancer dies, all come back",
			heavy: true,
			// Below what comes at once, so that the limit has something to do.
			fleet: fleetOptions{Balancer: true, OwnSQL: true, Args: []string{"--rate-sockets=40/s:60"}},
			load: func(a *attack) {
				// Seldom a message: what is read from the store is read for the joins.
				a.load.Clients, a.load.Rooms, a.load.RoomSize, a.load.Rate = 200, 10, 100, 4
				if a.long {
					a.load.Clients, a.load.Rooms = 2000, 100
				}
			},
			strike: herd,
			proof: func(a *attack, r *Report) string {
				if r.Reconnect.Count < int64(a.load.Clients) || a.note["refused"] == 0 {
					return fmt.Sprintf("%d of %d came back, %v were told to wait", r.Reconnect.Count, a.load.Clients, a.note["refused"])
				}
				return ""
			},
			judge: func(a *attack, r *Report) {
				// All are in five rooms, and what they need is in the memory of the nodes.
				joins := float64(a.load.RoomSize * a.load.Rooms)
				if a.note["reads"] >= 5*joins/1000 {
					a.errorf("%v reads of history and membership for %v joins, want fewer than 5 for 1 000", a.note["reads"], joins)
				}
			},
		},
	}
}

// roll stops each node in turn with SIGTERM and starts it again, twice.
func roll(a *attack) {
	for range 2 {
		for _, n := range a.nodes {
			up := "Server nodes/" + n.name + " is UP"
			before := strings.Count(a.balancer.Log(), up)
			n.Stop(a.t)
			if log := n.Log(); strings.Contains(log, "\nhubbub: ") {
				a.errorf("%s ended with an error", n.name)
			}
			a.note["stopped"]++
			n.Start(a.t)
			a.until(5*time.Second, "the balancer takes the node back", func() bool { return strings.Count(a.balancer.Log(), up) > before })
			a.wait(300 * time.Millisecond)
		}
	}
}

// drained holds a run to promise G10.
func drained(a *attack, r *Report) {
	for code, n := range r.Closes {
		// A node that stops refuses new sockets until the balancer has noticed.
		if code != "1012" && code != "1001" && code != "http 503" {
			a.errorf("%d connections ended with %s", n, code)
		}
	}
	for status, n := range r.Statuses {
		a.errorf("%d answers %s over REST", n, status)
	}
	// Each was told a delay within a quarter of --drain.
	if q, window := r.Reconnect, float64(rollDrain.Milliseconds()/4); q.P50 < window/5 || q.P99-q.P50 < window/5 {
		a.errorf("clients came back all at once: half of them within %.0f ms, 99 %% within %.0f ms", q.P50, q.P99)
	}
	if r.Reconnect.Max > 10_000 {
		a.errorf("a client was away for %.1f s", r.Reconnect.Max/1000)
	}
}

// herd kills the balancer under all clients and starts it again.
func herd(a *attack) {
	db := a.sql.Admin(a.t)
	exec := func(statement string) {
		if _, err := db.ExecContext(a.t.Context(), statement); err != nil {
			a.t.Fatalf("%s: %v", statement, err)
		}
	}
	status := []string{`route="/v1/socket"`, `status="503"`}
	opened := func() float64 { return a.metric("hubbub_sockets_open") }
	refused := a.metric("hubbub_http_requests_total", status...)
	if open := opened(); open < float64(a.load.Clients) {
		a.errorf("only %v sockets are open", open)
	}
	posted := a.metric("hubbub_drafts_total")
	exec("SET GLOBAL log_output = 'TABLE'")
	exec("SET GLOBAL general_log = 1")
	a.balancer.Kill(a.t)
	a.until(5*time.Second, "the sockets are gone", func() bool { return opened() == 0 })
	a.balancer.Start(a.t)
	a.recovered(time.Minute, "99 % of the sockets are back", func() bool { return opened() >= 0.99*float64(a.load.Clients) })
	time.Sleep(500 * time.Millisecond) // their joins
	exec("SET GLOBAL general_log = 0")
	a.note["refused"] = a.metric("hubbub_http_requests_total", status...) - refused
	posted = a.metric("hubbub_drafts_total") - posted

	const seen = "SELECT COUNT(*) FROM mysql.general_log WHERE user_host LIKE ? AND argument LIKE "
	count := func(like string) (n float64) {
		if err := db.QueryRowContext(a.t.Context(), seen+"?", a.sqlUser+"%", like).Scan(&n); err != nil {
			a.t.Fatal(err)
		}
		return n
	}
	// Membership is asked for each post too.
	a.note["reads_log"] = count("SELECT%FROM events%")
	a.note["reads"] = a.note["reads_log"] + count("SELECT r.id,%LEFT JOIN members%") - posted
	a.note["posted"], a.note["sign_ins"] = posted, count("SELECT u.id,%FROM sessions%")
	if a.note["sign_ins"] < float64(a.load.Clients) {
		a.errorf("the log of statements shows %v sign-ins: it does not show all", a.note["sign_ins"])
	}
}
