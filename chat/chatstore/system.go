package chatstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/internal/sqldb"
)

// AppendSystem lets the server itself say something in a room, within a
// transaction of somebody else: it is there exactly if that commits. It locks
// the room's row until then, so a caller takes its own locks first, and asks for
// one room only. The result is to be published after COMMIT.
//
// The client id makes it one message: when the transaction is run again after a
// COMMIT whose outcome was not heard, the message of the first run is given. The
// same id with another text is an error, as is a room that is not there.
func (s *Store) AppendSystem(ctx context.Context, tx *sql.Tx, room, clientID, text string, at int64) (bus.Event, error) {
	d, err := chat.SystemDraft(clientID, text, at)
	if err != nil {
		return bus.Event{}, err
	}
	t := newTransaction(s.db.Dialect, []chat.Batch{{Room: chat.RoomID(room)}}, true)
	lock := t.lock()
	if err := sqldb.Each(ctx, tx, lock.Scan, lock.Query, lock.Args...); err != nil {
		return bus.Event{}, fmt.Errorf("chatstore: system message: %w", err)
	}
	b := t.runs[0]
	if b == nil {
		return bus.Event{}, fmt.Errorf("chatstore: system message: %w", chat.NoRoom())
	}
	b.conn = tx
	if err := b.find(ctx, d.Actor.ID, []string{d.ClientID}); err != nil {
		return bus.Event{}, fmt.Errorf("chatstore: system message: %w", err)
	}
	if old, ok := b.known(d); ok {
		if old.Err != nil {
			return bus.Event{}, fmt.Errorf("chatstore: system message %q: %w", clientID, old.Err)
		}
		return old.Event.Hint(), nil
	}
	r := row{hash: d.Hash, messageNo: b.messageNo + 1, Event: chat.Event{
		Room: b.room, Epoch: b.epoch, Seq: b.next(), Kind: d.Kind,
		Actor: d.Actor, ClientID: d.ClientID, At: d.At, Body: d.Body,
	}}
	b.rows, b.messageNo = []row{r}, r.messageNo
	if err := execAll(ctx, tx, append(insertRows(b.rows), t.count([]*batch{b}))); err != nil {
		return bus.Event{}, fmt.Errorf("chatstore: system message: %w", err)
	}
	return r.Event.Hint(), nil
}

// OrderRoom finds the room of an order within a transaction of somebody else; ""
// while there is none.
func (s *Store) OrderRoom(ctx context.Context, tx *sql.Tx, order string) (string, error) {
	var room string
	key := chat.NewRoom{Kind: chat.Order, OrderID: order}.Key()
	err := tx.QueryRowContext(ctx, "SELECT id FROM rooms WHERE direct_key=?", key).Scan(&room)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("chatstore: room of an order: %w", err)
	}
	return room, nil
}
