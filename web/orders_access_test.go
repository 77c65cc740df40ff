package web_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hubbub/orders"
)

// TestOrderRoles holds who may make which call: every route, every kind of
// caller, an order of the customer ann.
func TestOrderRoles(t *testing.T) {
	s := newSite(t)
	ann, eve, staff := s.signUp("ann"), s.signUp("eve"), s.support("sue")
	guest := as[person](s.do("", "POST /v1/guests", object{"display_name": "gus"}).want(201))
	key, other := s.key("north"), s.key("south")
	revoked := s.key("north")
	s.revoke(revoked)
	callers := []struct{ name, token string }{
		{"owner", ann.Token}, {"other", eve.Token}, {"guest", guest.Token}, {"support", staff.Token},
		{"key", key}, {"key of another shop", other}, {"revoked key", revoked}, {"nobody", ""},
	}
	for _, tt := range []struct {
		call string
		body any
		want string // statuses of callers, in their order
	}{
		{"POST /v1/orders", mugs(ann.User.ID), "403 403 403 403 201 201 401 401"},
		{"GET /v1/orders", nil, "200 200 200 200 200 200 401 401"},
		{"GET /v1/orders?customer=" + ann.User.ID, nil, "200 200 200 200 200 200 401 401"},
		{"POST /v1/orders:lookup", "lookup", "200 200 200 200 200 200 401 401"},
		{"GET /v1/orders/{order}", nil, "200 404 404 200 200 200 401 401"},
		{"HEAD /v1/orders/{order}", nil, "200 404 404 200 200 200 401 401"},
		{"PATCH /v1/orders/{order}", object{"note": "x"}, "200 404 404 200 200 200 401 401"},
		{"POST /v1/orders/{order}/transitions", object{"to": "paid"}, "403 403 403 200 200 200 401 401"},
		{"POST /v1/orders/{order}/cancel", object{}, "200 404 404 403 403 403 401 401"},
		{"GET /v1/orders/{order}/events", nil, "200 404 404 200 200 200 401 401"},
		{"PUT /v1/orders/{order}/room", nil, "201 404 404 201 403 403 401 401"},
		// What is not about orders is not for keys.
		{"GET /v1/me", nil, "200 200 200 200 403 403 401 401"},
		{"GET /v1/rooms", nil, "200 200 200 200 403 403 401 401"},
		{"POST /v1/rooms", object{"kind": "private", "name": "x"}, "201 201 201 201 403 403 401 401"},
		{"POST /v1/socket-tickets", nil, "201 201 201 201 403 403 401 401"},
	} {
		want := strings.Fields(tt.want)
		for i, c := range callers {
			o := s.place(key, ann.User.ID)
			fill := func(s string) string { return strings.ReplaceAll(s, "{order}", o.ID) }
			body := tt.body
			if body == "lookup" {
				body = object{"ids": []string{o.ID}}
			}
			r := s.do(c.token, fill(tt.call), body, newKey(), with("If-Match", `"1.`+s.orders.Epoch()+`"`))
			if fmt.Sprint(r.Status) != want[i] {
				t.Errorf("%s as %s: %d, want %s: %s", tt.call, c.name, r.Status, want[i], r.Body)
			}
			if changed := as[order](s.do(key, "GET /v1/orders/"+o.ID, nil).want(200)).Version != 1; changed && want[i] > "201" {
				t.Errorf("%s as %s changed the order", tt.call, c.name)
			}
			if stranger := i == 1 || i == 2 || i > 5; stranger && strings.Contains(r.Body, o.Number) {
				t.Errorf("%s shows %s %s", tt.call, c.name, r.Body)
			}
		}
	}
}

// TestForeignOrder holds that an order of somebody else answers every call like
// one that is not there, and like what is no id at all, byte for byte.
func TestForeignOrder(t *testing.T) {
	s := newSite(t)
	ann, eve := s.signUp("ann"), s.signUp("eve")
	key := s.key("north")
	o := s.place(key, ann.User.ID)
	absent := string(orders.FloorID(1)) // nobody's
	for _, tt := range []struct {
		call string
		body any
	}{
		{"GET /v1/orders/{order}", nil},
		{"PATCH /v1/orders/{order}", object{"note": "mine now"}},
		{"POST /v1/orders/{order}/cancel", object{"reason": "mine now"}},
		{"GET /v1/orders/{order}/events", nil},
		{"GET /v1/orders/{order}/events?after=1", nil},
		{"PUT /v1/orders/{order}/room", nil},
	} {
		var bodies []string
		for _, id := range []string{o.ID, absent, "x", strings.ToUpper(o.ID), strings.ReplaceAll(o.ID, "-", "")} {
			r := s.do(eve.Token, strings.ReplaceAll(tt.call, "{order}", id), tt.body, with("If-Match", `"1.`+s.orders.Epoch()+`"`))
			r.refused(404, "not_found")
			bodies = append(bodies, requestIDs.ReplaceAllString(r.Body, ""))
		}
		for _, b := range bodies {
			if b != bodies[0] {
				t.Errorf("%s tells orders apart:\n%s\n%s", tt.call, bodies[0], b)
			}
		}
	}
	type list struct {
		Items   []order
		Missing []string
		Next    *string
	}
	l := as[list](s.do(eve.Token, "POST /v1/orders:lookup", object{"ids": []string{o.ID, absent}}).want(200))
	if len(l.Items) != 0 || strings.Join(l.Missing, " ") != o.ID+" "+absent {
		t.Errorf("eve looks up %+v", l)
	}
	for _, query := range []string{"", "?customer=" + ann.User.ID, "?number=" + o.Number, "?status=pending"} {
		if l := as[list](s.do(eve.Token, "GET /v1/orders"+query, nil).want(200)); len(l.Items) != 0 || l.Next != nil {
			t.Errorf("eve lists %+v", l)
		}
	}
	if got := as[order](s.do(ann.Token, "GET /v1/orders/"+o.ID, nil).want(200)); got.Version != 1 {
		t.Errorf("a stranger changed %+v", got)
	}
}

// TestKeyRevoked holds that a key ends at once where it was revoked.
func TestKeyRevoked(t *testing.T) {
	s := newSite(t)
	key := s.key("north")
	s.do(key, "GET /v1/orders", nil).want(200)
	s.revoke(key)
	r := s.do(key, "GET /v1/orders", nil)
	r.refused(401, "unauthenticated")
	if strings.Contains(s.log.String(), key) {
		t.Error("the token is in the log")
	}
}

// TestRoleTaken holds that who was support a moment ago is not any more.
func TestRoleTaken(t *testing.T) {
	s := newSite(t)
	ann, staff := s.signUp("ann"), s.support("sue")
	o := s.place(s.key("north"), ann.User.ID)
	s.do(staff.Token, "GET /v1/orders/"+o.ID, nil).want(200)
	if _, err := s.users.SetRole(t.Context(), "sue", ""); err != nil {
		t.Fatal(err)
	}
	s.do(staff.Token, "GET /v1/orders/"+o.ID, nil).refused(404, "not_found")
	if _, err := s.users.SetDisabled(t.Context(), "sue", true); err != nil {
		t.Fatal(err)
	}
	s.do(staff.Token, "GET /v1/orders", nil).refused(401, "unauthenticated")
}

// TestSocketIsNotForKeys holds that a key opens no socket.
func TestSocketIsNotForKeys(t *testing.T) {
	s := newSocketSite(t)
	s.do(s.key("north"), "GET /v1/socket", nil, with("Connection", "Upgrade"), with("Upgrade", "websocket")).refused(403, "forbidden")
}

// TestOrderStoreFails holds what a client is told when the store fails, and that
// it is no more than that.
func TestOrderStoreFails(t *testing.T) {
	s := newSite(t)
	ann, key := s.signUp("ann"), s.key("north")
	o := s.place(key, ann.User.ID)
	cause := errors.New("dial tcp 192.0.2.9:3306: SELECT doc FROM orders")
	for _, tt := range []struct {
		method, call string
		body         any
		err          error
		status       int
		code         string
	}{
		{"Order", "GET /v1/orders/" + o.ID, nil, cause, 500, "internal"},
		{"Order", "GET /v1/orders/" + o.ID, nil, orders.Later(orders.ErrUnavailable, "try again", time.Second, cause), 503, "unavailable"},
		{"Lookup", "POST /v1/orders:lookup", object{"ids": []string{o.ID}}, orders.Later(orders.ErrUnavailable, "try again", time.Second, cause), 503, "unavailable"},
		{"List", "GET /v1/orders", nil, cause, 500, "internal"},
		{"Place", "POST /v1/orders", mugs(ann.User.ID), orders.Later(orders.ErrUnknownOutcome, "send it again", 1500*time.Millisecond, cause), 503, "unknown_outcome"},
		{"Place", "POST /v1/orders", mugs(ann.User.ID), orders.Later(orders.ErrKeyRunning, "send it again", time.Second, nil), 409, "key_running"},
		{"Change", "POST /v1/orders/" + o.ID + "/transitions", object{"to": "paid"}, cause, 500, "internal"},
	} {
		s.orders.Fail(tt.method, tt.err)
		r := s.do(key, tt.call, tt.body, newKey())
		s.orders.Fail(tt.method, nil)
		p := r.refused(tt.status, tt.code)
		if strings.Contains(r.Body, "192.0.2.9") || strings.Contains(r.Body, "SELECT") {
			t.Errorf("the cause is shown: %s", r.Body)
		}
		if errors.Is(tt.err, cause) {
			if log := s.log.String(); !strings.Contains(log, "192.0.2.9") || !strings.Contains(log, p.RequestID) {
				t.Errorf("the cause is not in the log under %s", p.RequestID)
			}
		}
		if tt.status != 500 && (r.Header.Get("Retry-After") == "" || p.RetryAfterMS == 0) {
			t.Errorf("%s: no time to try again: %q, %d", tt.code, r.Header.Get("Retry-After"), p.RetryAfterMS)
		}
		if r.Header.Get("ETag") != "" || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers of a refusal: %v", r.Header)
		}
	}
}
