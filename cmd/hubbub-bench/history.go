package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"hubbub/chat/wire"
)

// logPage is a page of GET /v1/rooms/{room}/events.
type logPage struct {
	Epoch string            `json:"epoch"`
	Head  uint64            `json:"head"`
	Items []json.RawMessage `json:"items"`
}

func (r *rest) logPage(ctx context.Context, node int, room, token string, after uint64, limit int) (logPage, error) {
	var p logPage
	path := fmt.Sprintf("/v1/rooms/%s/events?after=%d&limit=%d", url.PathEscape(room), after, limit)
	err := r.insist(ctx, node, "GET", path, token, nil, &p)
	return p, err
}

// readLog gives a room's whole log to take, in the order of the answers, and
// returns where the log stood at the end. It holds one page at a time.
func (r *rest) readLog(ctx context.Context, node int, room, token string, take func(wire.EventFrame)) error {
	after := uint64(0)
	for {
		p, err := r.logPage(ctx, node, room, token, after, wire.MaxPage)
		if err != nil {
			return fmt.Errorf("read the history of %s: %w", room, err)
		}
		for _, raw := range p.Items {
			f, err := wire.ParseEvent(raw)
			if err != nil {
				return fmt.Errorf("read the history of %s: %w", room, err)
			}
			take(f)
			after = max(after, f.Seq)
		}
		if len(p.Items) == 0 || after >= p.Head {
			return nil
		}
	}
}

// around gives a few entries of a room's log on both sides of a seq.
func (r *rest) around(ctx context.Context, room, token string, seq uint64) ([]Entry, error) {
	from := seq - min(seq, 4)
	p, err := r.logPage(ctx, 0, room, token, from, 8)
	if err != nil {
		return nil, err
	}
	var list []Entry
	for _, raw := range p.Items {
		f, err := wire.ParseEvent(raw)
		if err != nil {
			return nil, err
		}
		list = append(list, Entry{Seq: f.Seq, ID: f.ClientID})
	}
	return list, nil
}
