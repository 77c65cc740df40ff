package webhooks

import (
	"context"

	"hubbub/orders"
)

// Store keeps endpoints and deliveries. Every method is safe to call from any
// goroutine and bounded in time by the store itself. An error is an
// *orders.Error that a client may see, or internal. What belongs to another shop
// is absent. The suite in orderstest says in tests what this says in words.
//
// Deliveries are written by the order's transaction, which is no part of this:
// one for each endpoint of the message's shop that is not disabled and wants the
// type, due at once, expiring [GiveUpAfter] later.
type Store interface {
	// Create adds an endpoint; ErrConflict where the shop has MaxEndpoints already.
	Create(ctx context.Context, e Endpoint) error
	// Endpoints lists those of a shop, oldest first.
	Endpoints(ctx context.Context, shop string) ([]Endpoint, error)
	// Endpoint finds one; ErrNotFound.
	Endpoint(ctx context.Context, shop string, id EndpointID) (Endpoint, error)
	// Enable turns one on, as live as a new one, or off; ErrNotFound.
	Enable(ctx context.Context, shop string, id EndpointID, on bool) (Endpoint, error)
	// Delete takes one away; what is due for it is not sent any more; ErrNotFound.
	Delete(ctx context.Context, shop string, id EndpointID) error

	// Deliveries reads one page of an endpoint's, newest first, with ids below
	// below ("": from the newest on); ErrNotFound.
	Deliveries(ctx context.Context, shop string, id EndpointID, below DeliveryID, limit int) ([]Delivery, error)
	// Replay makes a delivery that is no longer pending due at now, as if it were
	// new; ErrNotFound, ErrConflict where it is pending.
	Replay(ctx context.Context, shop string, id EndpointID, delivery DeliveryID, now int64) (Delivery, error)
	// ReplayFailed does so with those that have failed, at most limit of them, and
	// tells how many; ErrNotFound.
	ReplayFailed(ctx context.Context, shop string, id EndpointID, now int64, limit int) (int, error)

	// Due lists endpoints above after, in order, that are not disabled or resting
	// and have something due; at most limit of them.
	Due(ctx context.Context, now int64, after EndpointID, limit int) ([]Due, error)
	// Claim takes deliveries of an endpoint that are due, the one that is due
	// longest first, and leases them until then: nobody else gets them before.
	// Each has its attempt counted. None where the endpoint is gone, disabled or
	// resting.
	Claim(ctx context.Context, id EndpointID, now, until int64, limit int) ([]Job, error)
	// Finish notes what became of a job, unless it was claimed again since, and the
	// endpoint's health where it differs from that in the job: after a failure only
	// while there are as many failures as in the job, so that failures side by side
	// count once; after a success while there are any. Changed tells that it was.
	Finish(ctx context.Context, o Outcome) (changed bool, err error)
	// Release gives a job back that was not carried out: due at now, its attempt
	// not counted.
	Release(ctx context.Context, j Job, now int64) error

	// Sweep makes those that are pending since more than the grace after they
	// expired Failed, and deletes those that are over for KeptFor and those of
	// endpoints that were deleted; at most limit of each. It tells how many.
	Sweep(ctx context.Context, now int64, limit int) (int, error)
	// Pending counts the pending deliveries up to limit.
	Pending(ctx context.Context, limit int) (int, error)
}

// Due is an endpoint with something to send.
type Due struct {
	ID       EndpointID
	Failures int
}

// The refusals of stores.

var (
	errNoEndpoint = orders.Refuse(orders.ErrNotFound, "there is no such webhook")
	errNoDelivery = orders.Refuse(orders.ErrNotFound, "there is no such delivery")
	errTooMany    = orders.Refuse(orders.ErrConflict, "the shop has as many webhooks as it may have: delete one first")
	errPending    = orders.Refuse(orders.ErrConflict, "the delivery is pending: it is sent anyway")
)

// NoEndpoint says that an endpoint is absent, or another shop's.
func NoEndpoint() *orders.Error { return errNoEndpoint }

// NoDelivery says that the endpoint has no such delivery.
func NoDelivery() *orders.Error { return errNoDelivery }

// TooMany says that a shop has MaxEndpoints already.
func TooMany() *orders.Error { return errTooMany }

// StillPending says that there is no need to replay a delivery.
func StillPending() *orders.Error { return errPending }
