package main

import (
	"math"
	"sync/atomic"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// timing is one of the things that a load times, each from when it was due.
type timing int

const (
	toReader  timing = iota // a live follower has the message
	toAck                   // its sender has the ack
	toPage                  // the page of the history is there
	toWelcome               // a client is connected and known
	toBack                  // it has read all that it missed
	toSend                  // this program itself did it: how late it runs
	timingCount
)

var timingNames = [timingCount]string{"due to reader", "due to ack", "due to page", "due to welcome", "due to all read", "late itself"}

// meter counts what a crowd does during one measurement. Any goroutine may use
// it.
type meter struct {
	from atomic.Int64 // what was due earlier is counted and not timed; see since

	sent, answered, refused, skipped, units atomic.Int64

	times [timingCount]*latency // of the current interval; the watch has the totals
}

func newMeter() *meter {
	m := &meter{}
	for i := range m.times {
		m.times[i] = newLatency()
	}
	m.from.Store(math.MaxInt64)
	return m
}

// time records how long something took that was due at an instant.
func (m *meter) time(what timing, due, at time.Duration) {
	if due >= time.Duration(m.from.Load()) {
		m.times[what].add(at - due)
	}
}

// open is what has no answer yet.
func (m *meter) open() int64 { return m.sent.Load() - m.answered.Load() - m.refused.Load() }

// counts is a meter's counters at an instant.
type counts struct {
	at                                      time.Duration
	sent, answered, refused, skipped, units int64
}

func (m *meter) counts(at time.Duration) counts {
	return counts{at, m.sent.Load(), m.answered.Load(), m.refused.Load(), m.skipped.Load(), m.units.Load()}
}

// moveTo adds what was recorded to another latency and forgets it here. It sums
// up what it moved.
func (l *latency) moveTo(to *latency) Quantiles {
	l.mu.Lock()
	q, h := l.quantilesLocked(), l.h
	if q.Count > 0 {
		l.h = hdr.New(h.LowestTrackableValue(), h.HighestTrackableValue(), latencyDigits)
	}
	l.mu.Unlock()
	if q.Count > 0 {
		to.mu.Lock()
		defer to.mu.Unlock()
		to.h.Merge(h)
	}
	return q
}

// shares are the points of a curve, in percent.
var shares = []float64{1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.99}

// timed gives the whole distribution.
func (l *latency) timed(name string) Timed {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := Timed{Name: name, Quantiles: l.quantilesLocked()}
	if t.Count == 0 {
		return t
	}
	for _, share := range shares {
		t.Curve = append(t.Curve, Point{share, float64(l.h.ValueAtQuantile(share)) / 1000})
	}
	return t
}
