package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// sqlAnswer is when every request has an answer while the database is away:
	// the store's time for a call that writes and for looking a COMMIT up, once
	// for the batch that is open and once for the one that waits behind it.
	sqlAnswer = 35 * time.Second
	// sqlBack is when all nodes are ready again once the database answers.
	sqlBack = 5 * time.Second
)

func sqlFaults() []fault {
	ownSQL := fleetOptions{OwnSQL: true}
	return []fault{
		{
			name:   "SQL connections killed every 50 ms",
			strike: killSQLConnections,
			proof: func(a *attack, r *Report) string {
				if a.note["killed"] < 100 || a.note["commits_in_doubt"] == 0 {
					return fmt.Sprintf("%v connections were killed, %v of them within a COMMIT", a.note["killed"], a.note["commits_in_doubt"])
				}
				return ""
			},
		},
		sqlAway("mariadbd kill -9, started again", ownSQL, time.Second, 10*time.Second,
			func(a *attack) { a.sql.Kill(a.t) }, func(a *attack) { a.sql.Start(a.t) }),
		sqlAway("mariadbd stopped, then continued", ownSQL, 4*time.Second, 15*time.Second,
			func(a *attack) { a.sql.Pause(a.t) }, func(a *attack) { a.sql.Continue(a.t) }),
		unacknowledgedSQL(),
		readOnly(ownSQL),
		{
			name:   "a room's row locked by somebody else",
			strike: lockRoom,
			proof: func(a *attack, r *Report) string {
				if a.note["locked_s"] < 3 {
					return fmt.Sprintf("no send waited for the lock: the longest took %.1f s", a.note["locked_s"])
				}
				return ""
			},
			judge: func(a *attack, r *Report) {
				// Far below the 3 s that a statement waits for a lock.
				if r.Ack.P99 > 1500 {
					a.errorf("acks of other rooms took %.0f ms (p99)", r.Ack.P99)
				}
			},
		},
	}
}

func (a *attack) exec(db *sql.DB, statement string, args ...any) int64 {
	a.t.Helper()
	res, err := db.ExecContext(a.t.Context(), statement, args...)
	if err != nil {
		a.t.Fatalf("%s: %v", statement, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		a.t.Fatalf("%s: %v", statement, err)
	}
	return n
}

// killSQLConnections kills what the nodes have open, again and again: most of
// it in the middle of a transaction.
func killSQLConnections(a *attack) {
	db := a.sql.Admin(a.t)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); time.Since(start) < a.lasts(5*time.Second, 20*time.Second); <-tick.C {
		a.note["killed"] += float64(a.exec(db, "KILL USER "+a.sqlUser))
	}
	for _, n := range a.nodes {
		a.note["commits_in_doubt"] += float64(strings.Count(n.Log(), "COMMIT failed, looking its outcome up"))
	}
}

// ready tells how many nodes may take traffic.
func (f *fleet) readyNodes() (n int) {
	for _, node := range f.nodes {
		status, _ := node.ready()
		n += b2i(status == http.StatusOK)
	}
	return n
}

// sqlAway is a fault that takes the database away from all nodes for a while.
// They say so, everybody is answered, and nothing piles up in them.
func sqlAway(name string, fleet fleetOptions, short, long time.Duration, off, on func(*attack)) fault {
	return fault{
		name: name, fleet: fleet,
		load: func(a *attack) { a.load.Grace = time.Minute },
		strike: func(a *attack) {
			p := a.people(60)
			a.wait(time.Second)
			off(a)
			start := time.Now()
			noticed := 0
			// A node looks at its parts once a second.
			for lasts := a.lasts(short, long); time.Since(start) < lasts || noticed < len(a.nodes) && time.Since(start) < lasts+2*time.Second; time.Sleep(50 * time.Millisecond) {
				noticed = max(noticed, len(a.nodes)-a.readyNodes())
			}
			a.note["noticed"] = float64(noticed)
			on(a)
			a.recovered(sqlBack, "all nodes are ready", func() bool { return a.readyNodes() == len(a.nodes) })
			time.Sleep(500 * time.Millisecond)
			p.leave(sqlAnswer, sqlGoroutines, "unavailable", "unknown_outcome", "rate_limited")
		},
		proof: func(a *attack, r *Report) string {
			if a.note["noticed"] < float64(len(a.nodes)) {
				return fmt.Sprintf("%v nodes said that they cannot serve", a.note["noticed"])
			}
			return ""
		},
	}
}

// unacknowledgedSQL lets all packets between the nodes and the database vanish.
// The server does not notice either, and keeps the transactions that were open
// for as long as it takes a silent client for a living one.
func unacknowledgedSQL() fault {
	var db *sql.DB
	f := sqlAway("link to the database whose bytes nobody acknowledges", fleetOptions{Filters: true}, 6*time.Second, 15*time.Second,
		func(a *attack) {
			db = a.sql.Admin(a.t)
			for _, n := range a.nodes {
				n.sqlFilter.Hole()
			}
		},
		func(a *attack) {
			for _, n := range a.nodes {
				if n.sqlFilter.Held() == 0 {
					a.errorf("no packet between %s and the database was lost", n.name)
				}
				n.sqlFilter.Flow()
			}
			rooms := a.sqlUser + ".rooms"
			a.until(sqlSilence, "no room is left locked", func() (none bool) {
				err := db.QueryRowContext(a.t.Context(), "SELECT (SELECT COUNT(*) FROM "+rooms+") ="+
					" (SELECT COUNT(*) FROM (SELECT id FROM "+rooms+" FOR UPDATE SKIP LOCKED) AS free)").Scan(&none)
				if err != nil {
					a.t.Fatal(err)
				}
				return none
			})
		})
	f.load = func(a *attack) {
		// A number may be taken by a COMMIT whose answer was lost: what comes after
		// it was acked, and waits for the database to tell what stands there.
		a.load.Late, a.load.Grace = 30*time.Second, time.Minute
	}
	return f
}

// sqlSilence is when the server has let go of what a silent node held.
const sqlSilence = 15*time.Second + 2*time.Second

// sqlGoroutines is how many goroutines of a node may wait for the database:
// what 40 requests and sends a second cost in the time that one may wait, two
// goroutines each.
const sqlGoroutines = 40 * 10 * 2

// readOnly is a database that takes no writes, as a replica before it is
// promoted: all is read as ever, and nothing is acked.
func readOnly(fleet fleetOptions) fault {
	return fault{
		name: "read_only database", fleet: fleet,
		load: func(a *attack) { a.load.Grace = time.Minute },
		strike: func(a *attack) {
			db := a.sql.Admin(a.t)
			p := a.people(60)
			a.wait(time.Second)
			a.exec(db, "SET GLOBAL read_only = 1")
			time.Sleep(300 * time.Millisecond) // what was open then ends
			stored := a.events(db)
			time.Sleep(a.lasts(4*time.Second, 15*time.Second))
			if now := a.events(db); now != stored {
				a.errorf("%d events were stored while the database was read-only: the nodes' account is not an ordinary one", now-stored)
			}
			if n := a.readyNodes(); n != len(a.nodes) {
				a.errorf("%d of %d nodes are ready, want all: they can be read", n, len(a.nodes))
			}
			a.exec(db, "SET GLOBAL read_only = 0")
			a.recovered(sqlBack, "events are stored again", func() bool { return a.events(db) > stored })
			p.leave(sqlAnswer, sqlGoroutines, "unavailable", "unknown_outcome", "rate_limited")
		},
		proof: func(a *attack, r *Report) string {
			if a.note["unavailable"] == 0 || r.Refusals["unavailable"] == 0 {
				return fmt.Sprintf("%v requests and %d frames were refused", a.note["unavailable"], r.Refusals["unavailable"])
			}
			return ""
		},
	}
}

// events counts what is stored.
func (a *attack) events(db *sql.DB) (n int64) {
	a.t.Helper()
	if err := db.QueryRowContext(a.t.Context(), "SELECT COUNT(*) FROM "+a.sqlUser+".events").Scan(&n); err != nil {
		a.t.Fatal(err)
	}
	return n
}

// lockRoom lets another session hold the row of one room, while many send to it.
func lockRoom(a *attack) {
	acct := a.guest(a.nodes[0], "somebody")
	locked, other := a.room(a.nodes[0], acct), a.room(a.nodes[0], acct)
	r := newREST(a.urls())
	defer r.close()
	post := func(i int, room, id string) (time.Duration, error) {
		start := time.Now()
		err := r.call(a.t.Context(), i, http.MethodPost, "/v1/rooms/"+room+"/messages", acct.token,
			map[string]string{"client_id": id, "text": "hello"}, nil)
		return time.Since(start), err
	}
	// p99 of a room that nobody locks, by 100 posts one after the other.
	sample := func(name string) time.Duration {
		var took []time.Duration
		for i := range 100 {
			d, err := post(i, other, fmt.Sprint(name, i))
			if err != nil {
				a.errorf("a post to the other room: %v", err)
			}
			took = append(took, d)
			time.Sleep(10 * time.Millisecond)
		}
		slices.Sort(took)
		return took[98]
	}
	before := sample("before")

	tx, err := a.sql.Admin(a.t).BeginTx(a.t.Context(), nil)
	if err != nil {
		a.t.Fatal(err)
	}
	defer tx.Rollback()
	var id string
	if err := tx.QueryRowContext(a.t.Context(), "SELECT id FROM "+a.sqlUser+".rooms WHERE id=? FOR UPDATE", locked).Scan(&id); err != nil {
		a.t.Fatal(err)
	}
	type answer struct {
		took time.Duration
		err  error
	}
	const sends = 60
	answers := make(chan answer, sends)
	start := time.Now()
	for i := range sends {
		go func() {
			took, err := post(i, locked, fmt.Sprint("locked", i))
			answers <- answer{took, err}
		}()
	}
	during := sample("during")
	time.Sleep(time.Until(start.Add(a.lasts(4*time.Second, 10*time.Second))))
	if err := tx.Rollback(); err != nil {
		a.t.Fatal(err)
	}
	var longest time.Duration
	for range sends {
		got := <-answers
		longest = max(longest, got.took)
		if refusal, ok := got.err.(*problem); got.err != nil && (!ok || refusal.Status != 503 || refusal.RetryAfter == 0) {
			a.errorf("a post to the locked room: %v", got.err)
		}
	}
	if longest > 20*time.Second {
		a.errorf("an answer for the locked room took %v", longest)
	}
	if _, err := post(0, locked, "after"); err != nil {
		a.errorf("a post to the room that was locked: %v", err)
	}
	a.note["locked_s"] = longest.Seconds()
	a.note["other_p99_before_ms"], a.note["other_p99_ms"] = ms(before), ms(during)
	if during > 2*before+100*time.Millisecond {
		a.errorf("posts to another room took %v meanwhile, %v before (p99)", during, before)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
