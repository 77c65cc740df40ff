package web

import (
	"time"

	"hubbub/chat/wire"
	"hubbub/orders"
)

// What package orders writes, for the description of the API. A test holds that
// these types and orders.Append say the same.

// order is an order as it is now.
type order struct {
	ID         string            `json:"id" doc:"UUIDv7: sorts by the time when the order was placed."`
	Number     string            `json:"number" doc:"For people; each shop has its own."`
	Shop       string            `json:"shop"`
	CustomerID string            `json:"customer_id" doc:"A user."`
	Status     orders.Status     `json:"status" enum:"pending,paid,packed,shipped,delivered,returned,cancelled,refunded"`
	Currency   string            `json:"currency" doc:"ISO 4217."`
	Lines      []orderLine       `json:"lines"`
	Totals     orderTotals       `json:"totals" doc:"In minor units; total is subtotal - discount + shipping + tax."`
	Note       string            `json:"note"`
	Metadata   map[string]string `json:"metadata"`
	ShipTo     *orderAddress     `json:"ship_to,omitempty"`
	RoomID     string            `json:"room_id,omitempty" doc:"Its support room, once that was opened."`
	Version    uint64            `json:"version" doc:"Number of its last event; also in the ETag."`
	CreatedAt  wire.Time         `json:"created_at"`
	UpdatedAt  wire.Time         `json:"updated_at"`
}

type orderLine struct {
	SKU       string `json:"sku"`
	Title     string `json:"title"`
	Quantity  int64  `json:"quantity"`
	UnitPrice int64  `json:"unit_price"`
	Total     int64  `json:"total"`
}

type orderTotals struct {
	Subtotal int64 `json:"subtotal"`
	Discount int64 `json:"discount"`
	Shipping int64 `json:"shipping"`
	Tax      int64 `json:"tax"`
	Total    int64 `json:"total"`
}

// orderAddress is where an order goes to.
type orderAddress struct {
	Name       string `json:"name" example:"Ada Lovelace" doc:"Each at most 200 characters."`
	Line1      string `json:"line1" example:"12 St James's Square"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city" example:"London"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty" example:"SW1Y 4JH"`
	Country    string `json:"country" example:"GB" doc:"ISO 3166-1, two capitals."`
}

func (a *orderAddress) address() *orders.Address {
	if a == nil {
		return nil
	}
	return &orders.Address{Name: a.Name, Line1: a.Line1, Line2: a.Line2, City: a.City, Region: a.Region,
		PostalCode: a.PostalCode, Country: a.Country}
}

// foundOrders are orders that were asked for by their ids.
type foundOrders struct {
	Items   []order  `json:"items" doc:"In the order asked for; what was asked for twice comes twice."`
	Missing []string `json:"missing" doc:"Ids that are absent, or not the caller's."`
}

// orderPage is one page of a list.
type orderPage struct {
	Items []order `json:"items" doc:"Newest first."`
	Next  *string `json:"next" doc:"Give it as cursor to get the next page; null when this is the last."`
}

// orderHistory is one page of an order's events.
type orderHistory struct {
	Items []orderEvent `json:"items" doc:"By seq, without a hole."`
	Next  *string      `json:"next" doc:"Give it as cursor to get the next page; null when this is the last."`
}

// orderEvent is one entry of an order's history.
type orderEvent struct {
	Seq    uint64           `json:"seq" doc:"The version that the order had after it, from 1."`
	Kind   orders.EventKind `json:"kind" enum:"placed,moved,changed,room" doc:"changed: note, metadata or address; room: the support room was opened."`
	At     wire.Time        `json:"at"`
	Actor  orderActor       `json:"actor" doc:"Who did it: a user, or the key of a shop."`
	From   orders.Status    `json:"from,omitempty" doc:"With moved: the status before."`
	To     orders.Status    `json:"to" doc:"The status after it."`
	Reason string           `json:"reason,omitempty"`
}

// orderActor is who did something, with the name of that time.
type orderActor struct {
	ID   string      `json:"id"`
	Name string      `json:"name"`
	Role orders.Role `json:"role" enum:"customer,support,shop"`
}

var exampleTime = wire.Micros(time.Date(2026, 11, 23, 9, 15, 2, 123_000_000, time.UTC).UnixMicro())

func exampleOrder() order {
	return order{
		ID: "019a3f2e-7c1d-7b6a-9f40-2d8e5c17a3b9", Number: "K7Q2-M9XD", Shop: "north", CustomerID: "4QZ7T2WMJ6DLH3BVN5XKCR2YFA",
		Status: orders.Pending, Currency: "EUR",
		Lines:    []orderLine{{SKU: "MUG-01", Title: "Mug", Quantity: 2, UnitPrice: 1250, Total: 2500}},
		Totals:   orderTotals{Subtotal: 2500, Shipping: 490, Total: 2990},
		Note:     "Ring twice",
		Metadata: map[string]string{}, Version: 1, CreatedAt: exampleTime, UpdatedAt: exampleTime,
	}
}

func exampleEvent() orderEvent {
	return orderEvent{
		Seq: 2, Kind: orders.EventMoved, At: exampleTime, From: orders.Pending, To: orders.Paid, Reason: "Card payment",
		Actor: orderActor{ID: "7HJ2KQ5ZVXNB4MLCD6TRWYFGA3", Name: "till 1", Role: orders.Shop},
	}
}
