package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// sense says which way a goal goes.
type sense int

const (
	told sense = iota // no goal: shown beside others
	atMost
	atLeast
)

// goal is one figure of a work and what it should be.
type goal struct {
	what  string
	bound float64
	sense sense
	of    func(*goalRun) float64
}

// goalRow is what was reached.
type goalRow struct {
	work string
	goal
	values []float64 // of each run, ascending; NaN is not among them
}

// judgeGoals takes the figures of a work's runs.
func judgeGoals(w goalWork, runs []*goalRun) []goalRow {
	var rows []goalRow
	for _, g := range w.goals {
		row := goalRow{work: w.name, goal: g}
		for _, r := range runs {
			if v := g.of(r); !math.IsNaN(v) && !math.IsInf(v, 0) {
				row.values = append(row.values, v)
			}
		}
		slices.Sort(row.values)
		rows = append(rows, row)
	}
	return rows
}

// reached is the median of the runs; false: none told it.
func (r goalRow) reached() (float64, bool) {
	if len(r.values) == 0 {
		return 0, false
	}
	return r.values[len(r.values)/2], true
}

// met tells whether the goal was reached, and how far the figure is from it as
// a factor that is at most 1 where it was.
func (r goalRow) met() (factor float64, ok bool) {
	v, told := r.reached()
	switch {
	case !told:
		return math.Inf(1), false
	case r.sense == atMost:
		factor = v / r.bound
	default:
		factor = r.bound / v
	}
	return factor, factor <= 1
}

// goalTable shows the rows as in Markdown, and says at the end which fall short.
func goalTable(rows []goalRow) string {
	var b strings.Builder
	b.WriteString("| work | figure | goal | reached | min – max | |\n|---|---|--:|--:|--:|---|\n")
	var short []string
	work := ""
	for _, r := range rows {
		bound, mark, spread := "", "", ""
		v, measured := r.reached()
		reached := "not measured"
		if measured {
			reached = figure(v)
		}
		if len(r.values) > 1 {
			spread = figure(r.values[0]) + " – " + figure(r.values[len(r.values)-1])
		}
		if r.sense != told {
			bound = map[sense]string{atMost: "≤ ", atLeast: "≥ "}[r.sense] + figure(r.bound)
			factor, ok := r.met()
			switch {
			case ok:
				mark = "reached"
			case !measured, math.IsInf(factor, 0):
				mark = "not reached"
			default:
				mark = fmt.Sprintf("short by × %.2f", factor)
			}
			if !ok {
				short = append(short, r.work+": "+r.what)
			}
		}
		name := r.work
		if name == work {
			name = ""
		}
		work = r.work
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", name, r.what, bound, reached, spread, mark)
	}
	if len(short) == 0 {
		b.WriteString("\nEvery goal was reached.\n")
	} else {
		fmt.Fprintf(&b, "\nShort of the goal:\n- %s\n", strings.Join(short, "\n- "))
	}
	return b.String()
}

func TestGoalTable(t *testing.T) {
	t.Parallel()
	w := goalWork{name: "work", goals: []goal{
		{"cost", 10, atMost, func(r *goalRun) float64 { return r.FloorRatio }},
		{"rate", 1000, atLeast, func(r *goalRun) float64 { return r.FloorRatio * 100 }},
		{"beside", 0, told, func(r *goalRun) float64 { return 123456.7 }},
		{"never", 1, atMost, func(r *goalRun) float64 { return math.NaN() }},
	}}
	runs := []*goalRun{{LoadReport: LoadReport{FloorRatio: 9}}, {LoadReport: LoadReport{FloorRatio: 5}}, {LoadReport: LoadReport{FloorRatio: 20}}}
	got := goalTable(judgeGoals(w, runs))
	for _, want := range []string{
		"| work | cost | ≤ 10.0 | 9.00 | 5.00 – 20.0 | reached |",
		"|  | rate | ≥ 1 000 | 900 | 500 – 2 000 | short by × 1.11 |",
		"|  | beside |  | 123 457 | 123 457 – 123 457 |  |",
		"|  | never | ≤ 1.00 | not measured |  | not reached |",
		"Short of the goal:\n- work: rate\n- work: never\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nwithout %s", got, want)
		}
	}
	if got := goalTable(judgeGoals(w, nil)[2:3]); !strings.Contains(got, "not measured") || !strings.Contains(got, "Every goal") {
		t.Errorf("%s", got)
	}
}

// Every work of the table can be carried out, in both sizes.
func TestGoalWorks(t *testing.T) {
	t.Parallel()
	for _, w := range goalWorks() {
		for _, long := range []bool{false, true} {
			args := strings.Fields(w.args(long))
			if len(args) == 0 && w.long && !long {
				continue
			}
			if _, err := parseLoad(append(args, "--pids", "node=1"), testWriter{t}); err != nil {
				t.Errorf("%s: %v", w.name, err)
			}
		}
		for _, r := range judgeGoals(w, []*goalRun{{}}) { // an empty report is no reason to panic
			if _, told := r.reached(); told && r.sense == atLeast {
				if _, ok := r.met(); ok {
					t.Errorf("%s: %s is reached by nothing", w.name, r.what)
				}
			}
		}
	}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(p))
	return len(p), nil
}
