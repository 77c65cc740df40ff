package mw

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// Rate is an allowance: Events per Per on average, at most Burst at once. The
// zero Rate is off: it limits nothing.
type Rate struct {
	Events int
	Per    time.Duration // a second, a minute or an hour
	Burst  int
}

// ParseRate reads "events/unit:burst" with unit s, m or h, such as "20/s:40",
// or "off". Events and burst are 1 to 1000000.
func ParseRate(s string) (Rate, error) {
	if s == "off" {
		return Rate{}, nil
	}
	fail := func(why string) (Rate, error) {
		return Rate{}, fmt.Errorf("rate %q: %s; want events/unit:burst such as 20/s:40 with unit s, m or h, or off", s, why)
	}
	events, rest, ok := strings.Cut(s, "/")
	if !ok {
		return fail("no unit")
	}
	unit, burst, ok := strings.Cut(rest, ":")
	if !ok {
		return fail("no burst")
	}
	var r Rate
	switch unit {
	case "s":
		r.Per = time.Second
	case "m":
		r.Per = time.Minute
	case "h":
		r.Per = time.Hour
	default:
		return fail(fmt.Sprintf("unknown unit %q", unit))
	}
	if r.Events, ok = parseCount(events); !ok {
		return fail("events are not a number from 1 to 1000000")
	}
	if r.Burst, ok = parseCount(burst); !ok {
		return fail("burst is not a number from 1 to 1000000")
	}
	return r, nil
}

func parseCount(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && 1 <= n && n <= 1_000_000 && s[0] != '+'
}

// Off reports whether r limits nothing.
func (r Rate) Off() bool { return r == Rate{} }

// String gives the form that [ParseRate] reads.
func (r Rate) String() string {
	if r.Off() {
		return "off"
	}
	unit := "s"
	switch r.Per {
	case time.Minute:
		unit = "m"
	case time.Hour:
		unit = "h"
	}
	return fmt.Sprintf("%d/%s:%d", r.Events, unit, r.Burst)
}

// Limiter makes a full token bucket of this rate; off lets everything through.
func (r Rate) Limiter() *rate.Limiter {
	if r.Off() {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(float64(r.Events)/r.Per.Seconds()), r.Burst)
}

// refill is how long an empty bucket takes to be full.
func (r Rate) refill() time.Duration {
	return time.Duration(float64(r.Burst) / float64(r.Events) * float64(r.Per))
}
