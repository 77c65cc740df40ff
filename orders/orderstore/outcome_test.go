package orderstore_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
	"hubbub/orders"
	"hubbub/orders/orderstore"
)

// inRoom is an order whose room takes messages.
func inRoom(o orders.Order) orders.Order {
	o.RoomID = "room-" + string(o.ID)
	return o
}

// wholeLog reads a customer's log and checks that it has no hole.
func wholeLog(t testing.TB, s *orderstore.Store, customer string) []orders.Event {
	t.Helper()
	head, events, err := s.Since(t.Context(), customer, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		if e.Seq != uint64(i+1) {
			t.Fatalf("event %d has the number %d", i+1, e.Seq)
		}
	}
	if int(head.Seq) != len(events) {
		t.Fatalf("the head is %d, the log has %d events", head.Seq, len(events))
	}
	return events
}

// count is the result of a query for a number.
func count(t testing.TB, db *sqldb.DB, query string, args ...any) (n int) {
	t.Helper()
	if err := db.Read.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Whatever becomes of a COMMIT, the answer is the one of a COMMIT that was
// answered, and what was asked for is done once.
func TestCommitFails(t *testing.T) {
	server := testenv.SharedMariaDB(t)
	behind, through := testenv.NewProxy(t, server.NewDatabase(t))
	s, db := open(t, through)
	const inFlight = 300 * time.Millisecond
	for name, act := range map[string]func(*testenv.Link){
		"committed, reply lost": (*testenv.Link).Send,
		"rolled back":           func(*testenv.Link) {},
		"committed in flight":   func(l *testenv.Link) { time.Sleep(inFlight); l.Send() },
		"rolled back, late":     func(l *testenv.Link) { time.Sleep(inFlight) },
		"later than a key waits": func(l *testenv.Link) {
			time.Sleep(1500 * time.Millisecond)
			l.Send()
		},
		"the server is away for a while": func(l *testenv.Link) {
			l.Send()
			behind.SetDown(true)
			time.Sleep(inFlight)
			behind.SetDown(false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := inRoom(newOrder(t, s, "shop"))
			p := placing(o)
			paid := step(o.ID, orders.Paid)
			noted := orders.Change{ID: o.ID, Actor: till, At: 1, Apply: func(o *orders.Order) (orders.Event, error) {
				o.Note += "."
				return orders.Event{Kind: orders.EventChanged}, nil
			}, Message: func(orders.Order, orders.Event) string { return "noted" }}
			for i, call := range []func() (orders.Reply, error){
				func() (orders.Reply, error) { return s.Place(t.Context(), p) },
				func() (orders.Reply, error) { return s.Change(t.Context(), paid) },
				func() (orders.Reply, error) { return s.Change(t.Context(), noted) },
			} {
				behind.OnCommit(act)
				r, err := call()
				if err != nil {
					t.Fatal(err)
				}
				if r.Replayed || r.Event == nil || r.Event.Seq != uint64(i+1) || r.Version != uint64(i+1) {
					t.Errorf("call %d: %+v, event %+v", i, r, r.Event)
				}
				if i > 0 && (r.Message == nil || r.Message.First != uint64(i)) {
					t.Errorf("call %d: message %+v", i, r.Message)
				}
			}
			if r, err := s.Place(t.Context(), p); err != nil || !r.Replayed || r.Version != 1 {
				t.Errorf("placed again: %+v, %v", r, err)
			}
			if r, err := s.Change(t.Context(), paid); err != nil || !r.Replayed || r.Version != 2 {
				t.Errorf("paid again: %+v, %v", r, err)
			}
			if n := len(wholeLog(t, s, o.CustomerID)); n != 3 {
				t.Errorf("%d events", n)
			}
			stored, err := s.Order(t.Context(), o.ID, "")
			if err != nil {
				t.Fatal(err)
			}
			if o, err := orders.Parse(stored.Doc); err != nil || o.Note != "." || o.Version != 3 {
				t.Errorf("the order is %+v, %v", o, err)
			}
			if n := count(t, db, "SELECT COUNT(*) FROM test_messages WHERE room=?", o.RoomID); n != 2 {
				t.Errorf("%d messages", n)
			}
		})
	}
	t.Run("open log", func(t *testing.T) {
		behind.OnCommit((*testenv.Link).Send)
		if err := s.OpenLog(t.Context(), "eve"); err != nil {
			t.Fatal(err)
		}
		wholeLog(t, s, "eve")
	})
	t.Run("another comes between", func(t *testing.T) {
		o := newOrder(t, s, "shop")
		place(t, s, o)
		other := placing(newOrder(t, s, "shop"))
		other.Order.CustomerID = o.CustomerID
		came := make(chan error, 1)
		behind.OnCommit(func(l *testenv.Link) {
			l.Close()
			// Who comes first after the lost run takes its number.
			_, err := s.Place(context.Background(), other)
			came <- err
		})
		r, err := s.Change(t.Context(), step(o.ID, orders.Paid))
		if err := errors.Join(err, <-came); err != nil {
			t.Fatal(err)
		}
		if events := wholeLog(t, s, o.CustomerID); len(events) != 3 || events[r.Event.Seq-1] != *r.Event {
			t.Errorf("told of %+v, the log is %+v", r.Event, events)
		}
	})
}

// When nobody can be asked what became of a COMMIT, the answer says so.
func TestOutcomeUnknown(t *testing.T) {
	server := testenv.SharedMariaDB(t)
	behind, through := testenv.NewProxy(t, server.NewDatabase(t))
	s, db := openWith(t, through, sqldb.Options{OutcomeTime: 500 * time.Millisecond})
	o := newOrder(t, s, "shop")
	p := placing(o)
	behind.OnCommit(func(l *testenv.Link) {
		l.Send()
		behind.SetDown(true)
	})
	later := func(err error, want *orders.Error) {
		t.Helper()
		if e, ok := errors.AsType[*orders.Error](err); !ok || e.Code != want.Code || e.RetryAfter == 0 {
			t.Errorf("error %v, want %v, later", err, want)
		}
	}
	_, err := s.Place(t.Context(), p)
	later(err, orders.ErrUnknownOutcome)
	_, err = s.Place(t.Context(), placing(o))
	later(err, orders.ErrUnavailable)
	_, err = s.Order(t.Context(), o.ID, "")
	later(err, orders.ErrUnavailable)
	_, err = s.List(t.Context(), orders.Filter{Limit: 1})
	later(err, orders.ErrUnavailable)
	behind.SetDown(false)

	again := p
	again.Order.ID = orders.NewID(time.Now()) // as the service makes it each time
	r, err := s.Place(t.Context(), again)
	if err != nil || !r.Replayed || r.ID != o.ID {
		t.Errorf("sent again: %+v, %v", r, err)
	}
	if n := count(t, db, "SELECT COUNT(*) FROM orders"); n != 1 {
		t.Errorf("%d orders", n)
	}
}

// While the first call with a key runs, another is told so, wherever it comes in.
func TestKeyRuns(t *testing.T) {
	database := testenv.SharedMariaDB(t).NewDatabase(t)
	here, _ := open(t, database)
	elsewhere, _ := open(t, database)
	entered, leave := make(chan struct{}), make(chan struct{})
	here.SetOutbox(func(context.Context, *sql.Tx, orders.Order, orders.Event) error {
		close(entered)
		<-leave
		return nil
	})
	p := placing(newOrder(t, here, "shop"))
	first := make(chan orders.Reply)
	go func() {
		r, err := here.Place(t.Context(), p)
		if err != nil {
			t.Error(err)
		}
		first <- r
	}()
	<-entered
	again := p
	again.Order = newOrder(t, here, "shop") // the key counts, whoever the customer is
	for name, s := range map[string]*orderstore.Store{"here": here, "elsewhere": elsewhere} {
		_, err := s.Place(t.Context(), again)
		if e, ok := errors.AsType[*orders.Error](err); !ok || e.Code != orders.ErrKeyRunning.Code || e.RetryAfter == 0 {
			t.Errorf("%s: %v, want %v, later", name, err, orders.ErrKeyRunning)
		}
	}
	left, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := here.Place(left, again); !errors.Is(err, context.Canceled) {
		t.Errorf("who leaves is told %v", err)
	}
	close(leave)
	want := <-first
	for name, s := range map[string]*orderstore.Store{"here": here, "elsewhere": elsewhere} {
		if r, err := s.Place(t.Context(), again); err != nil || !r.Replayed || string(r.Doc) != string(want.Doc) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// What is to be told to others is stored with the change, or neither is.
func TestOutbox(t *testing.T) {
	s, db := open(t, sqliteURL(t))
	o := inRoom(newOrder(t, s, "shop"))
	place(t, s, o)
	var told orders.Event
	fail := errors.New("no room in it")
	s.SetOutbox(func(ctx context.Context, tx *sql.Tx, o orders.Order, e orders.Event) error {
		told = e
		if o.Version != e.Version || o.Status != e.To {
			t.Errorf("order %+v of event %+v", o, e)
		}
		return fail
	})
	c := step(o.ID, orders.Paid)
	if _, err := s.Change(t.Context(), c); !errors.Is(err, fail) {
		t.Errorf("error %v, want %v", err, fail)
	}
	if n, m := len(wholeLog(t, s, o.CustomerID)), count(t, db, "SELECT COUNT(*) FROM test_messages"); n != 1 || m != 0 {
		t.Errorf("%d events, %d messages", n, m)
	}
	fail = nil
	r, err := s.Change(t.Context(), c)
	if err != nil || r.Replayed || *r.Event != told {
		t.Errorf("%+v, %v; told %+v", r, err, told)
	}
}

// A caller who leaves does not stop what was begun, and nothing is begun for one
// who has left.
func TestCallerLeaves(t *testing.T) {
	s, _ := open(t, sqliteURL(t))
	o := newOrder(t, s, "shop")
	ctx, leave := context.WithCancel(t.Context())
	s.SetOutbox(func(context.Context, *sql.Tx, orders.Order, orders.Event) error {
		leave()
		return nil
	})
	if _, err := s.Place(ctx, placing(o)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Order(ctx, o.ID, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("read for one who has left: %v", err)
	}
	if n := len(wholeLog(t, s, o.CustomerID)); n != 1 {
		t.Errorf("%d events", n)
	}
}
