package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// make faults N=20 sets these.
var (
	faultRuns = flag.Int("faults.n", 0, "how often each fault strikes, with a table at the end; 0: once, without")
	faultSeed = flag.Uint64("faults.seed", 1, "of the first run; the next ones count on; 0: by the clock")
	faultLong = flag.Bool("faults.long", false, "faults last as long as the promises speak of, and loads are larger")
)

// fault is one way in which a deployment breaks while people use it: one row
// of the table. Each run has a fleet and a verify of its own.
type fault struct {
	name  string
	long  bool // takes too long for a short run
	fleet fleetOptions
	heavy bool // the long form needs the machine for itself
	// steady: nobody waits for what is broken to be told that a message is stored.
	steady bool
	// load changes what verify does; may be nil. Sending goes on until strike
	// has returned, and a second longer.
	load func(a *attack)
	// strike does the damage and undoes it, at an instant that differs from run
	// to run, while verify sends. It asks the fleet what it expects meanwhile.
	strike func(a *attack)
	// proof says why the fault did not bite, "" that it did: what a client or a
	// counter noticed. A run in which it did not is void and fails.
	proof func(a *attack, r *Report) string
	// judge is for what the seven counters do not say; may be nil.
	judge func(a *attack, r *Report)
}

// faults is the table, in the order in which it is shown.
func faults() []fault {
	return slices.Concat(nodeFaults(), redisFaults(), forgeries(), sqlFaults(), diskFaults(), timeFaults(), clientFaults(), panics(), restarts(), mixed())
}

// attack is one run of one fault. All of the fleet is at hand.
type attack struct {
	*fleet
	rand *rand.Rand // of the instants; what verify sends follows from the seed too
	long bool
	load options       // of verify; changed by fault.load alone
	back time.Duration // how long the fleet took to be well again, as strike saw it
	note map[string]float64
	db   *sql.DB // see admin
	// cannot is why this machine cannot have the fault, as load found out.
	cannot string
}

// lasts gives a duration for the short runs and one for the long ones.
func (a *attack) lasts(short, long time.Duration) time.Duration {
	if a.long {
		return long
	}
	return short
}

// wait lets a random time up to most pass.
func (a *attack) wait(most time.Duration) {
	time.Sleep(time.Duration(a.rand.Float64() * float64(most)))
}

// recovered waits until the fleet is well again and notes how long it took.
func (a *attack) recovered(within time.Duration, what string, ok func() bool) {
	a.t.Helper()
	a.back = max(a.back, a.until(within, what, ok))
}

// errorf fails the run; its row counts it.
func (a *attack) errorf(format string, args ...any) {
	a.t.Helper()
	a.t.Errorf(format, args...)
}

// TestFaults breaks deployments in every way of the table and has verify judge
// each: whatever breaks, what was acked is there, once, in order.
func TestFaults(t *testing.T) {
	if *apartName != "" {
		strikeApart(t)
		return
	}
	seed := *faultSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) % 1e9
	}
	s := newSuite(t)
	var rows table
	t.Run("fault", func(t *testing.T) {
		for _, f := range faults() {
			t.Run(f.name, func(t *testing.T) {
				if !f.heavy || !*faultLong {
					t.Parallel()
				}
				for i := range max(*faultRuns, 1) {
					seed := seed + uint64(i)
					strike := s.run
					if f.fleet.Filters {
						strike = s.apart
					}
					t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { strike(t, f, seed, &rows) })
				}
			})
		}
	})
	if *faultRuns > 0 {
		rows.write(os.Stdout, seed)
	}
}

// run strikes once.
func (s *suite) run(t *testing.T, f fault, seed uint64, rows *table) {
	row := faultRun{Fault: f.name}
	defer func() {
		row.Failed = t.Failed()
		rows.add(row)
	}()
	if f.long && !*faultLong {
		row.Cannot = "it takes too long without -faults.long"
		t.Skip("not run: ", row.Cannot)
	}
	a := &attack{rand: rand.New(rand.NewPCG(seed, 3)), long: *faultLong, load: defaults(), note: map[string]float64{}}
	o := &a.load
	o.Clients, o.Rooms, o.RoomSize, o.Rate, o.REST = 12, 3, 8, 150, 0.1
	// Sending is ended by us; the bound for 99 % is for runs in which nothing fails.
	o.Duration, o.Grace, o.P99, o.Seed = 10*time.Minute, 20*time.Second, 0, seed
	a.fleet = s.fleet(t, f.fleet)
	if f.load != nil {
		f.load(a)
	}
	if row.Cannot = a.cannot; a.cannot != "" {
		t.Skip("not run: ", a.cannot)
	}
	o.Nodes = a.urls()
	if err := o.check(); err != nil {
		t.Fatal(err)
	}

	var beside *yardstick
	if f.steady {
		beside = a.yardstick()
	}
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	type outcome struct {
		report Report
		err    error
	}
	judged := make(chan outcome, 1)
	var progress safeBuffer
	go func() {
		r, err := verify(ctx, *o, &progress)
		judged <- outcome{r, err}
	}()
	var out outcome
	func() {
		// Whatever ends the strike, verify has ended when this test does.
		defer func() {
			enough()
			out = <-judged
		}()
		a.until(setupTime, "verify sends", func() bool {
			if len(judged) > 0 { // it has failed; told below
				t.FailNow()
			}
			return strings.Contains(progress.String(), "sending")
		})
		a.wait(500 * time.Millisecond)
		f.strike(a)
		time.Sleep(time.Second)
	}()
	if out.err != nil {
		t.Fatalf("verify: %v\n%s", out.err, progress.String())
	}
	r := &out.report
	row.take(a, r)
	if r.Verdict != Kept {
		var b strings.Builder
		if err := r.write(&b); err != nil {
			t.Error(err)
		}
		t.Errorf("verdict %s, seed %d\n%s", r.Verdict, seed, b.String())
	}
	if beside != nil {
		beside.judge(a, r)
	}
	if f.judge != nil {
		f.judge(a, r)
	}
	if why := f.proof(a, r); why != "" {
		row.Void = true
		t.Errorf("void: %s", why)
	}
	t.Logf("sent %d (%.0f/s), acked %d, resent %d, closes %v, ack p99 %.0f ms, delay max %.0f ms, recover max %.0f ms, back %v, notes %v",
		r.Sent, float64(r.Sent)/r.Seconds, r.Acked, r.Resent, r.Closes, r.Ack.P99, r.Delay.Max, r.Recover.Max, a.back.Round(time.Millisecond), a.note)
}

// faultRun is what one run came to.
type faultRun struct {
	Fault        string
	Void, Failed bool
	Cannot       string // why it was not run
	Counters     map[string]int64
	Recovery     time.Duration
}

// take notes what the table shows: the longest a client or the fleet took to be
// well again.
func (r *faultRun) take(a *attack, rep *Report) {
	r.Counters = rep.Counters
	r.Recovery = max(a.back, time.Duration(rep.Recover.Max*float64(time.Millisecond)))
}

// table collects results.
type table struct {
	mu   sync.Mutex
	rows []faultRun
}

func (t *table) add(r faultRun) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, r)
}

// write prints a line per fault, as in Markdown.
func (t *table) write(w *os.File, seed uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(w, "\nseeds %d to %d\n\n| fault | runs | failed | void | %s | worst recovery |\n|---|%s\n",
		seed, seed+uint64(*faultRuns)-1, strings.Join(kindNames[:], " | "), strings.Repeat("--:|", 4+len(kindNames)))
	for _, f := range faults() {
		var runs, void, failed int
		var cannot string
		counters := make(map[string]int64)
		var worst time.Duration
		for _, r := range t.rows {
			if r.Fault != f.name {
				continue
			}
			if r.Cannot != "" {
				cannot = r.Cannot
				continue
			}
			runs++
			void += b2i(r.Void)
			failed += b2i(r.Failed)
			for k, n := range r.Counters {
				counters[k] += n
			}
			worst = max(worst, r.Recovery)
		}
		if runs == 0 {
			why := "not chosen"
			if cannot != "" {
				why = strings.ReplaceAll(strings.TrimSpace(cannot), "\n", " ")
			}
			fmt.Fprintf(w, "| %s | not run: %s |\n", f.name, why)
			continue
		}
		fmt.Fprintf(w, "| %s | %d | %d | %d |", f.name, runs, failed, void)
		for _, k := range kindNames {
			fmt.Fprintf(w, " %d |", counters[k])
		}
		fmt.Fprintf(w, " %.1f s |\n", worst.Seconds())
	}
}
