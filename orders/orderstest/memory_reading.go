package orderstest

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"hubbub/orders"
)

// Order implements orders.Store.
func (m *Memory) Order(ctx context.Context, id orders.ID, customer string) (orders.Stored, error) {
	if err := m.enter(ctx, "Order"); err != nil {
		return orders.Stored{}, err
	}
	defer m.mu.Unlock()
	row := m.find(id, customer)
	if row == nil {
		return orders.Stored{}, orders.NoOrder()
	}
	return row.Stored, nil
}

// Lookup implements orders.Store.
func (m *Memory) Lookup(ctx context.Context, ids []orders.ID, customer string) ([]orders.Stored, error) {
	if err := m.enter(ctx, "Lookup"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var found []orders.Stored
	for i, id := range ids {
		if row := m.find(id, customer); row != nil && !slices.Contains(ids[:i], id) {
			found = append(found, row.Stored)
		}
	}
	return found, nil
}

// List implements orders.Store.
func (m *Memory) List(ctx context.Context, f orders.Filter) ([]orders.Stored, error) {
	if err := m.enter(ctx, "List"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var found []orders.Stored
	for id, row := range m.orders {
		if (f.Customer == "" || row.Customer == f.Customer) && (f.Status == "" || row.status == f.Status) &&
			(f.Number == "" || row.number == f.Number) && id >= f.From && (f.Below == "" || id < f.Below) {
			found = append(found, row.Stored)
		}
	}
	slices.SortFunc(found, func(a, b orders.Stored) int { return strings.Compare(string(b.ID), string(a.ID)) })
	return found[:min(len(found), f.Limit)], nil
}

// History implements orders.Store.
func (m *Memory) History(ctx context.Context, id orders.ID, customer string, after uint64, limit int) ([]orders.Event, error) {
	if err := m.enter(ctx, "History"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	row := m.find(id, customer)
	if row == nil {
		return nil, orders.NoOrder()
	}
	return page(row.events, after, limit), nil
}

// page is what comes after so many events.
func page(log []orders.Event, after uint64, limit int) []orders.Event {
	from := min(after, uint64(len(log)))
	return slices.Clone(log[from:min(int(from)+limit, len(log))])
}

// Since implements orders.Store.
func (m *Memory) Since(ctx context.Context, customer string, after uint64, limit int) (orders.Head, []orders.Event, error) {
	if err := m.enter(ctx, "Since"); err != nil {
		return orders.Head{}, nil, err
	}
	defer m.mu.Unlock()
	return m.head(customer), page(m.logs[customer], after, limit), nil
}

func (m *Memory) head(customer string) orders.Head {
	return orders.Head{Epoch: m.epoch, Seq: uint64(len(m.logs[customer]))}
}

// Heads implements orders.Store.
func (m *Memory) Heads(ctx context.Context, customers []string) (map[string]orders.Head, error) {
	if err := m.enter(ctx, "Heads"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	heads := map[string]orders.Head{}
	for _, c := range customers {
		heads[c] = m.head(c)
	}
	return heads, nil
}

// SweepKeys implements orders.Store.
func (m *Memory) SweepKeys(ctx context.Context, before int64, limit int) (int, error) {
	if err := m.enter(ctx, "SweepKeys"); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	var old []keyID
	for id, r := range m.keys {
		if r.at < before {
			old = append(old, id)
		}
	}
	slices.SortFunc(old, func(a, b keyID) int { return cmp.Compare(m.keys[a].at, m.keys[b].at) })
	old = old[:min(len(old), limit)]
	for _, id := range old {
		delete(m.keys, id)
	}
	return len(old), nil
}
