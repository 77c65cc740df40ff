package webhooks_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/orders"
	"hubbub/orders/orderstest"
	"hubbub/orders/webhooks"
)

// fleet is a store with receivers, in a bubble with its own clock.
type fleet struct {
	*testing.T
	store *orderstest.Webhooks
	log   bytes.Buffer // read while nobody runs

	mu      sync.Mutex
	handler map[webhooks.EndpointID]func(ctx context.Context) webhooks.Attempt
	sent    []sent
	open    map[string]int // of each delivery, tries that run now
	most    int            // tries at a time of any one delivery
}

type sent struct {
	endpoint webhooks.EndpointID
	id       webhooks.DeliveryID
	at       time.Time
}

func newFleet(t *testing.T) *fleet {
	return &fleet{T: t, store: orderstest.NewWebhooks(), open: map[string]int{},
		handler: map[webhooks.EndpointID]func(context.Context) webhooks.Attempt{}}
}

// Send implements webhooks.Sender.
func (f *fleet) Send(ctx context.Context, j webhooks.Job) webhooks.Attempt {
	row := string(j.Endpoint.ID) + string(j.ID)
	f.mu.Lock()
	h := f.handler[j.Endpoint.ID]
	f.sent = append(f.sent, sent{j.Endpoint.ID, j.ID, time.Now()})
	f.open[row]++
	f.most = max(f.most, f.open[row])
	f.mu.Unlock()
	a := h(ctx)
	a.At = time.Now().UnixMicro()
	f.mu.Lock()
	f.open[row]--
	f.mu.Unlock()
	return a
}

func answer(code int, reason webhooks.Reason) func(context.Context) webhooks.Attempt {
	return func(context.Context) webhooks.Attempt { return webhooks.Attempt{Code: code, Reason: reason} }
}

var fine = answer(204, webhooks.NoReason)

// silence is a receiver that does not answer.
func silence(ctx context.Context) webhooks.Attempt {
	select {
	case <-time.After(webhooks.SendTime):
	case <-ctx.Done():
	}
	return webhooks.Attempt{Reason: webhooks.ReasonTimeout}
}

func (f *fleet) on(e webhooks.EndpointID, h func(context.Context) webhooks.Attempt) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handler[e] = h
}

// endpoint registers one of a shop of its own, which is named as it is.
func (f *fleet) endpoint(shop string, h func(context.Context) webhooks.Attempt) webhooks.EndpointID {
	f.Helper()
	caller := orders.Caller{Role: orders.Shop, Shop: shop}
	e, err := newService(f.store).Register(f.Context(), caller, webhooks.Draft{URL: "https://" + shop + ".example/", Events: []string{"order.moved"}})
	if err != nil {
		f.Fatal(err)
	}
	f.on(e.ID, h)
	return e.ID
}

func (f *fleet) put(shop string) webhooks.DeliveryID {
	f.Helper()
	now := time.Now()
	m := webhooks.Message{ID: webhooks.DeliveryID(orders.NewID(now)), Shop: shop, Type: "order.moved", Body: []byte("{}"), At: now.UnixMicro()}
	if err := f.store.Put(f.Context(), m); err != nil {
		f.Fatal(err)
	}
	return m.ID
}

// run starts a node; stop ends it and waits.
func (f *fleet) run(o webhooks.DispatcherOptions) (d *webhooks.Dispatcher, stop func()) {
	f.Helper()
	o.Store, o.Sender, o.Log = f.store, f, slog.New(slog.NewTextHandler(&f.log, nil))
	d = webhooks.NewDispatcher(o)
	ctx, cancel := context.WithCancel(f.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	return d, func() {
		f.Helper()
		cancel()
		if err := <-done; err != nil {
			f.Error(err)
		}
	}
}

func (f *fleet) deliveries(shop string, e webhooks.EndpointID) map[webhooks.DeliveryID]webhooks.Delivery {
	f.Helper()
	list, err := f.store.Deliveries(f.Context(), shop, e, "", 1e6)
	if err != nil {
		f.Fatal(err)
	}
	byID := map[webhooks.DeliveryID]webhooks.Delivery{}
	for _, d := range list {
		byID[d.ID] = d
	}
	return byID
}

// tries lists when a delivery was tried.
func (f *fleet) tries(id webhooks.DeliveryID) []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	var at []time.Time
	for _, s := range f.sent {
		if s.id == id {
			at = append(at, s.at)
		}
	}
	return at
}

func (f *fleet) logged(text string) int {
	f.Helper()
	return strings.Count(f.log.String(), text)
}

// TestGiveUp: a delivery that nobody takes is tried for 24 hours at growing
// distances, and has failed then; a replay sends it under the same id.
func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		e := f.endpoint("books", answer(500, webhooks.ReasonStatus))
		start := time.Now()
		id := f.put("books")
		d, stop := f.run(webhooks.DispatcherOptions{})
		time.Sleep(webhooks.GiveUpAfter - time.Second)
		synctest.Wait()
		if got := f.deliveries("books", e)[id]; got.Status != webhooks.Pending || got.NextTry != start.Add(webhooks.GiveUpAfter).UnixMicro() {
			t.Errorf("just before: %+v", got)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		got := f.deliveries("books", e)[id]
		tries := f.tries(id)
		last := tries[len(tries)-1].Sub(start)
		if got.Status != webhooks.Failed || got.Attempts != len(tries) || got.NextTry != 0 || got.Last.Code != 500 {
			t.Errorf("afterwards: %+v, %d tries", got, len(tries))
		}
		if len(tries) < 15 || len(tries) > 40 || last < webhooks.GiveUpAfter || last > webhooks.GiveUpAfter+2*time.Minute {
			t.Errorf("%d tries, the last after %s", len(tries), last)
		}
		for i := 1; i < len(tries); i++ {
			if gap := tries[i].Sub(tries[i-1]); gap < 3*time.Second || gap > 3*time.Hour {
				t.Errorf("%s between two tries", gap)
			}
		}
		time.Sleep(5 * time.Hour)
		if n := len(f.tries(id)); n != len(tries) {
			t.Errorf("%d tries after the end", n-len(tries))
		}

		f.on(e, fine)
		service := webhooks.NewService(f.store, webhooks.Guard{}, d.Wake, nil)
		if _, err := service.Replay(t.Context(), books, e, id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // it rests still
		synctest.Wait()
		if got := f.deliveries("books", e)[id]; got.Status != webhooks.Delivered || got.Attempts != 1 {
			t.Errorf("replayed: %+v", got)
		}
		stats := d.Stats()
		if stats.Delivered != 1 || stats.GivenUp != 1 || stats.Failures[webhooks.ReasonStatus] != int64(len(tries)) {
			t.Errorf("counted %+v", stats)
		}
		stop()
		if f.logged("endpoint is failing") != 1 || f.logged("answers again") != 1 || f.logged("level=") != 2 || f.logged(string(id)) != 0 {
			t.Errorf("the log has\n%s", &f.log)
		}
	})
}

// TestDeadEndpoint: one that swallows everything, with a backlog, holds up
// neither a live one nor, when it is back, itself.
func TestDeadEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		dead, live := f.endpoint("dead", silence), f.endpoint("live", fine)
		for range 500 {
			f.put("dead")
		}
		_, stop := f.run(webhooks.DispatcherOptions{Slots: 16})
		for range 120 {
			begun := time.Now()
			id := f.put("live")
			time.Sleep(1100 * time.Millisecond) // nobody wakes the node
			synctest.Wait()
			if d := f.deliveries("live", live)[id]; d.Status != webhooks.Delivered {
				t.Fatalf("not there after %s: %+v", time.Since(begun), d)
			}
		}
		f.mu.Lock()
		tried := len(f.sent) - 120
		f.mu.Unlock()
		if tried < 5 || tried > 40 {
			t.Errorf("%d tries of the dead one in two minutes", tried)
		}
		f.on(dead, fine)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		stop()
		for id, d := range f.deliveries("dead", dead) {
			if d.Status != webhooks.Delivered {
				t.Fatalf("%s after it is back: %+v", id, d)
			}
		}
	})
}

// TestManyDeadEndpoints: all slots are taken once, and shared after that.
func TestManyDeadEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		live := f.endpoint("live", fine)
		for i := range 30 {
			shop := fmt.Sprintf("dead%d", i)
			f.endpoint(shop, silence)
			for range 20 {
				f.put(shop)
			}
		}
		_, stop := f.run(webhooks.DispatcherOptions{Slots: 16, PerEndpoint: 4, FailingSlots: 4})
		time.Sleep(time.Minute)
		for range 100 {
			id := f.put("live")
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
			if d := f.deliveries("live", live)[id]; d.Status != webhooks.Delivered {
				t.Fatalf("not there: %+v", d)
			}
		}
		stop()
	})
}

func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		e := f.endpoint("books", fine)
		d, stop := f.run(webhooks.DispatcherOptions{})
		time.Sleep(10*time.Second + 500*time.Millisecond)
		id := f.put("books")
		d.Wake()
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		if got := f.deliveries("books", e)[id]; got.Status != webhooks.Delivered {
			t.Errorf("not sent at once: %+v", got)
		}
		stop()
	})
}

// TestNodesShare: two nodes send each delivery once, and never at the same time.
func TestNodesShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		slow := func(context.Context) webhooks.Attempt { time.Sleep(50 * time.Millisecond); return fine(nil) }
		e := f.endpoint("books", slow)
		for range 400 {
			f.put("books")
		}
		a, stopA := f.run(webhooks.DispatcherOptions{})
		b, stopB := f.run(webhooks.DispatcherOptions{})
		time.Sleep(time.Minute)
		synctest.Wait()
		stopA()
		stopB()
		if len(f.sent) != 400 || f.most != 1 {
			t.Errorf("%d tries of 400, %d at a time of one", len(f.sent), f.most)
		}
		if a.Stats().Delivered == 0 || b.Stats().Delivered == 0 {
			t.Errorf("one did all the work: %d and %d", a.Stats().Delivered, b.Stats().Delivered)
		}
		for id, d := range f.deliveries("books", e) {
			if d.Status != webhooks.Delivered || d.Attempts != 1 {
				t.Fatalf("%s: %+v", id, d)
			}
		}
	})
}

// TestNodeDies: what a node had claimed is sent by another one when the lease is
// over, under the same id.
func TestNodeDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		e := f.endpoint("books", fine)
		id := f.put("books")
		now := time.Now()
		if jobs, err := f.store.Claim(t.Context(), e, now.UnixMicro(), now.Add(webhooks.Lease).UnixMicro(), 8); err != nil || len(jobs) != 1 {
			t.Fatalf("%v, %v", jobs, err)
		}
		_, stop := f.run(webhooks.DispatcherOptions{})
		time.Sleep(webhooks.Lease - time.Second)
		synctest.Wait()
		if n := len(f.tries(id)); n != 0 {
			t.Errorf("tried %d times under another's lease", n)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		stop()
		if got := f.deliveries("books", e)[id]; got.Status != webhooks.Delivered || got.Attempts != 2 || len(f.tries(id)) != 1 {
			t.Errorf("%+v after %d tries", got, len(f.tries(id)))
		}
	})
}

// TestNodeStops: what is being sent is given back, and is not the endpoint's
// fault.
func TestNodeStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		e := f.endpoint("books", silence)
		id := f.put("books")
		_, stop := f.run(webhooks.DispatcherOptions{})
		time.Sleep(2 * time.Second)
		stopped := time.Now()
		stop()
		if d := time.Since(stopped); d != 0 {
			t.Errorf("it took %s", d)
		}
		got := f.deliveries("books", e)[id]
		if got.Attempts != 0 || got.NextTry != stopped.UnixMicro() || len(f.tries(id)) != 1 {
			t.Errorf("%+v", got)
		}
		f.on(e, fine)
		_, stop = f.run(webhooks.DispatcherOptions{})
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		stop()
		if got := f.deliveries("books", e)[id]; got.Status != webhooks.Delivered || got.Attempts != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// TestGone: 410 ends it until the shop turns the endpoint on again.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		e := f.endpoint("books", answer(410, webhooks.ReasonGone))
		id := f.put("books")
		d, stop := f.run(webhooks.DispatcherOptions{})
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		if n := len(f.tries(id)); n != 1 {
			t.Errorf("%d tries", n)
		}
		service := webhooks.NewService(f.store, webhooks.Guard{}, d.Wake, nil)
		got, err := service.Endpoint(t.Context(), books, e)
		if err != nil || got.Health.State() != webhooks.Disabled {
			t.Errorf("%+v, %v", got, err)
		}
		f.on(e, fine)
		if _, err := service.Enable(t.Context(), books, e, true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		stop()
		if got := f.deliveries("books", e)[id]; got.Status != webhooks.Delivered {
			t.Errorf("%+v", got)
		}
		if f.logged("endpoint is disabled") != 1 || f.logged("level=") != 1 {
			t.Errorf("the log has\n%s", &f.log)
		}
	})
}
