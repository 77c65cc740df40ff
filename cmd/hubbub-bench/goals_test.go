package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hubbub/internal/testenv"
)

// make bench sets these.
var (
	goalRuns = flag.Int("goals.n", 1, "how often each work is measured, on a fresh deployment each time")
	goalLong = flag.Bool("goals.long", false, "the sizes that the goals speak of, and how cost grows")
	goalOnly = flag.String("goals.only", "", "only works whose name contains this")
	goalDir  = flag.String("goals.dir", "", "folder for the reports of all runs, as JSON and as pages")
)

// goalWork is one thing that is measured: a deployment of two nodes, a load, and
// what is asked of it.
type goalWork struct {
	name string
	long bool // only with -goals.long
	args func(long bool) string
	// prepare is for what has to be there before the load; may be nil.
	prepare func(b *testing.B, f *fleet)
	goals   []goal
}

// lasting gives one form for short runs and one for long ones.
func lasting(short, long string) func(bool) string {
	return func(isLong bool) string {
		if isLong {
			return long
		}
		return short
	}
}

// goalWorks is the table of goals.
func goalWorks() []goalWork {
	nodes := func(of func(*Phase) float64) func(*goalRun) float64 {
		return func(r *goalRun) float64 { return r.median("nodes", of) }
	}
	floor := func(of func(*Phase) float64) func(*goalRun) float64 {
		return func(r *goalRun) float64 { return r.median(groupFloor, of) }
	}
	cost := func(group string) func(*Phase) float64 { return func(p *Phase) float64 { return p.PerUnit(group) } }
	p50 := func(what timing) func(*Phase) float64 { return func(p *Phase) float64 { return p.time(what).P50 } }
	p99 := func(what timing) func(*Phase) float64 { return func(p *Phase) float64 { return p.time(what).P99 } }
	return []goalWork{
		{
			name: "S1 idle sockets",
			args: lasting("idle --clients 2000 --duration 5s", "idle --clients 5000 --duration 20s"),
			goals: []goal{
				{"KiB resident per socket", 12, atMost, nodes(func(p *Phase) float64 { return p.figure(figureRSS) })},
				{"KiB in the kernel per socket, both ends", 0, told, nodes(func(p *Phase) float64 {
					return p.figure(figureBuffers) + p.figure(figureSlabs)
				})},
			},
		},
		{
			name: "S2 one room of 1 000, 20 msg/s",
			args: lasting("fanout --steady --floor --ramp --ramp-from 200 --duration 4s --runs 3", "fanout --steady --floor --ramp --ramp-from 200 --duration 15s --runs 3"),
			goals: []goal{
				{"node's processor time / floor's", 1.1, atMost, func(r *goalRun) float64 { return r.FloorRatio }},
				{"node's p99 / floor's", 1.2, atMost, func(r *goalRun) float64 {
					return nodes(p99(toReader))(r) / floor(p99(toReader))(r)
				}},
				{"node's µs per delivery", 0, told, nodes(cost(groupNode))},
				{"floor's µs per delivery", 0, told, floor(cost(groupFloor))},
				{"p99 ms", 0, told, nodes(p99(toReader))},
				{"deliveries/s at saturation", 1.5 * 373_000, atLeast, func(r *goalRun) float64 { return r.saturation().UnitsPerS }},
				{"µs per delivery there / at 20 msg/s", 1, atMost, func(r *goalRun) float64 { return r.top().PerUnit(groupNode) / nodes(cost(groupNode))(r) }},
			},
		},
		{
			name: "S3 200 rooms of 5, 2 000 msg/s",
			args: lasting("rooms --ramp --ramp-from 4000 --duration 6s", "rooms --ramp --ramp-from 4000 --duration 20s"),
			goals: []goal{
				{"node's µs per delivery", 35, atMost, nodes(cost(groupNode))},
				{"Redis' µs per delivery", 5, atMost, nodes(cost("redis"))},
				{"database's µs per delivery", 20, atMost, nodes(cost("db"))},
				{"ack p50 ms", 2, atMost, nodes(p50(toAck))},
				{"ack p99 ms", 10, atMost, nodes(p99(toAck))},
				{"delivery p99 ms", 0, told, nodes(p99(toReader))},
				{"deliveries/s at saturation", 96_000, atLeast, func(r *goalRun) float64 { return r.saturation().UnitsPerS }},
			},
		},
		{
			name: "one hot room, 512 writers",
			args: lasting("hotroom --rate 4000 --ramp --duration 4s", "hotroom --rate 10000 --ramp --duration 10s"),
			goals: []goal{
				{"acked msg/s at p99 ≤ 25 ms", 60_000, atLeast, func(r *goalRun) float64 { return r.saturation().AnsweredS }},
			},
		},
		{
			name:    "pages of 50 from a long log",
			args:    lasting("history --events 20000 --duration 5s", "history --events 200000 --duration 15s"),
			prepare: fillTable(200_000, 10_000_000),
			goals: []goal{
				{"page p99 ms", 5, atMost, nodes(p99(toPage))},
				{"node's µs per page", 0, told, nodes(cost(groupNode))},
				{"events in the table", 0, told, func(r *goalRun) float64 { return float64(r.rows) }},
			},
		},
		{
			name: "clients resume 100 events each",
			args: lasting("resume --clients 2020 --rooms 20 --runs 2", "resume --clients 5050 --rooms 50 --runs 3"),
			goals: []goal{
				{"events/s", 100_000, atLeast, nodes(func(p *Phase) float64 { return p.UnitsPerS })},
				{"reads of SQL per room", 1, atMost, func(r *goalRun) float64 { return nodes(r.selects)(r) / float64(r.Rooms) }},
				{"p99 ms until all is read", 0, told, nodes(p99(toBack))},
			},
		},
		{
			name: "storm of reconnects", long: true,
			args: lasting("", "storm --clients 5050 --rooms 50 --events 10"),
			goals: []goal{
				{"p99 ms until all is read", 0, told, nodes(p99(toBack))},
				{"node's µs per connection", 0, told, nodes(cost(groupNode))},
			},
		},
		{
			name: "10 rooms of 5, 500 msg/s", long: true,
			args:  lasting("", "rooms --clients 50 --rooms 10 --rate 500 --duration 15s"),
			goals: []goal{{"node's µs per delivery", 0, told, nodes(cost(groupNode))}},
		},
		{
			name: "10 000 rooms of 5, 500 msg/s", long: true,
			args:  lasting("", "rooms --clients 5000 --rooms 10000 --rate 500 --duration 15s"),
			goals: []goal{{"node's µs per delivery", 0, told, nodes(cost(groupNode))}},
		},
		{
			name: "one room of 1 000 beside 14 000 idle sockets", long: true,
			args:  lasting("", "fanout --clients 15000 --steady --duration 15s"),
			goals: []goal{{"node's µs per delivery", 0, told, nodes(cost(groupNode))}},
		},
	}
}

// BenchmarkGoals measures hubbub against its goals and prints what was reached.
// It is a benchmark so that no test waits for it, and fails only if a load could
// not be carried out, or found what was delivered wrong.
func BenchmarkGoals(b *testing.B) {
	bench := filepath.Join(b.TempDir(), "hubbub-bench")
	if text, err := exec.Command("go", "build", "-o", bench, "hubbub/cmd/hubbub-bench").CombinedOutput(); err != nil {
		b.Fatalf("build hubbub-bench: %v: %s", err, text)
	}
	s := &suite{program: program.path(b), sql: testenv.MariaDB(b, quietSQL, "--innodb-buffer-pool-size=512M", "--innodb-log-file-size=256M")}
	var rows []goalRow
	var notes []string
	for _, w := range goalWorks() {
		if w.long && !*goalLong || !strings.Contains(w.name, *goalOnly) {
			continue
		}
		var runs []*goalRun
		for n := range *goalRuns {
			fmt.Printf("%s %s, run %d of %d: hubbub-bench load %s\n", time.Now().Format("15:04:05"), w.name, n+1, *goalRuns, w.args(*goalLong))
			r, err := s.measure(b, bench, w)
			if err != nil {
				b.Errorf("%s: %v", w.name, err)
				continue
			}
			runs = append(runs, r)
			for _, text := range r.Notes {
				notes = append(notes, fmt.Sprintf("\n%s, run %d: %s\n", w.name, n+1, text))
			}
			if *goalDir != "" {
				keepReport(b, w.name, n+1, r)
			}
		}
		rows = append(rows, judgeGoals(w, runs)...)
	}
	fmt.Print("\n", goalTable(rows), strings.Join(notes, ""))
}

// goalRun is one run of one work.
type goalRun struct {
	LoadReport
	rows    int64 // in the table of events, before the load
	samples []sqlSample
}

// sqlSample is how many reads the database had been asked for by then.
type sqlSample struct {
	at    time.Time
	reads float64
}

// median is a figure of the phases of a target; NaN if there are none.
func (r *goalRun) median(target string, of func(*Phase) float64) float64 {
	var list []float64
	for i := range r.Phases {
		if r.Phases[i].Target == target {
			list = append(list, of(&r.Phases[i]))
		}
	}
	if len(list) == 0 {
		return math.NaN()
	}
	slices.Sort(list)
	return list[len(list)/2]
}

func (r *goalRun) saturation() Saturation {
	if r.Saturation == nil {
		return Saturation{}
	}
	return *r.Saturation
}

// top is the step of the ramp that was the highest served.
func (r *goalRun) top() *Phase {
	best := &Phase{}
	if r.Saturation != nil {
		for i, p := range r.Saturation.Steps {
			if p.Served && p.Rate >= best.Rate {
				best = &r.Saturation.Steps[i]
			}
		}
	}
	return best
}

// selects is how many reads the database had during a phase.
func (r *goalRun) selects(p *Phase) float64 {
	var from, to float64
	for _, s := range r.samples {
		if !s.at.After(p.Began) {
			from = s.reads
		}
		if to = s.reads; s.at.After(p.Began.Add(time.Duration(p.Seconds * float64(time.Second)))) {
			break
		}
	}
	return to - from
}

// measure starts a deployment and loads it.
func (s *suite) measure(b *testing.B, bench string, w goalWork) (*goalRun, error) {
	var r goalRun
	var failed error
	b.Run("fleet", func(b *testing.B) {
		f := s.fleet(b, fleetOptions{Nodes: 2, Args: []string{"--sql-open=50", "--log-level=warn", "--rate-signup=off"}})
		db := f.sql.Admin(b)
		if w.prepare != nil {
			w.prepare(b, f)
		}
		if err := db.QueryRowContext(b.Context(), "SELECT COUNT(*) FROM "+f.sqlUser+".events").Scan(&r.rows); err != nil {
			b.Fatal(err)
		}
		stop := sampleReads(b, db, &r.samples)
		defer stop()
		pids := fmt.Sprintf("node=%d,%d redis=%d db=%d", f.nodes[0].Pid(), f.nodes[1].Pid(), f.redis[0].Pid(), f.sql.Pid())
		args := append([]string{"load"}, strings.Fields(w.args(*goalLong))...)
		args = append(args, "--nodes", strings.Join(f.urls(), ","), "--pids", pids, "--json")
		cmd := exec.CommandContext(b.Context(), bench, args...)
		var out, log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &log
		err := cmd.Run()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() == exitFailed) {
			failed = fmt.Errorf("%w: %s", err, tail(log.String()))
			return
		}
		if failed = json.Unmarshal(out.Bytes(), &r.LoadReport); failed == nil && r.Verdict == Broken {
			failed = fmt.Errorf("what was delivered was wrong: %+v", r.Faults[0])
		}
	})
	return &r, failed
}

func tail(text string) string { return text[max(0, len(text)-500):] }

// sampleReads counts the database's reads until it is stopped.
func sampleReads(b *testing.B, db *sql.DB, into *[]sqlSample) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			var name string
			var n float64
			if err := db.QueryRowContext(b.Context(), "SHOW GLOBAL STATUS LIKE 'Com_select'").Scan(&name, &n); err != nil {
				b.Errorf("ask for the reads: %v", err)
				return
			}
			*into = append(*into, sqlSample{time.Now(), n})
			select {
			case <-tick.C:
			case <-end:
				return
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// fillTable puts so many events of other rooms into the table, a thousand each.
func fillTable(short, long int) func(b *testing.B, f *fleet) {
	const part = 100_000
	return func(b *testing.B, f *fleet) {
		rows := short
		if *goalLong {
			rows = long
		}
		db := f.sql.Admin(b)
		for from := 0; from < rows; from += part {
			_, err := db.ExecContext(b.Context(), fmt.Sprintf(`INSERT INTO %[1]s.events
				(room_id, seq, kind, actor_id, actor_name, client_id, body_hash, target_seq, message_no, body, at)
				SELECT CONCAT('F', LPAD(n DIV 1000, 25, '0')), n MOD 1000 + 1, 'message', LPAD(n MOD 7, 26, 'A'), 'Ada', n, UNHEX(SHA2(n, 256)), 0, n MOD 1000 + 1,
				CONCAT('{"kind":"text","text":"', RPAD(n, 128, ' lorem ipsum'), '"}'), 1700000000000000 + n
				FROM (SELECT seq + %[2]d AS n FROM %[1]s.seq_0_to_%[3]d) AS numbers`, f.sqlUser, from, part-1))
			if err != nil {
				b.Fatalf("fill the table: %v", err)
			}
		}
	}
}

// keepReport writes a run's report for later.
func keepReport(b *testing.B, work string, n int, r *goalRun) {
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, work)
	for suffix, write := range map[string]func(io.Writer) error{".json": r.writeJSON, ".html": r.writeHTML} {
		f, err := os.Create(filepath.Join(*goalDir, fmt.Sprintf("%s-%d%s", name, n, suffix)))
		if err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(write(f), f.Close()); err != nil {
			b.Fatal(err)
		}
	}
}
