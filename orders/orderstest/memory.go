// Package orderstest helps to test what is built on the store of orders: a store
// in memory that fails and stalls on demand, and the suite that every store
// passes. It is for tests only.
package orderstest

import (
	"context"
	"crypto/rand"
	"sync"

	"hubbub/bus"
	"hubbub/orders"
)

// Memory is an orders.Store in memory: one lock, plain loops, so that it is
// right at a glance. It keeps everything for ever.
type Memory struct {
	epoch string

	mu     sync.Mutex
	hooks  map[string]func(context.Context) error
	orders map[orders.ID]*order
	logs   map[string][]orders.Event // by customer; log[i] has the seq i+1
	keys   map[keyID]reply
	rooms  map[string]uint64 // messages in each room
}

var _ orders.Store = (*Memory)(nil)

// order is an order as it is now, with its history: events[i] has the version i+1.
type order struct {
	orders.Stored
	number string
	shop   string
	status orders.Status
	events []orders.Event
}

type keyID struct{ owner, value string }

// reply is what the first call with a key was told.
type reply struct {
	fingerprint [32]byte
	stored      orders.Stored
	at          int64
}

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{
		epoch:  rand.Text(),
		hooks:  map[string]func(context.Context) error{},
		orders: map[orders.ID]*order{},
		logs:   map[string][]orders.Event{},
		keys:   map[keyID]reply{},
		rooms:  map[string]uint64{},
	}
}

// Hook calls f at the start of every call of the named method ("Place",
// "Lookup", …), in place of an earlier hook; nil takes the hook away. The method
// fails with what f returns. It waits while f does, and holds no lock meanwhile.
func (m *Memory) Hook(method string, f func(context.Context) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f == nil {
		delete(m.hooks, method)
		return
	}
	m.hooks[method] = f
}

// Fail makes the named method fail with err from now on; nil ends that.
func (m *Memory) Fail(method string, err error) {
	if err == nil {
		m.Hook(method, nil)
		return
	}
	m.Hook(method, func(context.Context) error { return err })
}

// enter runs the method's hook and takes the lock, which the caller releases
// unless enter failed.
func (m *Memory) enter(ctx context.Context, method string) error {
	m.mu.Lock()
	hook := m.hooks[method]
	if hook != nil {
		m.mu.Unlock()
		if err := hook(ctx); err != nil {
			return err
		}
		m.mu.Lock()
	}
	return nil
}

// Epoch implements orders.Store.
func (m *Memory) Epoch() string { return m.epoch }

// OpenLog implements orders.Store.
func (m *Memory) OpenLog(ctx context.Context, customer string) error {
	if err := m.enter(ctx, "OpenLog"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if _, ok := m.logs[customer]; !ok {
		m.logs[customer] = nil
	}
	return nil
}

// Place implements orders.Store.
func (m *Memory) Place(ctx context.Context, p orders.Placing) (orders.Reply, error) {
	if err := m.enter(ctx, "Place"); err != nil {
		return orders.Reply{}, err
	}
	defer m.mu.Unlock()
	if old, known, err := m.known(&p.Key); known {
		return old, err
	}
	if _, ok := m.logs[p.Order.CustomerID]; !ok {
		return orders.Reply{}, orders.ErrNoLog
	}
	o := p.Order
	for o.Number = orders.NewNumber(); m.taken(o.Shop, o.Number); o.Number = orders.NewNumber() {
	}
	o.CreatedAt = p.At
	row := &order{number: o.Number, shop: o.Shop}
	m.orders[o.ID] = row
	return m.commit(row, o, orders.Event{Kind: orders.EventPlaced}, p.Actor, p.At, &p.Key), nil
}

// known answers a call whose key is known.
func (m *Memory) known(k *orders.Key) (orders.Reply, bool, error) {
	if k == nil {
		return orders.Reply{}, false, nil
	}
	old, ok := m.keys[keyID{k.Owner, k.Value}]
	switch {
	case !ok:
		return orders.Reply{}, false, nil
	case old.fingerprint != k.Fingerprint:
		return orders.Reply{}, true, orders.KeyReused()
	}
	return orders.Reply{Stored: old.stored, Replayed: true}, true, nil
}

func (m *Memory) taken(shop, number string) bool {
	for _, o := range m.orders {
		if o.shop == shop && o.number == number {
			return true
		}
	}
	return false
}

// commit stores the order with one event more.
func (m *Memory) commit(row *order, o orders.Order, e orders.Event, by orders.Actor, at int64, k *orders.Key) orders.Reply {
	o.Version, o.UpdatedAt = row.Version+1, at
	e.Order, e.Number, e.Customer, e.To, e.Actor, e.At = o.ID, o.Number, o.CustomerID, o.Status, by, at
	e.Version, e.Seq = o.Version, uint64(len(m.logs[o.CustomerID])+1)

	row.Stored = orders.Stored{ID: o.ID, Customer: o.CustomerID, Version: o.Version, Doc: orders.Append(nil, o)}
	row.status = o.Status
	row.events = append(row.events, e)
	m.logs[o.CustomerID] = append(m.logs[o.CustomerID], e)
	if k != nil {
		m.keys[keyID{k.Owner, k.Value}] = reply{k.Fingerprint, row.Stored, at}
	}
	return orders.Reply{Stored: row.Stored, Event: &e}
}

// Change implements orders.Store.
func (m *Memory) Change(ctx context.Context, c orders.Change) (orders.Reply, error) {
	if err := m.enter(ctx, "Change"); err != nil {
		return orders.Reply{}, err
	}
	defer m.mu.Unlock()
	row := m.find(c.ID, c.Customer)
	if row == nil {
		return orders.Reply{}, orders.NoOrder()
	}
	if old, known, err := m.known(c.Key); known {
		return old, err
	}
	o, err := orders.Parse(row.Doc)
	if err != nil {
		return orders.Reply{}, err
	}
	e, err := c.Apply(&o)
	if err != nil {
		return orders.Reply{}, err
	}
	if e.Kind == "" {
		return orders.Reply{Stored: row.Stored}, nil
	}
	r := m.commit(row, o, e, c.Actor, c.At, c.Key)
	if c.Message != nil && o.RoomID != "" {
		if text := c.Message(o, *r.Event); text != "" {
			r.Message = m.say(o.RoomID, text, c.At)
		}
	}
	return r, nil
}

// say puts a system message into a room.
func (m *Memory) say(room, text string, at int64) *bus.Event {
	m.rooms[room]++
	return &bus.Event{
		Topic: bus.Topic("room/" + room), Kind: bus.Log, Epoch: m.epoch, First: m.rooms[room], At: at,
		Frames: [][]byte{[]byte(text)},
	}
}

// find is nil for an order that is absent, or not the customer's.
func (m *Memory) find(id orders.ID, customer string) *order {
	row := m.orders[id]
	if row == nil || customer != "" && row.Customer != customer {
		return nil
	}
	return row
}
