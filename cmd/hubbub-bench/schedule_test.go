package main

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// A stall of what is called, or of the machine, changes nothing about what is
// due, and nothing is left out: that is what the delays are counted from.
func TestOpenLoop(t *testing.T) {
	t.Parallel()
	clock := time.Duration(0)
	now := func() time.Duration { return clock }
	var got []time.Duration
	const gap = 10 * time.Microsecond
	openLoop(t.Context(), func() time.Duration {
		clock += time.Microsecond // it does not stand still
		return clock
	}, 100*gap, func() time.Duration { return gap }, func(due time.Duration) {
		if now() < due {
			t.Errorf("%v is sent at %v", due, now())
		}
		if got = append(got, due); len(got) == 3 {
			clock += 50 * gap // a stall
		}
	})
	if len(got) < 99 {
		t.Fatalf("%d were due", len(got))
	}
	for i, due := range got {
		if want := got[0] + time.Duration(i)*gap; due != want {
			t.Fatalf("number %d is due at %v, want %v", i, due, want)
		}
	}
}

func TestOpenLoopIsEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	start := time.Now()
	n := 0
	openLoop(ctx, func() time.Duration { return time.Since(start) }, time.Hour, func() time.Duration { return time.Millisecond }, func(time.Duration) {
		if n++; n == 5 {
			cancel()
		}
	})
	if n != 5 {
		t.Errorf("%d after the end", n)
	}
}

func TestPoisson(t *testing.T) {
	t.Parallel()
	gap := poisson(rand.New(rand.NewPCG(1, 1)), 1000)
	var sum time.Duration
	const n = 100_000
	short := 0
	for range n {
		g := gap()
		if sum += g; g < time.Millisecond/10 {
			short++
		}
	}
	if mean := sum / n; mean < 980*time.Microsecond || mean > 1020*time.Microsecond {
		t.Errorf("the mean gap is %v", mean)
	}
	if short < n*9/100 || short > n*10/100 { // 1 - e^-0.1
		t.Errorf("%d of %d gaps are short", short, n)
	}
}
