package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

// elsewhere is what would make a page load something.
var elsewhere = regexp.MustCompile(`(?i)https?://|src=|href=|@import|url\(|<script|<link`)

// checkPage renders a report and gives the page.
func checkPage(t *testing.T, r *LoadReport) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.writeHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if found := elsewhere.FindString(page); found != "" {
		t.Errorf("the page is not by itself: %s", found)
	}
	for _, bad := range []string{"NaN", "Inf", "%!", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page says %s", bad)
		}
	}
	for i, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1) {
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("chart %d: %v", i, err)
			}
		}
	}
	return page
}

func TestPage(t *testing.T) {
	t.Parallel()
	curve := func(name string) Timed {
		return Timed{Name: name, Quantiles: Quantiles{Count: 100_000, P50: 1, P99: 30}, Curve: []Point{{10, 0.5}, {50, 1}, {99, 30}, {99.99, 400}}}
	}
	phase := func(target, group string) Phase {
		return Phase{
			Target: target, Run: 1, Rate: 20, Unit: "delivery", UnitsPerS: 20_000, Served: true,
			Times: []Timed{curve(timingNames[toReader]), curve(timingNames[toAck])},
			Costs: []Cost{{Group: group, PerUnit: 7.5}, {Group: groupGenerator, PerUnit: 5}}, Series: []Sample{{At: 0.5, ReadPerS: 1}, {At: 1, ReadPerS: 20_000}},
		}
	}
	failed := phase("nodes", groupNode)
	failed.Served, failed.Unserved, failed.Rate = false, "<b>p99</b>", 40
	r := &LoadReport{
		Verdict: Kept, Scenario: sceneFanout, Nodes: []string{`<script>alert("x")</script>`}, Rooms: 1, RoomSize: 1000,
		Phases: []Phase{phase(groupFloor, groupFloor), phase("nodes", groupNode)}, FloorRatio: 1.05,
		Saturation: &Saturation{Rate: 20, Bound: 250, Steps: []Phase{phase("nodes", groupNode), failed}},
		Faults:     []*Fault{{Kind: "hole", Room: "R", What: "a <hole>"}}, Notes: []string{"a note"},
	}
	page := checkPage(t, r)
	for _, want := range []string{"How long it took", "Work over time", "Delay over time", "Delay as load rises", "Cost as load rises", "Processor time", "1.05", "a note", "a &lt;hole&gt;", "prefers-color-scheme: dark"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if n := strings.Count(page, "<svg"); n != 5 {
		t.Errorf("%d charts", n)
	}
	checkPage(t, &LoadReport{Verdict: Void})
	checkPage(t, &LoadReport{Phases: []Phase{{}}, Saturation: &Saturation{}})
}

func TestScales(t *testing.T) {
	t.Parallel()
	for _, hi := range []float64{0, 0.001, 0.07, 1, 1.4, 2.9, 5.9, 7, 10, 99, 1234, 373_000, 1e9} {
		list := linear(0, hi)
		if n := len(list); n < 2 || n > 9 || list[0].at != 0 || list[n-1].at < hi*0.999 {
			t.Errorf("up to %g: %v", hi, list)
		}
		if list := (chart{logY: true}).scale(hi/10, hi); len(list) < 2 || list[len(list)-1].at < hi*0.999 {
			t.Errorf("decades up to %g: %v", hi, list)
		}
	}
	for v, want := range map[float64]string{0: "0", 0.25: "0.25", 5: "5", 1500: "1500", 20_000: "20k", 2_500_000: "2.5M", 0.01: "0.01"} {
		if got := short(v); got != want {
			t.Errorf("%g is %s", v, got)
		}
	}
	for v, want := range map[float64]string{0: "0.00", 9.876: "9.88", 45.67: "45.7", 999: "999", 1234567: "1 234 567", -1234: "-1 234"} {
		if got := figure(v); got != want {
			t.Errorf("%g is %s", v, got)
		}
	}
}
