package orderstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"hubbub/internal/sqldb"
	"hubbub/orders"
)

// Place implements [orders.Store].
func (s *Store) Place(ctx context.Context, p orders.Placing) (orders.Reply, error) {
	c := call{s: s, customer: p.Order.CustomerID, key: &p.Key, actor: p.Actor, at: p.At}
	var err error
	if c.order, err = binary(p.Order.ID); err != nil {
		return orders.Reply{}, err
	}
	var o orders.Order
	c.foresee = func() orders.Stored {
		o = p.Order
		o.Number, o.CreatedAt = s.number(), p.At
		return c.next(&o, 1)
	}
	c.change = func(ctx context.Context, tx *sql.Tx) (orders.Stored, orders.Order, orders.Event, error) {
		stored := c.reply.Stored
		_, err := tx.ExecContext(ctx, "INSERT INTO orders (id, customer_id, shop, number, status, version, doc) VALUES (?,?,?,?,?,?,?)",
			c.order[:], o.CustomerID, o.Shop, o.Number, o.Status, o.Version, stored.Doc)
		if sqldb.IsDuplicate(err) { // the shop has the number
			err = sqldb.ErrAgain
		}
		return stored, o, orders.Event{Kind: orders.EventPlaced}, err
	}
	return c.carryOut(ctx, "place order")
}

// Change implements [orders.Store].
func (s *Store) Change(ctx context.Context, ch orders.Change) (orders.Reply, error) {
	c := call{s: s, key: ch.Key, actor: ch.Actor, at: ch.At, message: ch.Message}
	var err error
	if c.customer, err = s.owner(ctx, ch.ID, ch.Customer); err != nil {
		return orders.Reply{}, err
	}
	c.order, _ = ch.ID.Binary()
	c.change = func(ctx context.Context, tx *sql.Tx) (was orders.Stored, o orders.Order, e orders.Event, err error) {
		was = orders.Stored{ID: ch.ID, Customer: c.customer}
		if err := tx.QueryRowContext(ctx, "SELECT version, doc FROM orders WHERE id=?"+s.db.Dialect.ForUpdate(), c.order[:]).
			Scan((*countColumn)(&was.Version), &was.Doc); err != nil {
			return was, o, e, fmt.Errorf("read order: %w", err)
		}
		if o, err = orders.Parse(was.Doc); err != nil {
			return was, o, e, err
		}
		if e, err = ch.Apply(&o); err != nil || e.Kind == "" {
			return was, o, e, err
		}
		stored := c.next(&o, was.Version+1)
		_, err = tx.ExecContext(ctx, "UPDATE orders SET status=?, version=?, doc=? WHERE id=?", o.Status, o.Version, stored.Doc, c.order[:])
		return stored, o, e, err
	}
	return c.carryOut(ctx, "change order")
}

// binary is the id of an order that is to be stored.
func binary(id orders.ID) ([16]byte, error) {
	b, ok := id.Binary()
	if !ok {
		return b, fmt.Errorf("orderstore: %q is no id", id)
	}
	return b, nil
}

// call is one call that changes an order, through all the runs of its transaction.
type call struct {
	s        *Store
	order    [16]byte
	customer string
	key      *orders.Key // nil: not repeatable by a key
	keyID    keyID
	actor    orders.Actor
	at       int64
	event    string // the random id of what it stores
	// foresee makes what the order will be, where that does not depend on what it
	// was: the key's row then is whole from the first. Nil where it does.
	foresee func() orders.Stored
	// change makes and stores the order as it is from now on; an event without a
	// kind says that it stays as it was.
	change  func(ctx context.Context, tx *sql.Tx) (orders.Stored, orders.Order, orders.Event, error)
	message func(orders.Order, orders.Event) string // may be nil

	reply orders.Reply  // of the last run
	sent  *orders.Reply // of the last run that came to its COMMIT
}

// next makes what is stored of an order with that version.
func (c *call) next(o *orders.Order, version uint64) orders.Stored {
	c.at = max(c.at, o.UpdatedAt) // it was taken before the lock
	o.Version, o.UpdatedAt = version, c.at
	return orders.Stored{ID: o.ID, Customer: c.customer, Version: version, Doc: orders.Append(nil, *o)}
}

func (c *call) carryOut(ctx context.Context, op string) (orders.Reply, error) {
	if c.key != nil {
		c.keyID = newKeyID(*c.key)
		leave, err := c.s.running.enter(ctx, c.keyID)
		if err != nil {
			return orders.Reply{}, err
		}
		defer leave()
	}
	c.event = rand.Text()
	err := c.s.write(ctx, op, func(ctx context.Context, tx *sql.Tx) error {
		c.reply = orders.Reply{}
		err := c.run(ctx, tx)
		if err == nil {
			sent := c.reply
			c.sent = &sent
		}
		return err
	})
	if err != nil {
		return orders.Reply{}, err
	}
	return c.reply, nil
}

// run is one run, within one transaction. An error means that it must be rolled
// back; errDone, that there is a reply and nothing to commit.
func (c *call) run(ctx context.Context, tx *sql.Tx) error {
	if c.foresee != nil {
		c.reply.Stored = c.foresee()
	}
	if c.key != nil {
		old, err := c.claim(ctx, tx)
		if err != nil {
			return err
		}
		if old != nil {
			c.reply = orders.Reply{Stored: *old, Replayed: true}
			return c.unlessSent(ctx, tx, errDone)
		}
	}
	seq, err := c.s.db.Dialect.Increment(ctx, tx, "order_logs", "last_seq", "customer_id", c.customer)
	if errors.Is(err, sql.ErrNoRows) {
		return orders.ErrNoLog
	}
	if err != nil {
		return fmt.Errorf("lock the log: %w", err)
	}
	if err := c.unlessSent(ctx, tx, nil); err != nil {
		return err
	}
	stored, o, e, err := c.change(ctx, tx)
	if err != nil {
		return err
	}
	c.reply.Stored = stored
	if e.Kind == "" {
		return errDone
	}
	e.Order, e.Number, e.Customer, e.To = o.ID, o.Number, o.CustomerID, o.Status
	e.Version, e.Seq, e.Actor, e.At = o.Version, seq, c.actor, c.at
	c.reply.Event = &e
	return c.log(ctx, tx, o, e)
}

// claim takes the call's key; old is what an earlier call with it was told.
func (c *call) claim(ctx context.Context, tx *sql.Tx) (old *orders.Stored, err error) {
	old, err = c.s.claim(ctx, tx, c.keyID, c.key, c.reply.Stored, c.at)
	if sqldb.IsLockWait(err) && c.sent == nil {
		return nil, errKeyRunning
	}
	return old, err
}

// unlessSent gives otherwise, unless an earlier run, whose COMMIT failed, was
// carried out all the same: then the reply is that run's.
func (c *call) unlessSent(ctx context.Context, tx *sql.Tx, otherwise error) error {
	if c.sent == nil {
		return otherwise
	}
	var id string
	err := tx.QueryRowContext(ctx, "SELECT id FROM order_events WHERE order_id=? AND version=?", c.order[:], c.sent.Version).Scan(&id)
	switch {
	case err == nil && id == c.event:
		c.reply = *c.sent
		return errDone
	case err == nil, errors.Is(err, sql.ErrNoRows):
		return otherwise
	}
	return fmt.Errorf("look for the event: %w", err)
}

// log stores what is told of the change, in all its places.
func (c *call) log(ctx context.Context, tx *sql.Tx, o orders.Order, e orders.Event) error {
	if err := insertEvent(ctx, tx, c.event, e); err != nil {
		return err
	}
	if c.key != nil && c.foresee == nil {
		if err := fill(ctx, tx, c.keyID, c.reply.Stored); err != nil {
			return err
		}
	}
	if c.s.outbox != nil {
		if err := c.s.outbox(ctx, tx, o, e); err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
	}
	if c.message == nil {
		return nil
	}
	text := c.message(o, e)
	if text == "" {
		return nil
	}
	room := o.RoomID
	if room == "" {
		// Its room may have been made a moment ago, by a node that died before it
		// could say so here.
		var err error
		if room, err = c.s.rooms.OrderRoom(ctx, tx, string(o.ID)); err != nil {
			return fmt.Errorf("look for the room: %w", err)
		}
		if room == "" {
			return nil
		}
	}
	told, err := c.s.rooms.AppendSystem(ctx, tx, room, messageID(e), text, c.at)
	if err != nil {
		return fmt.Errorf("tell the room: %w", err)
	}
	c.reply.Message = &told
	return nil
}

// messageID is the client id of the message about an event: a client that shows
// the customer's stream and the room can tell that the two are one.
func messageID(e orders.Event) string {
	return "order/" + string(e.Order) + "/" + strconv.FormatUint(e.Version, 10)
}
