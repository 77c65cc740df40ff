package main

import (
	"errors"
	"testing"
)

func TestSaturate(t *testing.T) {
	t.Parallel()
	for _, limit := range []float64{0.5, 20, 21, 100, 777, 1000, 5000, 1e9} {
		tried := 0
		best, err := saturate(20, 1000, func(rate float64) (bool, error) {
			if tried++; tried > 50 {
				t.Fatalf("limit %.0f: no end", limit)
			}
			return rate <= limit, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		switch most := min(limit, 1000); {
		case limit < 20.0/rampGiveUp*2 && best != 0 && best > limit:
			t.Errorf("limit %.1f: %.1f", limit, best)
		case best > most || best < most/1.11:
			t.Errorf("limit %.1f: %.1f after %d tries", limit, best, tried)
		}
		if tried > 20 {
			t.Errorf("limit %.1f: %d tries", limit, tried)
		}
	}
	if best, err := saturate(20, 1000, func(float64) (bool, error) { return false, nil }); best != 0 || err != nil {
		t.Errorf("nothing is served: %.1f, %v", best, err)
	}
	broken := errors.New("broken")
	if _, err := saturate(20, 1000, func(float64) (bool, error) { return false, broken }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}
