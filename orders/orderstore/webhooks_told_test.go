package orderstore_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"hubbub/internal/testenv"
	"hubbub/orders"
	"hubbub/orders/orderstore"
	"hubbub/orders/webhooks"
)

// receiver is a shop's program. It keeps what was signed with its secret.
type receiver struct {
	*testing.T
	url    string
	secret string // known before the first message
	wake   chan struct{}

	mu     sync.Mutex
	got    map[string][]string // for "order version": the ids of its messages
	bodies map[string]string   // by id
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{T: t, wake: make(chan struct{}, 1), got: map[string][]string{}, bodies: map[string]string{}}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

func (r *receiver) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	id := req.Header.Get("webhook-id")
	mac := hmac.New(sha256.New, []byte(r.secret))
	mac.Write([]byte(id + "." + req.Header.Get("webhook-timestamp") + "." + string(body)))
	if err != nil || req.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		r.Errorf("%v, signature %q", err, req.Header.Get("webhook-signature"))
		return
	}
	var m struct {
		Data struct {
			Order struct {
				ID      string
				Version int
			}
			Event struct{ Seq int }
		}
	}
	if err := json.Unmarshal(body, &m); err != nil || m.Data.Order.Version != m.Data.Event.Seq {
		r.Errorf("%v in %s", err, body)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, again := r.bodies[id]; again && old != string(body) {
		r.Errorf("%s said %s and %s", id, old, body)
	}
	r.bodies[id] = string(body)
	key := m.Data.Order.ID + " " + strconv.Itoa(m.Data.Event.Seq)
	r.got[key] = append(r.got[key], id)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// await waits until so many events were told.
func (r *receiver) await(n int) {
	r.Helper()
	timeout := time.After(time.Minute)
	for {
		r.mu.Lock()
		have := len(r.got)
		r.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-r.wake:
		case <-timeout:
			r.Fatalf("%d events were told, want %d", have, n)
		}
	}
}

// register makes the receiver an endpoint of the shop.
func (r *receiver) register(w *orderstore.Webhooks, shop string) webhooks.Endpoint {
	r.Helper()
	events, _ := webhooks.EventsOf(webhooks.EventTypes...)
	e := webhooks.Endpoint{ID: webhooks.EndpointID(orders.NewID(time.Now())), Shop: shop, URL: r.url, Events: events,
		Secret: webhooks.NewSecret(), CreatedAt: time.Now().UnixMicro()}
	r.secret = string(e.Secret)
	if err := w.Create(r.Context(), e); err != nil {
		r.Fatal(err)
	}
	return e
}

// dispatch starts a node's dispatcher, which knows a time ahead of ours.
func dispatch(t *testing.T, store webhooks.Store, ahead time.Duration) (d *webhooks.Dispatcher, stop func()) {
	t.Helper()
	sender := webhooks.NewHTTPSender(webhooks.SenderOptions{Guard: webhooks.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")})})
	d = webhooks.NewDispatcher(webhooks.DispatcherOptions{
		Store: store, Sender: sender, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Now: func() time.Time { return time.Now().Add(ahead) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		sender.Close()
	})
	t.Cleanup(stop)
	return d, stop
}

// TestOrdersAreTold: what is committed is told, and nothing else is.
func TestOrdersAreTold(t *testing.T) {
	for name, url := range map[string]func() string{
		"SQLite":  func() string { return sqliteURL(t) },
		"MariaDB": func() string { return testenv.SharedMariaDB(t).NewDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s, db := open(t, url())
			w := orderstore.NewWebhooks(s, db)
			r := newReceiver(t)
			e := r.register(w, "books")
			o := place(t, s, newOrder(t, s, "books"))
			place(t, s, newOrder(t, s, "toys"))
			again := placing(newOrder(t, s, "books"))
			for range 2 { // the second is a replay
				if _, err := s.Place(t.Context(), again); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Change(t.Context(), step(o.ID, orders.Shipped)); !errors.Is(err, orders.ErrIllegalStep) {
				t.Fatal(err)
			}
			if _, err := s.Change(t.Context(), step(o.ID, orders.Paid)); err != nil {
				t.Fatal(err)
			}
			// The node that stored them died: another one finds them.
			dispatch(t, w, 0)
			r.await(3)
			for event, ids := range r.got {
				if len(ids) != 1 {
					t.Errorf("%s was told as %v", event, ids)
				}
			}
			list, err := w.Deliveries(t.Context(), "books", e.ID, "", 10)
			if err != nil || len(list) != 3 {
				t.Errorf("%d deliveries, %v", len(list), err)
			}
		})
	}
}

// dying is the store of a node that sends and dies before it can tell.
type dying struct {
	*orderstore.Webhooks
	claimed chan int
}

func (d dying) Claim(ctx context.Context, id webhooks.EndpointID, now, until int64, limit int) ([]webhooks.Job, error) {
	jobs, err := d.Webhooks.Claim(ctx, id, now, until, limit)
	if len(jobs) > 0 {
		d.claimed <- len(jobs)
	}
	return jobs, err
}

func (dying) Finish(context.Context, webhooks.Outcome) (bool, error) {
	return false, errors.New("dead")
}
func (dying) Release(context.Context, webhooks.Job, int64) error { return errors.New("dead") }

// TestWorkersDie: whatever a node had claimed is told by another, under the same
// ids; two that live share the work, and no event is told twice by them.
func TestWorkersDie(t *testing.T) {
	url := testenv.SharedMariaDB(t).NewDatabase(t)
	s, db := open(t, url)
	other, otherDB := open(t, url)
	w, second := orderstore.NewWebhooks(s, db.Share(4, 8)), orderstore.NewWebhooks(other, otherDB)
	r := newReceiver(t)
	r.register(w, "books")
	for range 8 {
		place(t, s, newOrder(t, s, "books"))
	}
	claims := make(chan int, 100)
	_, stop := dispatch(t, dying{w, claims}, 0)
	for n := 0; n < 8; {
		select {
		case k := <-claims:
			n += k
		case <-time.After(time.Minute):
			t.Fatal("nothing is claimed")
		}
	}
	r.await(8)
	stop()
	for range 32 {
		place(t, s, newOrder(t, s, "books"))
		place(t, other, newOrder(t, other, "books"))
	}
	a, stopA := dispatch(t, w, webhooks.Lease+time.Second)
	b, stopB := dispatch(t, second, webhooks.Lease+time.Second)
	r.await(72)
	for done := time.Now().Add(time.Minute); a.Stats().Delivered+b.Stats().Delivered < 72; time.Sleep(time.Millisecond) {
		if time.Now().After(done) {
			t.Fatalf("%d and %d delivered", a.Stats().Delivered, b.Stats().Delivered)
		}
	}
	stopA()
	stopB()
	twice := 0
	for event, ids := range r.got {
		switch {
		case len(ids) > 2, len(ids) == 2 && ids[0] != ids[1]:
			t.Errorf("%s was told as %v", event, ids)
		case len(ids) == 2:
			twice++
		}
	}
	if twice != 8 {
		t.Errorf("%d events were told twice, want the 8 of the dead node", twice)
	}
	if n, err := w.Pending(t.Context(), 100); err != nil || n != 0 {
		t.Errorf("%d are pending, %v", n, err)
	}
}
