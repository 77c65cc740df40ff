package main

import (
	"fmt"
	"sync"
	"time"
)

// watch follows a phase: it takes a sample of each interval, keeps the totals,
// and shows how it goes.
type watch struct {
	l     *load
	c     *crowd
	m     *meter
	main  timing
	title string
	done  chan struct{}
	wg    sync.WaitGroup
	once  sync.Once

	mu     sync.Mutex
	total  [timingCount]*latency
	begun  time.Duration // 0: it is warming up
	last   counts
	series []Sample
}

// watch begins to follow; stop ends it.
func (l *load) watch(c *crowd, m *meter, main timing, title string) *watch {
	w := &watch{l: l, c: c, m: m, main: main, title: title, done: make(chan struct{}), last: m.counts(l.now())}
	for i := range w.total {
		w.total[i] = newLatency()
	}
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

// begin says that the phase measures from now on.
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
		w.collectLocked()
	})
}

// collectLocked moves what was timed to the totals, and sums up the main one.
func (w *watch) collectLocked() (q Quantiles) {
	for i, total := range w.total {
		if moved := w.m.times[i].moveTo(total); timing(i) == w.main {
			q = moved
		}
	}
	return q
}

func (w *watch) sample() {
	_, most := w.c.behind()
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.m.counts(w.l.now())
	if now.at-w.last.at < sampleEvery/2 { // it has just begun
		return
	}
	per := (now.at - w.last.at).Seconds()
	q := w.collectLocked()
	s := Sample{
		At: (now.at - w.begun).Seconds(), Due: float64(now.sent-w.last.sent+now.skipped-w.last.skipped) / per,
		AnsweredS: float64(now.answered-w.last.answered) / per, ReadPerS: float64(now.units-w.last.units) / per,
		P50: q.P50, P99: q.P99, Behind: most,
	}
	warming := "warming up, "
	if w.begun > 0 {
		warming = ""
		w.series = append(w.series, s)
	}
	w.last = now
	found, _ := w.c.found()
	wrong := ""
	for k, n := range found {
		if n > 0 && kind(k) != lost {
			wrong += fmt.Sprintf(", %s %d", kind(k), n)
		}
	}
	// Narrow enough for a terminal, where it is written over.
	w.l.say("%s: %s%.0f/s sent, %.0f/s answered, %.0f/s read, lag %d, p99 %.1f ms, lost %d%s",
		w.title, warming, s.Due, s.AnsweredS, s.ReadPerS, most, q.P99, found[lost], wrong)
}

// totals gives what was measured, once it has stopped.
func (w *watch) totals() (times []Timed, series []Sample) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, total := range w.total {
		if t := total.timed(timingNames[i]); t.Count > 0 {
			times = append(times, t)
		}
	}
	return times, w.series
}
