package chatstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"hubbub/chat"
	"hubbub/internal/sqldb"
)

// transaction appends to some rooms: one, whose lock it waits for, or several of
// which it takes those whose lock is free. It is what [sqldb.DB.Exchange] runs.
type transaction struct {
	dialect sqldb.Dialect
	batches []chat.Batch
	wait    bool
	lookUp  bool   // look all client ids up before anything is stored
	sent    *batch // an earlier run whose COMMIT failed, or nil

	runs []*batch // by the index of batches; nil for a room that is held, or not there
}

func newTransaction(d sqldb.Dialect, batches []chat.Batch, wait bool) *transaction {
	return &transaction{dialect: d, batches: batches, wait: wait, runs: make([]*batch, len(batches))}
}

// questions lock the rooms first, and then read the roles of all whom the drafts
// need. (A list of pairs instead of OR is compared one by one with every row.)
func (t *transaction) questions() []sqldb.Question {
	where := make([]string, len(t.batches))
	var args []any
	for i, b := range t.batches {
		users := concerned(b.Drafts)
		where[i] = "room_id=? AND user_id IN (" + sqldb.Marks(len(users)) + ")"
		args = append(append(args, b.Room), sqldb.Args(users)...)
	}
	return []sqldb.Question{t.lock(), {
		Statement: sqldb.Statement{Query: "SELECT room_id, user_id, role FROM members WHERE " + strings.Join(where, " OR "), Args: args},
		Scan:      t.scanRole,
	}}
}

// lock is the first question: from here on nobody else numbers events in these
// rooms or changes their members.
func (t *transaction) lock() sqldb.Question {
	ids := make([]any, len(t.batches))
	for i, b := range t.batches {
		ids[i] = b.Room
	}
	lock := t.dialect.SkipLocked()
	if t.wait {
		lock = t.dialect.ForUpdate()
	}
	return sqldb.Question{
		Statement: sqldb.Statement{Query: "SELECT id, epoch, kind, name, topic, last_seq, last_message_no FROM rooms" + t.dialect.ForceIndex("PRIMARY") +
			" WHERE id IN (" + sqldb.Marks(len(ids)) + ") ORDER BY id" + lock, Args: ids},
		Scan: t.scanRoom,
	}
}

// concerned lists whose roles the drafts need: those of all actors, and of the
// users that are to change.
func concerned(drafts []chat.Draft) []chat.UserID {
	ids := make([]chat.UserID, 0, len(drafts))
	seen := make(map[chat.UserID]bool, len(drafts))
	want := func(id chat.UserID) {
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	for _, d := range drafts {
		want(d.Actor.ID)
		if d.Member != nil {
			want(d.Member.User.ID)
		}
	}
	return ids
}

func (t *transaction) index(room chat.RoomID) int {
	return slices.IndexFunc(t.batches, func(b chat.Batch) bool { return b.Room == room })
}

func (t *transaction) scanRoom(rows *sql.Rows) error {
	b := newBatch(t.dialect)
	if err := rows.Scan(&b.room, &b.epoch, &b.is.Kind, &b.is.Name, &b.is.Topic, &b.head, &b.messageNo); err != nil {
		return fmt.Errorf("lock rooms: %w", err)
	}
	i := t.index(b.room)
	if i < 0 {
		return fmt.Errorf("the database gave a room that was not asked for: %s", b.room)
	}
	b.drafts, b.lookUp, b.sent = t.batches[i].Drafts, t.lookUp, t.sent
	t.runs[i] = b
	return nil
}

func (t *transaction) scanRole(rows *sql.Rows) error {
	var room chat.RoomID
	var user chat.UserID
	var role chat.Role
	if err := rows.Scan(&room, &user, &role); err != nil {
		return fmt.Errorf("members: %w", err)
	}
	if i := t.index(room); i >= 0 && t.runs[i] != nil {
		t.runs[i].roles[user] = role
	}
	return nil
}

// decide answers the drafts, and gives what is to be written of them.
func (t *transaction) decide(ctx context.Context, conn sqldb.Conn) ([]sqldb.Statement, error) {
	var rows []row
	var after []sqldb.Statement
	var changed []*batch
	for _, b := range t.runs {
		switch {
		case b == nil && t.wait:
			return nil, chat.NoRoom()
		case b == nil:
			continue
		}
		b.conn = conn
		if err := b.decideAll(ctx); err != nil {
			return nil, err
		}
		if len(b.rows) == 0 {
			continue
		}
		saved, err := b.saveTargets()
		if err != nil {
			return nil, err
		}
		rows, after, changed = append(rows, b.rows...), append(after, saved...), append(changed, b)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return slices.Concat(insertRows(rows), after, []sqldb.Statement{t.count(changed)}), nil
}

// count writes the counters of all rooms.
func (t *transaction) count(changed []*batch) sqldb.Statement {
	cases := strings.Repeat(" WHEN ? THEN ?", len(changed))
	var seqs, numbers, ids []any
	for _, b := range changed {
		seqs = append(seqs, b.room, b.next()-1)
		numbers = append(numbers, b.room, b.messageNo)
		ids = append(ids, b.room)
	}
	return sqldb.Statement{
		Query: "UPDATE rooms" + t.dialect.ForceIndex("PRIMARY") + " SET last_seq=CASE id" + cases + " END, last_message_no=CASE id" + cases +
			" END WHERE id IN (" + sqldb.Marks(len(ids)) + ")",
		Args: slices.Concat(seqs, numbers, ids),
	}
}
