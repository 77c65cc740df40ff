package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Phase is one measurement of one target.
type Phase struct {
	Target  string  `json:"target"` // "nodes" or "floor"
	Run     int     `json:"run"`    // from 1 on
	Rate    float64 `json:"rate"`   // that was due, per second
	Seconds float64 `json:"seconds"`
	// Served says that all that was due was sent and answered, nobody was
	// thrown out, and everything was delivered.
	Served bool `json:"served"`
	// Unserved says why not.
	Unserved string `json:"unserved,omitempty"`

	Sent       int64   `json:"sent"`
	Acked      int64   `json:"acked"`
	Refused    int64   `json:"refused"`
	Skipped    int64   `json:"skipped"`    // due, but the client had too many without an answer
	Unanswered int64   `json:"unanswered"` // at the end of the grace
	Unit       string  `json:"unit"`       // of work: what costs are divided by
	Units      int64   `json:"units"`
	UnitsPerS  float64 `json:"units_per_s"`

	Times  []Timed  `json:"times"` // from when it was due
	Costs  []Cost   `json:"costs,omitempty"`
	Kernel Kernel   `json:"kernel"` // at the end
	Series []Sample `json:"series"`
}

// Timed is a distribution of durations. Curve has it in full, for charts.
type Timed struct {
	Name string `json:"name"`
	Quantiles
	Curve []Point `json:"curve"`
}

// Point says that a share of all durations was at most so long.
type Point struct {
	Share float64 `json:"share"` // percent
	MS    float64 `json:"ms"`
}

// Sample is one interval of a phase.
type Sample struct {
	At        float64 `json:"at_s"` // its end, since the phase began to measure
	Due       float64 `json:"due_per_s"`
	AckedPerS float64 `json:"acked_per_s"`
	UnitsPerS float64 `json:"units_per_s"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Behind    uint64  `json:"behind"` // events that the slowest reader had not got
}

// Names of what is timed.
const (
	timeAck      = "due to ack"
	timeDelivery = "due to reader"
	timeSchedule = "late itself"
)

// pace is what a phase sends.
type pace struct {
	run      int
	rate     float64
	warm     time.Duration
	duration time.Duration
	hasty    bool // give up as soon as the target has plainly fallen behind
}

const (
	sampleEvery = 500 * time.Millisecond
	// hastyBehind is how much of the load may be without an answer, in seconds,
	// before a hasty phase gives up.
	hastyBehind = 1.5
)

// talk measures a crowd whose members talk at a rate.
func (l *load) talk(ctx context.Context, c *crowd, p pace) (Phase, error) {
	ph := Phase{Target: c.target, Run: p.run, Rate: p.rate, Unit: "delivery"}
	if err := c.connect(ctx); err != nil {
		return ph, err
	}
	ends := len(c.ends.all())
	m := newMeter()
	c.meter.Store(m)
	from := l.now() + p.warm
	m.from.Store(int64(from))
	sendCtx, enough := context.WithCancel(ctx)
	defer enough()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.speak(sendCtx, m, p, from+p.duration)
	}()

	watch := l.watch(c, m, p)
	defer watch.stop()
	for l.now() < from && ctx.Err() == nil {
		sleep(ctx, from-l.now())
	}
	before, err := l.proc.spentBy(l.groupsOf(c), l.now())
	if err != nil {
		return ph, err
	}
	start := m.counts(l.now())
	watch.begin()
	behind := false
	for l.now() < from+p.duration && ctx.Err() == nil && !behind {
		sleep(ctx, min(sampleEvery/5, from+p.duration-l.now()))
		open := m.sent.Load() - m.acked.Load() - m.refused.Load()
		behind = p.hasty && float64(open) > hastyBehind*p.rate
	}
	end := m.counts(l.now())
	after, err := l.proc.spentBy(l.groupsOf(c), l.now())
	if err != nil {
		return ph, err
	}
	enough()
	<-sent
	c.drain(m, l.now()+c.o.Grace)
	watch.stop()
	for _, room := range c.rooms {
		ph.Unanswered += room.abandon()
		room.settle(l.now())
	}

	ph.Seconds = (end.at - start.at).Seconds()
	ph.Sent, ph.Acked, ph.Refused, ph.Skipped = end.sent-start.sent, end.acked-start.acked, m.refused.Load(), m.skipped.Load()
	ph.Units = end.delivered - start.delivered
	ph.UnitsPerS = float64(ph.Units) / max(ph.Seconds, 1e-9)
	ph.Times = watch.times()
	ph.Series = watch.series
	ph.Costs = costs(l.groupsOf(c), before, after, ph.Units)
	ph.Kernel = after.kernel
	tally, _ := c.found()
	switch {
	case ctx.Err() != nil:
		ph.Unserved = "it was interrupted"
	case behind:
		ph.Unserved = fmt.Sprintf("over %.1f s of the load had no answer", hastyBehind)
	case len(c.ends.all()) > ends || !c.allConnected():
		ph.Unserved = fmt.Sprintf("connections ended: %v", c.ends.all())
	case tally != ([kinds]int64{}):
		ph.Unserved = "what was delivered was wrong"
	case ph.Skipped > 0:
		ph.Unserved = fmt.Sprintf("%d messages could not be sent, since their senders had %d without an answer", ph.Skipped, maxWaiting)
	case ph.Refused > 0:
		ph.Unserved = fmt.Sprintf("%d messages were refused: %v", ph.Refused, c.refusals.all())
	case ph.Unanswered > 0:
		ph.Unserved = fmt.Sprintf("%d messages had no answer", ph.Unanswered)
	}
	ph.Served = ph.Unserved == ""
	return ph, nil
}

// speak sends what is due until end, by random members of random rooms.
func (c *crowd) speak(ctx context.Context, m *meter, p pace, end time.Duration) {
	r := rand.New(rand.NewPCG(c.o.Seed+uint64(p.run)<<32, 2))
	gap := poisson(r, p.rate)
	if c.o.Steady {
		gap = func() time.Duration { return time.Duration(float64(time.Second) / p.rate) }
	}
	var payload, frame []byte
	openLoop(ctx, c.now, end, gap, func(due time.Duration) {
		where := r.IntN(len(c.rooms))
		writers := c.writers(where)
		g, room := writers[r.IntN(len(writers))], c.rooms[where]
		if g.waiting.Load() >= maxWaiting || !g.connected() {
			m.skipped.Add(1)
			return
		}
		n := room.send(due)
		if n == 0 {
			m.skipped.Add(1)
			return
		}
		m.schedule.add(c.now() - due)
		payload = g.appendPost(payload[:0], room, n)
		frame = appendClientFrame(frame[:0], opText, payload)
		g.waiting.Add(1)
		m.sent.Add(1)
		if g.sock.Load().write(frame) != nil { // its end is told to the guest
			return
		}
	})
}

// writers are the members of a room that write: where not all read it, those
// that do not.
func (c *crowd) writers(room int) []*guest {
	if c.o.Readers == 0 || c.o.Readers == c.o.RoomSize {
		return c.members[room]
	}
	return c.members[room][c.o.Readers:]
}

// drain waits until everything has its answer and has come to all followers.
func (c *crowd) drain(m *meter, deadline time.Duration) {
	for c.now() < deadline && c.allConnected() {
		if m.sent.Load() == m.acked.Load()+m.refused.Load() {
			if all, _ := c.behind(); all == 0 {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
}
