package main

import (
	"context"
	"fmt"
	"time"
)

// saturate looks for the highest rate that try serves: it doubles from first on
// until one is not served (or halves until one is), then halves the gap between
// the two until it is below a tenth. 0: none was served. Most is the highest
// rate that is tried.
func saturate(first, most float64, try func(rate float64) (served bool, err error)) (best float64, err error) {
	low, high := 0.0, 0.0 // served, not served; 0: none yet
	for rate := min(first, most); ; {
		served, err := try(rate)
		if err != nil {
			return low, err
		}
		if served {
			low = rate
		} else {
			high = rate
		}
		switch {
		case high == 0 && low == most:
			return low, nil
		case high == 0:
			rate = min(low*2, most)
		case low == 0 && high <= first/rampGiveUp:
			return 0, nil
		case low == 0:
			rate = high / 2
		case high-low < low/10:
			return low, nil
		default:
			rate = (low + high) / 2
		}
	}
}

// rampGiveUp is how far below the first rate a ramp looks for one that is
// served.
const rampGiveUp = 64

// Saturation is the highest rate that was served: nothing lost, all answered,
// p99 within the bounds.
type Saturation struct {
	Rate      float64 `json:"rate"` // 0: none
	UnitsPerS float64 `json:"units_per_s"`
	AnsweredS float64 `json:"answered_per_s"`
	Bound     float64 `json:"p99_bound_ms"` // of the deliveries
	Steps     []Phase `json:"steps"`
}

// Steps of a ramp are short: what falls behind does so soon.
const (
	stepWarm = time.Second
	stepMost = 4 * time.Second
	// A step that is not served is tried again, since it may have been something
	// else on this machine, and once more if this program itself ran late.
	stepTries, stepTriesBusy = 2, 3
)

// ramp looks for the saturation of a crowd.
func (l *load) ramp(ctx context.Context, c *crowd) (*Saturation, error) {
	s := &Saturation{Bound: millis(l.o.P99)}
	step := func(rate float64) (served, busy bool, err error) {
		ph, err := l.talk(ctx, c, pace{run: len(s.Steps) + 1, rate: rate, warm: min(l.o.Warm, stepWarm), duration: min(l.o.Duration, stepMost), hasty: true})
		if err != nil {
			return false, false, err
		}
		if ph.Served {
			ph.Unserved = l.slow(&ph)
			ph.Served = ph.Unserved == ""
		}
		s.Steps = append(s.Steps, ph)
		if ph.Served && rate > s.Rate {
			s.Rate, s.UnitsPerS, s.AnsweredS = rate, ph.UnitsPerS, ph.AnsweredS
		}
		return ph.Served, ph.time(toSend).P99 > tooBusy, ctx.Err()
	}
	from := l.o.From
	if from == 0 {
		from = l.o.Rate
	}
	var err error
	s.Rate, err = saturate(from, maxRate, func(rate float64) (bool, error) {
		for try := 1; ; try++ {
			served, busy, err := step(rate)
			if served || err != nil || try >= stepTriesBusy || try >= stepTries && !busy {
				return served, err
			}
		}
	})
	return s, err
}

// slow says which bound of time a phase broke; "" for none.
func (l *load) slow(ph *Phase) string {
	if t := ph.time(toReader); t.P99 > millis(l.o.P99) {
		return fmt.Sprintf("p99 of the deliveries is %.0f ms", t.P99)
	}
	if t := ph.time(toAck); l.o.AckP99 > 0 && t.P99 > millis(l.o.AckP99) {
		return fmt.Sprintf("p99 of the acks is %.0f ms", t.P99)
	}
	if ph.Sent == 0 {
		return "nothing was due in so short a time"
	}
	if float64(ph.Answered) < 0.9*float64(ph.Sent)-hastyFree {
		return fmt.Sprintf("%.0f/s were answered of %.0f/s", ph.AnsweredS, float64(ph.Sent)/ph.Seconds)
	}
	return ""
}

// hastyFree is how many messages may always be on their way.
const hastyFree = 10

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
