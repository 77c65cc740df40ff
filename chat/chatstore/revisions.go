package chatstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"hubbub/chat"
	"hubbub/internal/sqldb"
)

// target is a message that the drafts of a batch refer to.
type target struct {
	chat.Revision
	author  chat.UserID
	changed bool // to be saved
	erase   bool // its text has to go
}

// target loads a message, or gives nil if there is none of that number. It
// finds those that the same batch has accepted, too.
func (b *batch) target(ctx context.Context, seq chat.Seq) (*target, error) {
	if t, ok := b.targets[seq]; ok {
		return t, nil
	}
	t := &target{}
	if seq > b.head {
		if seq >= b.next() || b.rows[seq-b.head-1].Kind != chat.EventMessage {
			return nil, nil
		}
		t.author = b.rows[seq-b.head-1].Actor.ID
		b.targets[seq] = t
		return t, nil
	}
	var r revisionRow
	err := b.conn.QueryRowContext(ctx, "SELECT e.actor_id, "+revisionColumns+revisionJoin+
		" WHERE e.room_id=? AND e.seq=? AND e.kind=?", b.room, seq, chat.EventMessage).
		Scan(append([]any{&t.author}, r.fields()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("message %d: %w", seq, err)
	}
	if t.Revision, err = r.revision(); err != nil {
		return nil, fmt.Errorf("message %d: %w", seq, err)
	}
	b.targets[seq] = t
	return t, nil
}

// saveTargets gives what stores what happened to messages.
func (b *batch) saveTargets() ([]sqldb.Statement, error) {
	var out []sqldb.Statement
	for seq, t := range b.targets {
		if !t.changed {
			continue
		}
		reactions, err := json.Marshal(t.Reactions)
		if err != nil {
			return nil, fmt.Errorf("reactions: %w", err)
		}
		edits, err := json.Marshal(t.Edits)
		if err != nil {
			return nil, fmt.Errorf("edits: %w", err)
		}
		out = append(out, sqldb.Statement{
			Query: "INSERT INTO revisions (room_id, seq, kind, text, edited_at, deleted, pinned, reactions, edit_seqs)" +
				" VALUES (?,?,?,?,?,?,?,?,?)" + b.dialect.Upsert([]string{"room_id", "seq"},
				"kind", "text", "edited_at", "deleted", "pinned", "reactions", "edit_seqs"),
			Args: []any{b.room, seq, t.Kind, t.Text, t.EditedAt, t.Deleted, t.Pinned, string(reactions), string(edits)},
		})
	}
	return out, nil
}

// erase takes the text of deleted messages, and of their edits, out of the log:
// out of rows that are stored, and of those that are about to be.
func (b *batch) erase(ctx context.Context) error {
	for seq, t := range b.targets {
		if !t.erase {
			continue
		}
		for _, seq := range append([]chat.Seq{seq}, t.Edits...) {
			if err := b.eraseEvent(ctx, seq); err != nil {
				return fmt.Errorf("erase %d: %w", seq, err)
			}
		}
	}
	return nil
}

func (b *batch) eraseEvent(ctx context.Context, seq chat.Seq) error {
	if seq > b.head {
		r := &b.rows[seq-b.head-1]
		body, err := chat.Erased(r.Kind, r.Body)
		r.Body = body
		return err
	}
	var kind chat.EventKind
	var body []byte
	if err := b.conn.QueryRowContext(ctx, "SELECT kind, body FROM events WHERE room_id=? AND seq=?", b.room, seq).
		Scan(&kind, &body); err != nil {
		return err
	}
	body, err := chat.Erased(kind, body)
	if err != nil {
		return err
	}
	_, err = b.conn.ExecContext(ctx, "UPDATE events SET body=? WHERE room_id=? AND seq=?", string(body), b.room, seq)
	return err
}

// Columns of revisions v, for messages e that may have none.
const (
	revisionColumns = "v.kind, v.text, v.edited_at, v.deleted, v.pinned, v.reactions, v.edit_seqs"
	revisionJoin    = " FROM events e LEFT JOIN revisions v ON v.room_id=e.room_id AND v.seq=e.seq"
)

type revisionRow struct {
	kind, text       sql.NullString
	editedAt         sql.NullInt64
	deleted, pinned  sql.NullBool
	reactions, edits []byte
}

func (r *revisionRow) fields() []any {
	return []any{&r.kind, &r.text, &r.editedAt, &r.deleted, &r.pinned, &r.reactions, &r.edits}
}

func (r *revisionRow) revision() (chat.Revision, error) {
	out := chat.Revision{
		Kind: r.kind.String, Text: r.text.String, EditedAt: r.editedAt.Int64,
		Deleted: r.deleted.Bool, Pinned: r.pinned.Bool,
	}
	if r.reactions == nil {
		return out, nil
	}
	if err := json.Unmarshal(r.reactions, &out.Reactions); err != nil {
		return out, fmt.Errorf("reactions: %w", err)
	}
	if err := json.Unmarshal(r.edits, &out.Edits); err != nil {
		return out, fmt.Errorf("edits: %w", err)
	}
	return out, nil
}
