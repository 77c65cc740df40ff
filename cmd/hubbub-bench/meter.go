package main

import (
	"sync/atomic"
	"time"
)

// meter counts what a crowd does during one measurement. Any goroutine may use
// it.
type meter struct {
	from atomic.Int64 // what was due earlier is counted and not timed; see since

	sent, acked, refused, skipped, delivered atomic.Int64

	// Of the current interval; the totals are with the measurement.
	ack, delivery, schedule *latency
}

func newMeter() *meter {
	m := &meter{ack: newLatency(), delivery: newLatency(), schedule: newLatency()}
	m.from.Store(int64(time.Hour * 24 * 365))
	return m
}

// since is from when on times are taken.
func (m *meter) since() time.Duration { return time.Duration(m.from.Load()) }

// counts is a meter's counters at an instant.
type counts struct {
	at                                       time.Duration
	sent, acked, refused, skipped, delivered int64
}

func (m *meter) counts(at time.Duration) counts {
	return counts{at, m.sent.Load(), m.acked.Load(), m.refused.Load(), m.skipped.Load(), m.delivered.Load()}
}
