package orderstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubbub/orders"
	"hubbub/orders/webhooks"
)

// WebhookStore is what [WebhookSuite] tests. Put writes the deliveries of a
// message in the way of an order's transaction.
type WebhookStore interface {
	webhooks.Store
	Put(ctx context.Context, m webhooks.Message) error
}

// WebhookSuite tests that a store keeps the contract of webhooks.Store. Open
// makes an empty store for each part.
func WebhookSuite(t *testing.T, open func(t *testing.T) WebhookStore) {
	for _, part := range []struct {
		name string
		test func(h hooks)
	}{
		{"endpoints", hooks.lists},
		{"at most so many endpoints", hooks.limit},
		{"who gets a message", hooks.outbox},
		{"a claim is a lease", hooks.leases},
		{"what is due longest comes first", hooks.sequence},
		{"the end of a job", hooks.finish},
		{"health", hooks.health},
		{"jobs given back", hooks.release},
		{"who has something due", hooks.whoIsDue},
		{"replay", hooks.replay},
		{"pages", hooks.pages},
		{"sweep", hooks.sweep},
		{"nobody has another's row", hooks.concurrency},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(hooks{T: t, s: open(t), serial: new(atomic.Int64)}) })
	}
}

// hooks is one test with a store. What fails ends the test.
type hooks struct {
	*testing.T
	s      WebhookStore
	serial *atomic.Int64
}

// hookTime is when everything in the suite begins, in microseconds; some
// durations in the same unit.
const (
	hookTime = int64(1_790_000_000_123_456)
	second   = int64(1_000_000)
	hour     = 3600 * second
)

func (h hooks) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h hooks) refused(err error, want *orders.Error) {
	h.Helper()
	if !errors.Is(err, want) {
		h.Fatalf("error %v, want %s", err, want.Code)
	}
}

// newEndpoint is one that is not stored, which wants events of all types.
func (h hooks) newEndpoint(shop string, types ...webhooks.EventType) webhooks.Endpoint {
	h.Helper()
	if len(types) == 0 {
		types = webhooks.EventTypes
	}
	events, ok := webhooks.EventsOf(types...)
	if !ok {
		h.Fatal("unknown type of event")
	}
	at := hookTime + h.serial.Add(1)*1000
	return webhooks.Endpoint{
		ID: webhooks.EndpointID(orders.NewID(time.UnixMicro(at))), Shop: shop, URL: "https://shop.example/é?x=1",
		Events: events, Secret: webhooks.NewSecret(), CreatedAt: at,
	}
}

func (h hooks) endpoint(shop string, types ...webhooks.EventType) webhooks.Endpoint {
	h.Helper()
	e := h.newEndpoint(shop, types...)
	h.ok(h.s.Create(h.Context(), e))
	return e
}

// put writes a message of an event at that time.
func (h hooks) put(shop string, at int64) webhooks.Message {
	h.Helper()
	m := webhooks.Message{
		ID: webhooks.DeliveryID(orders.NewID(time.UnixMicro(at))), Shop: shop, Type: "order.moved",
		Body: fmt.Appendf(nil, `{"n":"%d 😀"}`, h.serial.Add(1)), At: at,
	}
	h.ok(h.s.Put(h.Context(), m))
	return m
}

// claim takes what is due to an endpoint at a time, for the usual lease.
func (h hooks) claim(id webhooks.EndpointID, now int64, limit int) []webhooks.Job {
	h.Helper()
	jobs, err := h.s.Claim(h.Context(), id, now, now+webhooks.Lease.Microseconds(), limit)
	h.ok(err)
	return jobs
}

// one claims the only delivery that is due.
func (h hooks) one(id webhooks.EndpointID, now int64) webhooks.Job {
	h.Helper()
	jobs := h.claim(id, now, 10)
	if len(jobs) != 1 {
		h.Fatalf("claimed %d, want 1", len(jobs))
	}
	return jobs[0]
}

func (h hooks) finished(o webhooks.Outcome, wantChanged bool) {
	h.Helper()
	changed, err := h.s.Finish(h.Context(), o)
	h.ok(err)
	if changed != wantChanged {
		h.Fatalf("health changed: %t, want %t", changed, wantChanged)
	}
}

// delivery finds one in the list of its endpoint.
func (h hooks) delivery(e webhooks.Endpoint, id webhooks.DeliveryID) webhooks.Delivery {
	h.Helper()
	list, err := h.s.Deliveries(h.Context(), e.Shop, e.ID, "", 1000)
	h.ok(err)
	for _, d := range list {
		if d.ID == id {
			return d
		}
	}
	h.Fatalf("no delivery %s", id)
	return webhooks.Delivery{}
}

func (h hooks) equal(got, want any) {
	h.Helper()
	if !reflect.DeepEqual(got, want) {
		h.Fatalf("got\n%+v\nwant\n%+v", got, want)
	}
}

var (
	delivered = webhooks.Attempt{At: hookTime + 5, Took: 12 * time.Millisecond, Code: 204, Answer: "thanks 😀\n"}
	refusal   = webhooks.Attempt{At: hookTime + 7, Took: 5 * time.Second, Code: 500, Reason: webhooks.ReasonStatus, Answer: "no"}
)

func (h hooks) lists() {
	a, b := h.endpoint("books"), h.endpoint("books", "order.room", "order.placed")
	other := h.endpoint("toys")
	list, err := h.s.Endpoints(h.Context(), "books")
	h.ok(err)
	h.equal(list, []webhooks.Endpoint{a, b})
	got, err := h.s.Endpoint(h.Context(), "toys", other.ID)
	h.ok(err)
	h.equal(got, other)

	off, err := h.s.Enable(h.Context(), "books", a.ID, false)
	h.ok(err)
	h.equal(off.Health.State(), webhooks.Disabled)
	off, err = h.s.Enable(h.Context(), "books", a.ID, false)
	h.ok(err)
	h.equal(off.Health.State(), webhooks.Disabled)
	on, err := h.s.Enable(h.Context(), "books", a.ID, true)
	h.ok(err)
	h.equal(on, a)

	// Another shop's is absent, and nothing becomes of it.
	for _, id := range []webhooks.EndpointID{other.ID, "", "é", webhooks.EndpointID(orders.NewID(time.UnixMicro(hookTime)))} {
		ctx := h.Context()
		_, err := h.s.Endpoint(ctx, "books", id)
		h.refused(err, webhooks.NoEndpoint())
		_, err = h.s.Enable(ctx, "books", id, false)
		h.refused(err, webhooks.NoEndpoint())
		h.refused(h.s.Delete(ctx, "books", id), webhooks.NoEndpoint())
		_, err = h.s.Deliveries(ctx, "books", id, "", 10)
		h.refused(err, webhooks.NoEndpoint())
		_, err = h.s.Replay(ctx, "books", id, "x", hookTime)
		h.refused(err, webhooks.NoEndpoint())
		_, err = h.s.ReplayFailed(ctx, "books", id, hookTime, 10)
		h.refused(err, webhooks.NoEndpoint())
	}
	got, err = h.s.Endpoint(h.Context(), "toys", other.ID)
	h.ok(err)
	h.equal(got, other)

	h.ok(h.s.Delete(h.Context(), "books", a.ID))
	h.refused(h.s.Delete(h.Context(), "books", a.ID), webhooks.NoEndpoint())
	list, err = h.s.Endpoints(h.Context(), "books")
	h.ok(err)
	h.equal(list, []webhooks.Endpoint{b})
}

func (h hooks) limit() {
	var wg sync.WaitGroup
	var made, refused atomic.Int64
	for range 2 * webhooks.MaxEndpoints {
		e := h.newEndpoint("books")
		wg.Go(func() {
			switch err := h.s.Create(h.Context(), e); {
			case err == nil:
				made.Add(1)
			case errors.Is(err, orders.ErrConflict):
				refused.Add(1)
			default:
				h.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != webhooks.MaxEndpoints || refused.Load() != webhooks.MaxEndpoints {
		h.Fatalf("%d made, %d refused", made.Load(), refused.Load())
	}
	h.endpoint("toys")
	list, err := h.s.Endpoints(h.Context(), "books")
	h.ok(err)
	h.ok(h.s.Delete(h.Context(), "books", list[3].ID))
	h.endpoint("books") // its place is free at once
	h.refused(h.s.Create(h.Context(), h.newEndpoint("books")), webhooks.TooMany())
}

func (h hooks) outbox() {
	all, moves, rooms := h.endpoint("books"), h.endpoint("books", "order.placed", "order.moved"), h.endpoint("books", "order.room")
	other, off, gone := h.endpoint("toys"), h.endpoint("books"), h.endpoint("books")
	_, err := h.s.Enable(h.Context(), "books", off.ID, false)
	h.ok(err)
	h.ok(h.s.Delete(h.Context(), "books", gone.ID))
	m := h.put("books", hookTime)
	h.put("nobody", hookTime)
	for _, e := range []webhooks.Endpoint{all, moves} {
		h.equal(h.delivery(e, m.ID), webhooks.Delivery{
			ID: m.ID, Endpoint: e.ID, Type: m.Type, Status: webhooks.Pending, CreatedAt: hookTime, NextTry: hookTime,
		})
		h.equal(h.one(e.ID, hookTime), webhooks.Job{
			Endpoint: e, ID: m.ID, Type: m.Type, Body: m.Body, Attempts: 1, Claim: 1,
			ExpiresAt: hookTime + webhooks.GiveUpAfter.Microseconds(),
		})
	}
	for _, e := range []webhooks.Endpoint{rooms, other, off} {
		list, err := h.s.Deliveries(h.Context(), e.Shop, e.ID, "", 10)
		h.ok(err)
		h.equal(len(list), 0)
	}
	big := webhooks.Message{ID: webhooks.DeliveryID(orders.NewID(time.UnixMicro(hookTime))), Shop: "toys", Type: "order.moved", Body: []byte(strings.Repeat("x", webhooks.MaxBody)), At: hookTime}
	h.ok(h.s.Put(h.Context(), big))
	h.equal(len(h.one(other.ID, hookTime).Body), webhooks.MaxBody)
}

func (h hooks) finish() {
	e := h.endpoint("books")
	m := h.put("books", hookTime)
	lost := h.one(e.ID, hookTime)
	j := h.one(e.ID, hookTime+hour)
	again := webhooks.Outcome{Job: j, Last: refusal, Status: webhooks.Pending, NextTry: hookTime + 2*hour, Health: webhooks.Health{Failures: 1, Since: 7}}
	h.finished(again, true)
	want := webhooks.Delivery{
		ID: m.ID, Endpoint: e.ID, Type: m.Type, Status: webhooks.Pending, Attempts: 2, CreatedAt: hookTime, NextTry: hookTime + 2*hour, Last: refusal,
	}
	h.equal(h.delivery(e, m.ID), want)
	// What is told under an older claim does not count.
	h.finished(webhooks.Outcome{Job: lost, Last: delivered, Status: webhooks.Delivered}, false)
	h.equal(h.delivery(e, m.ID), want)

	h.equal(len(h.claim(e.ID, hookTime+2*hour-1, 10)), 0)
	j = h.one(e.ID, hookTime+2*hour)
	h.finished(webhooks.Outcome{Job: j, Last: delivered, Status: webhooks.Delivered}, true)
	want.Status, want.Attempts, want.NextTry, want.Last = webhooks.Delivered, 3, 0, delivered
	h.equal(h.delivery(e, m.ID), want)
	// Nothing happens to it any more.
	h.finished(webhooks.Outcome{Job: j, Last: refusal, Status: webhooks.Failed, Health: webhooks.Health{Failures: 2}}, false)
	h.equal(h.delivery(e, m.ID), want)
	h.equal(len(h.claim(e.ID, hookTime+100*hour, 10)), 0)
}

func (h hooks) health() {
	e := h.endpoint("books")
	for range 4 {
		h.put("books", hookTime)
	}
	jobs := h.claim(e.ID, hookTime, 3)
	fail := func(j webhooks.Job) webhooks.Outcome {
		health := j.Endpoint.Health
		health.Failures++
		health.Since, health.ResumeAt = 5, hookTime+hour
		return webhooks.Outcome{Job: j, Last: refusal, Status: webhooks.Pending, NextTry: hookTime + 1, Health: health}
	}
	// Side by side they count once.
	h.finished(fail(jobs[0]), true)
	h.finished(fail(jobs[1]), false)
	got, err := h.s.Endpoint(h.Context(), "books", e.ID)
	h.ok(err)
	h.equal(got.Health, webhooks.Health{Failures: 1, Since: 5, ResumeAt: hookTime + hour})
	h.equal(len(h.claim(e.ID, hookTime+hour-1, 10)), 0) // it rests
	rested := h.claim(e.ID, hookTime+hour, 1)
	h.equal(rested[0].Endpoint.Health, got.Health)
	h.finished(fail(rested[0]), true)
	// A success heals, unless it is from before the failures.
	h.finished(webhooks.Outcome{Job: jobs[2], Last: delivered, Status: webhooks.Delivered}, false)
	h.finished(webhooks.Outcome{Job: rested[0], Last: delivered, Status: webhooks.Delivered}, true)
	h.finished(webhooks.Outcome{Job: rested[0], Last: delivered, Status: webhooks.Delivered}, false)
	got, err = h.s.Endpoint(h.Context(), "books", e.ID)
	h.ok(err)
	h.equal(got.Health, webhooks.Health{})

	gone := fail(h.claim(e.ID, hookTime+hour, 1)[0])
	gone.Health.Disabled = true
	h.finished(gone, true)
	got, err = h.s.Endpoint(h.Context(), "books", e.ID)
	h.ok(err)
	h.equal(got.Health.State(), webhooks.Disabled)
	// Nothing enables it but its owner.
	h.finished(webhooks.Outcome{Job: rested[0], Last: delivered, Status: webhooks.Delivered}, false)
	h.finished(fail(jobs[0]), false)
	h.ok(h.s.Delete(h.Context(), "books", e.ID))
	h.finished(fail(jobs[0]), false)
}
