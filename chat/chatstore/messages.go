package chatstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"hubbub/chat"
)

// Messages implements [chat.Store].
func (s *Store) Messages(ctx context.Context, room chat.RoomID, r chat.Range) ([]chat.Message, bool, error) {
	switch {
	case r.After != 0:
		return s.newer(ctx, room, r.After, page[chat.Message]{limit: r.Limit, room: chat.MaxRead})
	case r.Before != 0:
		return s.older(ctx, room, r.Before, page[chat.Message]{limit: r.Limit, room: chat.MaxRead})
	case r.Around != 0:
		newer := page[chat.Message]{limit: r.Limit / 2, room: chat.MaxRead / 2}
		older := page[chat.Message]{limit: r.Limit - newer.limit, room: chat.MaxRead / 2}
		items, more, err := s.older(ctx, room, min(r.Around, maxSeq)+1, older)
		if err != nil {
			return nil, false, err
		}
		rest, moreNewer, err := s.newer(ctx, room, r.Around, newer)
		return append(items, rest...), more || moreNewer, err
	}
	return s.older(ctx, room, maxSeq, page[chat.Message]{limit: r.Limit, room: chat.MaxRead})
}

// older reads the last messages before a seq.
func (s *Store) older(ctx context.Context, room chat.RoomID, before chat.Seq, p page[chat.Message]) ([]chat.Message, bool, error) {
	err := s.messages(ctx, room, "e.seq<? ORDER BY e.seq DESC", before, &p)
	slices.Reverse(p.items)
	return p.items, p.full, err
}

// newer reads the first messages after a seq.
func (s *Store) newer(ctx context.Context, room chat.RoomID, after chat.Seq, p page[chat.Message]) ([]chat.Message, bool, error) {
	err := s.messages(ctx, room, "e.seq>? ORDER BY e.seq", after, &p)
	return p.items, p.full, err
}

// messages fills a page with what is beyond a seq.
func (s *Store) messages(ctx context.Context, room chat.RoomID, beyond string, seq chat.Seq, p *page[chat.Message]) error {
	query := "SELECT e.seq, e.actor_id, e.actor_name, e.client_id, e.body, e.at, " + revisionColumns + revisionJoin +
		" WHERE e.room_id=? AND e.kind=? AND " + beyond + " LIMIT ?"
	return p.fill(func(n int) error {
		if last := len(p.items); last > 0 {
			seq = p.items[last-1].Seq
		}
		return s.read(ctx, "messages", func(rows *sql.Rows) error {
			e := chat.Event{Room: room, Kind: chat.EventMessage}
			var v revisionRow
			if err := rows.Scan(append([]any{&e.Seq, &e.Actor.ID, &e.Actor.Name, &e.ClientID, &e.Body, &e.At}, v.fields()...)...); err != nil {
				return err
			}
			revision, err := v.revision()
			if err != nil {
				return fmt.Errorf("message %d: %w", e.Seq, err)
			}
			m, err := revision.Message(e)
			if err != nil {
				return err
			}
			return p.add(m, m.Size())
		}, query, room, chat.EventMessage, min(seq, maxSeq), n)
	})
}
