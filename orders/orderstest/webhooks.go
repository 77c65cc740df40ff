package orderstest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"hubbub/orders/webhooks"
)

// Webhooks is a webhooks.Store in memory: one lock, plain loops, so that it is
// right at a glance.
type Webhooks struct {
	mu         sync.Mutex
	endpoints  map[webhooks.EndpointID]*webhooks.Endpoint
	deleted    map[webhooks.EndpointID]bool
	deliveries map[place]*delivery
}

// place names a delivery.
type place struct {
	endpoint webhooks.EndpointID
	id       webhooks.DeliveryID
}

type delivery struct {
	webhooks.Delivery
	body      []byte
	claim     int64
	expiresAt int64
}

var _ webhooks.Store = (*Webhooks)(nil)

// NewWebhooks makes an empty store.
func NewWebhooks() *Webhooks {
	return &Webhooks{
		endpoints: map[webhooks.EndpointID]*webhooks.Endpoint{}, deleted: map[webhooks.EndpointID]bool{}, deliveries: map[place]*delivery{},
	}
}

// Put writes the deliveries of a message, as the transaction of its event does.
func (w *Webhooks) Put(_ context.Context, m webhooks.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	set, _ := webhooks.EventsOf(m.Type)
	for _, e := range w.endpoints {
		if e.Shop != m.Shop || e.Health.Disabled || e.Events&set == 0 {
			continue
		}
		w.deliveries[place{e.ID, m.ID}] = &delivery{
			Delivery: webhooks.Delivery{
				ID: m.ID, Endpoint: e.ID, Type: m.Type, Status: webhooks.Pending, CreatedAt: m.At, NextTry: m.At,
			},
			body: m.Body, expiresAt: m.At + webhooks.GiveUpAfter.Microseconds(),
		}
	}
	return nil
}

func (w *Webhooks) Create(_ context.Context, e webhooks.Endpoint) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.of(e.Shop)) >= webhooks.MaxEndpoints {
		return webhooks.TooMany()
	}
	w.endpoints[e.ID] = &e
	return nil
}

// of lists the endpoints of a shop, oldest first.
func (w *Webhooks) of(shop string) []webhooks.Endpoint {
	var list []webhooks.Endpoint
	for _, e := range w.endpoints {
		if e.Shop == shop {
			list = append(list, *e)
		}
	}
	slices.SortFunc(list, func(a, b webhooks.Endpoint) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list
}

func (w *Webhooks) Endpoints(_ context.Context, shop string) ([]webhooks.Endpoint, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.of(shop), nil
}

// find gives an endpoint of the shop.
func (w *Webhooks) find(shop string, id webhooks.EndpointID) (*webhooks.Endpoint, error) {
	e := w.endpoints[id]
	if e == nil || e.Shop != shop {
		return nil, webhooks.NoEndpoint()
	}
	return e, nil
}

func (w *Webhooks) Endpoint(_ context.Context, shop string, id webhooks.EndpointID) (webhooks.Endpoint, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.find(shop, id)
	if err != nil {
		return webhooks.Endpoint{}, err
	}
	return *e, nil
}

func (w *Webhooks) Enable(_ context.Context, shop string, id webhooks.EndpointID, on bool) (webhooks.Endpoint, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.find(shop, id)
	if err != nil {
		return webhooks.Endpoint{}, err
	}
	e.Health = webhooks.Health{Disabled: !on}
	return *e, nil
}

func (w *Webhooks) Delete(_ context.Context, shop string, id webhooks.EndpointID) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.find(shop, id); err != nil {
		return err
	}
	delete(w.endpoints, id)
	w.deleted[id] = true
	return nil
}

func (w *Webhooks) Deliveries(_ context.Context, shop string, id webhooks.EndpointID, below webhooks.DeliveryID, limit int) ([]webhooks.Delivery, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.find(shop, id); err != nil {
		return nil, err
	}
	var list []webhooks.Delivery
	for at, d := range w.deliveries {
		if at.endpoint == id && (below == "" || at.id < below) {
			list = append(list, d.Delivery)
		}
	}
	slices.SortFunc(list, func(a, b webhooks.Delivery) int { return strings.Compare(string(b.ID), string(a.ID)) })
	return list[:min(limit, len(list))], nil
}

func (w *Webhooks) Replay(_ context.Context, shop string, id webhooks.EndpointID, delivery webhooks.DeliveryID, now int64) (webhooks.Delivery, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.find(shop, id); err != nil {
		return webhooks.Delivery{}, err
	}
	d := w.deliveries[place{id, delivery}]
	switch {
	case d == nil:
		return webhooks.Delivery{}, webhooks.NoDelivery()
	case d.Status == webhooks.Pending:
		return webhooks.Delivery{}, webhooks.StillPending()
	}
	d.replay(now)
	return d.Delivery, nil
}

func (d *delivery) replay(now int64) {
	d.Status, d.Attempts, d.NextTry, d.expiresAt = webhooks.Pending, 0, now, now+webhooks.GiveUpAfter.Microseconds()
}

func (w *Webhooks) ReplayFailed(_ context.Context, shop string, id webhooks.EndpointID, now int64, limit int) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.find(shop, id); err != nil {
		return 0, err
	}
	n := 0
	for at, d := range w.deliveries {
		if at.endpoint == id && d.Status == webhooks.Failed && n < limit {
			d.replay(now)
			n++
		}
	}
	return n, nil
}

func (w *Webhooks) Due(_ context.Context, now int64, after webhooks.EndpointID, limit int) ([]webhooks.Due, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []webhooks.Due
	for _, id := range slices.Sorted(maps.Keys(w.endpoints)) {
		if id > after && len(list) < limit && len(w.due(id, now)) > 0 {
			list = append(list, webhooks.Due{ID: id, Failures: w.endpoints[id].Health.Failures})
		}
	}
	return list, nil
}

// due lists what may be claimed, the one that is due longest first.
func (w *Webhooks) due(id webhooks.EndpointID, now int64) []*delivery {
	e := w.endpoints[id]
	if e == nil || e.Health.Disabled || e.Health.ResumeAt > now {
		return nil
	}
	var list []*delivery
	for at, d := range w.deliveries {
		if at.endpoint == id && d.Status == webhooks.Pending && d.NextTry <= now {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *delivery) int {
		return cmp.Or(cmp.Compare(a.NextTry, b.NextTry), strings.Compare(string(a.ID), string(b.ID)))
	})
	return list
}

func (w *Webhooks) Claim(_ context.Context, id webhooks.EndpointID, now, until int64, limit int) ([]webhooks.Job, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var jobs []webhooks.Job
	for _, d := range w.due(id, now) {
		if len(jobs) == limit {
			break
		}
		d.NextTry = until
		d.Attempts++
		d.claim++
		jobs = append(jobs, webhooks.Job{
			Endpoint: *w.endpoints[id], ID: d.ID, Type: d.Type, Body: d.body, Attempts: d.Attempts, Claim: d.claim, ExpiresAt: d.expiresAt,
		})
	}
	return jobs, nil
}

// claimed gives the delivery of a job, unless it was claimed again since.
func (w *Webhooks) claimed(j webhooks.Job) *delivery {
	d := w.deliveries[place{j.Endpoint.ID, j.ID}]
	if d == nil || d.claim != j.Claim || d.Status != webhooks.Pending {
		return nil
	}
	return d
}

func (w *Webhooks) Finish(_ context.Context, o webhooks.Outcome) (changed bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := w.claimed(o.Job); d != nil {
		d.Status, d.Last, d.NextTry = o.Status, o.Last, o.NextTry
		if o.Status != webhooks.Pending {
			d.expiresAt = o.Last.At + webhooks.KeptFor.Microseconds()
		}
	}
	e := w.endpoints[o.Job.Endpoint.ID]
	switch {
	case e == nil, e.Health.Disabled, o.Health == o.Job.Endpoint.Health:
		return false, nil
	case o.Status == webhooks.Delivered:
		changed = e.Health.Failures > 0
	default:
		changed = e.Health.Failures == o.Job.Endpoint.Health.Failures
	}
	if changed {
		e.Health = o.Health
	}
	return changed, nil
}

func (w *Webhooks) Release(_ context.Context, j webhooks.Job, now int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := w.claimed(j); d != nil {
		d.Attempts--
		d.NextTry = now
	}
	return nil
}

func (w *Webhooks) Sweep(_ context.Context, now int64, limit int) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	failed, gone, orphans := 0, 0, 0
	for at, d := range w.deliveries {
		switch {
		case w.deleted[at.endpoint] && orphans < limit:
			delete(w.deliveries, at)
			orphans++
		case d.Status == webhooks.Pending && d.expiresAt < now-webhooks.ExpiryGrace.Microseconds() && failed < limit:
			d.Status, d.NextTry, d.expiresAt = webhooks.Failed, 0, now+webhooks.KeptFor.Microseconds()
			d.Last = webhooks.Attempt{At: now, Reason: webhooks.ReasonExpired}
			failed++
		case d.Status != webhooks.Pending && d.expiresAt < now && gone < limit:
			delete(w.deliveries, at)
			gone++
		}
	}
	return failed + gone + orphans, nil
}

func (w *Webhooks) Pending(_ context.Context, limit int) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, d := range w.deliveries {
		if d.Status == webhooks.Pending && n < limit {
			n++
		}
	}
	return n, nil
}
