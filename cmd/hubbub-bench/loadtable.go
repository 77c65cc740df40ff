package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// write writes the report for people.
func (r *LoadReport) write(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Faults {
		b.WriteString("\nfault: ")
		f.write(&b)
	}
	fmt.Fprintf(&b, "\n%s: %d clients", r.Scenario, r.Clients)
	if r.Rooms > 0 {
		fmt.Fprintf(&b, ", %d rooms of %d (%d of them read), %d-byte texts", r.Rooms, r.RoomSize, r.Readers, r.Payload)
	}
	fmt.Fprintf(&b, ", nodes %s; %d processors, Linux %s\n\n", strings.Join(r.Nodes, " "), r.Machine.CPUs, r.Machine.Kernel)
	writePhases(&b, r.Phases)
	if r.FloorRatio > 0 {
		fmt.Fprintf(&b, "\nnodes' processor time per delivery is %.2f times the floor's (each run: %.2f)\n", r.FloorRatio, r.FloorRatios)
	}
	if s := r.Saturation; s != nil {
		b.WriteString("\nlooking for the highest rate that is served:\n\n")
		writePhases(&b, s.Steps)
		fmt.Fprintf(&b, "\nsaturation: %.0f/s, %.0f units/s, %.0f answers/s\n", s.Rate, s.UnitsPerS, s.AnsweredS)
	}
	for _, c := range []struct {
		name string
		m    map[string]int64
	}{{"connections ended", r.Ends}, {"errors", r.Errors}} {
		if len(c.m) > 0 {
			fmt.Fprintf(&b, "%s:", c.name)
			for _, k := range slices.Sorted(maps.Keys(c.m)) {
				fmt.Fprintf(&b, " %s ×%d", k, c.m[k])
			}
			b.WriteString("\n")
		}
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	b.WriteString("\n")
	for _, name := range kindNames {
		if n, counted := r.Counters[name]; counted {
			fmt.Fprintf(&b, "%s %d  ", name, n)
		}
	}
	fmt.Fprintf(&b, "\nverdict: %s\n", map[string]string{
		Kept:   "measured, and nothing was wrong",
		Broken: "WHAT WAS DELIVERED WAS WRONG, so the figures say nothing",
		Void:   "void, nothing happened",
	}[r.Verdict])
	_, err := io.WriteString(w, b.String())
	return err
}

// writePhases writes a line of figures for each phase, and those that only its
// scenario has below it.
func writePhases(b *strings.Builder, list []Phase) {
	if len(list) == 0 {
		return
	}
	var named []timing
	for what := range timingCount {
		if slices.ContainsFunc(list, func(p Phase) bool { return p.time(what).Count > 0 }) {
			named = append(named, what)
		}
	}
	fmt.Fprintf(b, "%-7s %3s %8s %9s %9s", "target", "run", "rate/s", "answers/s", "units/s")
	for _, what := range named {
		fmt.Fprintf(b, "  %18s", timingNames[what])
	}
	fmt.Fprintf(b, "  processor µs per %s\n%-40s", list[0].Unit, "")
	for range named {
		fmt.Fprintf(b, "  %18s", "p50 / p99 ms")
	}
	b.WriteString("\n")
	for _, p := range list {
		fmt.Fprintf(b, "%-7s %3d %8.0f %9.0f %9.0f", p.Target, p.Run, p.Rate, p.AnsweredS, p.UnitsPerS)
		for _, what := range named {
			t := p.time(what)
			fmt.Fprintf(b, "  %18s", fmt.Sprintf("%.2f / %.2f", t.P50, t.P99))
		}
		for _, c := range p.Costs {
			fmt.Fprintf(b, "  %s %.1f", c.Group, c.PerUnit)
		}
		if !p.Served {
			fmt.Fprintf(b, "\n        not served: %s", p.Unserved)
		}
		for _, f := range p.Figures {
			fmt.Fprintf(b, "\n        %s: %.1f %s", f.Name, f.Value, f.Unit)
		}
		b.WriteString("\n")
	}
}
