package main

import (
	"fmt"
	"sync"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// watch follows a phase: it takes a sample of each interval, keeps the totals,
// and shows how it goes.
type watch struct {
	l    *load
	c    *crowd
	m    *meter
	p    pace
	done chan struct{}
	wg   sync.WaitGroup
	once sync.Once

	ack, delivery, schedule *latency // totals

	mu     sync.Mutex
	begun  time.Duration // 0: it is warming up
	last   counts
	series []Sample
}

func (l *load) watch(c *crowd, m *meter, p pace) *watch {
	w := &watch{l: l, c: c, m: m, p: p, done: make(chan struct{}), ack: newLatency(), delivery: newLatency(), schedule: newLatency()}
	w.last = m.counts(l.now())
	w.wg.Go(func() {
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				w.sample()
			case <-w.done:
				return
			}
		}
	})
	return w
}

// begin says that what was due from now on is timed.
func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun, w.last = w.l.now(), w.m.counts(w.l.now())
}

// stop ends the samples; it may be called again.
func (w *watch) stop() {
	w.once.Do(func() {
		close(w.done)
		w.wg.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, pair := range [][2]*latency{{w.m.ack, w.ack}, {w.m.delivery, w.delivery}, {w.m.schedule, w.schedule}} {
			pair[0].moveTo(pair[1])
		}
	})
}

func (w *watch) sample() {
	_, most := w.c.behind()
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.m.counts(w.l.now())
	per := max(now.at-w.last.at, time.Millisecond).Seconds()
	w.m.ack.moveTo(w.ack)
	w.m.schedule.moveTo(w.schedule)
	q := w.m.delivery.moveTo(w.delivery)
	s := Sample{
		At: (now.at - w.begun).Seconds(), Due: float64(now.sent-w.last.sent+now.skipped-w.last.skipped) / per,
		AckedPerS: float64(now.acked-w.last.acked) / per, UnitsPerS: float64(now.delivered-w.last.delivered) / per,
		P50: q.P50, P99: q.P99, Behind: most,
	}
	if w.begun > 0 {
		w.series = append(w.series, s)
	}
	w.last = now
	found, _ := w.c.found()
	wrong := ""
	for k, n := range found {
		if kind(k) != late && kind(k) != unknown {
			wrong += fmt.Sprintf(" %s %d", kind(k), n)
		}
	}
	phase := ""
	if w.begun == 0 {
		phase = ", warming up"
	}
	w.l.say("%s run %d, %.0f/s%s: sent %.0f/s acked %.0f/s, %.0f deliveries/s, %d events behind, p99 %.1f ms;%s",
		w.c.target, w.p.run, w.p.rate, phase, s.Due, s.AckedPerS, s.UnitsPerS, most, q.P99, wrong)
}

func (w *watch) times() []Timed {
	return []Timed{w.delivery.timed(timeDelivery), w.ack.timed(timeAck), w.schedule.timed(timeSchedule)}
}

// moveTo adds what was recorded to another latency and forgets it here. It sums
// up what it moved.
func (l *latency) moveTo(to *latency) Quantiles {
	l.mu.Lock()
	q, h := l.quantilesLocked(), l.h
	l.h = hdr.New(h.LowestTrackableValue(), h.HighestTrackableValue(), latencyDigits)
	l.mu.Unlock()
	to.mu.Lock()
	defer to.mu.Unlock()
	to.h.Merge(h)
	return q
}

// timed gives the whole distribution.
func (l *latency) timed(name string) Timed {
	t := Timed{Name: name, Quantiles: l.quantiles()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.h.TotalCount() == 0 {
		return t
	}
	for _, share := range []float64{1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.99} {
		t.Curve = append(t.Curve, Point{share, float64(l.h.ValueAtQuantile(share)) / 1000})
	}
	return t
}
