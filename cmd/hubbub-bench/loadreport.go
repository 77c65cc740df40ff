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

	// Saturation is what --ramp found.
	Saturation *Saturation `json:"saturation,omitempty"`

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
		if n := c.strays.Load(); n > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%d events came to clients who do not follow their rooms", n))
		}
	}
	for k, n := range sum {
		if kind(k) != late && kind(k) != unknown {
			r.Counters[kind(k).String()] = n
		}
	}
	happened := slices.ContainsFunc(r.Phases, func(p Phase) bool {
		return p.Units > 0 || slices.ContainsFunc(p.Times, func(t Timed) bool { return t.Name != timingNames[toSend] })
	})
	switch {
	case sum != tally{}:
		r.Verdict = Broken
	case !happened:
		r.Verdict = Void
	default:
		r.Verdict = Kept
	}
	r.ratios()
	r.note()
}

// note tells what makes figures doubtful.
func (r *LoadReport) note() {
	add := func(ok bool, format string, args ...any) {
		if ok {
			r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
		}
	}
	var late, cores float64
	for i := range r.Phases {
		p := &r.Phases[i]
		late = max(late, p.time(toSend).P99)
		for _, c := range p.Costs {
			if c.Group == groupGenerator {
				cores = max(cores, c.Cores)
			}
		}
		add(!p.Served, "run %d of the %s was not served as it was due, so its figures are those of another load", p.Run, p.Target)
	}
	if r.Saturation != nil {
		slow := 0
		for i := range r.Saturation.Steps {
			if r.Saturation.Steps[i].time(toSend).P99 > tooBusy {
				slow++
			}
		}
		add(slow > 0, "this program ran late itself in %d of the %d steps to the highest rate, which is that of a busy machine", slow, len(r.Saturation.Steps))
	}
	add(late > tooBusy, "this program ran late itself (p99 %.0f ms): the machine is too busy for these times", late)
	add(cores > 0.9, "this program kept %.1f processors busy: it may have been the limit itself", cores)
}

// ratios holds each run's nodes against its floor.
func (r *LoadReport) ratios() {
	floors := make(map[int]float64)
	for _, ph := range r.Phases {
		if ph.Target == groupFloor {
			floors[ph.Run] = ph.PerUnit(groupFloor)
		} else if f := floors[ph.Run]; f > 0 && ph.PerUnit(groupNode) > 0 {
			r.FloorRatios = append(r.FloorRatios, ph.PerUnit(groupNode)/f)
		}
	}
	if n := len(r.FloorRatios); n > 0 {
		r.FloorRatio = slices.Sorted(slices.Values(r.FloorRatios))[n/2]
	}
}

// writeJSON writes the report for programs.
func (r *LoadReport) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
