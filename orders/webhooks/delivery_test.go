package webhooks_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"hubbub/orders"
	"hubbub/orders/webhooks"
)

func TestMessage(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 1000, time.UTC).UnixMicro()
	o := orders.Order{ID: orders.NewID(time.UnixMicro(at)), Number: "K7Q2-M9XD", Shop: "books", Status: orders.Paid, Currency: "EUR", Version: 2}
	e := orders.Event{Order: o.ID, Version: 2, Kind: orders.EventMoved, From: orders.Pending, To: orders.Paid, At: at, Reason: "card"}
	m := webhooks.NewMessage(o, e)
	if m.Shop != "books" || m.Type != "order.moved" || m.At != at || !orders.IsID(string(m.ID)) || m.ID == webhooks.NewMessage(o, e).ID {
		t.Errorf("%+v", m)
	}
	var got struct {
		Type, Timestamp string
		Data            struct {
			Order struct {
				Number, Status string
				Version        int
			}
			Event struct {
				Seq                    int
				Kind, From, To, Reason string
			}
		}
	}
	if err := json.Unmarshal(m.Body, &got); err != nil {
		t.Fatalf("%v in %s", err, m.Body)
	}
	if got.Type != "order.moved" || got.Timestamp != "2026-11-25T12:00:00.000001Z" || got.Data.Order.Number != o.Number ||
		got.Data.Order.Version != 2 || got.Data.Event.From != "pending" || got.Data.Event.To != "paid" || got.Data.Event.Seq != 2 {
		t.Errorf("%s", m.Body)
	}
	for _, kind := range []orders.EventKind{orders.EventPlaced, orders.EventMoved, orders.EventChanged, orders.EventRoom} {
		e.Kind = kind
		if _, known := webhooks.EventsOf(webhooks.NewMessage(o, e).Type); !known {
			t.Errorf("nobody can ask for %s", kind)
		}
	}
}

// TestLargestMessage: whatever fits into an order fits into a message.
func TestLargestMessage(t *testing.T) {
	wide := func(n int) string { return strings.Repeat("😀", n) }
	o := orders.Order{
		Shop: strings.Repeat("s", 255), CustomerID: strings.Repeat("c", orders.MaxSKU), Note: wide(orders.MaxNote), Metadata: map[string]string{},
		ShipTo: &orders.Address{Name: wide(orders.MaxAddressLine), Line1: wide(orders.MaxAddressLine), Line2: wide(orders.MaxAddressLine),
			City: wide(orders.MaxAddressLine), Region: wide(orders.MaxAddressLine), PostalCode: wide(orders.MaxAddressLine), Country: "DE"},
	}
	for i := range orders.MaxMetadata {
		o.Metadata[wide(orders.MaxMetadataKey-2)+fmt.Sprintf("%02d", i)] = wide(orders.MaxMetadataValue)
	}
	for range orders.MaxLines {
		o.Lines = append(o.Lines, orders.Line{SKU: strings.Repeat("s", orders.MaxSKU), Title: wide(orders.MaxTitle),
			Quantity: orders.MaxQuantity, UnitPrice: orders.MaxUnitPrice, Total: orders.MaxTotal})
	}
	m := webhooks.NewMessage(o, orders.Event{Kind: orders.EventMoved, Reason: wide(orders.MaxReason), Actor: orders.Actor{Name: wide(255)}})
	if len(m.Body) > webhooks.MaxBody {
		t.Errorf("%d bytes", len(m.Body))
	}
}
