package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// LoadReport is the outcome of a load. Its JSON form is for programs.
type LoadReport struct {
	Verdict  string           `json:"verdict"`  // as of verify: "kept", "broken" or "void"
	Counters map[string]int64 `json:"counters"` // what was wrong, by name
	Scenario string           `json:"scenario"`
	Began    time.Time        `json:"began"`
	Machine  Machine          `json:"machine"`
	Nodes    []string         `json:"nodes"` // the names that the servers told
	Clients  int              `json:"clients"`
	Rooms    int              `json:"rooms"`
	RoomSize int              `json:"room_size"`
	Readers  int              `json:"readers"` // of each room
	Payload  int              `json:"payload"`
	Seed     uint64           `json:"seed"`

	Phases []Phase `json:"phases"`
	// FloorRatio is the nodes' processor time per delivery divided by the
	// floor's, the median over the runs; 0 without a floor. FloorRatios has each.
	FloorRatio  float64   `json:"floor_ratio,omitempty"`
	FloorRatios []float64 `json:"floor_ratios,omitempty"`

	Ends   map[string]int64 `json:"connections_ended"` // by close code or cause
	Errors map[string]int64 `json:"errors"`            // over sockets, by code
	Faults []*Fault         `json:"faults,omitempty"`  // the first of each kind
	Notes  []string         `json:"notes,omitempty"`
}

// Machine is what the figures hold for.
type Machine struct {
	CPUs   int    `json:"cpus"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

func (l *load) newReport(c *crowd) LoadReport {
	kernel, err := os.ReadFile(string(l.proc) + "/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	readers := l.o.Readers
	if readers == 0 {
		readers = l.o.RoomSize
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return LoadReport{
		Scenario: l.o.Scene, Began: l.start.UTC(), Nodes: slices.Sorted(maps.Keys(c.named)),
		Machine: Machine{runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version()},
		Clients: l.o.Clients, Rooms: l.o.Rooms, RoomSize: l.o.RoomSize, Readers: readers, Payload: l.o.Payload, Seed: l.o.Seed,
	}
}

// judge sums up what was found.
func (r *LoadReport) judge(crowds []*crowd) {
	var sum tally
	r.Counters = make(map[string]int64)
	for _, c := range crowds {
		t, first := c.found()
		sum.add(t)
		for _, f := range first {
			if f != nil {
				r.Faults = append(r.Faults, f)
			}
		}
		r.Ends, r.Errors = c.ends.all(), c.refusals.all() // the nodes are the last
	}
	for k, n := range sum {
		if kind(k) != late && kind(k) != unknown {
			r.Counters[kind(k).String()] = n
		}
	}
	units := int64(0)
	for _, ph := range r.Phases {
		units += ph.Units
	}
	switch {
	case sum != tally{}:
		r.Verdict = Broken
	case units == 0:
		r.Verdict = Void
	default:
		r.Verdict = Kept
	}
	r.ratios()
}

// ratios holds each run's nodes against its floor.
func (r *LoadReport) ratios() {
	floors := make(map[int]float64)
	for _, ph := range r.Phases {
		if ph.Target == groupFloor {
			floors[ph.Run] = ph.cost(groupFloor)
		} else if f := floors[ph.Run]; f > 0 && ph.cost(groupNode) > 0 {
			r.FloorRatios = append(r.FloorRatios, ph.cost(groupNode)/f)
		}
	}
	if n := len(r.FloorRatios); n > 0 {
		r.FloorRatio = slices.Sorted(slices.Values(r.FloorRatios))[n/2]
	}
}

// cost is the processor microseconds of a group per unit of work.
func (p *Phase) cost(group string) float64 {
	for _, c := range p.Costs {
		if c.Group == group {
			return c.PerUnit
		}
	}
	return 0
}

// writeJSON writes the report for programs.
func (r *LoadReport) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// write writes the report for people.
func (r *LoadReport) write(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Faults {
		b.WriteString("fault: ")
		f.write(&b)
	}
	fmt.Fprintf(&b, "\n%s: %d clients, %d rooms of %d (%d read), %d-byte texts, nodes %s; %d processors, Linux %s\n\n",
		r.Scenario, r.Clients, r.Rooms, r.RoomSize, r.Readers, r.Payload, strings.Join(r.Nodes, " "), r.Machine.CPUs, r.Machine.Kernel)
	for i := range r.Phases {
		r.Phases[i].write(&b, i == 0)
	}
	if r.FloorRatio > 0 {
		fmt.Fprintf(&b, "\nnodes' processor time per delivery / floor's: %.2f\n", r.FloorRatio)
	}
	b.WriteString("\n")
	for _, name := range slices.Sorted(maps.Keys(r.Counters)) {
		fmt.Fprintf(&b, "%s %d  ", name, r.Counters[name])
	}
	fmt.Fprintf(&b, "\nverdict: %s\n", r.Verdict)
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *Phase) write(b *strings.Builder, header bool) {
	if header {
		fmt.Fprintf(b, "%-8s %3s %9s %12s %10s %10s %10s %10s  %s\n", "target", "run", "rate/s", "units/s", "p50 ms", "p99 ms", "ack p50", "ack p99", "CPU µs per unit")
	}
	var d, a Quantiles
	for _, t := range p.Times {
		switch t.Name {
		case timeDelivery:
			d = t.Quantiles
		case timeAck:
			a = t.Quantiles
		}
	}
	fmt.Fprintf(b, "%-8s %3d %9.0f %12.0f %10.2f %10.2f %10.2f %10.2f ", p.Target, p.Run, p.Rate, p.UnitsPerS, d.P50, d.P99, a.P50, a.P99)
	for _, c := range p.Costs {
		fmt.Fprintf(b, " %s %.1f", c.Group, c.PerUnit)
	}
	if !p.Served {
		fmt.Fprintf(b, "  not served: %s", p.Unserved)
	}
	b.WriteString("\n")
}
