package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Verdicts of a run.
const (
	Kept   = "kept"
	Broken = "broken"
	Void   = "void" // too little happened to say
)

// tooBusy is how late the schedule may run, as p99 in milliseconds, before the
// delays measured are this machine's own.
const tooBusy = 50

// Report is the outcome of a run. Its JSON form is for programs.
type Report struct {
	Verdict string `json:"verdict"`
	// Healthy says that no client noticed any failure and that this program kept
	// to its own schedule, so that the bound for 99 % of the deliveries was
	// checked too.
	Healthy  bool             `json:"healthy"`
	Counters map[string]int64 `json:"counters"` // the seven, by name
	// Away are readers that were not back in their room at the end.
	Away int `json:"away"`

	Began    time.Time `json:"began"`
	Seconds  float64   `json:"seconds"` // during which messages were sent
	Seed     uint64    `json:"seed"`
	Nodes    []string  `json:"nodes"` // the names that the servers told
	Clients  int       `json:"clients"`
	Rooms    int       `json:"rooms"`
	RoomSize int       `json:"room_size"`
	Rate     float64   `json:"rate"`
	Payload  int       `json:"payload"`

	Sent    int64  `json:"sent"`
	REST    int64  `json:"sent_rest"` // of them over REST
	Acked   int64  `json:"acked"`
	Refused int64  `json:"refused"`
	Skipped int64  `json:"skipped"` // due, but the sender had too many without an answer
	Resent  int64  `json:"resent"`  // attempts that a lost connection left without an answer
	Events  int64  `json:"events"`  // log events that readers got
	Frames  int64  `json:"frames"`  // all frames that clients got
	Bytes   int64  `json:"bytes"`   // of them
	History uint64 `json:"history"` // events in the rooms' history
	Strays  int64  `json:"strays"`  // events of rooms that the client is not in
	Resets  int64  `json:"resets"`  // "begin anew" from the server
	Limited int64  `json:"limited"` // answers 429
	Stopped int64  `json:"stopped"` // clients that were told not to come back

	Delivery  Quantiles `json:"delivery"`  // from due to a connected reader
	Delay     Quantiles `json:"delay"`     // from the ack to a connected reader
	Ack       Quantiles `json:"ack"`       // from due to the ack
	Detect    Quantiles `json:"detect"`    // from the last sign of life to the noticed end of a connection
	Reconnect Quantiles `json:"reconnect"` // from there to the next welcome
	Recover   Quantiles `json:"recover"`   // from there until all rooms are read up to where they stood
	Schedule  Quantiles `json:"schedule"`  // how late this program itself was

	Closes   map[string]int64 `json:"closes"`   // ends of connections by close code or cause
	Refusals map[string]int64 `json:"refusals"` // errors over sockets by code
	Statuses map[string]int64 `json:"statuses"` // REST answers from 500 on

	Faults []*Fault `json:"faults,omitempty"` // the first of each kind, the earliest first
	Notes  []string `json:"notes,omitempty"`
}

// report puts the outcome together.
func (b *bench) report(ctx context.Context, took time.Duration) Report {
	r := Report{
		Healthy: b.healthy(), Counters: make(map[string]int64),
		Began: b.start.UTC(), Seconds: took.Seconds(), Seed: b.o.Seed,
		Clients: b.o.Clients, Rooms: b.o.Rooms, RoomSize: b.o.RoomSize, Rate: b.o.Rate, Payload: b.o.Payload,
		Sent: b.sent.Load(), REST: b.viaREST.Load(), Acked: b.acked.Load(), Refused: b.refused.Load(),
		Skipped: b.skipped.Load(), Resent: b.resent.Load(), Events: b.events.Load(), Frames: b.frames.Load(),
		Bytes: b.bytes.Load(), Strays: b.strays.Load(), Limited: b.rest.limited.Load(), Stopped: b.stopped.Load(),
		Delivery: b.times.delivery.quantiles(), Delay: b.times.delay.quantiles(), Ack: b.times.ack.quantiles(),
		Detect: b.detect.quantiles(), Reconnect: b.reconnect.quantiles(), Recover: b.recover.quantiles(),
		Schedule: b.behindTime.quantiles(),
		Closes:   b.closes.all(), Refusals: b.refusals.all(), Statuses: b.rest.status.all(),
	}
	r.Healthy = r.Healthy && r.Schedule.P99 <= tooBusy
	b.mu.Lock()
	r.Nodes = slices.Sorted(maps.Keys(b.nodes))
	b.mu.Unlock()
	var sum tally
	var slow int64
	var first [kinds]*Fault
	for _, rm := range b.rooms {
		res := rm.check.result()
		sum.add(res.tally)
		slow += res.slow
		r.Resets += res.resets
		r.Away += res.away
		r.History += res.log
		for k, f := range res.first {
			if f != nil && (first[k] == nil || f.At < first[k].At) {
				first[k] = f
				b.surround(ctx, f, rm)
			}
		}
	}
	if over := slow - r.Delay.Count/100; r.Healthy && over > 0 {
		sum[late] += over
		if first[late] == nil {
			first[late] = &Fault{Kind: late.String(), Room: "all", At: took.Seconds(), What: fmt.Sprintf(
				"nothing failed, yet %d of %d deliveries took over %v from the ack (p99 %.1f ms)", slow, r.Delay.Count, b.o.P99, r.Delay.P99)}
		}
	}
	for k, n := range sum {
		r.Counters[kind(k).String()] = n
		if first[k] != nil {
			r.Faults = append(r.Faults, first[k])
		}
	}
	slices.SortStableFunc(r.Faults, func(a, b *Fault) int { return cmp.Compare(a.At, b.At) })
	r.judge(sum)
	return r
}

// surround shows a fault the history on both sides of it.
func (b *bench) surround(ctx context.Context, f *Fault, rm room) {
	if f.Seq == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	list, err := b.rest.around(ctx, rm.id, rm.members[0].acct.token, f.Seq)
	if err != nil {
		f.What += fmt.Sprintf(" (its history could not be read again: %v)", err)
	}
	f.History = list
}

func (r *Report) judge(sum tally) {
	r.Verdict = Kept
	switch {
	case sum != tally{} || r.Away > 0:
		r.Verdict = Broken
	case r.Acked == 0 || r.Delivery.Count == 0:
		r.Verdict = Void
	}
	note := func(ok bool, format string, args ...any) {
		if ok {
			r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
		}
	}
	note(r.Away > 0, "%d readers were not back in their rooms at the end", r.Away)
	note(r.Skipped > 0, "%d messages that were due were not sent: their senders had %d without an answer", r.Skipped, maxWaiting)
	note(r.Limited > int64(r.Clients), // a few are of the set-up, which waits its turn
		"the server answered 429 %d times, which made this run slower: for a large one start it with --rate-address off --rate-user off --rate-session off", r.Limited)
	note(r.Refusals["rate_limited"] > 0, "%d frames were refused as too many: more --clients, or start the server with --rate-session off --rate-user off", r.Refusals["rate_limited"])
	note(r.Schedule.P99 > tooBusy, "this program ran late itself (p99 %.0f ms): the machine is too busy for these figures, and the bound for 99 %% was not checked", r.Schedule.P99)
	note(r.Ack.P50 > 1000, "half of the messages waited over %.1f s for their ack: the server is at its limit at this rate", r.Ack.P50/1000)
	note(r.Verdict == Void, "nothing was acked or nothing was delivered: there is nothing to judge")
}

// writeJSON writes the report for programs.
func (r *Report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// write writes the report for people.
func (r *Report) write(w io.Writer) error {
	var b strings.Builder
	for i, f := range r.Faults {
		if i == 0 {
			b.WriteString("\nfirst fault: ")
			f.write(&b)
			continue
		}
		fmt.Fprintf(&b, "also: %s in room %s, %s into the run: %s\n", f.Kind, f.Room, seconds(f.At), f.What)
	}
	fmt.Fprintf(&b, "\n%d clients, %d rooms of %d, nodes %s, %.0f s, seed %d\n", r.Clients, r.Rooms, r.RoomSize, strings.Join(r.Nodes, " "), r.Seconds, r.Seed)
	fmt.Fprintf(&b, "sent %d (%.0f/s, %d over REST), acked %d, refused %d, skipped %d, resent %d\n",
		r.Sent, float64(r.Sent)/max(r.Seconds, 1e-9), r.REST, r.Acked, r.Refused, r.Skipped, r.Resent)
	fmt.Fprintf(&b, "read %d events (%.0f/s), %.1f MB; %d in the history\n\n",
		r.Events, float64(r.Events)/max(r.Seconds, 1e-9), float64(r.Bytes)/1e6, r.History)
	fmt.Fprintf(&b, "%-28s %9s %9s %9s %9s %9s\n", "milliseconds", "p50", "p99", "p99.9", "max", "count")
	for _, row := range []struct {
		name string
		q    Quantiles
	}{
		{"due to ack", r.Ack}, {"due to reader (delivery)", r.Delivery}, {"ack to reader", r.Delay},
		{"to notice a lost connection", r.Detect}, {"to reconnect", r.Reconnect}, {"to recover", r.Recover},
	} {
		if row.q.Count > 0 {
			fmt.Fprintf(&b, "%-28s %9.1f %9.1f %9.1f %9.1f %9d\n", row.name, row.q.P50, row.q.P99, row.q.P999, row.q.Max, row.q.Count)
		}
	}
	for _, c := range []struct {
		name string
		m    map[string]int64
	}{{"connections ended", r.Closes}, {"errors over sockets", r.Refusals}, {"REST answers", r.Statuses}} {
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
		fmt.Fprintf(&b, "%s %d  ", name, r.Counters[name])
	}
	fmt.Fprintf(&b, "\nverdict: %s\n", map[string]string{
		Kept:   "every promise was kept",
		Broken: "A PROMISE WAS BROKEN",
		Void:   "void, nothing can be said",
	}[r.Verdict])
	_, err := io.WriteString(w, b.String())
	return err
}
