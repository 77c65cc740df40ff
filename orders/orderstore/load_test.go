package orderstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
	"hubbub/orders"
	"hubbub/orders/orderstore"
)

// tills place orders and move them, each call again with its key until it is
// answered, as a shop does.
type tills struct {
	customers []string
	mu        sync.Mutex
	done      int
	// told is the version of each order that somebody was told of.
	told map[orders.ID]uint64
	err  error
	ends chan struct{}
}

// open customers share the orders, so that tills meet at their logs.
const openCustomers = 3

// start lets n tills per store place so many orders each, and move them twice.
func start(t *testing.T, n, each int, stores ...*orderstore.Store) *tills {
	t.Helper()
	all := &tills{told: map[orders.ID]uint64{}, ends: make(chan struct{})}
	for range openCustomers {
		all.customers = append(all.customers, newOrder(t, stores[0], "shop").CustomerID)
	}
	var running sync.WaitGroup
	for _, s := range stores {
		for range n {
			running.Go(func() {
				for i := range each {
					all.sell(s, all.customers[i%openCustomers])
				}
			})
		}
	}
	go func() {
		running.Wait()
		close(all.ends)
	}()
	return all
}

func (all *tills) sell(s *orderstore.Store, customer string) {
	p := placing(orders.Order{Shop: "shop", CustomerID: customer, Status: orders.Pending, Currency: "EUR"})
	r, ok := all.until(func() (orders.Reply, error) {
		p := p
		p.Order.ID = orders.NewID(time.Now()) // as the service makes it each time
		p.Order = inRoom(p.Order)
		return s.Place(context.Background(), p)
	}, 1)
	for i, to := range []orders.Status{orders.Paid, orders.Packed} {
		if !ok {
			return
		}
		c := step(r.ID, to)
		_, ok = all.until(func() (orders.Reply, error) { return s.Change(context.Background(), c) }, uint64(i+2))
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	all.done++
}

// until calls until there is an answer, which is of that version of an order.
func (all *tills) until(call func() (orders.Reply, error), version uint64) (orders.Reply, bool) {
	for deadline := time.Now().Add(30 * time.Second); ; {
		r, err := call()
		if err == nil && r.Version != version {
			err = fmt.Errorf("told of version %d, want %d", r.Version, version)
		}
		again := errors.Is(err, orders.ErrUnavailable) || errors.Is(err, orders.ErrUnknownOutcome) || errors.Is(err, orders.ErrKeyRunning)
		if again && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond) // as a client would
			continue
		}
		all.mu.Lock()
		defer all.mu.Unlock()
		if err == nil && all.told[r.ID] != version-1 {
			err = fmt.Errorf("%s: told of version %d after %d", r.ID, version, all.told[r.ID])
		}
		if err != nil {
			all.err = err
			return r, false
		}
		all.told[r.ID] = version
		return r, true
	}
}

// count is how many orders are placed and moved so far.
func (all *tills) count() int {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.done
}

// check waits for the tills, and compares what they were told to what is stored.
func (all *tills) check(t *testing.T, s *orderstore.Store, db *sqldb.DB, want int) {
	t.Helper()
	<-all.ends
	if all.err != nil {
		t.Fatal(all.err)
	}
	events, messages := 0, map[string]bool{} // those that moved
	for _, customer := range all.customers {
		for _, e := range wholeLog(t, s, customer) {
			events++
			if _, ok := all.told[e.Order]; !ok {
				t.Errorf("nobody was told of %+v", e)
			}
			if e.Kind == orders.EventMoved {
				messages[fmt.Sprintf("order/%s/%d", e.Order, e.Version)] = true
			}
		}
	}
	err := sqldb.Each(t.Context(), db.Read, func(rows *sql.Rows) error {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		if !messages[id] {
			t.Errorf("message %s has no event, or comes twice", id)
		}
		delete(messages, id)
		return nil
	}, "SELECT client_id FROM test_messages")
	if err != nil || len(messages) > 0 {
		t.Errorf("%d events have no message: %v", len(messages), err)
	}
	if len(all.told) != want || events != 3*want {
		t.Errorf("%d orders, %d events, want %d orders", len(all.told), events, want)
	}
	for query, want := range map[string]int{
		"SELECT COUNT(*) FROM orders WHERE version=3 AND status='packed'": want,
		"SELECT COUNT(*) FROM orders":                                     want,
		"SELECT COUNT(*) FROM idempotency_keys":                           3 * want,
		"SELECT COUNT(*) FROM test_messages":                              2 * want,
	} {
		if got := count(t, db, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
}

func TestTwoNodes(t *testing.T) {
	database := testenv.SharedMariaDB(t).NewDatabase(t)
	a, db := open(t, database)
	b, _ := open(t, database)
	start(t, 8, 10, a, b).check(t, a, db, 160)
}

func TestKilledConnections(t *testing.T) {
	server := testenv.SharedMariaDB(t)
	database := server.NewDatabase(t)
	a, db := open(t, database)
	b, _ := open(t, database)
	all := start(t, 8, 20, a, b)
	killed := 0
	for running := true; running; {
		select {
		case <-all.ends:
			running = false
		case <-time.After(30 * time.Millisecond):
			killed += server.KillConnections(t, database)
		}
	}
	if killed < 20 {
		t.Errorf("only %d connections were killed", killed)
	}
	all.check(t, a, db, 320)
}

func TestServerDies(t *testing.T) {
	server := testenv.MariaDB(t)
	s, db := open(t, server.NewDatabase(t))
	all := start(t, 8, 20, s)
	for _, orders := range []int{20, 80} {
		for all.count() < orders && all.failed() == nil {
			time.Sleep(time.Millisecond)
		}
		server.Kill(t)
		server.Start(t)
	}
	all.check(t, s, db, 160)
}

func (all *tills) failed() error {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.err
}
