package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hubbub/orders"
	"hubbub/orders/webhooks"
)

type hook struct {
	ID, URL, State, Secret string
	Events                 []string
}

type hookDelivery struct {
	ID, Type, Status string
	Attempts         int
	NextTryAt        *time.Time `json:"next_try_at"`
	Last             *struct {
		Reason, Answer string
		StatusCode     int `json:"status_code"`
	}
}

func newHook() object {
	return object{"url": "https://shop.example/hooks", "events": []string{"order.moved"}}
}

// told writes a delivery of the shop's webhooks, and gives its id, which is of so
// much later.
func (s *site) told(shop string, later time.Duration) string {
	s.t.Helper()
	now := time.Now()
	m := webhooks.Message{ID: webhooks.DeliveryID(orders.NewID(now.Add(later))), Shop: shop, Type: "order.moved", Body: []byte("{}"), At: now.UnixMicro()}
	if err := s.hooks.Put(s.t.Context(), m); err != nil {
		s.t.Fatal(err)
	}
	return string(m.ID)
}

// tried claims what is due to a webhook and finishes it.
func (s *site) tried(h hook, status webhooks.Status, last webhooks.Attempt) {
	s.t.Helper()
	now := time.Now().UnixMicro()
	jobs, err := s.hooks.Claim(s.t.Context(), webhooks.EndpointID(h.ID), now, now+1e6, 100)
	if err != nil || len(jobs) == 0 {
		s.t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	for _, j := range jobs {
		last.At = now
		if _, err := s.hooks.Finish(s.t.Context(), webhooks.Outcome{Job: j, Last: last, Status: status}); err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestWebhooks(t *testing.T) {
	s := newSite(t)
	key := s.key("north")
	r := s.do(key, "POST /v1/webhooks", newHook()).want(201)
	h := as[hook](r)
	if r.Header.Get("Location") != "/v1/webhooks/"+h.ID || r.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(h.Secret, "whsec_") ||
		h.State != "live" || fmt.Sprint(h.Events) != "[order.moved]" {
		t.Errorf("%s %v", r.Body, r.Header)
	}
	path := "/v1/webhooks/" + h.ID
	for _, call := range []string{"GET " + path, "GET /v1/webhooks"} {
		if r := s.do(key, call, nil).want(200); strings.Contains(r.Body, "whsec_") || strings.Contains(r.Body, "secret") || !strings.Contains(r.Body, h.ID) {
			t.Errorf("%s: %s", call, r.Body)
		}
	}
	if strings.Contains(s.log.String(), h.Secret) || strings.Contains(s.log.String(), h.Secret[6:]) {
		t.Error("the secret is in the log")
	}
	if off := as[hook](s.do(key, "PATCH "+path, object{"enabled": false}).want(200)); off.State != "disabled" {
		t.Errorf("%+v", off)
	}
	if on := as[hook](s.do(key, "PATCH "+path, object{"enabled": true}).want(200)); on.State != "live" {
		t.Errorf("%+v", on)
	}
	for range webhooks.MaxEndpoints - 1 {
		s.do(key, "POST /v1/webhooks", newHook()).want(201)
	}
	s.do(key, "POST /v1/webhooks", newHook()).refused(409, "conflict")
	s.do(key, "DELETE "+path, nil).want(204)
	s.do(key, "DELETE "+path, nil).refused(404, "not_found")
	s.do(key, "POST /v1/webhooks", newHook()).want(201)
}

func TestWebhookDeliveries(t *testing.T) {
	s := newSite(t)
	key := s.key("north")
	h := as[hook](s.do(key, "POST /v1/webhooks", newHook()).want(201))
	path := "/v1/webhooks/" + h.ID
	failed := s.told("north", 0)
	s.tried(h, webhooks.Failed, webhooks.Attempt{Took: 7 * time.Millisecond, Code: 500, Reason: webhooks.ReasonStatus, Answer: "<b>no"})
	pending := s.told("north", time.Second)
	list := as[pageOf[hookDelivery]](s.do(key, "GET "+path+"/deliveries", nil).want(200))
	if len(list.Items) != 2 || list.Next != nil || list.Items[0].ID != pending || list.Items[0].NextTryAt == nil || list.Items[0].Last != nil {
		t.Fatalf("%+v", list)
	}
	if d := list.Items[1]; d.ID != failed || d.Status != "failed" || d.NextTryAt != nil || d.Last.Reason != "status" || d.Last.StatusCode != 500 || d.Last.Answer != "<b>no" {
		t.Errorf("%+v", d)
	}
	first := as[pageOf[hookDelivery]](s.do(key, "GET "+path+"/deliveries?limit=1", nil).want(200))
	second := as[pageOf[hookDelivery]](s.do(key, "GET "+path+"/deliveries?limit=1&cursor="+*first.Next, nil).want(200))
	if first.Items[0].ID != pending || second.Items[0].ID != failed || second.Next != nil {
		t.Errorf("pages %+v %+v", first, second)
	}

	s.do(key, "POST "+path+"/deliveries/"+pending+"/replay", nil).refused(409, "conflict")
	if d := as[hookDelivery](s.do(key, "POST "+path+"/deliveries/"+failed+"/replay", nil).want(202)); d.Status != "pending" || d.ID != failed || d.Attempts != 0 {
		t.Errorf("%+v", d)
	}
	s.tried(h, webhooks.Failed, webhooks.Attempt{Reason: webhooks.ReasonTimeout})
	got := as[struct {
		Replayed int
		More     bool
	}](s.do(key, "POST "+path+"/replay", nil).want(202))
	if got.Replayed != 2 || got.More {
		t.Errorf("%+v", got)
	}
}

// TestWebhookRoles: keys of the shop that it belongs to, and nobody else.
func TestWebhookRoles(t *testing.T) {
	s := newSite(t)
	ann, staff := s.signUp("ann"), s.support("sue")
	key, colleague, other := s.key("north"), s.key("north"), s.key("south")
	revoked := s.key("north")
	s.revoke(revoked)
	callers := []struct{ name, token string }{
		{"key", key}, {"another key of the shop", colleague}, {"key of another shop", other}, {"support", staff.Token},
		{"customer", ann.Token}, {"revoked key", revoked}, {"nobody", ""},
	}
	for _, tt := range []struct {
		call string
		body any
		want string
	}{
		{"POST /v1/webhooks", newHook(), "201 201 201 403 403 401 401"},
		{"GET /v1/webhooks", nil, "200 200 200 403 403 401 401"},
		{"GET /v1/webhooks/{webhook}", nil, "200 200 404 403 403 401 401"},
		{"PATCH /v1/webhooks/{webhook}", object{"enabled": false}, "200 200 404 403 403 401 401"},
		{"GET /v1/webhooks/{webhook}/deliveries", nil, "200 200 404 403 403 401 401"},
		{"POST /v1/webhooks/{webhook}/deliveries/{delivery}/replay", nil, "202 202 404 403 403 401 401"},
		{"POST /v1/webhooks/{webhook}/replay", nil, "202 202 404 403 403 401 401"},
		{"DELETE /v1/webhooks/{webhook}", nil, "204 204 404 403 403 401 401"},
	} {
		for i, want := range strings.Fields(tt.want) {
			h := as[hook](s.do(key, "POST /v1/webhooks", newHook()).want(201))
			delivery := s.told("north", 0)
			s.tried(h, webhooks.Failed, webhooks.Attempt{Code: 500, Reason: webhooks.ReasonStatus})
			before := s.do(key, "GET /v1/webhooks/"+h.ID+"/deliveries", nil).want(200).Body
			call := strings.NewReplacer("{webhook}", h.ID, "{delivery}", delivery).Replace(tt.call)
			r := s.do(callers[i].token, call, tt.body)
			if fmt.Sprint(r.Status) != want {
				t.Errorf("%s as %s: %d, want %s: %s", tt.call, callers[i].name, r.Status, want, r.Body)
			}
			if want > "299" {
				got := as[hook](s.do(key, "GET /v1/webhooks/"+h.ID, nil).want(200))
				after := s.do(key, "GET /v1/webhooks/"+h.ID+"/deliveries", nil).want(200).Body
				if got.State != "live" || after != before {
					t.Errorf("%s as %s changed something", tt.call, callers[i].name)
				}
			}
			for _, token := range []string{key, other} { // a shop has ten at most
				for _, h := range as[pageOf[hook]](s.do(token, "GET /v1/webhooks", nil).want(200)).Items {
					s.do(token, "DELETE /v1/webhooks/"+h.ID, nil).want(204)
				}
			}
		}
	}
	// A foreign one is answered like one that is not there.
	h := as[hook](s.do(key, "POST /v1/webhooks", newHook()).want(201))
	foreign := s.do(other, "GET /v1/webhooks/"+h.ID, nil)
	for _, id := range []string{string(orders.FloorID(1)), "x", "%27%20OR%20%27%27=%27"} {
		if absent := s.do(other, "GET /v1/webhooks/"+id, nil); requestIDs.ReplaceAllString(absent.Body, "") != requestIDs.ReplaceAllString(foreign.Body, "") {
			t.Errorf("%s and %s", foreign.Body, absent.Body)
		}
	}
}

func TestWebhookBadInput(t *testing.T) {
	s := newSite(t)
	key := s.key("north")
	h := as[hook](s.do(key, "POST /v1/webhooks", newHook()).want(201))
	edit := func(name string, value any) object {
		body := newHook()
		body[name] = value
		return body
	}
	before := s.do(key, "GET /v1/webhooks", nil).Body
	for _, tt := range []struct {
		call   string
		body   any
		status int
		code   string
		field  string
	}{
		{"POST /v1/webhooks", edit("url", "http://127.0.0.1:9000/"), 422, "invalid", "/url"},
		{"POST /v1/webhooks", edit("url", "http://169.254.169.254/latest/meta-data/"), 422, "invalid", "/url"},
		{"POST /v1/webhooks", edit("url", "ftp://shop.example/"), 422, "invalid", "/url"},
		{"POST /v1/webhooks", edit("url", 7), 422, "invalid", "/url"},
		{"POST /v1/webhooks", edit("events", []string{}), 422, "invalid", "/events"},
		{"POST /v1/webhooks", edit("events", nil), 422, "invalid", "/events"},
		{"POST /v1/webhooks", edit("events", []string{"order.moved", "order.eaten"}), 422, "invalid", "/events/1"},
		{"POST /v1/webhooks", edit("events", "order.moved"), 422, "invalid", "/events"},
		{"POST /v1/webhooks", edit("secret", "short"), 422, "invalid", "/secret"},
		{"POST /v1/webhooks", edit("shop", "south"), 422, "invalid", "/shop"},
		{"POST /v1/webhooks", object{"events": []string{"order.moved"}}, 422, "invalid", "/url"},
		{"POST /v1/webhooks", `{"url":"https://a.example/","url":"https://b.example/","events":["order.moved"]}`, 400, "bad_request", ""},
		{"POST /v1/webhooks", strings.Repeat("x", 70<<10), 413, "too_large", ""},
		{"PATCH /v1/webhooks/" + h.ID, object{}, 422, "invalid", "/enabled"},
		{"PATCH /v1/webhooks/" + h.ID, object{"enabled": "no"}, 422, "invalid", "/enabled"},
		{"GET /v1/webhooks?limit=1", nil, 422, "invalid", "limit"},
		{"GET /v1/webhooks/" + h.ID + "/deliveries?limit=0", nil, 422, "invalid", "limit"},
		{"GET /v1/webhooks/" + h.ID + "/deliveries?limit=101", nil, 422, "invalid", "limit"},
		{"GET /v1/webhooks/" + h.ID + "/deliveries?cursor=x", nil, 400, "bad_request", ""},
		{"GET /v1/webhooks/" + h.ID + "/deliveries?cursor=MTp3ZWJob29rLWRlbGl2ZXJpZXM6eA", nil, 400, "bad_request", ""}, // 1:webhook-deliveries:x
		{"POST /v1/webhooks/" + h.ID + "/deliveries/x/replay", nil, 404, "not_found", ""},
		{"PUT /v1/webhooks/" + h.ID, object{}, 405, "bad_request", ""},
	} {
		p := s.do(key, tt.call, tt.body).refused(tt.status, tt.code)
		if tt.field != "" && (len(p.Errors) != 1 || p.Errors[0].Field != tt.field) {
			t.Errorf("%s %v: %+v, want %s", tt.call, tt.body, p.Errors, tt.field)
		}
	}
	if after := s.do(key, "GET /v1/webhooks", nil).Body; after != before {
		t.Errorf("something changed: %s", after)
	}
}
