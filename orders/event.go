package orders

// EventKind says what an event did to its order.
type EventKind string

const (
	EventPlaced  EventKind = "placed"
	EventMoved   EventKind = "moved"   // From and To, with the reason
	EventChanged EventKind = "changed" // note, metadata or address
	EventRoom    EventKind = "room"    // its support room was opened
)

// Event is one entry of an order's history, committed with what it did.
type Event struct {
	Order    ID
	Number   string // of the order
	Customer string
	// Version numbers the events of one order, Seq those of all orders of its
	// customer, both from 1 without a hole.
	Version uint64
	Seq     uint64
	Kind    EventKind
	From    Status // "" for placed
	To      Status // the status after it
	Actor   Actor
	Reason  string // at most MaxReason characters; may be empty
	At      int64  // microseconds since 1970; order never depends on it
}

// Actor is who did something: a user, or a key of a shop, with the name at that
// time.
type Actor struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role Role   `json:"role"`
}

// Head is where a customer's log stands.
type Head struct {
	Epoch string
	Seq   uint64
}
