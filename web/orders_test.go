package web_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"hubbub/chat"
	"hubbub/chat/chattest"
	"hubbub/orders"
)

// customers knows the users of the chat.
type customers struct{ store *chattest.Memory }

func (c customers) IsCustomer(ctx context.Context, id string) (bool, error) {
	_, _, err := c.store.UserByID(ctx, chat.UserID(id))
	if errors.Is(err, chat.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// orderRooms opens a room per order, in name only.
type orderRooms struct {
	mu     sync.Mutex
	opened map[orders.ID]string
}

func (o *orderRooms) OpenOrderRoom(_ context.Context, order orders.Order, _ orders.Caller) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.opened == nil {
		o.opened = map[orders.ID]string{}
	}
	if o.opened[order.ID] == "" {
		o.opened[order.ID] = chat.NewID()
	}
	return o.opened[order.ID], nil
}

// key makes the key of a shop and gives its token.
func (s *site) key(shop string) string {
	s.t.Helper()
	_, token, err := s.keys.Create(s.t.Context(), orders.Shop, "till of "+shop, shop)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// revoke ends the key with that token.
func (s *site) revoke(token string) {
	s.t.Helper()
	c, err := s.keys.Authenticate(s.t.Context(), token)
	if err == nil {
		err = s.keys.Revoke(s.t.Context(), c.ID)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// support makes an account of the support staff.
func (s *site) support(name string) person {
	s.t.Helper()
	p := s.signUp(name)
	if err := s.store.SetRole(s.t.Context(), chat.UserID(p.User.ID), chat.Support); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// with sets a header.
func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// newKey gives the request an idempotency key of its own.
func newKey() func(*http.Request) { return with("Idempotency-Key", rand.Text()) }

// mugs is the body of an order that is right.
func mugs(customer string) object {
	return object{
		"customer_id": customer, "currency": "EUR",
		"lines":  []object{{"sku": "MUG-01", "title": "Mug", "quantity": 2, "unit_price": 1250}},
		"totals": object{"shipping": 490, "total": 2990},
	}
}

type order struct {
	ID, Number, Shop, Status, Note string
	RoomID                         string `json:"room_id"`
	Version                        uint64
	Metadata                       map[string]string
}

// place places an order for a customer with the key.
func (s *site) place(key, customer string) order {
	s.t.Helper()
	return as[order](s.do(key, "POST /v1/orders", mugs(customer), newKey()).want(201))
}

// move takes an order on, step by step.
func (s *site) move(key string, o order, steps ...string) order {
	s.t.Helper()
	for _, to := range steps {
		o = as[order](s.do(key, "POST /v1/orders/"+o.ID+"/transitions", object{"to": to}, newKey()).want(200))
	}
	return o
}

// TestOrderSteps goes through the life of an order.
func TestOrderSteps(t *testing.T) {
	s := newSite(t)
	ann, key := s.signUp("ann"), s.key("north")

	once := newKey()
	placed := s.do(key, "POST /v1/orders", mugs(ann.User.ID), once).want(201)
	o := as[order](placed)
	tag := `"1.` + s.orders.Epoch() + `"`
	if o.Status != "pending" || o.Shop != "north" || o.Version != 1 || !orders.IsID(o.ID) ||
		placed.Header.Get("Location") != "/v1/orders/"+o.ID || placed.Header.Get("ETag") != tag ||
		placed.Header.Get("Content-Type") != "application/json" || placed.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("placed %s with %v", placed.Body, placed.Header)
	}
	// Ordered again and again: the same answer, also after the order has moved on.
	s.move(key, o, "paid")
	again := s.do(key, "POST /v1/orders", mugs(ann.User.ID), once).want(201)
	if again.Body != placed.Body || again.Header.Get("Idempotency-Replayed") != "true" ||
		again.Header.Get("ETag") != tag || again.Header.Get("Location") != placed.Header.Get("Location") {
		t.Errorf("replayed %s with %v", again.Body, again.Header)
	}
	s.do(key, "POST /v1/orders", mugs(s.signUp("bob").User.ID), once).refused(422, "key_reused")

	got := s.do(ann.Token, "GET /v1/orders/"+o.ID, nil).want(200)
	if got.Header.Get("ETag") != `"2.`+s.orders.Epoch()+`"` || got.Header.Get("Cache-Control") != "private, no-cache" ||
		got.Header.Get("Content-Length") != fmt.Sprint(len(got.Body)) || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", got.Header)
	}
	if as[order](got).Status != "paid" {
		t.Errorf("got %s", got.Body)
	}
	same := s.do(ann.Token, "GET /v1/orders/"+o.ID, nil, with("If-None-Match", `"x", W/`+got.Header.Get("ETag"))).want(304)
	if same.Body != "" || same.Header.Get("ETag") != got.Header.Get("ETag") || same.Header.Get("Cache-Control") == "" {
		t.Errorf("not modified: %q %v", same.Body, same.Header)
	}
	s.do(ann.Token, "GET /v1/orders/"+o.ID, nil, with("If-None-Match", tag)).want(200)
	s.do(ann.Token, "HEAD /v1/orders/"+o.ID, nil).want(200)

	changed := s.do(ann.Token, "PATCH /v1/orders/"+o.ID, object{"note": "Ring once"}, with("If-Match", got.Header.Get("ETag"))).want(200)
	if as[order](changed).Note != "Ring once" || changed.Header.Get("ETag") != `"3.`+s.orders.Epoch()+`"` {
		t.Errorf("changed: %s %v", changed.Body, changed.Header)
	}
	room := as[order](s.do(ann.Token, "PUT /v1/orders/"+o.ID+"/room", nil).want(201)).RoomID
	if r := as[order](s.do(ann.Token, "PUT /v1/orders/"+o.ID+"/room", nil).want(200)).RoomID; r != room || room == "" {
		t.Errorf("rooms %q and %q", room, r)
	}
	if r := as[order](s.do(ann.Token, "GET /v1/orders/"+o.ID, nil).want(200)).RoomID; r != room {
		t.Errorf("the order has room %q, want %q", r, room)
	}
	s.move(key, o, "packed", "shipped", "delivered", "returned", "refunded")

	type history struct {
		Items []struct {
			Seq            uint64
			Kind, From, To string
			Actor          struct{ Name, Role string }
		}
		Next *string
	}
	h := as[history](s.do(ann.Token, "GET /v1/orders/"+o.ID+"/events?limit=4", nil).want(200))
	if len(h.Items) != 4 || h.Items[1].From != "pending" || h.Items[1].To != "paid" || h.Items[1].Actor.Role != "shop" ||
		h.Items[2].Kind != "changed" || h.Items[2].Actor.Name != "ann" || h.Next == nil {
		t.Fatalf("history %+v", h)
	}
	h = as[history](s.do(ann.Token, "GET /v1/orders/"+o.ID+"/events?cursor="+*h.Next, nil).want(200))
	if len(h.Items) != 5 || h.Items[0].Seq != 5 || h.Items[4].To != "refunded" || h.Next != nil {
		t.Errorf("the rest of it %+v", h)
	}
	h = as[history](s.do(ann.Token, "GET /v1/orders/"+o.ID+"/events?after=8", nil).want(200))
	if len(h.Items) != 1 || h.Items[0].Seq != 9 {
		t.Errorf("after 8: %+v", h)
	}
}

func TestOrderCancel(t *testing.T) {
	s := newSite(t)
	ann, key := s.signUp("ann"), s.key("north")
	o := s.place(key, ann.User.ID)
	path := "POST /v1/orders/" + o.ID + "/cancel"
	got := as[order](s.do(ann.Token, path, object{"reason": "Ordered twice"}).want(200))
	if got.Status != "cancelled" || got.Version != 2 {
		t.Errorf("cancelled: %+v", got)
	}
	if again := as[order](s.do(ann.Token, path, object{}).want(200)); again.Version != 2 {
		t.Errorf("again: %+v", again)
	}
	for _, steps := range [][]string{{"paid"}, {"paid", "packed", "shipped"}} {
		o := s.move(key, s.place(key, ann.User.ID), steps...)
		p := s.do(ann.Token, "POST /v1/orders/"+o.ID+"/cancel", object{}).refused(409, "illegal_step")
		if p.From != o.Status || p.Allowed == nil || len(*p.Allowed) != 0 {
			t.Errorf("cancelling what is %s: %+v", o.Status, p)
		}
	}
}

func TestOrderIllegalStep(t *testing.T) {
	s := newSite(t)
	ann, key := s.signUp("ann"), s.key("north")
	o := s.move(key, s.place(key, ann.User.ID), "paid")
	for _, to := range []string{"paid", "pending", "shipped"} {
		p := s.do(key, "POST /v1/orders/"+o.ID+"/transitions", object{"to": to}, newKey()).refused(409, "illegal_step")
		if p.From != "paid" || p.Allowed == nil || strings.Join(*p.Allowed, " ") != "packed cancelled refunded" {
			t.Errorf("paid to %s: %+v", to, p)
		}
	}
}

// TestOrderPrecondition holds what If-Match may be.
func TestOrderPrecondition(t *testing.T) {
	s := newSite(t)
	ann, key := s.signUp("ann"), s.key("north")
	o := s.move(key, s.place(key, ann.User.ID), "paid")
	epoch := s.orders.Epoch()
	for _, tt := range []struct {
		header  []string
		status  int
		code    string
		version uint64
	}{
		{nil, 428, "precondition_required", 0},
		{[]string{""}, 428, "precondition_required", 0},
		{[]string{"*"}, 428, "precondition_required", 0},
		{[]string{`"1.` + epoch + `"`}, 412, "stale", 2},
		{[]string{`"3.` + epoch + `"`}, 412, "stale", 2},
		{[]string{`"2.OTHER"`}, 412, "stale", 2},
		{[]string{`"02.` + epoch + `"`}, 412, "stale", 2},
		{[]string{`W/"2.` + epoch + `"`}, 412, "stale", 2},
		{[]string{`"x"`}, 412, "stale", 2},
		{[]string{`""`}, 412, "stale", 2},
		{[]string{"2." + epoch}, 400, "bad_request", 0},
		{[]string{`"2.` + epoch}, 400, "bad_request", 0},
		{[]string{`"2.` + epoch + `", "1.` + epoch + `"`}, 400, "bad_request", 0},
		{[]string{`*, "1.` + epoch + `"`}, 400, "bad_request", 0},
		{[]string{"*", `"1.` + epoch + `"`}, 400, "bad_request", 0},
	} {
		change := func(r *http.Request) { r.Header["If-Match"] = tt.header }
		p := s.do(ann.Token, "PATCH /v1/orders/"+o.ID, object{"note": "x"}, change).refused(tt.status, tt.code)
		if p.Version != tt.version {
			t.Errorf("%q: version %d, want %d", tt.header, p.Version, tt.version)
		}
		if p := s.do(s.signUp("eve"+rand.Text()[:8]).Token, "PATCH /v1/orders/"+o.ID, object{"note": "x"}, change); tt.status == 412 {
			p.refused(404, "not_found")
		}
	}
	if got := as[order](s.do(ann.Token, "GET /v1/orders/"+o.ID, nil).want(200)); got.Version != 2 || got.Note != "" {
		t.Errorf("changed: %+v", got)
	}
	s.move(key, o, "packed", "shipped")
	s.do(ann.Token, "PATCH /v1/orders/"+o.ID, object{"note": "x"}, with("If-Match", `"4.`+epoch+`"`)).refused(409, "order_closed")
}

// TestOrderKeys holds which idempotency keys there are, and which are the same.
func TestOrderKeys(t *testing.T) {
	s := newSite(t)
	ann, key := s.signUp("ann"), s.key("north")
	long := strings.Repeat("k", orders.MaxKey)
	for _, bad := range [][]string{nil, {""}, {" "}, {`""`}, {`"`}, {`"a`}, {`"a"b`}, {`"a";p=1`}, {`"\a"`}, {`"a\`}, {long + "k"}, {`"` + long + `k"`},
		{"naïve"}, {"a\tb"}, {"a\x7f"}, {"a", "a"}, {"a", "b"}} {
		s.do(key, "POST /v1/orders", mugs(ann.User.ID), func(r *http.Request) { r.Header["Idempotency-Key"] = bad }).refused(400, "bad_request")
		o := s.place(key, ann.User.ID)
		s.do(key, "POST /v1/orders/"+o.ID+"/transitions", object{"to": "paid"},
			func(r *http.Request) { r.Header["Idempotency-Key"] = bad }).refused(400, "bad_request")
		if len(bad) > 0 { // to cancel, none is needed
			s.do(ann.Token, "POST /v1/orders/"+o.ID+"/cancel", object{},
				func(r *http.Request) { r.Header["Idempotency-Key"] = bad }).refused(400, "bad_request")
		}
		if got := as[order](s.do(key, "GET /v1/orders/"+o.ID, nil).want(200)); got.Version != 1 {
			t.Errorf("%q: the order moved on: %+v", bad, got)
		}
	}
	for i, same := range [][]string{{"abc", `"abc"`, " abc "}, {`a"b\c`, `"a\"b\\c"`}, {long, `"` + long + `"`}, {"a b", `"a b"`}} {
		first := ""
		for _, k := range same {
			body := s.do(key, "POST /v1/orders", mugs(ann.User.ID), with("Idempotency-Key", k)).want(201).Body
			if first == "" {
				first = body
			}
			if body != first {
				t.Errorf("keys %d: %q is another one", i, k)
			}
		}
	}
	// Keys belong to the shop, whichever of its API keys sends them.
	one := as[order](s.do(key, "POST /v1/orders", mugs(ann.User.ID), with("Idempotency-Key", "mine")).want(201))
	if again := as[order](s.do(s.key("north"), "POST /v1/orders", mugs(ann.User.ID), with("Idempotency-Key", "mine")).want(201)); again.ID != one.ID {
		t.Error("two API keys of a shop made two orders of one")
	}
	two := as[order](s.do(s.key("south"), "POST /v1/orders", mugs(ann.User.ID), with("Idempotency-Key", "mine")).want(201))
	if one.ID == two.ID {
		t.Error("two shops share an idempotency key")
	}
	// The path counts.
	for _, o := range []order{one, two} {
		r := s.do(key, "POST /v1/orders/"+o.ID+"/transitions", object{"to": "paid"}, with("Idempotency-Key", "pay"))
		if o.ID == one.ID {
			r.want(200)
		} else {
			r.refused(422, "key_reused")
		}
	}
}
