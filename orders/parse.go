package orders

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// document is an order as [Append] writes it.
type document struct {
	ID         ID                `json:"id"`
	Number     string            `json:"number"`
	Shop       string            `json:"shop"`
	CustomerID string            `json:"customer_id"`
	Status     Status            `json:"status"`
	Currency   string            `json:"currency"`
	Lines      []Line            `json:"lines"`
	Totals     Totals            `json:"totals"`
	Note       string            `json:"note"`
	Metadata   map[string]string `json:"metadata"`
	ShipTo     *Address          `json:"ship_to"`
	RoomID     string            `json:"room_id"`
	Version    uint64            `json:"version"`
	CreatedAt  time.Time         `json:"created_at"`
	UpdatedAt  time.Time         `json:"updated_at"`
}

// Parse reads what [Append] wrote. An error means that what is stored is broken.
func Parse(doc []byte) (Order, error) {
	var d document
	if err := json.Unmarshal(doc, &d); err != nil {
		return Order{}, fmt.Errorf("orders: stored document: %w", err)
	}
	return Order{
		ID: d.ID, Number: d.Number, Shop: d.Shop, CustomerID: d.CustomerID, Status: d.Status, Currency: d.Currency,
		Lines: d.Lines, Totals: d.Totals, Note: d.Note, Metadata: d.Metadata, ShipTo: d.ShipTo, RoomID: d.RoomID,
		Version: d.Version, CreatedAt: d.CreatedAt.UnixMicro(), UpdatedAt: d.UpdatedAt.UnixMicro(),
	}, nil
}
