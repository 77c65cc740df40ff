package main

import (
	"fmt"
	"io"
	"maps"
	"math"
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
		rooms := "rooms"
		if r.Rooms == 1 {
			rooms = "room"
		}
		fmt.Fprintf(&b, ", %d %s of %d (%d of them read), %d-byte texts", r.Rooms, rooms, r.RoomSize, r.Readers, r.Payload)
	}
	fmt.Fprintf(&b, ", nodes %s; %d processors, Linux %s\n\n", strings.Join(r.Nodes, " "), r.Machine.CPUs, r.Machine.Kernel)
	writePhases(&b, r.Phases)
	if r.FloorRatio > 0 {
		fmt.Fprintf(&b, "\nnodes' processor time per delivery is %.2f times the floor's (each run: %.2f)\n", r.FloorRatio, r.FloorRatios)
	}
	if memory := r.Memory(); memory != "" {
		fmt.Fprintf(&b, "\nresident at the end: %s\n", memory)
	}
	if s := r.Saturation; s != nil {
		b.WriteString("\nlooking for the highest rate that is served:\n\n")
		writePhases(&b, s.Steps)
		fmt.Fprintf(&b, "\nhighest rate served: %.0f/s, with %.0f answers/s and %.0f %s/s\n", s.Rate, s.AnsweredS, s.UnitsPerS, plural(r.unit()))
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

// figure writes a number with three digits that count, and thousands apart.
func figure(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1000:
		text, sign := fmt.Sprintf("%.0f", a), ""
		if v < 0 {
			sign = "-"
		}
		for i := len(text) - 3; i > 0; i -= 3 {
			text = text[:i] + " " + text[i:]
		}
		return sign + text
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// Memory says what the groups and the kernel held at the end of the last phase;
// "" without one.
func (r *LoadReport) Memory() string {
	if len(r.Phases) == 0 {
		return ""
	}
	p := r.Phases[len(r.Phases)-1]
	var parts []string
	for _, c := range p.Costs {
		parts = append(parts, fmt.Sprintf("%s %s MiB", c.Group, figure(float64(c.RSSKiB)/1024)))
	}
	return fmt.Sprintf("%s; the whole machine's kernel: %d TCP sockets with %s MiB of buffers, %s MiB of slabs",
		strings.Join(parts, ", "), p.Kernel.TCP, figure(float64(p.Kernel.TCPKiB)/1024), figure(float64(p.Kernel.SlabKiB)/1024))
}

// unit is what the work of a report is counted in.
func (r *LoadReport) unit() string {
	if len(r.Phases) == 0 {
		return ""
	}
	return r.Phases[0].Unit
}

func plural(unit string) string {
	if rest, ok := strings.CutSuffix(unit, "y"); ok {
		return rest + "ies"
	}
	return unit + "s"
}
