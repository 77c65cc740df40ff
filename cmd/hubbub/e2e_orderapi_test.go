package main

import (
	"net/http"
	"strings"
	"testing"

	"hubbub/internal/testenv"
)

// send makes a call with a body and headers, pairs of name and value.
func send(t *testing.T, token, method, url, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	a, err := answerTo(req)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Two nodes are one order API: keys, replays, ETags and cursors of one hold on the
// other.
func TestOrdersOverTwoNodes(t *testing.T) {
	t.Parallel()
	settings := []string{"--sql=" + testenv.SharedMariaDB(t).NewDatabase(t), "--redis=" + testenv.SharedRedis(t).URL(), "--sql-open=10"}
	one, two := startNode(t, append(settings, unlimited...)...), startNode(t, append(settings, unlimited...)...)
	key, _ := newShopKey(t, settings)
	ada := signUp(t, one.Addr(), "Ada")
	base, other := "http://"+one.Addr()+"/v1/orders", "http://"+two.Addr()+"/v1/orders"
	body := `{"customer_id":"` + ada.ID + `","currency":"EUR","lines":[{"sku":"MUG-01","title":"Mug","quantity":2,"unit_price":1250}],"totals":{"total":2500}}`

	placed := send(t, key, "POST", base, body, "Idempotency-Key", "cart-1")
	again := send(t, key, "POST", other, body, "Idempotency-Key", `"cart-1"`)
	if placed.Status != 201 || again.Status != 201 || string(placed.Body) != string(again.Body) ||
		placed.Header.Get("ETag") != again.Header.Get("ETag") || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Fatalf("placed %d %s %v\nagain %d %s %v", placed.Status, placed.Body, placed.Header, again.Status, again.Body, again.Header)
	}
	path := "http://" + two.Addr() + placed.Header.Get("Location")
	if got := send(t, ada.Token, "GET", path, "", "If-None-Match", placed.Header.Get("ETag")); got.Status != 304 {
		t.Errorf("its ETag on the other node: %d %s", got.Status, got.Body)
	}
	if got := send(t, ada.Token, "PATCH", path, `{"note":"Ring twice"}`, "If-Match", placed.Header.Get("ETag")); got.Status != 200 {
		t.Errorf("changed on the other node: %d %s", got.Status, got.Body)
	}
	if got := send(t, ada.Token, "PATCH", base+strings.TrimPrefix(placed.Header.Get("Location"), "/v1/orders"), `{"note":"x"}`,
		"If-Match", placed.Header.Get("ETag")); got.Status != 412 || !strings.Contains(string(got.Body), `"version":2`) {
		t.Errorf("with the old version: %d %s", got.Status, got.Body)
	}
	send(t, key, "POST", other, body, "Idempotency-Key", "cart-2")
	var page struct {
		Items []struct{ ID string }
		Next  string
	}
	send(t, ada.Token, "GET", base+"?limit=1", "").decode(t, &page)
	newest := page.Items[0].ID
	send(t, ada.Token, "GET", other+"?limit=1&cursor="+page.Next, "").decode(t, &page)
	if len(page.Items) != 1 || page.Items[0].ID == newest || !strings.HasSuffix(placed.Header.Get("Location"), page.Items[0].ID) {
		t.Errorf("the second page, of the other node: %+v", page)
	}
}
