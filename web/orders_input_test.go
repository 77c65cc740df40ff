package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"hubbub/orders"
)

// edit gives the body of an order with one place changed: "lines.0.quantity".
func edit(customer, path string, value any) string {
	raw, _ := json.Marshal(mugs(customer))
	var body any
	_ = json.Unmarshal(raw, &body)
	at := body
	steps := strings.Split(path, ".")
	for _, step := range steps[:len(steps)-1] {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			at = v[0]
		}
	}
	if m := at.(map[string]any); value == nil {
		delete(m, steps[len(steps)-1])
	} else {
		m[steps[len(steps)-1]] = value
	}
	raw, _ = json.Marshal(body)
	return string(raw)
}

// TestOrderBadInput asks wrongly in every way and holds that nothing changed.
func TestOrderBadInput(t *testing.T) {
	s := newSite(t)
	ann, key := s.signUp("ann"), s.key("north")
	o := s.place(key, ann.User.ID)
	before := s.do(key, "GET /v1/orders", nil).want(200).Body
	const place = "POST /v1/orders"
	move, change, lookup := "POST /v1/orders/"+o.ID+"/transitions", "PATCH /v1/orders/"+o.ID, "POST /v1/orders:lookup"
	with := func(path string, value any) string { return edit(ann.User.ID, path, value) }
	raw := func(old, new string) string {
		body := with("note", "x")
		if !strings.Contains(body, old) {
			t.Fatalf("%s is not in %s", old, body)
		}
		return strings.Replace(body, old, new, 1)
	}
	line := map[string]any{"sku": "a", "title": "b", "quantity": 1, "unit_price": 1}
	pairs := map[string]string{}
	for i := range orders.MaxMetadata + 1 {
		pairs[fmt.Sprint(i)] = ""
	}
	const injected = `'; DROP TABLE orders; --`
	for _, tt := range []struct {
		name, call string
		body       any
		status     int
		code       string
		fields     string
	}{
		{"no body", place, "", 400, "bad_request", ""},
		{"broken JSON", place, `{"customer_id":`, 400, "bad_request", ""},
		{"a name twice", place, raw(`"note":"x"`, `"note":"x","note":"y"`), 400, "bad_request", ""},
		{"a name twice further in", place, raw(`"sku":"MUG-01"`, `"sku":"MUG-01","sku":"MUG-02"`), 400, "bad_request", ""},
		{"invalid UTF-8", place, raw(`"note":"x"`, "\"note\":\"\xff\""), 400, "bad_request", ""},
		{"half of a pair", place, raw(`"note":"x"`, `"note":"\ud800"`), 400, "bad_request", ""},
		{"quantity NaN", place, raw(`"quantity":2`, `"quantity":NaN`), 400, "bad_request", ""},
		{"1 MiB", place, with("note", strings.Repeat("x", 1<<20)), 413, "too_large", ""},
		{"a list", place, `[]`, 422, "invalid", ""},
		{"an unknown field", place, with("colour", "red"), 422, "invalid", "/colour"},
		{"an unknown field further in", place, with("lines.0.colour", "red"), 422, "invalid", "/lines/0/colour"},
		{"a field in capitals", place, raw(`"note"`, `"Note"`), 422, "invalid", "/Note"},
		{"quantity 0", place, with("lines.0.quantity", 0), 422, "invalid", "/lines/0/quantity"},
		{"quantity -1", place, with("lines.0.quantity", -1), 422, "invalid", "/lines/0/quantity"},
		{"quantity 2^31", place, with("lines.0.quantity", 1<<31), 422, "invalid", "/lines/0/quantity"},
		{"quantity 2^64", place, raw(`"quantity":2`, `"quantity":18446744073709551616`), 422, "invalid", "/lines/0/quantity"},
		{"quantity 1e400", place, raw(`"quantity":2`, `"quantity":1e400`), 400, "bad_request", "/lines/0/quantity"},
		{"quantity 1.5", place, with("lines.0.quantity", 1.5), 422, "invalid", "/lines/0/quantity"},
		{"quantity in quotes", place, with("lines.0.quantity", "1"), 422, "invalid", "/lines/0/quantity"},
		{"no quantity", place, with("lines.0.quantity", nil), 422, "invalid", "/lines/0/quantity"},
		{"price -1", place, with("lines.0.unit_price", -1), 422, "invalid", "/lines/0/unit_price"},
		{"price over the limit", place, with("lines.0.unit_price", int64(orders.MaxUnitPrice)+1), 422, "invalid", "/lines/0/unit_price"},
		{"a wrong total of a line", place, with("lines.0.total", 2501), 422, "invalid", "/lines/0/total"},
		{"a wrong subtotal", place, with("totals.subtotal", 2501), 422, "invalid", "/totals/subtotal"},
		{"totals that do not add up", place, with("totals.total", 2991), 422, "invalid", "/totals/total"},
		{"totals that overflow", place, with("totals.tax", int64(1<<62)), 422, "invalid", "/totals/tax"},
		{"a discount above the subtotal", place, with("totals.discount", 2501), 422, "invalid", "/totals/discount"},
		{"no total", place, with("totals.total", nil), 422, "invalid", "/totals/total"},
		{"no lines", place, with("lines", []any{}), 422, "invalid", "/lines"},
		{"lines null", place, with("lines", json.RawMessage("null")), 422, "invalid", "/lines"},
		{"201 lines", place, with("lines", slices.Repeat([]any{line}, orders.MaxLines+1)), 422, "invalid", "/lines"},
		{"an unknown currency", place, with("currency", "EUX"), 422, "invalid", "/currency"},
		{"a currency in small letters", place, with("currency", "eur"), 422, "invalid", "/currency"},
		{"nobody's order", place, with("customer_id", "nobody"), 422, "invalid", "/customer_id"},
		{"SQL for a customer", place, with("customer_id", injected), 422, "invalid", "/customer_id"},
		{"SQL for a currency", place, with("currency", injected), 422, "invalid", "/currency"},
		{"SQL for a sku", place, with("lines.0.sku", injected), 422, "invalid", "/lines/0/sku"},
		{"a line feed in a title", place, with("lines.0.title", "a\nb"), 422, "invalid", "/lines/0/title"},
		{"an empty title", place, with("lines.0.title", ""), 422, "invalid", "/lines/0/title"},
		{"a long note", place, with("note", strings.Repeat("x", orders.MaxNote+1)), 422, "invalid", "/note"},
		{"21 pairs", place, with("metadata", pairs), 422, "invalid", "/metadata"},
		{"a number in the pairs", place, with("metadata", map[string]any{"a": 1}), 422, "invalid", "/metadata/a"},
		{"an address without a city", place, with("ship_to", map[string]any{"name": "a", "line1": "b", "country": "GB"}), 422, "invalid", "/ship_to/city"},
		{"a country in full", place, with("ship_to", map[string]any{"name": "a", "line1": "b", "city": "c", "country": "England"}), 422, "invalid", "/ship_to/country"},

		{"to the same status", move, object{"to": "pending"}, 409, "illegal_step", ""},
		{"to a later status", move, object{"to": "delivered"}, 409, "illegal_step", ""},
		{"to an unknown status", move, object{"to": injected}, 422, "invalid", "/to"},
		{"to nowhere", move, object{}, 422, "invalid", "/to"},
		{"a long reason", move, object{"to": "paid", "reason": strings.Repeat("x", orders.MaxReason+1)}, 422, "invalid", "/reason"},
		{"a line feed in a reason", move, object{"to": "paid", "reason": "a\nb"}, 422, "invalid", "/reason"},
		{"65 KiB of reason", move, object{"to": "paid", "reason": strings.Repeat("x", 65<<10)}, 413, "too_large", ""},
		{"an order that is not there", "POST /v1/orders/" + injectedPath + "/transitions", object{"to": "paid"}, 404, "not_found", ""},

		{"a change of nothing", change, object{}, 422, "invalid", ""},
		{"a change of the status", change, object{"status": "paid"}, 422, "invalid", "/status"},
		{"a change to a long note", change, object{"note": strings.Repeat("x", orders.MaxNote+1)}, 422, "invalid", "/note"},

		{"no ids", lookup, object{"ids": []string{}}, 422, "invalid", "/ids"},
		{"101 ids", lookup, object{"ids": slices.Repeat([]string{o.ID}, orders.MaxLookup+1)}, 422, "invalid", "/ids"},
		{"what is no id", lookup, object{"ids": []string{o.ID, injected}}, 422, "invalid", "/ids/1"},
		{"ids that are numbers", lookup, object{"ids": []int{1}}, 422, "invalid", "/ids/0"},

		{"limit 0", "GET /v1/orders?limit=0", nil, 422, "invalid", "limit"},
		{"limit 101", "GET /v1/orders?limit=101", nil, 422, "invalid", "limit"},
		{"limit x", "GET /v1/orders?limit=x", nil, 422, "invalid", "limit"},
		{"limit -1", "GET /v1/orders?limit=-1", nil, 422, "invalid", "limit"},
		{"an unknown status", "GET /v1/orders?status=lost", nil, 422, "invalid", "status"},
		{"no time", "GET /v1/orders?created_after=yesterday", nil, 422, "invalid", "created_after"},
		{"an unknown parameter", "GET /v1/orders?state=paid", nil, 422, "invalid", "state"},
		{"a parameter twice", "GET /v1/orders?status=paid&status=pending", nil, 400, "bad_request", ""},
		{"a bad escape", "GET /v1/orders?status=%zz", nil, 400, "bad_request", ""},
		{"a parameter that getOrder has not", "GET /v1/orders/" + o.ID + "?expand=events", nil, 422, "invalid", "query"},
		{"after x", "GET /v1/orders/" + o.ID + "/events?after=x", nil, 422, "invalid", "after"},
		{"limit 201 of a history", "GET /v1/orders/" + o.ID + "/events?limit=201", nil, 422, "invalid", "limit"},
		{"a cursor of something else", "GET /v1/orders/" + o.ID + "/events?cursor=MTptaW5lOng", nil, 400, "bad_request", ""},
		{"a wrong method", "DELETE /v1/orders/" + o.ID, nil, 405, "bad_request", ""},
		{"another wrong method", "PUT /v1/orders", nil, 405, "bad_request", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := s.do(key, tt.call, tt.body, newKey(), func(r *http.Request) { r.Header.Set("If-Match", `"1.`+s.orders.Epoch()+`"`) })
			r.t = t
			p := r.refused(tt.status, tt.code)
			var fields []string
			for _, e := range p.Errors {
				fields = append(fields, e.Field)
				if e.Detail == "" {
					t.Errorf("nothing said about %q", e.Field)
				}
			}
			if got := strings.Join(fields, " "); tt.fields != "" && got != tt.fields {
				t.Errorf("errors %+v, want for fields %s", p.Errors, tt.fields)
			}
			if len(r.Body) > 2000 || strings.Contains(r.Body, "xxxx") || strings.Contains(r.Body, "DROP") {
				t.Errorf("the input is repeated: %.200s", r.Body)
			}
		})
	}
	if after := s.do(key, "GET /v1/orders", nil).want(200).Body; after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
	// A refused order leaves its key free.
	once := newKey()
	s.do(key, place, with("currency", "EUX"), once).refused(422, "invalid")
	s.do(key, place, with("currency", "USD"), once).want(201)
}

const injectedPath = `'%20OR%20''='`

// TestOrderOddInput holds that what is odd and right comes back as it was.
func TestOrderOddInput(t *testing.T) {
	s := newSite(t)
	ann, key := s.signUp("ann"), s.key("north")
	for _, text := range []string{`'; DROP TABLE orders; --`, `\'"`, "a\u2028b", "名前 🧾", "<script>", "%s%n", "\\u0000", "[0].x~1/"} {
		body := mugs(ann.User.ID)
		body["note"], body["metadata"] = text+"\nline", map[string]string{text: text}
		o := as[order](s.do(key, "POST /v1/orders", body, newKey()).want(201))
		got := as[order](s.do(ann.Token, "GET /v1/orders/"+o.ID, nil).want(200))
		if got.Note != text+"\nline" || got.Metadata[text] != text {
			t.Errorf("%q came back as %+v", text, got)
		}
	}
}

// TestOrderContentType holds which media types an order may have.
func TestOrderContentType(t *testing.T) {
	s := newSite(t)
	ann, key := s.signUp("ann"), s.key("north")
	for _, bad := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/merge-patch+json", "application/json; charset=latin1"} {
		s.do(key, "POST /v1/orders", mugs(ann.User.ID), newKey(), with("Content-Type", bad)).refused(415, "unsupported")
	}
	s.do(key, "POST /v1/orders", mugs(ann.User.ID), newKey(), with("Content-Encoding", "gzip")).refused(415, "unsupported")
	s.do(key, "POST /v1/orders", mugs(ann.User.ID), newKey(), with("Content-Type", "application/json; charset=utf-8")).want(201)
}

// TestLargeOrder holds that the longest order that the limits allow fits.
func TestLargeOrder(t *testing.T) {
	s := newSite(t)
	ann, key := s.signUp("ann"), s.key("north")
	body := mugs(ann.User.ID)
	line := object{"sku": strings.Repeat("S", orders.MaxSKU), "title": strings.Repeat("🧾", orders.MaxTitle), "quantity": 1, "unit_price": 1, "total": 1}
	body["lines"], body["totals"] = slices.Repeat([]object{line}, orders.MaxLines), object{"total": orders.MaxLines}
	body["note"] = strings.Repeat("🧾", orders.MaxNote)
	pairs := map[string]string{}
	for i := range orders.MaxMetadata {
		pairs[fmt.Sprint(i)+strings.Repeat("🧾", orders.MaxMetadataKey-2)] = strings.Repeat("🧾", orders.MaxMetadataValue)
	}
	body["metadata"] = pairs
	o := as[order](s.do(key, "POST /v1/orders", body, newKey()).want(201))
	s.do(ann.Token, "GET /v1/orders/"+o.ID, nil).want(200)
}

// TestOrderRaces: one key at a hundred callers is one order, and of a hundred
// equal steps one is taken.
func TestOrderRaces(t *testing.T) {
	s := newSite(t)
	ann, key := s.signUp("ann"), s.key("north")
	at := func(n int, call func() reply) map[int]int {
		var mu sync.Mutex
		var wg sync.WaitGroup
		statuses := map[int]int{}
		for range n {
			wg.Go(func() {
				r := call()
				mu.Lock()
				statuses[r.Status]++
				mu.Unlock()
			})
		}
		wg.Wait()
		return statuses
	}
	once := newKey()
	got := at(100, func() reply { return s.do(key, "POST /v1/orders", mugs(ann.User.ID), once) })
	l := as[orderList](s.do(key, "GET /v1/orders", nil).want(200))
	if got[201] != 100 || len(l.Items) != 1 {
		t.Errorf("answers %v, %d orders", got, len(l.Items))
	}
	path := "POST /v1/orders/" + l.Items[0].ID + "/transitions"
	if got := at(100, func() reply { return s.do(key, path, object{"to": "paid"}, newKey()) }); got[200] != 1 || got[409] != 99 {
		t.Errorf("answers %v", got)
	}
}

// FuzzPlaceOrder holds that no body makes the server fail, and that what is
// taken is an order which comes back.
func FuzzPlaceOrder(f *testing.F) {
	s := newSite(f)
	ann, key := s.signUp("ann"), s.key("north")
	f.Add(edit("ANN", "note", "x"))
	f.Add(edit("ANN", "lines.0.quantity", 1e300))
	f.Add(edit("ANN", "metadata", map[string]any{"a": "b"}))
	f.Add(`{"lines":[{"quantity":9223372036854775807,"unit_price":9223372036854775807}],"totals":{"total":-1}}`)
	f.Add("[[[[[[")
	f.Fuzz(func(t *testing.T, body string) {
		s.t = t
		body = strings.ReplaceAll(body, "ANN", ann.User.ID) // which is another one in each process
		r := s.do(key, "POST /v1/orders", body, newKey())
		switch r.Status {
		case 201:
			o := as[order](r)
			if got := s.do(ann.Token, "GET /v1/orders/"+o.ID, nil); got.Body != r.Body {
				t.Errorf("placed %s, got %s", r.Body, got.Body)
			}
		case 400, 413, 422:
		default:
			t.Errorf("%q: %d %s", body, r.Status, r.Body)
		}
	})
}
