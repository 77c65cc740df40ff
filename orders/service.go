package orders

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"hubbub/bus"
)

// Customers tells whether somebody is a user of the chat.
type Customers interface {
	IsCustomer(ctx context.Context, id string) (bool, error)
}

// Rooms opens the support room of an order: once, whoever asks and however
// often. The caller becomes a member, as the customer and the support staff are.
type Rooms interface {
	OpenOrderRoom(ctx context.Context, o Order, caller Caller) (room string, err error)
}

// Publisher tells the other half of the process what was committed: the
// customer's stream, and the room that has a system message of it. A hint, no
// more: who misses it reads the log. It must not block.
type Publisher interface {
	PublishOrder(e Event, epoch string, message *bus.Event)
}

// Options are what a [Service] is made of; all fields but Now and Log are needed.
type Options struct {
	Store     Store
	Customers Customers
	Rooms     Rooms
	Publisher Publisher
	Now       func() time.Time
	Log       *slog.Logger
}

// Service is the order API without HTTP. Its errors are *Error values that a
// client may see, or internal. Safe for concurrent use.
type Service struct {
	o Options
}

// NewService makes a service. It starts nothing: see [Service.Run].
func NewService(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Service{o: o}
}

// Epoch is this life of the orders' database; see [Store].
func (s *Service) Epoch() string { return s.o.Store.Epoch() }

// Place stores an order for a customer. Shops only. ErrInvalid names every field
// that is wrong.
func (s *Service) Place(ctx context.Context, c Caller, key Key, d Draft) (Reply, error) {
	if err := c.may(Shop); err != nil {
		return Reply{}, err
	}
	o, err := d.order()
	if err != nil {
		return Reply{}, err
	}
	now := s.o.Now()
	o.ID, o.Shop = NewID(now), c.Shop
	p := Placing{Order: o, Key: key, Actor: c.actor(), At: now.UnixMicro()}
	reply, err := s.o.Store.Place(ctx, p)
	if errors.Is(err, ErrNoLog) { // the customer's first order
		if err := s.welcome(ctx, o.CustomerID); err != nil {
			return Reply{}, err
		}
		reply, err = s.o.Store.Place(ctx, p)
	}
	return s.told(reply, err, "place order")
}

// welcome makes the log of a customer who exists.
func (s *Service) welcome(ctx context.Context, customer string) error {
	known, err := s.o.Customers.IsCustomer(ctx, customer)
	if err != nil {
		return fmt.Errorf("find customer: %w", err)
	}
	if !known {
		return Invalid("/customer_id", "is not a user here")
	}
	if err := s.o.Store.OpenLog(ctx, customer); err != nil {
		return fmt.Errorf("open the customer's log: %w", err)
	}
	return nil
}

// told publishes what a change committed.
func (s *Service) told(r Reply, err error, what string) (Reply, error) {
	if err != nil {
		return Reply{}, fmt.Errorf("%s: %w", what, err)
	}
	if r.Event != nil {
		s.o.Publisher.PublishOrder(*r.Event, s.o.Store.Epoch(), r.Message)
	}
	return r, nil
}

// Move carries a transition out. Shops and support only. ErrIllegalStep names the
// legal ones; the status that the order has already is none of them.
func (s *Service) Move(ctx context.Context, c Caller, id ID, key Key, to Status, reason string) (Reply, error) {
	if err := c.may(Shop, Support); err != nil {
		return Reply{}, err
	}
	if !to.Known() {
		return Reply{}, Invalid("/to", "is no status of an order")
	}
	return s.move(ctx, c, id, &key, reason, func(o *Order) (Event, error) {
		if err := o.Status.step(to); err != nil {
			return Event{}, err
		}
		e := Event{Kind: EventMoved, From: o.Status, Reason: reason}
		o.Status = to
		return e, nil
	})
}

// Cancel ends a pending order of the caller's own. One that is cancelled already
// stays as it is.
func (s *Service) Cancel(ctx context.Context, c Caller, id ID, key *Key, reason string) (Reply, error) {
	if err := c.may(Customer); err != nil {
		return Reply{}, err
	}
	return s.move(ctx, c, id, key, reason, func(o *Order) (Event, error) {
		switch o.Status {
		case Cancelled:
			return Event{}, nil
		case Pending:
			o.Status = Cancelled
			return Event{Kind: EventMoved, From: Pending, Reason: reason}, nil
		}
		return Event{}, &Error{Code: ErrIllegalStep.Code, From: o.Status, Allowed: nil,
			Text: "the order is " + string(o.Status) + ": only a pending order can be cancelled here; ask the shop"}
	})
}

func (s *Service) move(ctx context.Context, c Caller, id ID, key *Key, reason string, apply func(*Order) (Event, error)) (Reply, error) {
	if err := checkReason(reason); err != nil {
		return Reply{}, err
	}
	reply, err := s.o.Store.Change(ctx, Change{
		ID: id, Customer: c.only(), Key: key, Actor: c.actor(), At: s.o.Now().UnixMicro(), Apply: apply, Message: moved,
	})
	return s.told(reply, err, "move order")
}

// moved is what an order's room is told of a step.
func moved(o Order, e Event) string {
	text := "Order " + o.Number + ": " + string(e.From) + " → " + string(o.Status)
	if e.Reason != "" {
		text += " (" + e.Reason + ")"
	}
	return text
}

// Patch changes note, metadata or address while the order is open. Version is
// that of the caller's If-Match; another one is ErrStale.
func (s *Service) Patch(ctx context.Context, c Caller, id ID, version uint64, p Patch) (Reply, error) {
	if err := p.check(); err != nil {
		return Reply{}, err
	}
	reply, err := s.o.Store.Change(ctx, Change{
		ID: id, Customer: c.only(), Actor: c.actor(), At: s.o.Now().UnixMicro(),
		Apply: func(o *Order) (Event, error) {
			switch {
			case o.Version != version:
				return Event{}, &Error{Code: ErrStale.Code, Version: o.Version,
					Text: fmt.Sprintf("the order is at version %d now: read it again", o.Version)}
			case !o.Status.Open():
				return Event{}, Refuse(ErrClosed, "the order is "+string(o.Status)+": it does not change any more")
			}
			if p.Note != nil {
				o.Note = *p.Note
			}
			if p.Metadata != nil {
				o.Metadata = *p.Metadata
			}
			if p.ShipTo != nil {
				o.ShipTo = p.ShipTo
			}
			return Event{Kind: EventChanged}, nil
		},
	})
	return s.told(reply, err, "change order")
}

// OpenRoom opens the order's support room and puts the caller into it; created
// tells whether it is new.
func (s *Service) OpenRoom(ctx context.Context, c Caller, id ID) (room string, created bool, err error) {
	if err := c.may(Customer, Support); err != nil {
		return "", false, err
	}
	stored, err := s.o.Store.Order(ctx, id, c.only())
	if err != nil {
		return "", false, fmt.Errorf("find order: %w", err)
	}
	o, err := Parse(stored.Doc)
	if err != nil {
		return "", false, err
	}
	if room, err = s.o.Rooms.OpenOrderRoom(ctx, o, c); err != nil {
		return "", false, fmt.Errorf("open room: %w", err)
	}
	if o.RoomID != "" {
		return room, false, nil
	}
	reply, err := s.o.Store.Change(ctx, Change{
		ID: id, Customer: c.only(), Actor: c.actor(), At: s.o.Now().UnixMicro(),
		Apply: func(o *Order) (Event, error) {
			if o.RoomID != "" {
				return Event{}, nil
			}
			o.RoomID = room
			return Event{Kind: EventRoom}, nil
		},
	})
	reply, err = s.told(reply, err, "note the order's room")
	return room, reply.Event != nil, err
}

// keyLife is how long an idempotency key is remembered at least; sweepEvery and
// sweepLimit are how it is forgotten.
const (
	keyLife    = 24 * time.Hour
	sweepEvery = time.Minute
	sweepLimit = 1000
)

// Run forgets old idempotency keys until ctx ends; then it gives nil. Each node
// may run it; they need not know of each other.
func (s *Service) Run(ctx context.Context) error {
	timer := time.NewTicker(sweepEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		for {
			n, err := s.o.Store.SweepKeys(ctx, s.o.Now().Add(-keyLife).UnixMicro(), sweepLimit)
			if err != nil && ctx.Err() == nil {
				s.o.Log.Warn("sweep of idempotency keys failed; trying again in a minute", "error", err)
			}
			if err != nil || n < sweepLimit {
				break
			}
		}
	}
}
