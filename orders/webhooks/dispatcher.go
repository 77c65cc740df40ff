package webhooks

import (
	"context"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pollEvery is how often a node looks for what others left or wrote.
	pollEvery = time.Second
	// gatherTime is left between two looks, so that what comes in a burst is
	// claimed together.
	gatherTime = 20 * time.Millisecond
	// sweepEvery and sweepLimit are how what is over is forgotten.
	sweepEvery = 15 * time.Second
	sweepLimit = 500
	// duePage is how many endpoints are asked for at once.
	duePage = 100
	// maxTurn is how many batches an endpoint gets before others have their turn.
	maxTurn = 20
	// finishTime bounds what follows a try, stopTime what follows one that this node
	// broke off.
	finishTime, stopTime = 15 * time.Second, time.Second
	// maxCount is up to where the pending ones are counted.
	maxCount = 10_000
)

// DispatcherOptions are what a [Dispatcher] is made of; all fields but Now, Log
// and the numbers are needed.
type DispatcherOptions struct {
	Store  Store
	Sender Sender
	Now    func() time.Time
	Log    *slog.Logger
	// Slots is how many tries a node makes at a time, PerEndpoint how many of them
	// to one endpoint. All endpoints that fail share FailingSlots, one each.
	Slots, PerEndpoint, FailingSlots int // 0: 64, 8, 8
	// Calls is how many calls of the store are made at a time, so that webhooks
	// leave the SQL pool to the others.
	Calls int // 0: 8
}

// Dispatcher sends what is due. Any number of nodes have one each, and need not
// know of each other.
type Dispatcher struct {
	o     DispatcherOptions
	wake  chan struct{}
	calls chan struct{}
	slots *slots
	stats counters
}

// NewDispatcher makes a dispatcher. It starts nothing: see [Dispatcher.Run].
func NewDispatcher(o DispatcherOptions) *Dispatcher {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Slots == 0 {
		o.Slots = 64
	}
	if o.PerEndpoint == 0 {
		o.PerEndpoint = 8
	}
	if o.FailingSlots == 0 {
		o.FailingSlots = 8
	}
	if o.Calls == 0 {
		o.Calls = 8
	}
	return &Dispatcher{
		o: o, wake: make(chan struct{}, 1), calls: make(chan struct{}, o.Calls), stats: newCounters(),
		slots: &slots{all: o.Slots, each: o.PerEndpoint, allFailing: o.FailingSlots, busy: map[EndpointID]int{}},
	}
}

// call makes a call of the store when it is its turn.
func (d *Dispatcher) call(f func() error) error {
	d.calls <- struct{}{}
	defer func() { <-d.calls }()
	return f()
}

// Wake says that something may have come to be due. It never blocks. Without it
// the next look is within a second.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run sends until ctx ends, and then gives nil. What is being sent at that time is
// broken off and given back.
func (d *Dispatcher) Run(ctx context.Context) error {
	var lanes, sweeper sync.WaitGroup
	defer sweeper.Wait()
	defer lanes.Wait()
	sweeper.Go(func() { d.sweep(ctx) })
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	var next EndpointID
	for {
		next = d.round(ctx, &lanes, next)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(gatherTime):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-poll.C:
		}
	}
}

// round gives free slots to endpoints that have something due, from the one that
// is next in turn on. It gives the one after which to begin next time.
func (d *Dispatcher) round(ctx context.Context, lanes *sync.WaitGroup, after EndpointID) EndpointID {
	wrapped := after == "" // all of them are seen once a round
	for ctx.Err() == nil {
		var list []Due
		err := d.call(func() (err error) {
			list, err = d.o.Store.Due(ctx, d.o.Now().UnixMicro(), after, duePage)
			return err
		})
		if err != nil {
			return after // the store tells of an outage
		}
		for _, e := range list {
			n, full := d.slots.take(e)
			if full {
				return after
			}
			if after = e.ID; n > 0 {
				lanes.Go(func() { d.lane(ctx, e, n) })
			}
		}
		if len(list) == duePage {
			continue
		}
		if after = ""; wrapped {
			break
		}
		wrapped = true
	}
	return after
}

func (d *Dispatcher) giveBack(e Due, n int) {
	if d.slots.giveBack(e, n) {
		d.Wake()
	}
}

// lane sends what is due to one endpoint, n at a time, until nothing is left, the
// endpoint fails, or its turn is over.
func (d *Dispatcher) lane(ctx context.Context, e Due, n int) {
	defer func() { d.giveBack(e, n) }()
	for turn := 1; ctx.Err() == nil; turn++ {
		var jobs []Job
		err := d.call(func() (err error) {
			now := d.o.Now()
			jobs, err = d.o.Store.Claim(ctx, e.ID, now.UnixMicro(), now.Add(Lease).UnixMicro(), n)
			return err
		})
		if err != nil {
			return
		}
		last := len(jobs) < n
		d.giveBack(e, n-len(jobs))
		n = len(jobs)
		var failed atomic.Bool
		var batch sync.WaitGroup
		for _, j := range jobs {
			batch.Go(func() {
				if !d.deliver(ctx, j) {
					failed.Store(true)
				}
			})
		}
		batch.Wait()
		switch {
		case last:
			return
		case failed.Load(), turn == maxTurn, d.slots.wanted():
			d.Wake() // there may be more
			return
		}
	}
}

// deliver carries one job out and tells whether it was delivered.
func (d *Dispatcher) deliver(ctx context.Context, j Job) bool {
	a := d.o.Sender.Send(ctx, j)
	stopped := ctx.Err() != nil && a.Reason != NoReason // it was not the endpoint's fault
	patience := finishTime
	if stopped {
		patience = stopTime
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if stopped {
		err := d.call(func() error { return d.o.Store.Release(after, j, d.o.Now().UnixMicro()) })
		if err != nil {
			d.o.Log.Debug("a delivery could not be given back; it comes due by itself", "delivery", j.ID, "error", err)
		}
		return false
	}
	o := outcome(j, a, d.o.Now())
	d.stats.note(o)
	var changed bool
	err := d.call(func() (err error) {
		changed, err = d.o.Store.Finish(after, o)
		return err
	})
	if err != nil {
		d.stats.unrecorded.Add(1)
		d.o.Log.Debug("the outcome of a delivery was not stored; it is sent again", "delivery", j.ID, "error", err)
		return false
	}
	if changed {
		d.tell(j.Endpoint, o)
	}
	return o.Status == Delivered
}

// tell logs that an endpoint is in another state than before.
func (d *Dispatcher) tell(e Endpoint, o Outcome) {
	before, after := e.Health.State(), o.Health.State()
	if before == after {
		return
	}
	log := d.o.Log.With("endpoint", e.ID, "shop", e.Shop, "host", hostOf(e.URL))
	if after == Live {
		log.Info("a webhook endpoint answers again", "since", time.UnixMicro(e.Health.Since).UTC())
		return
	}
	log.Warn("a webhook endpoint is "+string(after), "reason", o.Last.Reason, "code", o.Last.Code)
}

// hostOf is what may be logged of a URL: the rest may be secret.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

// sweep forgets what is over and counts what is pending.
func (d *Dispatcher) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		if n, err := d.o.Store.Pending(ctx, maxCount); err == nil {
			d.stats.pending.Store(int64(n))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for ctx.Err() == nil {
			n, err := d.o.Store.Sweep(ctx, d.o.Now().UnixMicro(), sweepLimit)
			if err != nil && ctx.Err() == nil {
				d.o.Log.Warn("sweep of webhook deliveries failed; trying again soon", "error", err)
			}
			if err != nil || n < sweepLimit {
				break
			}
		}
	}
}
