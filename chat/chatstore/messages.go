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
		return s.newer(ctx, room, r.After, r.Limit)
	case r.Before != 0:
		return s.older(ctx, room, r.Before-1, r.Limit)
	case r.Around != 0:
		newer := r.Limit / 2
		page, more, err := s.older(ctx, room, r.Around, r.Limit-newer)
		if err != nil {
			return nil, false, err
		}
		rest, moreNewer, err := s.newer(ctx, room, r.Around, newer)
		return append(page, rest...), more || moreNewer, err
	}
	return s.older(ctx, room, maxSeq, r.Limit)
}

// older reads the last messages up to and including a seq.
func (s *Store) older(ctx context.Context, room chat.RoomID, upTo chat.Seq, limit int) ([]chat.Message, bool, error) {
	page, more, err := s.page(ctx, room, "e.seq<=? ORDER BY e.seq DESC", upTo, limit)
	slices.Reverse(page)
	return page, more, err
}

// newer reads the first messages after a seq.
func (s *Store) newer(ctx context.Context, room chat.RoomID, after chat.Seq, limit int) ([]chat.Message, bool, error) {
	return s.page(ctx, room, "e.seq>? ORDER BY e.seq", after, limit)
}

// page reads one message more than asked for, to tell whether there are more.
func (s *Store) page(ctx context.Context, room chat.RoomID, where string, seq chat.Seq, limit int) ([]chat.Message, bool, error) {
	var page []chat.Message
	err := s.read(ctx, "messages", func(rows *sql.Rows) error {
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
		page = append(page, m)
		return err
	}, "SELECT e.seq, e.actor_id, e.actor_name, e.client_id, e.body, e.at, "+revisionColumns+revisionJoin+
		" WHERE e.room_id=? AND e.kind=? AND "+where+" LIMIT ?", room, chat.EventMessage, min(seq, maxSeq), limit+1)
	if err != nil {
		return nil, false, err
	}
	if len(page) > limit {
		return page[:limit], true, nil
	}
	return page, false, nil
}
