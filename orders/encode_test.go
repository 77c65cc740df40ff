package orders_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"hubbub/orders"
)

// The bytes that clients get.
func TestEncoding(t *testing.T) {
	small := orders.Order{
		ID: "01a0c450-6c00-7000-8000-000000000001", Number: "K7Q2-M9XD", Shop: "books", CustomerID: "ada",
		Status: orders.Pending, Currency: "EUR", Version: 1, CreatedAt: 1_790_000_000_123_456, UpdatedAt: 1_790_000_000_000_000,
	}
	whole := small
	whole.Lines = []orders.Line{
		{SKU: "b-1", Title: `A "book"`, Quantity: 2, UnitPrice: 995, Total: 1990}, {SKU: "b-2", Title: "é\u2028", Quantity: 1},
	}
	whole.Totals = orders.Totals{Subtotal: 1990, Discount: 90, Shipping: 300, Tax: 200, Total: 2400}
	whole.Note, whole.Metadata, whole.RoomID, whole.Version = "ring\ntwice", map[string]string{"b": "2", "a": "<1>"}, "r1", 12
	whole.ShipTo = &orders.Address{Name: "Ada", Line1: "1 Main St", Line2: "c/o Bob", City: "Bonn", Region: "NRW", PostalCode: "53111", Country: "DE"}
	part := small
	part.ShipTo = &orders.Address{Name: "Ada", Line1: "1 Main St", City: "Bonn", Country: "DE"}
	for want, o := range map[string]orders.Order{
		`{"id":"01a0c450-6c00-7000-8000-000000000001","number":"K7Q2-M9XD","shop":"books","customer_id":"ada","status":"pending",` +
			`"currency":"EUR","lines":[],"totals":{"subtotal":0,"discount":0,"shipping":0,"tax":0,"total":0},"note":"","metadata":{},` +
			`"version":1,"created_at":"2026-09-21T14:13:20.123456Z","updated_at":"2026-09-21T14:13:20.000000Z"}`: small,
		`{"id":"01a0c450-6c00-7000-8000-000000000001","number":"K7Q2-M9XD","shop":"books","customer_id":"ada","status":"pending",` +
			`"currency":"EUR","lines":[{"sku":"b-1","title":"A \"book\"","quantity":2,"unit_price":995,"total":1990},` +
			`{"sku":"b-2","title":"é` + "\u2028" + `","quantity":1,"unit_price":0,"total":0}],` +
			`"totals":{"subtotal":1990,"discount":90,"shipping":300,"tax":200,"total":2400},"note":"ring\ntwice","metadata":{"a":"<1>","b":"2"},` +
			`"ship_to":{"name":"Ada","line1":"1 Main St","line2":"c/o Bob","city":"Bonn","region":"NRW","postal_code":"53111","country":"DE"},` +
			`"room_id":"r1","version":12,"created_at":"2026-09-21T14:13:20.123456Z","updated_at":"2026-09-21T14:13:20.000000Z"}`: whole,
		`{"id":"01a0c450-6c00-7000-8000-000000000001","number":"K7Q2-M9XD","shop":"books","customer_id":"ada","status":"pending",` +
			`"currency":"EUR","lines":[],"totals":{"subtotal":0,"discount":0,"shipping":0,"tax":0,"total":0},"note":"","metadata":{},` +
			`"ship_to":{"name":"Ada","line1":"1 Main St","city":"Bonn","country":"DE"},` +
			`"version":1,"created_at":"2026-09-21T14:13:20.123456Z","updated_at":"2026-09-21T14:13:20.000000Z"}`: part,
	} {
		if got := string(orders.Append([]byte("x"), o)); got != "x"+want {
			t.Errorf("got  %s\nwant %s", got[1:], want)
		}
	}

	placed := orders.Event{
		Order: small.ID, Number: small.Number, Customer: "ada", Version: 1, Seq: 7, Kind: orders.EventPlaced, To: orders.Pending,
		Actor: orders.Actor{ID: "k", Name: "till", Role: orders.Shop}, At: small.CreatedAt,
	}
	moved := placed
	moved.Version, moved.Kind, moved.From, moved.To, moved.Reason = 2, orders.EventMoved, orders.Pending, orders.Paid, `"bank"`
	for _, c := range []struct {
		e             orders.Event
		history, body string
	}{
		{placed,
			`{"seq":1,"kind":"placed","at":"2026-09-21T14:13:20.123456Z","actor":{"id":"k","name":"till","role":"shop"},"to":"pending"}`,
			`{"order":"01a0c450-6c00-7000-8000-000000000001","number":"K7Q2-M9XD","version":1,"change":"placed","status":"pending"}`},
		{moved,
			`{"seq":2,"kind":"moved","at":"2026-09-21T14:13:20.123456Z","actor":{"id":"k","name":"till","role":"shop"},"from":"pending","to":"paid","reason":"\"bank\""}`,
			`{"order":"01a0c450-6c00-7000-8000-000000000001","number":"K7Q2-M9XD","version":2,"change":"moved","from":"pending","status":"paid","reason":"\"bank\""}`},
	} {
		if got := string(orders.AppendEvent(nil, c.e)); got != c.history {
			t.Errorf("got  %s\nwant %s", got, c.history)
		}
		if got := string(orders.AppendBody(nil, c.e)); got != c.body {
			t.Errorf("got  %s\nwant %s", got, c.body)
		}
	}
}

// anyOrder is an order of which each field is anything that it may be, and more.
var anyOrder = rapid.Custom(func(t *rapid.T) orders.Order {
	text := func(name string) string { return rapid.String().Draw(t, name) }
	amount := func(name string) int64 { return rapid.Int64().Draw(t, name) }
	lines := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) orders.Line {
		return orders.Line{
			SKU: rapid.String().Draw(t, "sku"), Title: rapid.String().Draw(t, "title"), Quantity: rapid.Int64().Draw(t, "quantity"),
			UnitPrice: rapid.Int64().Draw(t, "price"), Total: rapid.Int64().Draw(t, "total"),
		}
	}), 0, 3)
	o := orders.Order{
		ID: orders.ID(text("id")), Number: text("number"), Shop: text("shop"), CustomerID: text("customer"),
		Status: orders.Status(text("status")), Currency: text("currency"), Lines: lines.Draw(t, "lines"),
		Totals: orders.Totals{Subtotal: amount("s"), Discount: amount("d"), Shipping: amount("sh"), Tax: amount("t"), Total: amount("all")},
		Note:   text("note"), Metadata: rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(t, "metadata"), RoomID: text("room"),
		Version: rapid.Uint64().Draw(t, "version"),
	}
	const endOf9999 = 253402300799_999999
	o.CreatedAt = rapid.Int64Range(0, endOf9999).Draw(t, "created")
	o.UpdatedAt = rapid.Int64Range(0, endOf9999).Draw(t, "updated")
	if rapid.Bool().Draw(t, "address") {
		o.ShipTo = &orders.Address{
			Name: text("name"), Line1: text("line1"), Line2: text("line2"), City: text("city"), Region: text("region"),
			PostalCode: text("postal code"), Country: text("country"),
		}
	}
	return o
})

// An order that is written and read is the order, and is written as before.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyOrder.Draw(t, "order")
		doc := orders.Append(nil, o)
		if !json.Valid(doc) {
			t.Fatalf("no JSON: %s", doc)
		}
		got, err := orders.Parse(doc)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(o, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("written -, read +\n%s", diff)
		}
		if again := orders.Append(nil, got); string(again) != string(doc) {
			t.Fatalf("written as %s\nthen as %s", doc, again)
		}
	})
}

// Whatever Parse accepts is an order that is written and read without change.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"id":1}`))
	f.Add([]byte(`{"id":"x","id":"y"}`))
	f.Add([]byte(`{"metadata":{"a":"\ud800"}}`))
	f.Add([]byte(`{"metadata":{"a":null},"lines":[null],"ship_to":null,"created_at":null}`))
	f.Add([]byte(`{"version":18446744073709551616}`))
	f.Add([]byte(`{"version":1.5,"created_at":"2026-02-30T00:00:00Z"}`))
	f.Add([]byte(`{"created_at":"0000-01-01T00:00:00Z","updated_at":"9999-12-31T23:59:59.999999999Z"}`))
	f.Add(orders.Append(nil, orders.Order{
		Lines: []orders.Line{{SKU: "a", Title: "A"}}, Metadata: map[string]string{"k": "v"}, ShipTo: &orders.Address{Name: "Ada"}, RoomID: "r",
	}))
	f.Fuzz(func(t *testing.T, doc []byte) {
		o, err := orders.Parse(doc)
		if err != nil {
			return
		}
		again := orders.Append(nil, o)
		got, err := orders.Parse(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if diff := cmp.Diff(o, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("written -, read +\n%s", diff)
		}
	})
}

// FuzzTexts shows that no text, of however bad UTF-8, breaks what is written.
func FuzzTexts(f *testing.F) {
	f.Add("a", "b", "c")
	f.Add("\xff", "\"\\\x00\x1f\x7f", "\u2028</script>")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		e := orders.Event{
			Order: orders.ID(a), Number: b, Kind: orders.EventKind(c), From: orders.Status(a), To: orders.Status(b),
			Actor: orders.Actor{ID: c, Name: a, Role: orders.Role(b)}, Reason: c,
		}
		o := orders.Order{
			ID: orders.ID(a), Number: b, Shop: c, Note: a, Metadata: map[string]string{a: b}, RoomID: c,
			Lines: []orders.Line{{SKU: a, Title: b}}, ShipTo: &orders.Address{Name: a, Line2: b, Country: c},
		}
		for _, doc := range [][]byte{orders.Append(nil, o), orders.AppendEvent(nil, e), orders.AppendBody(nil, e)} {
			if !json.Valid(doc) {
				t.Fatalf("no JSON: %s", doc)
			}
		}
	})
}
