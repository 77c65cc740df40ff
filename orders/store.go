package orders

import (
	"context"
	"crypto/sha256"

	"hubbub/bus"
)

// Store keeps orders. Every method is one transaction or one statement, safe to
// call from any goroutine, and bounded in time by the store itself. An error is
// an *Error that a client may see, or internal. Where a method takes a customer,
// "" means anybody's, and an order of somebody else is absent: the same error
// after the same work. The suite in orderstest says in tests what this says in words.
type Store interface {
	// Epoch is this life of the database, for ETags and logs.
	Epoch() string

	// Place stores an order as its first event. A customer whose log was never
	// opened is ErrNoLog, and nothing is stored. The number is drawn anew where the
	// shop has it already.
	Place(ctx context.Context, p Placing) (Reply, error)
	// OpenLog makes the log of a customer, who is known to exist. Again does nothing.
	OpenLog(ctx context.Context, customer string) error
	// Change carries one change out under the locks of the customer's log and of
	// the order. Where there was nothing to change, nothing is stored, the key
	// neither.
	Change(ctx context.Context, c Change) (Reply, error)

	// Order finds one order; ErrNotFound.
	Order(ctx context.Context, id ID, customer string) (Stored, error)
	// Lookup finds many, in any order, with one statement; absent ones are left out.
	Lookup(ctx context.Context, ids []ID, customer string) ([]Stored, error)
	// List reads one page, newest first.
	List(ctx context.Context, f Filter) ([]Stored, error)
	// History reads the events of one order with a version above after, in order;
	// ErrNotFound.
	History(ctx context.Context, id ID, customer string, after uint64, limit int) ([]Event, error)

	// Since reads a customer's events with a seq above after, in order, and where
	// the log stands at that time; a customer without a log has an empty one.
	Since(ctx context.Context, customer string, after uint64, limit int) (Head, []Event, error)
	// Heads reads where logs stand, each customer's who is asked for.
	Heads(ctx context.Context, customers []string) (map[string]Head, error)

	// SweepKeys deletes idempotency keys from before the time, at most limit of
	// them, and tells how many.
	SweepKeys(ctx context.Context, before int64, limit int) (int, error)
}

// Key makes a call repeatable: the same key of the same owner with the same
// fingerprint gets the reply of the first call, as it was. Another fingerprint is
// ErrKeyReused; while the first call still runs it is ErrKeyRunning. Only what
// was committed is remembered, for at least 24 hours.
type Key struct {
	Owner       string            // a user's id, or a shop: its API keys share theirs
	Value       string            // 1 to MaxKey characters
	Fingerprint [sha256.Size]byte // of method, path and body
}

// Placing is an order to be stored, without number, version and times.
type Placing struct {
	Order Order
	Key   Key
	Actor Actor
	At    int64 // microseconds since 1970
}

// Change is one change of one order.
type Change struct {
	ID       ID
	Customer string // whose order it has to be; "" for anybody's
	Key      *Key   // nil: not repeatable by a key
	Actor    Actor
	At       int64 // microseconds since 1970
	// Apply changes the order, or refuses. It may be called several times, each
	// time with the order as it is then. The event needs Kind, From and Reason; an
	// event without a kind says that there is nothing to change.
	Apply func(*Order) (Event, error)
	// Message is the text of the system message in the order's room; "" for none.
	// Called after Apply, where the order has a room.
	Message func(Order, Event) string
}

// Reply is what became of a call that changes an order.
type Reply struct {
	Stored
	// Replayed: the key was known, and this is the reply of the first call.
	Replayed bool
	// Event is what was committed now; nil where nothing was. Message is the
	// system message in the order's room, to be published, if there is one.
	Event   *Event
	Message *bus.Event
}

// Filter says which orders a list has. Empty fields do not count.
type Filter struct {
	Customer string
	Status   Status
	Number   string
	From     ID // the lowest id
	Below    ID // all ids are below it: the end of the time asked for, or the cursor
	Limit    int
}
