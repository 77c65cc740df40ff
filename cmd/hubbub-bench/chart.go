package main

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strings"
)

// chart is a line chart, written as SVG. Its colours are those of the page.
type chart struct {
	Title string
	Note  string // what the axes are
	logY  bool
	xs    []axisMark // of the horizontal axis; empty: chosen by the data
	lines []line
	bound float64 // a horizontal line, 0 for none
}

// line is one series of a chart.
type line struct {
	Name   string
	Colour int // of the page's, from 1 on
	points []dot
}

// dot is one point, with what is shown when it is pointed at.
type dot struct {
	x, y float64
	tip  string
	open bool // drawn hollow
}

// axisMark is a place on an axis.
type axisMark struct {
	at   float64
	text string
}

// Sizes of a chart, in its own units.
const (
	chartWidth, chartHeight = 640.0, 260.0
	chartLeft, chartRight   = 60.0, 14.0
	chartTop, chartBottom   = 10.0, 28.0
)

// Lines gives the series that have points, for the legend.
func (c chart) Lines() []line {
	return slices.DeleteFunc(slices.Clone(c.lines), func(l line) bool { return len(l.points) == 0 })
}

// SVG draws the chart; "" if there is nothing to draw.
func (c chart) SVG() template.HTML {
	lines := c.Lines()
	if len(lines) == 0 {
		return ""
	}
	xlo, xhi, ylo, yhi := math.Inf(1), math.Inf(-1), math.Inf(1), c.bound
	for _, l := range lines {
		for _, d := range l.points {
			xlo, xhi, ylo, yhi = min(xlo, d.x), max(xhi, d.x), min(ylo, d.y), max(yhi, d.y)
		}
	}
	ys := c.scale(ylo, yhi)
	xs := c.xs
	if len(xs) == 0 {
		xs = linear(min(xlo, 0), xhi)
	}
	xlo, xhi = min(xs[0].at, xlo), max(xs[len(xs)-1].at, xhi)
	x := func(v float64) float64 {
		return chartLeft + (v-xlo)/max(xhi-xlo, 1e-9)*(chartWidth-chartLeft-chartRight)
	}
	y := func(v float64) float64 {
		lo, hi := ys[0].at, ys[len(ys)-1].at
		if c.logY {
			v, lo, hi = math.Log10(max(v, lo)), math.Log10(lo), math.Log10(hi)
		}
		return chartHeight - chartBottom - (v-lo)/max(hi-lo, 1e-9)*(chartHeight-chartTop-chartBottom)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`, chartWidth, chartHeight, html.EscapeString(c.Title))
	for _, t := range ys {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/><text class="axis" x="%.1f" y="%.1f" text-anchor="end">%s</text>`,
			chartLeft, chartWidth-chartRight, y(t.at), y(t.at), chartLeft-8, y(t.at)+4, t.text)
	}
	for i, t := range xs {
		anchor := "middle"
		if i == len(xs)-1 {
			anchor = "end"
		}
		fmt.Fprintf(&b, `<text class="axis" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x(t.at), chartHeight-8, anchor, t.text)
	}
	if c.bound > 0 {
		fmt.Fprintf(&b, `<line class="bound" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, chartLeft, chartWidth-chartRight, y(c.bound), y(c.bound))
	}
	for _, l := range lines {
		var path strings.Builder
		for i, d := range l.points {
			fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], x(d.x), y(d.y))
		}
		fmt.Fprintf(&b, `<path class="line c%d" d="%s"/>`, l.Colour, path.String())
		for _, d := range l.points {
			class := "dot"
			if d.open {
				class = "dot open"
			}
			fmt.Fprintf(&b, `<circle class="%s c%d" cx="%.1f" cy="%.1f" r="4"><title>%s</title></circle>`, class, l.Colour, x(d.x), y(d.y), html.EscapeString(d.tip))
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // numbers, and texts that are escaped above
}

// scale chooses the ticks of the vertical axis: from 0, or in decades.
func (c chart) scale(lo, hi float64) []axisMark {
	if !c.logY {
		return linear(0, hi)
	}
	var list []axisMark
	first := math.Floor(math.Log10(max(lo, 0.01)))
	for e := first; e <= max(math.Ceil(math.Log10(max(hi, 0.02))), first+1); e++ {
		list = append(list, axisMark{math.Pow(10, e), short(math.Pow(10, e))})
	}
	return list
}

// linear gives three to seven round ticks, so that hi is not above the last.
func linear(lo, hi float64) []axisMark {
	span := max(hi-lo, 1e-3)
	step := math.Pow(10, math.Floor(math.Log10(span)))
	switch n := span / step; {
	case n < 1.5:
		step /= 4
	case n < 3:
		step /= 2
	case n > 6:
		step *= 2
	}
	var list []axisMark
	for v := math.Floor(lo/step) * step; ; v += step {
		list = append(list, axisMark{v, short(v)})
		if v >= hi-step*1e-6 && len(list) > 1 {
			return list
		}
	}
}

// short writes a number for an axis.
func short(v float64) string {
	trim := func(v float64, unit string) string {
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".") + unit
	}
	switch a := math.Abs(v); {
	case a >= 1e6:
		return trim(v/1e6, "M")
	case a >= 1e4:
		return trim(v/1e3, "k")
	}
	return trim(v, "")
}

// percentiles are the curves of some distributions over the share of all, with
// the rare ones drawn wide.
func percentiles(lines []line, times []Timed) chart {
	c := chart{Title: "How long it took", Note: "milliseconds (logarithmic) by the share of all that took at most so long", logY: true}
	at := func(share float64) float64 { return -math.Log10(1 - share/100) }
	for _, t := range []axisMark{{50, "50 %"}, {90, "90 %"}, {99, "99 %"}, {99.9, "99.9 %"}, {99.99, "99.99 %"}} {
		c.xs = append(c.xs, axisMark{at(t.at), t.text})
	}
	for i, l := range lines {
		for _, p := range times[i].Curve {
			if p.Share >= 50 && p.Share <= 100-50/float64(max(times[i].Count, 1)) { // beyond it there is only the last one
				l.points = append(l.points, dot{x: at(p.Share), y: p.MS, tip: fmt.Sprintf("%s: %g %% within %.2f ms", l.Name, p.Share, p.MS)})
			}
		}
		c.lines = append(c.lines, l)
	}
	return c
}

// byRate puts the points of a ramp in the order of their rates. Of two at the
// same rate, where the second was a second try, it keeps that.
func byRate(points []dot) []dot {
	slices.SortStableFunc(points, func(a, b dot) int { return cmp.Compare(a.x, b.x) })
	var list []dot
	for i, d := range points {
		if i == len(points)-1 || points[i+1].x != d.x {
			list = append(list, d)
		}
	}
	return list
}

// colours of what is drawn in several charts.
var colours = map[string]int{
	"nodes": 1, groupNode: 1, groupFloor: 2, "redis": 3, "db": 4, groupGenerator: 5,
	timingNames[toReader]: 1, timingNames[toAck]: 3,
}

// colourOf gives a name its colour on the page; the last is for all others.
func colourOf(name string) int {
	if c := colours[name]; c > 0 {
		return c
	}
	return 6
}
