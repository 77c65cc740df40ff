package webhooks

import "sync/atomic"

// Stats are what a dispatcher has counted since it was made.
type Stats struct {
	Delivered  int64
	GivenUp    int64            // tries after which there is no other
	Failures   map[Reason]int64 // tries that failed, by reason; all of [Reasons]
	Unrecorded int64            // tries whose outcome could not be stored: sent again
	Pending    int64            // in the whole deployment as of some seconds ago, counted up to 10000
}

type counters struct {
	delivered, givenUp, unrecorded, pending *atomic.Int64
	failures                                map[Reason]*atomic.Int64
}

func newCounters() counters {
	c := counters{new(atomic.Int64), new(atomic.Int64), new(atomic.Int64), new(atomic.Int64), map[Reason]*atomic.Int64{}}
	for _, r := range Reasons {
		c.failures[r] = new(atomic.Int64)
	}
	return c
}

func (c counters) note(o Outcome) {
	if o.Status == Delivered {
		c.delivered.Add(1)
		return
	}
	if n := c.failures[o.Last.Reason]; n != nil {
		n.Add(1)
	}
	if o.Status == Failed {
		c.givenUp.Add(1)
	}
}

// Stats reads the counters.
func (d *Dispatcher) Stats() Stats {
	s := Stats{
		Delivered: d.stats.delivered.Load(), GivenUp: d.stats.givenUp.Load(), Unrecorded: d.stats.unrecorded.Load(),
		Pending: d.stats.pending.Load(), Failures: map[Reason]int64{},
	}
	for r, n := range d.stats.failures {
		s.Failures[r] = n.Load()
	}
	return s
}
