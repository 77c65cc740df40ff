package web_test

import (
	"strings"
	"testing"

	"hubbub/orders"
)

// shapeOf follows references.
func (d document) shapeOf(s *schema) *schema {
	for s != nil && s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	return s
}

// fits holds that a value has what its description requires, and nothing that it
// does not name, all the way down.
func (d document) fits(t *testing.T, where string, s *schema, v any) {
	t.Helper()
	s = d.shapeOf(s)
	if s == nil {
		t.Errorf("%s: is not described", where)
		return
	}
	switch v := v.(type) {
	case map[string]any:
		if len(s.Properties) == 0 {
			return // a map
		}
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				t.Errorf("%s: no %s in %v", where, name, v)
			}
		}
		for name, inner := range v {
			if s.Properties[name] == nil {
				t.Errorf("%s: %s is not described", where, name)
				continue
			}
			d.fits(t, where+"/"+name, s.Properties[name], inner)
		}
	case []any:
		for _, inner := range v {
			d.fits(t, where+"/0", s.Items, inner)
		}
	}
}

// TestOpenAPIOrders sends what the document shows of orders, and holds that it
// describes what comes back, and that its examples are such answers.
func TestOpenAPIOrders(t *testing.T) {
	s, doc := described(t)
	ann, key := s.signUp("ann"), s.key("north")
	made := order{}
	for _, tt := range []struct {
		call, token string
		status      string
		with        object // what an example cannot know
	}{
		{"POST /v1/orders", key, "201", object{"customer_id": ann.User.ID, "metadata": object{"cart": "81"},
			"ship_to": object{"name": "Ada", "line1": "1", "line2": "2", "city": "London", "region": "x", "postal_code": "SW1", "country": "GB"}}},
		{"POST /v1/orders/{order}/transitions", key, "200", object{}},
		{"PATCH /v1/orders/{order}", ann.Token, "200", object{}},
		{"PUT /v1/orders/{order}/room", ann.Token, "201", nil},
		{"PUT /v1/orders/{order}/room", ann.Token, "200", nil},
		{"GET /v1/orders/{order}", ann.Token, "200", nil},
		{"GET /v1/orders/{order}/events", ann.Token, "200", nil},
		{"GET /v1/orders", key, "200", nil},
		{"POST /v1/orders:lookup", key, "200", object{"ids": []string{string(orders.FloorID(1))}}},
	} {
		method, path, _ := strings.Cut(tt.call, " ")
		op := doc.Paths[path][strings.ToLower(method)]
		var body any
		if op.RequestBody != nil {
			b := object{}
			for name, p := range doc.shapeOf(op.RequestBody.Content["application/json"].Schema).Properties {
				if len(p.Examples) > 0 {
					b[name] = p.Examples[0]
				}
			}
			for name, v := range tt.with {
				b[name] = v
			}
			body = b
		}
		r := s.do(tt.token, method+" "+strings.ReplaceAll(path, "{order}", made.ID), body, newKey(),
			with("If-Match", `"2.`+s.orders.Epoch()+`"`))
		if got := r.Status; got != map[string]int{"200": 200, "201": 201}[tt.status] {
			t.Fatalf("%s with %v answers %d %s", tt.call, body, got, r.Body)
		}
		if made.ID == "" {
			made = as[order](r)
		}
		content := op.Responses[tt.status].Content["application/json"]
		doc.fits(t, tt.call, content.Schema, as[any](r))
		if content.Example != nil {
			doc.fits(t, "the example of "+tt.call, content.Schema, content.Example)
		} else if !strings.Contains(path, "room") {
			t.Errorf("%s has no example", tt.call)
		}
	}
	for call, statuses := range map[string]string{
		"POST /v1/orders":                     "201 400 401 403 409 413 415 422 429 500 503",
		"GET /v1/orders":                      "200 400 401 422 429 500 503",
		"POST /v1/orders:lookup":              "200 400 401 413 415 422 429 500 503",
		"GET /v1/orders/{order}":              "200 304 400 401 404 422 429 500 503",
		"PATCH /v1/orders/{order}":            "200 400 401 404 409 412 413 415 422 428 429 500 503",
		"POST /v1/orders/{order}/transitions": "200 400 401 403 404 409 413 415 422 429 500 503",
		"POST /v1/orders/{order}/cancel":      "200 400 401 403 404 409 413 415 422 429 500 503",
		"GET /v1/orders/{order}/events":       "200 400 401 404 422 429 500 503",
		"PUT /v1/orders/{order}/room":         "200 201 400 401 403 404 413 415 422 429 500 503",
	} {
		method, path, _ := strings.Cut(call, " ")
		responses := doc.Paths[path][strings.ToLower(method)].Responses
		for _, status := range strings.Fields(statuses) {
			if _, ok := responses[status]; !ok {
				t.Errorf("%s: %s is not described", call, status)
			}
		}
		if len(responses) != len(strings.Fields(statuses)) {
			t.Errorf("%s: %d statuses are described, want %s", call, len(responses), statuses)
		}
	}
}
