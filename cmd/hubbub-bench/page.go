package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"n":      figure,
	"colour": colourOf,
	"phases": func(list []Phase, timed, groups []string) phaseTable { return phaseTable{list, timed, groups} },
	"pct":    func(v, of float64) string { return fmt.Sprintf("%.2f", v/max(of, 1e-9)*100) },
}).Parse(pageText))

// loadPage is a report as one page.
type loadPage struct {
	*LoadReport
	Tiles  []Figure
	Charts []chart
	Bars   []bar
	Widest float64  // the longest bar
	Groups []string // of processes
	Unit   string   // of work
	Steps  []Phase
	Timed  []string
}

// phaseTable is the rows of a table, and which times and groups it has.
type phaseTable struct {
	List          []Phase
	Timed, Groups []string
}

// bar is what a phase cost, by group.
type bar struct {
	Name  string
	Parts []barPart
	Total float64
}

type barPart struct {
	Group  string
	Colour int
	Cost   float64
}

// writeHTML writes the report as one page that needs nothing else.
func (r *LoadReport) writeHTML(w io.Writer) error {
	p := loadPage{LoadReport: r, Unit: r.unit()}
	if r.Saturation != nil {
		p.Steps = r.Saturation.Steps
	}
	for what := range timingCount {
		if slices.ContainsFunc(r.Phases, func(ph Phase) bool { return ph.time(what).Count > 0 }) {
			p.Timed = append(p.Timed, timingNames[what])
		}
	}
	p.Tiles = r.tiles()
	p.Charts = slices.DeleteFunc([]chart{r.timeChart(), r.rateChart(), r.delayChart(), r.rampChart(), r.rampCostChart()},
		func(c chart) bool { return len(c.Lines()) == 0 })
	p.addBars()
	return pageTemplate.Execute(w, p)
}

// lastOf gives the last phase of a target; nil: there is none.
func (r *LoadReport) lastOf(target string) *Phase {
	for i := len(r.Phases) - 1; i >= 0; i-- {
		if r.Phases[i].Target == target {
			return &r.Phases[i]
		}
	}
	return nil
}

// targets are the phases that are drawn over each other.
func (r *LoadReport) targets() (list []*Phase) {
	for _, name := range []string{"nodes", groupFloor} {
		if ph := r.lastOf(name); ph != nil {
			list = append(list, ph)
		}
	}
	return list
}

// tiles are the figures that people look for first.
func (r *LoadReport) tiles() (list []Figure) {
	ph := r.lastOf("nodes")
	if ph == nil {
		return nil
	}
	add := func(ok bool, name string, v float64, unit string) {
		if ok {
			list = append(list, Figure{name, v, unit})
		}
	}
	for _, f := range ph.Figures {
		add(true, f.Name, f.Value, f.Unit)
	}
	if ph.Rate > 0 || len(ph.Figures) == 0 {
		add(true, "work done", ph.UnitsPerS, plural(ph.Unit)+" per second")
	}
	for _, what := range []timing{toReader, toAck, toPage, toBack} {
		t := ph.time(what)
		add(t.Count > 0, timingNames[what]+", p50", t.P50, "ms")
		add(t.Count > 0, timingNames[what]+", p99", t.P99, "ms")
	}
	add(ph.PerUnit(groupNode) > 0, "nodes' processor time", ph.PerUnit(groupNode), "µs per "+ph.Unit)
	add(r.FloorRatio > 0, "nodes' processor time / floor's", r.FloorRatio, "times")
	if s := r.Saturation; s != nil {
		add(true, "highest rate served", s.Rate, "messages per second")
		add(true, "work done there", s.UnitsPerS, plural(ph.Unit)+" per second")
	}
	return list
}

// timeChart shows the distributions of the last run of each target.
func (r *LoadReport) timeChart() chart {
	var lines []line
	var times []Timed
	for i, ph := range r.targets() {
		for j, what := range []timing{toReader, toAck, toPage, toWelcome, toBack} {
			if t := ph.time(what); t.Count > 0 && (i == 0 || j == 0) {
				colour := colourOf(ph.Target)
				if len(lines) > 0 && i == 0 {
					colour = 2 + len(lines) // the nodes' further ones
				}
				lines = append(lines, line{Name: ph.Target + ", " + t.Name, Colour: colour})
				times = append(times, t)
			}
		}
	}
	return percentiles(lines, times)
}

// series draws one figure of the samples of each target.
func (r *LoadReport) series(c chart, of func(*Phase, Sample) float64) chart {
	for _, ph := range r.targets() {
		l := line{Name: ph.Target, Colour: colourOf(ph.Target)}
		for _, s := range ph.Series {
			l.points = append(l.points, dot{x: s.At, y: of(ph, s), tip: fmt.Sprintf("%s, %.1f s: %s", ph.Target, s.At, figure(of(ph, s)))})
		}
		c.lines = append(c.lines, l)
	}
	return c
}

func (r *LoadReport) rateChart() chart {
	c := chart{Title: "Work over time", Note: "events read per second, by seconds since it began to measure"}
	return r.series(c, func(ph *Phase, s Sample) float64 {
		if ph.Unit == "page" || ph.Unit == "message" {
			return s.AnsweredS
		}
		return s.ReadPerS
	})
}

func (r *LoadReport) delayChart() chart {
	c := chart{Title: "Delay over time", Note: "p99 of each interval in milliseconds (logarithmic), by seconds since it began to measure", logY: true}
	return r.series(c, func(_ *Phase, s Sample) float64 { return s.P99 })
}

// rampChart shows the steps of the ramp by their rate.
func (r *LoadReport) rampChart() chart {
	c := chart{Title: "Delay as load rises", Note: "p99 in milliseconds (logarithmic), by messages per second; hollow: not served; dashed: the bound of readers", logY: true}
	if r.Saturation == nil {
		return c
	}
	c.bound = r.Saturation.Bound
	for _, what := range []timing{toReader, toAck} {
		l := line{Name: timingNames[what], Colour: colourOf(timingNames[what])}
		for _, ph := range r.Saturation.Steps {
			if t := ph.time(what); t.Count > 0 {
				l.points = append(l.points, dot{ph.Rate, t.P99, fmt.Sprintf("%s messages per second: p99 %.1f ms %s", figure(ph.Rate), t.P99, ph.Unserved), !ph.Served})
			}
		}
		l.points = byRate(l.points)
		c.lines = append(c.lines, l)
	}
	return c
}

// rampCostChart shows what a unit cost in each step that was served.
func (r *LoadReport) rampCostChart() chart {
	c := chart{Title: "Cost as load rises", Note: "processor microseconds per unit of work, by messages per second, of what was served"}
	if r.Saturation == nil || len(r.Saturation.Steps) == 0 {
		return c
	}
	for _, cost := range r.Saturation.Steps[0].Costs {
		l := line{Name: cost.Group, Colour: colourOf(cost.Group)}
		for _, ph := range r.Saturation.Steps {
			if ph.Served {
				v := ph.PerUnit(cost.Group)
				l.points = append(l.points, dot{x: ph.Rate, y: v, tip: fmt.Sprintf("%s, %s messages per second: %.1f µs", cost.Group, figure(ph.Rate), v)})
			}
		}
		l.points = byRate(l.points)
		c.lines = append(c.lines, l)
	}
	return c
}

// addBars adds what each phase cost.
func (p *loadPage) addBars() {
	for _, ph := range p.Phases {
		b := bar{Name: fmt.Sprintf("%s, run %d", ph.Target, ph.Run)}
		for _, c := range ph.Costs {
			if !slices.Contains(p.Groups, c.Group) {
				p.Groups = append(p.Groups, c.Group)
			}
			b.Parts = append(b.Parts, barPart{c.Group, colourOf(c.Group), c.PerUnit})
			b.Total += c.PerUnit
		}
		if b.Total > 0 {
			p.Bars = append(p.Bars, b)
		}
		p.Widest = max(p.Widest, b.Total)
	}
	slices.SortStableFunc(p.Groups, func(a, b string) int { return cmp.Compare(colourOf(a), colourOf(b)) })
}
