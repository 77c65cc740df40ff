package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	"hubbub/internal/testenv"
	"hubbub/orders/webhooks"
)

// shopServer is the program of a shop that takes webhooks.
type shopServer struct {
	t   *testing.T
	url string

	mu     sync.Mutex
	secret []byte
	stuck  bool                // who comes in gets no answer
	came   map[string][]string // for each order, the ids of the messages about it
}

func newShopServer(t *testing.T) *shopServer {
	s := &shopServer{t: t, came: map[string][]string{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *shopServer) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	secret, stuck := s.secret, s.stuck
	s.mu.Unlock()
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "." + string(body)))
	if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		s.t.Errorf("wrong signature of %s", body)
	}
	var m struct {
		Type string
		Data struct{ Order struct{ ID string } }
	}
	if err := json.Unmarshal(body, &m); err != nil || m.Type != "order.placed" {
		s.t.Errorf("%v: %s", err, body)
	}
	s.mu.Lock()
	s.came[m.Data.Order.ID] = append(s.came[m.Data.Order.ID], r.Header.Get("webhook-id"))
	s.mu.Unlock()
	if stuck {
		<-r.Context().Done()
	}
}

// told gives the ids of the messages about an order.
func (s *shopServer) told(order string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.came[order]...)
}

// register makes the server a webhook of the key's shop, and gives its path.
func (s *shopServer) register(addr string, shop person) string {
	s.t.Helper()
	var h struct{ ID, Secret string }
	shop.do(s.t, addr, "POST", "/v1/webhooks", map[string]any{"url": s.url, "events": []string{"order.placed"}}, 201).decode(s.t, &h)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.Secret, "whsec_"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret = key
	return "/v1/webhooks/" + h.ID
}

// order places one over REST.
func (p person) order(t *testing.T, addr, customer string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"customer_id": customer, "currency": "EUR", "totals": map[string]int{"total": 900},
		"lines": []map[string]any{{"sku": "T-1", "title": "Tea", "quantity": 2, "unit_price": 450}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr+"/v1/orders", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.Token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", rand.Text())
	resp, err := restClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var o struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&o); err != nil || resp.StatusCode != 201 {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	return o.ID
}

// TestWebhooksNodeKilled kills the node that has placed orders while it sends the
// messages about them: another one sends them, under the same ids.
func TestWebhooksNodeKilled(t *testing.T) {
	t.Parallel()
	sql := testenv.SharedMariaDB(t).NewDatabase(t)
	settings := append([]string{"--sql=" + sql, "--sql-open=10", "--webhook-allow=127.0.0.0/8"}, unlimited...)
	token, _ := newShopKey(t, []string{"--sql=" + sql})
	shop, receiver := person{Token: token}, newShopServer(t)
	one := launch(t, "HUBBUB_SQL="+sql, "HUBBUB_SQL_OPEN=10", "HUBBUB_WEBHOOK_ALLOW=127.0.0.0/8", "HUBBUB_GUESTS=on").serving()
	ada := guest(t, one.addr, "Ada")
	path := receiver.register(one.addr, shop)

	live := shop.order(t, one.addr, ada.ID)
	eventually(t, patience, "an order is told", func() bool { return len(receiver.told(live)) == 1 })
	receiver.mu.Lock()
	receiver.stuck = true
	receiver.mu.Unlock()
	placed := []string{shop.order(t, one.addr, ada.ID), shop.order(t, one.addr, ada.ID), shop.order(t, one.addr, ada.ID)}
	eventually(t, patience, "the node sends", func() bool { return len(receiver.told(placed[0])) > 0 })
	one.signal(syscall.SIGKILL)
	one.exit(patience)
	receiver.mu.Lock()
	receiver.stuck = false
	receiver.mu.Unlock()

	two := startNode(t, settings...)
	for _, order := range placed {
		eventually(t, webhooks.Lease+2*patience, "what the dead node left is told", func() bool {
			ids := receiver.told(order)
			return len(ids) > 1 || len(ids) == 1 && delivered(t, two.Addr(), shop, path, ids[0])
		})
	}
	for _, order := range append(placed, live) {
		for _, id := range receiver.told(order) {
			if id != receiver.told(order)[0] {
				t.Errorf("one event was told as %v", receiver.told(order))
			}
			eventually(t, patience, "it is noted", func() bool { return delivered(t, two.Addr(), shop, path, id) })
		}
	}
}

// delivered asks for what became of a message.
func delivered(t *testing.T, addr string, shop person, path, id string) bool {
	t.Helper()
	var page struct{ Items []struct{ ID, Status string } }
	shop.do(t, addr, "GET", path+"/deliveries", nil, 200).decode(t, &page)
	for _, d := range page.Items {
		if d.ID == id {
			return d.Status == "delivered"
		}
	}
	return false
}

// TestWebhooksStayOutside: without --webhook-allow nothing on this machine is
// reached, by whatever name, and the shop is told why.
func TestWebhooksStayOutside(t *testing.T) {
	t.Parallel()
	sql := "--sql=sqlite:" + t.TempDir() + "/hubbub.db"
	token, _ := newShopKey(t, []string{sql})
	n := startNode(t, append([]string{sql}, unlimited...)...)
	shop, receiver := person{Token: token}, newShopServer(t)
	ada := guest(t, n.Addr(), "Ada")
	if a := shop.do(t, n.Addr(), "POST", "/v1/webhooks", map[string]any{"url": receiver.url, "events": []string{"order.placed"}}, 422); a.problem() != "invalid" {
		t.Errorf("%s", a.Body)
	}
	receiver.url = strings.Replace(receiver.url, "127.0.0.1", "localhost", 1)
	path := receiver.register(n.Addr(), shop)
	order := shop.order(t, n.Addr(), ada.ID)
	eventually(t, patience, "the try is shown", func() bool {
		a := shop.do(t, n.Addr(), "GET", path+"/deliveries", nil, 200)
		return strings.Contains(string(a.Body), `"reason":"address"`)
	})
	if ids := receiver.told(order); len(ids) != 0 {
		t.Errorf("it was reached: %v", ids)
	}
}
