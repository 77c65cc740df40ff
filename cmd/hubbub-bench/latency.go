package main

import (
	"sync"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// latency collects durations from 1 µs to 10 min with three digits. Any
// goroutine may use it.
type latency struct {
	mu sync.Mutex
	h  *hdr.Histogram // microseconds
}

const (
	latencyMax    = 10 * time.Minute
	latencyDigits = 3
)

func newLatency() *latency {
	return &latency{h: hdr.New(1, latencyMax.Microseconds(), latencyDigits)}
}

// add records a duration; what is out of range counts as the nearest bound.
func (l *latency) add(d time.Duration) {
	d = min(max(d, time.Microsecond), latencyMax)
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.h.RecordValue(d.Microseconds()) // it is in range
}

// Quantiles sums a latency up, in milliseconds.
type Quantiles struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

func (l *latency) quantiles() Quantiles {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.quantilesLocked()
}

func (l *latency) quantilesLocked() Quantiles {
	if l.h.TotalCount() == 0 {
		return Quantiles{}
	}
	ms := func(us int64) float64 { return float64(us) / 1000 }
	return Quantiles{
		Count: l.h.TotalCount(), Max: ms(l.h.Max()),
		P50: ms(l.h.ValueAtQuantile(50)), P99: ms(l.h.ValueAtQuantile(99)), P999: ms(l.h.ValueAtQuantile(99.9)),
	}
}
