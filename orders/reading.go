package orders

import (
	"context"
	"fmt"
	"time"
)

// The limits of what is read at once.
const (
	MaxPage    = 100
	MaxLookup  = 100
	MaxHistory = 200
)

// Order finds one order that the caller may see.
func (s *Service) Order(ctx context.Context, c Caller, id ID) (Stored, error) {
	o, err := s.o.Store.Order(ctx, id, c.only())
	if err != nil {
		return Stored{}, fmt.Errorf("find order: %w", err)
	}
	return o, nil
}

// Lookup finds many orders: found has them in the order of ids, missing names
// those that are absent or not the caller's. An id that is asked for twice comes
// twice.
func (s *Service) Lookup(ctx context.Context, c Caller, ids []ID) (found []Stored, missing []ID, err error) {
	if len(ids) < 1 || len(ids) > MaxLookup {
		return nil, nil, Invalid("/ids", fmt.Sprintf("must be 1 to %d ids", MaxLookup))
	}
	list, err := s.o.Store.Lookup(ctx, ids, c.only())
	if err != nil {
		return nil, nil, fmt.Errorf("look orders up: %w", err)
	}
	byID := make(map[ID]Stored, len(list))
	for _, o := range list {
		byID[o.ID] = o
	}
	for _, id := range ids {
		if o, ok := byID[id]; ok {
			found = append(found, o)
		} else {
			missing = append(missing, id)
		}
	}
	return found, missing, nil
}

// Query is what a list is asked for. Zero fields do not count.
type Query struct {
	Customer      string
	Status        Status
	Number        string
	After, Before time.Time // created at or after, and before, by the millisecond
	Cursor        ID        // the last order of the page before
	Limit         int       // 1 to MaxPage
}

// List reads one page, newest first; more says that there is another. Customers
// see their own, whatever they ask for: somebody else's are an empty list.
func (s *Service) List(ctx context.Context, c Caller, q Query) (page []Stored, more bool, err error) {
	if q.Limit < 1 || q.Limit > MaxPage {
		return nil, false, Invalid("limit", fmt.Sprintf("must be 1 to %d", MaxPage))
	}
	if q.Status != "" && !q.Status.Known() {
		return nil, false, Invalid("status", "is no status of an order")
	}
	f := Filter{Customer: q.Customer, Status: q.Status, Number: q.Number, Limit: q.Limit + 1}
	if only := c.only(); only != "" {
		if q.Customer != "" && q.Customer != only {
			return nil, false, nil
		}
		f.Customer = only
	}
	// An id begins with its time, so a time is a bound of ids.
	if !q.After.IsZero() {
		f.From = FloorID(max(q.After.UnixMilli(), 0))
	}
	if !q.Before.IsZero() {
		f.Below = FloorID(max(q.Before.UnixMilli(), 0))
	}
	if q.Cursor != "" && (f.Below == "" || q.Cursor < f.Below) {
		f.Below = q.Cursor
	}
	page, err = s.o.Store.List(ctx, f)
	if err != nil {
		return nil, false, fmt.Errorf("list orders: %w", err)
	}
	if more = len(page) > q.Limit; more {
		page = page[:q.Limit]
	}
	return page, more, nil
}

// History reads an order's events with a number above after, in order.
func (s *Service) History(ctx context.Context, c Caller, id ID, after uint64, limit int) ([]Event, error) {
	if limit < 1 || limit > MaxHistory {
		return nil, Invalid("limit", fmt.Sprintf("must be 1 to %d", MaxHistory))
	}
	events, err := s.o.Store.History(ctx, id, c.only(), after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the order's history: %w", err)
	}
	return events, nil
}
