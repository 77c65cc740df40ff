package chatstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"hubbub/chat"
	"hubbub/internal/sqldb"
)

// AppendAll implements [chat.Store]. It costs six round trips however many rooms
// there are. It takes only the rooms whose lock is free, so it waits for nobody
// and nobody who holds a lock waits for it: whatever does not go smoothly is
// left to Append, which knows of repeats, retries and outages.
func (s *Store) AppendAll(ctx context.Context, batches []chat.Batch) []chat.Outcome {
	ctx = context.WithoutCancel(ctx)
	out := make([]chat.Outcome, len(batches))
	if len(batches) == 0 {
		return out
	}
	t := &several{dialect: s.db.Dialect, batches: batches, runs: make([]*batch, len(batches))}
	err := s.db.Tx(ctx, t.run)
	commit, unknown := errors.AsType[*sqldb.CommitError](err)
	switch {
	case errors.Is(err, sqldb.ErrBusy): // one by one they would only make it worse
		return slices.Repeat([]chat.Outcome{{Err: s.fail("append all", err)}}, len(batches))
	case err != nil && !unknown && !errors.Is(err, errHeld):
		return slices.Repeat([]chat.Outcome{{Alone: true}}, len(batches))
	}
	if unknown {
		s.log.WarnContext(ctx, "COMMIT failed, looking its outcome up", "op", "append all", "error", err)
	}
	var settling sync.WaitGroup
	defer settling.Wait()
	for i, b := range t.runs {
		switch {
		case b == nil:
			out[i].Held = true
		case unknown: // of some dozen rooms at most, for outcomeTime
			settling.Go(func() {
				out[i].Results, out[i].Err = s.append(ctx, b.room, b.drafts, b, commit)
			})
		default:
			out[i] = chat.Outcome{Results: b.results}
		}
	}
	return out
}

// several is a run of AppendAll, within one transaction.
type several struct {
	tx      *sql.Tx
	dialect sqldb.Dialect
	batches []chat.Batch
	runs    []*batch // by the index of batches; nil for a room that is held
}

// errHeld rolls back what has no room to write to.
var errHeld = errors.New("chatstore: no room is free")

func (t *several) run(ctx context.Context, tx *sql.Tx) error {
	t.tx = tx
	if err := t.lock(ctx); err != nil {
		return err
	}
	if err := t.loadRoles(ctx); err != nil {
		return err
	}
	var rows []row
	var changed []*batch
	for _, b := range t.runs {
		if b == nil {
			continue
		}
		if err := b.decideAll(ctx); err != nil {
			return err
		}
		if len(b.rows) > 0 {
			rows, changed = append(rows, b.rows...), append(changed, b)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := insertRows(ctx, tx, rows); err != nil {
		return err
	}
	return t.count(ctx, changed)
}

// lock is the first statement, as in [batch.lock]; a room whose row somebody
// holds is passed over.
func (t *several) lock(ctx context.Context) error {
	ids := make([]chat.RoomID, len(t.batches))
	for i, b := range t.batches {
		ids[i] = b.Room
	}
	err := sqldb.Each(ctx, t.tx, func(rows *sql.Rows) error {
		b := newBatch(t.tx, t.dialect, nil)
		if err := rows.Scan(&b.room, &b.epoch, &b.is.Kind, &b.is.Name, &b.is.Topic, &b.head, &b.messageNo); err != nil {
			return err
		}
		i := slices.Index(ids, b.room)
		if i < 0 {
			return fmt.Errorf("the database gave a room that was not asked for: %s", b.room)
		}
		b.drafts, t.runs[i] = t.batches[i].Drafts, b
		return nil
	}, "SELECT id, epoch, kind, name, topic, last_seq, last_message_no FROM rooms"+t.dialect.ForceIndex("PRIMARY")+
		" WHERE id IN ("+sqldb.Marks(len(ids))+") ORDER BY id"+t.dialect.SkipLocked(), sqldb.Args(ids)...)
	if err != nil {
		return fmt.Errorf("lock rooms: %w", err)
	}
	if !slices.ContainsFunc(t.runs, func(b *batch) bool { return b != nil }) {
		return errHeld
	}
	return nil
}

// loadRoles reads the roles of all actors in their rooms.
func (t *several) loadRoles(ctx context.Context) error {
	runs := make(map[chat.RoomID]*batch, len(t.runs))
	var where []string
	var args []any
	for _, b := range t.runs {
		if b == nil {
			continue
		}
		runs[b.room] = b
		ids := b.actors()
		where = append(where, "room_id=? AND user_id IN ("+sqldb.Marks(len(ids))+")")
		args = append(append(args, b.room), sqldb.Args(ids)...)
	}
	err := sqldb.Each(ctx, t.tx, func(rows *sql.Rows) error {
		var room chat.RoomID
		var user chat.UserID
		var role chat.Role
		if err := rows.Scan(&room, &user, &role); err != nil {
			return err
		}
		runs[room].roles[user] = role
		return nil
	}, "SELECT room_id, user_id, role FROM members WHERE "+strings.Join(where, " OR "), args...)
	if err != nil {
		return fmt.Errorf("members: %w", err)
	}
	return nil
}

// count writes the counters of all rooms.
func (t *several) count(ctx context.Context, changed []*batch) error {
	cases := strings.Repeat(" WHEN ? THEN ?", len(changed))
	var seqs, numbers, ids []any
	for _, b := range changed {
		seqs = append(seqs, b.room, b.next()-1)
		numbers = append(numbers, b.room, b.messageNo)
		ids = append(ids, b.room)
	}
	_, err := t.tx.ExecContext(ctx, "UPDATE rooms"+t.dialect.ForceIndex("PRIMARY")+" SET last_seq=CASE id"+cases+" END, last_message_no=CASE id"+cases+
		" END WHERE id IN ("+sqldb.Marks(len(ids))+")", slices.Concat(seqs, numbers, ids)...)
	if err != nil {
		return fmt.Errorf("counters: %w", err)
	}
	return nil
}
