package webhooks

import (
	"context"
	"fmt"
	"time"

	"hubbub/orders"
)

// The limits of what is read or replayed at once.
const (
	MaxPage   = 100
	MaxReplay = 1000
)

// Service is what shops may do with their webhooks: a key of a shop sees that
// shop's, and nobody else sees any. Its errors are *orders.Error values that a
// client may see, or internal. Safe for concurrent use.
type Service struct {
	store Store
	guard Guard
	wake  func()
	now   func() time.Time
}

// NewService makes a service over a store. Wake is called when something came to
// be due; see [Dispatcher.Wake]. Now may be nil.
func NewService(store Store, guard Guard, wake func(), now func() time.Time) *Service {
	if now == nil {
		now = time.Now
	}
	return &Service{store: store, guard: guard, wake: wake, now: now}
}

// shopOf is the shop on whose behalf the call is made.
func shopOf(c orders.Caller) (string, error) {
	if c.Role != orders.Shop || c.Shop == "" {
		return "", orders.Refuse(orders.ErrForbidden, "webhooks are for the keys of shops")
	}
	return c.Shop, nil
}

// Register adds an endpoint. ErrInvalid names every field that is wrong;
// ErrConflict where there are [MaxEndpoints] already. Nobody is shown the secret
// later on.
func (s *Service) Register(ctx context.Context, c orders.Caller, d Draft) (Endpoint, error) {
	shop, err := shopOf(c)
	if err != nil {
		return Endpoint{}, err
	}
	events, secret, err := d.check(s.guard)
	if err != nil {
		return Endpoint{}, err
	}
	now := s.now()
	e := Endpoint{
		ID: EndpointID(orders.NewID(now)), Shop: shop, URL: d.URL, Events: events, Secret: secret, CreatedAt: now.UnixMicro(),
	}
	if err := s.store.Create(ctx, e); err != nil {
		return Endpoint{}, fmt.Errorf("register endpoint: %w", err)
	}
	return e, nil
}

// Endpoints lists those of the caller's shop, oldest first.
func (s *Service) Endpoints(ctx context.Context, c orders.Caller) ([]Endpoint, error) {
	shop, err := shopOf(c)
	if err != nil {
		return nil, err
	}
	list, err := s.store.Endpoints(ctx, shop)
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	return list, nil
}

// Endpoint finds one of the caller's shop; ErrNotFound.
func (s *Service) Endpoint(ctx context.Context, c orders.Caller, id EndpointID) (Endpoint, error) {
	shop, err := shopOf(c)
	if err != nil {
		return Endpoint{}, err
	}
	e, err := s.store.Endpoint(ctx, shop, id)
	if err != nil {
		return Endpoint{}, fmt.Errorf("find endpoint: %w", err)
	}
	return e, nil
}

// Enable turns an endpoint on or off; ErrNotFound. What is pending waits while
// it is off, for [GiveUpAfter] at most.
func (s *Service) Enable(ctx context.Context, c orders.Caller, id EndpointID, on bool) (Endpoint, error) {
	shop, err := shopOf(c)
	if err != nil {
		return Endpoint{}, err
	}
	e, err := s.store.Enable(ctx, shop, id, on)
	if err != nil {
		return Endpoint{}, fmt.Errorf("enable endpoint: %w", err)
	}
	s.wake()
	return e, nil
}

// Delete takes an endpoint away with its deliveries; ErrNotFound.
func (s *Service) Delete(ctx context.Context, c orders.Caller, id EndpointID) error {
	shop, err := shopOf(c)
	if err != nil {
		return err
	}
	if err := s.store.Delete(ctx, shop, id); err != nil {
		return fmt.Errorf("delete endpoint: %w", err)
	}
	return nil
}

// Deliveries reads one page of an endpoint's deliveries, newest first; more says
// that there is another, which is asked for with the last id as below.
func (s *Service) Deliveries(ctx context.Context, c orders.Caller, id EndpointID, below DeliveryID, limit int) (page []Delivery, more bool, err error) {
	shop, err := shopOf(c)
	if err != nil {
		return nil, false, err
	}
	if limit < 1 || limit > MaxPage {
		return nil, false, orders.Invalid("limit", fmt.Sprintf("must be 1 to %d", MaxPage))
	}
	page, err = s.store.Deliveries(ctx, shop, id, below, limit+1)
	if err != nil {
		return nil, false, fmt.Errorf("list deliveries: %w", err)
	}
	if more = len(page) > limit; more {
		page = page[:limit]
	}
	return page, more, nil
}

// Replay sends a delivery again that was delivered or has failed, under the same
// id; ErrNotFound, ErrConflict where it is pending.
func (s *Service) Replay(ctx context.Context, c orders.Caller, id EndpointID, delivery DeliveryID) (Delivery, error) {
	shop, err := shopOf(c)
	if err != nil {
		return Delivery{}, err
	}
	d, err := s.store.Replay(ctx, shop, id, delivery, s.now().UnixMicro())
	if err != nil {
		return Delivery{}, fmt.Errorf("replay: %w", err)
	}
	s.wake()
	return d, nil
}

// ReplayFailed sends again what has failed, at most [MaxReplay] deliveries; more
// says that there may be others. ErrNotFound.
func (s *Service) ReplayFailed(ctx context.Context, c orders.Caller, id EndpointID) (n int, more bool, err error) {
	shop, err := shopOf(c)
	if err != nil {
		return 0, false, err
	}
	n, err = s.store.ReplayFailed(ctx, shop, id, s.now().UnixMicro(), MaxReplay)
	if err != nil {
		return 0, false, fmt.Errorf("replay what failed: %w", err)
	}
	s.wake()
	return n, n == MaxReplay, nil
}
