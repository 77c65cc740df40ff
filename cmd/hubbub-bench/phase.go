package main

import (
	"context"
	"fmt"
	"time"
)

// Phase is one measurement of one target.
type Phase struct {
	Target  string    `json:"target"`         // "nodes" or "floor"
	Run     int       `json:"run"`            // from 1 on
	Rate    float64   `json:"rate,omitempty"` // that was due, per second
	Began   time.Time `json:"began"`          // of what was measured
	Seconds float64   `json:"seconds"`
	// Served says that all that was due was sent and answered, nobody was
	// thrown out, and everything was delivered. Unserved says why not.
	Served   bool   `json:"served"`
	Unserved string `json:"unserved,omitempty"`

	Sent       int64   `json:"sent"`
	Answered   int64   `json:"answered"`
	AnsweredS  float64 `json:"answered_per_s"`
	Refused    int64   `json:"refused"`
	Skipped    int64   `json:"skipped"`    // due, but the client had too many without an answer
	Unanswered int64   `json:"unanswered"` // at the end of the grace
	Unit       string  `json:"unit"`       // of work: what costs are divided by
	Units      int64   `json:"units"`
	UnitsPerS  float64 `json:"units_per_s"`

	Times   []Timed  `json:"times"`
	Costs   []Cost   `json:"costs,omitempty"`
	Kernel  Kernel   `json:"kernel"` // at the end
	Series  []Sample `json:"series,omitempty"`
	Figures []Figure `json:"figures,omitempty"` // what else a scenario tells
}

// Timed is a distribution of durations. Curve has it in full, for charts.
type Timed struct {
	Name string `json:"name"`
	Quantiles
	Curve []Point `json:"curve"`
}

// Point says that a share of all durations was at most so long.
type Point struct {
	Share float64 `json:"percent"`
	MS    float64 `json:"ms"`
}

// Sample is one interval of a phase.
type Sample struct {
	At        float64 `json:"at_s"` // its end, since the phase began to measure
	Due       float64 `json:"due_per_s"`
	AnsweredS float64 `json:"answered_per_s"`
	ReadPerS  float64 `json:"read_per_s"` // events that came to readers
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Behind    uint64  `json:"behind"` // events that the slowest reader had not got
}

// Figure is one number with its unit.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// time gives a distribution; all zero if there is none.
func (p *Phase) time(what timing) Timed { return p.Named(timingNames[what]) }

// Named is time by name.
func (p *Phase) Named(name string) Timed {
	for _, t := range p.Times {
		if t.Name == name {
			return t
		}
	}
	return Timed{}
}

// PerUnit is the processor microseconds of a group per unit of work.
func (p *Phase) PerUnit(group string) float64 {
	for _, c := range p.Costs {
		if c.Group == group {
			return c.PerUnit
		}
	}
	return 0
}

// figure gives a number by its name; 0 if there is none.
func (p *Phase) figure(name string) float64 {
	for _, f := range p.Figures {
		if f.Name == name {
			return f.Value
		}
	}
	return 0
}

// pace is what a phase with a schedule sends.
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

// work is what a crowd does in a phase with a schedule: what is due calls send,
// with when it was due.
type work struct {
	main    timing // what the live line and the series show
	unit    string
	answers bool // the units are the answers, not the events that readers get
	send    func(due time.Duration)
}

// paced measures a crowd that works at a rate.
func (l *load) paced(ctx context.Context, c *crowd, p pace, w work) (Phase, error) {
	ph := Phase{Target: c.target, Run: p.run, Rate: p.rate, Unit: w.unit}
	m := c.meter.Load()
	from := l.now() + p.warm
	m.from.Store(int64(from))
	sendCtx, enough := context.WithCancel(ctx)
	defer enough()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		openLoop(sendCtx, l.now, from+p.duration, l.gap(p), func(due time.Duration) {
			m.time(toSend, due, l.now())
			w.send(due)
		})
	}()
	defer func() { <-sent }()
	defer enough()
	watch := l.watch(c, m, w.main, fmt.Sprintf("%s %d at %.0f/s", c.target, p.run, p.rate))
	defer watch.stop()
	sleep(ctx, from-l.now())
	before, err := l.instant(c, m)
	if err != nil {
		return ph, err
	}
	watch.begin()
	behind := false
	for l.now() < from+p.duration && ctx.Err() == nil && !behind {
		sleep(ctx, min(sampleEvery/5, from+p.duration-l.now()))
		behind = p.hasty && float64(m.open()) > hastyBehind*p.rate
	}
	after, err := l.instant(c, m)
	if err != nil {
		return ph, err
	}
	if behind {
		enough()
	}
	<-sent // what was due and is late is sent, too
	c.drain(m, l.now()+c.o.Grace)
	watch.stop()
	if w.answers {
		before.units, after.units = before.answered, after.answered
	}
	l.finish(&ph, c, m, before, after, watch)
	switch {
	case ctx.Err() != nil:
		ph.Unserved = "it was interrupted"
	case behind:
		ph.Unserved = fmt.Sprintf("over %.1f s of the load had no answer", hastyBehind)
	}
	ph.Served = ph.Unserved == ""
	return ph, nil
}

// instant is what had been counted and used by then.
type instant struct {
	counts
	spent
}

// instant asks for both.
func (l *load) instant(c *crowd, m *meter) (i instant, err error) {
	i.counts = m.counts(l.now())
	i.spent, err = l.proc.spentBy(l.groupsOf(c), l.now())
	return i, err
}

// finish puts a phase together once everything is quiet.
func (l *load) finish(ph *Phase, c *crowd, m *meter, from, to instant, w *watch) {
	for _, room := range c.rooms {
		ph.Unanswered += room.abandon()
		room.settle(l.now())
	}
	ph.Began = l.start.Add(from.counts.at).UTC()
	ph.Seconds = (to.counts.at - from.counts.at).Seconds()
	per := max(ph.Seconds, 1e-9)
	ph.Sent, ph.Answered, ph.Refused, ph.Skipped = to.sent-from.sent, to.answered-from.answered, m.refused.Load(), m.skipped.Load()
	ph.Units = to.units - from.units
	ph.AnsweredS, ph.UnitsPerS = float64(ph.Answered)/per, float64(ph.Units)/per
	ph.Times, ph.Series = w.totals()
	ph.Costs = costs(l.groupsOf(c), from.spent, to.spent, ph.Units)
	ph.Kernel = to.kernel
	found, _ := c.found()
	switch {
	case found != tally{}:
		ph.Unserved = "what was delivered was wrong"
	case !c.allConnected():
		ph.Unserved = fmt.Sprintf("connections ended: %v", c.ends.all())
	case ph.Skipped > 0:
		ph.Unserved = fmt.Sprintf("%d could not be sent, since their clients had %d without an answer", ph.Skipped, maxWaiting)
	case ph.Refused > 0:
		ph.Unserved = fmt.Sprintf("%d were refused: %v", ph.Refused, c.refusals.all())
	case ph.Unanswered > 0:
		ph.Unserved = fmt.Sprintf("%d had no answer", ph.Unanswered)
	}
	ph.Served = ph.Unserved == ""
}
