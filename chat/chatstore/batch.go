package chatstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"hubbub/chat"
	"hubbub/chat/wire"
	"hubbub/internal/sqldb"
)

// batch is one run of the drafts for one room, within one transaction.
type batch struct {
	conn    sqldb.Conn
	dialect sqldb.Dialect
	drafts  []chat.Draft
	lookUp  bool   // look all client ids up before anything is stored
	sent    *batch // an earlier run whose COMMIT failed, or nil

	room      chat.RoomID
	epoch     chat.Epoch
	is        wire.RoomBody
	head      chat.Seq // before the batch
	messageNo uint64   // after what was accepted so far

	roles   map[chat.UserID]chat.Role // as they are after what was accepted so far
	owners  int                       // -1: not counted yet
	stored  map[clientKey]row         // what was found, or accepted, by client id
	targets map[chat.Seq]*target
	rows    []row // accepted, in order
	results []chat.Result
}

type clientKey struct {
	actor  chat.UserID
	client string
}

// row is a row of events.
type row struct {
	chat.Event
	hash      [sha256.Size]byte
	target    chat.Seq
	messageNo uint64
}

func newBatch(d sqldb.Dialect) *batch {
	return &batch{
		dialect: d, owners: -1, targets: map[chat.Seq]*target{},
		roles: map[chat.UserID]chat.Role{}, stored: map[clientKey]row{},
	}
}

// decideAll answers the drafts in their order, and takes the text of deleted
// messages out. Without rows there is nothing to write.
func (b *batch) decideAll(ctx context.Context) error {
	if err := b.loadStored(ctx); err != nil {
		return err
	}
	if b.sent != nil && b.committed(b.sent) {
		b.results = b.sent.results
		return nil
	}
	b.results = make([]chat.Result, len(b.drafts))
	b.rows = make([]row, 0, len(b.drafts))
	for i, d := range b.drafts {
		var err error
		if b.results[i], err = b.decide(ctx, d); err != nil {
			return err
		}
	}
	return b.erase(ctx)
}

func (b *batch) kind() chat.RoomKind { return chat.RoomKind(b.is.Kind) }
func (b *batch) next() chat.Seq      { return b.head + 1 + chat.Seq(len(b.rows)) }

// loadStored looks up the client ids of those drafts that may not be told from
// new ones otherwise. A repeated message runs into the unique key; a repeated
// "delete" would be refused before it comes to that.
func (b *batch) loadStored(ctx context.Context) error {
	clients := map[chat.UserID][]string{}
	for _, d := range b.drafts {
		if b.lookUp || d.Kind != chat.EventMessage {
			clients[d.Actor.ID] = append(clients[d.Actor.ID], d.ClientID)
		}
	}
	for actor, ids := range clients {
		if err := b.find(ctx, actor, ids); err != nil {
			return err
		}
	}
	return nil
}

// find reads the events of one actor with these client ids.
func (b *batch) find(ctx context.Context, actor chat.UserID, clients []string) error {
	for len(clients) > 0 {
		n := min(len(clients), sqldb.MaxIn)
		err := sqldb.Each(ctx, b.conn, func(rows *sql.Rows) error {
			r := row{Event: chat.Event{Room: b.room, Epoch: b.epoch}}
			if err := r.scan(rows); err != nil {
				return err
			}
			b.stored[clientKey{actor, r.ClientID}] = r
			return nil
		}, "SELECT "+rowColumns+" FROM events WHERE room_id=? AND actor_id=? AND client_id IN ("+sqldb.Marks(n)+")",
			sqldb.Args(clients[:n], b.room, actor)...)
		if err != nil {
			return fmt.Errorf("client ids: %w", err)
		}
		clients = clients[n:]
	}
	return nil
}

// decide answers one draft. The error is for the whole batch.
func (b *batch) decide(ctx context.Context, d chat.Draft) (chat.Result, error) {
	if result, ok := b.known(d); ok {
		return result, nil
	}
	body, err := b.change(ctx, d)
	if refusal, ok := errors.AsType[*chat.Error](err); ok {
		if d.Kind == chat.EventMessage && !b.lookUp {
			// Perhaps it was accepted once, when the actor was still a member.
			if err := b.find(ctx, d.Actor.ID, []string{d.ClientID}); err != nil {
				return chat.Result{}, err
			}
			if result, ok := b.known(d); ok {
				return result, nil
			}
		}
		return chat.Result{Err: refusal}, nil
	}
	if err != nil {
		return chat.Result{}, err
	}
	e := chat.Event{
		Room: b.room, Epoch: b.epoch, Seq: b.next(), Kind: d.Kind,
		Actor: d.Actor, ClientID: d.ClientID, At: d.At, Body: body,
	}
	if d.Kind == chat.EventMessage {
		b.messageNo++
	}
	r := row{Event: e, hash: d.Hash, target: d.Target, messageNo: b.messageNo}
	b.rows = append(b.rows, r)
	b.stored[clientKey{d.Actor.ID, d.ClientID}] = r
	return chat.Result{Event: e}, nil
}

// known answers a draft whose client id is stored, or stood earlier in the batch.
func (b *batch) known(d chat.Draft) (chat.Result, bool) {
	old, ok := b.stored[clientKey{d.Actor.ID, d.ClientID}]
	switch {
	case !ok:
		return chat.Result{}, false
	case old.hash != d.Hash:
		return chat.Result{Err: errOtherUse}, true
	}
	return chat.Result{Event: old.Event, Repeat: true}, true
}

// committed tells whether an earlier run of the same call, whose COMMIT failed,
// was carried out all the same.
func (b *batch) committed(sent *batch) bool {
	for _, r := range sent.rows {
		if b.stored[clientKey{r.Actor.ID, r.ClientID}].Seq != r.Seq {
			return false
		}
	}
	return true
}

// unknown puts err in place of what the batch would have stored.
func (b *batch) unknown(err error) {
	for i, r := range b.results {
		if r.Err == nil && r.Event.Seq > b.head {
			b.results[i] = chat.Result{Err: err}
		}
	}
}
