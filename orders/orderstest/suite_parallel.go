package orderstest

import (
	"errors"
	"sync"
	"sync/atomic"

	"hubbub/orders"
)

// callers is how many calls come in at a time.
const callers = 100

// together runs f once for each caller, all at a time. A caller who is told to come
// again does so: on a busy machine so many are more than the store can serve in time.
func (w world) together(f func(i int) error) {
	w.Helper()
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			<-start
			err := f(i)
			for errors.Is(err, orders.ErrKeyRunning) || errors.Is(err, orders.ErrUnavailable) {
				err = f(i)
			}
			if err != nil {
				w.Error(err)
			}
		})
	}
	close(start)
	all.Wait()
	if w.Failed() {
		w.FailNow()
	}
}

// parallelPlace shows that one key makes one order.
func (w world) parallelPlace() {
	ada := w.customer()
	p := placing(newOrder(ada))
	var placed atomic.Int32
	var mu sync.Mutex
	replies := map[string]int{}
	w.together(func(int) error {
		p := p
		p.Order.ID = newOrder(ada).ID
		r, err := w.s.Place(w.Context(), p)
		if err != nil {
			return err
		}
		if !r.Replayed {
			placed.Add(1)
		}
		mu.Lock()
		defer mu.Unlock()
		replies[string(r.Doc)]++
		return nil
	})
	if placed.Load() != 1 || len(replies) != 1 {
		w.Fatalf("%d placed, %d different replies", placed.Load(), len(replies))
	}
	if n := len(w.log(ada)); n != 1 {
		w.Fatalf("%d events", n)
	}
}

// parallelSteps shows that of all who want the same step one has it, and that the
// others are told so; and that changes which all may be made are all made.
func (w world) parallelSteps() {
	ada := w.customer()
	o := newOrder(ada)
	w.place(o)
	for _, to := range []orders.Status{orders.Paid, orders.Packed, orders.Shipped} {
		var won, lost atomic.Int32
		w.together(func(int) error {
			_, err := w.s.Change(w.Context(), step(o.ID, to))
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, orders.ErrIllegalStep):
				lost.Add(1)
			default:
				return err
			}
			return nil
		})
		if won.Load() != 1 || lost.Load() != callers-1 {
			w.Fatalf("%s: %d won, %d lost", to, won.Load(), lost.Load())
		}
	}
	w.together(func(int) error {
		_, err := w.s.Change(w.Context(), orders.Change{ID: o.ID, Actor: shopkeeper, At: now, Apply: func(o *orders.Order) (orders.Event, error) {
			o.Note += "."
			return orders.Event{Kind: orders.EventChanged}, nil
		}})
		return err
	})
	_, got := w.order(o.ID)
	if len(got.Note) != len(o.Note)+callers || got.Version != 4+callers || got.Status != orders.Shipped {
		w.Fatalf("the order is %+v", got)
	}
	if n := len(w.events(o.ID)); n != 4+callers {
		w.Fatalf("%d events", n)
	}
	w.log(ada)
}

// parallelLog shows that a log has no hole while orders come in, and that a reader
// who sees n sees everything below n.
func (w world) parallelLog() {
	ada, bob := w.customer(), w.customer()
	stop := make(chan struct{})
	var reader sync.WaitGroup
	defer reader.Wait()
	defer close(stop)
	reader.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			head, events, err := w.s.Since(w.Context(), ada, 0, 1000)
			if errors.Is(err, orders.ErrUnavailable) {
				continue
			}
			if err != nil || head.Seq != uint64(len(events)) {
				w.Errorf("the head is %d, the log has %d events: %v", head.Seq, len(events), err)
				return
			}
		}
	})
	var places [callers]orders.Placing
	var steps [callers]orders.Change
	for i := range callers {
		o := newOrder([]string{ada, bob}[i%2])
		places[i], steps[i] = placing(o), step(o.ID, orders.Paid)
	}
	w.together(func(i int) error {
		_, err := w.s.Place(w.Context(), places[i])
		if err == nil {
			_, err = w.s.Change(w.Context(), steps[i])
		}
		return err
	})
	if a, b := len(w.log(ada)), len(w.log(bob)); a != callers || b != callers {
		w.Fatalf("%d and %d events", a, b)
	}
}
