package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hubbub/chat/wire"
)

const pagePrefix = "page-"

// pages measures members of one room who ask for pages of its history, at
// random places.
func (l *load) pages(ctx context.Context, c *crowd, p pace) (Phase, error) {
	if err := c.connect(ctx); err != nil {
		return Phase{}, err
	}
	room := c.rooms[0]
	if err := l.fill(ctx, c, max(0, l.o.Events-room.posted())); err != nil {
		return Phase{}, err
	}
	m := newMeter()
	c.meter.Store(m)
	r := l.random(p.run)
	head := room.length()
	least := head - min(head, uint64(l.o.Events)) + uint64(l.o.Page) // below there may be fewer
	ph, err := l.paced(ctx, c, p, work{main: toPage, unit: "page", answers: true, send: func(due time.Duration) {
		c.ask(m, c.members[0][r.IntN(len(c.members[0]))], room, least+1+r.Uint64N(head-least), due)
	}})
	ph.Figures = append(ph.Figures, Figure{"events of the log", float64(head), "events"})
	return ph, err
}

// ask asks for the page before a seq. What the answer has to be follows from the
// command's id.
func (c *crowd) ask(m *meter, g *guest, room *ledger, before uint64, due time.Duration) {
	s := g.sock.Load()
	if g.waiting.Load() >= maxWaiting || !s.open() {
		m.skipped.Add(1)
		return
	}
	frame := g.appendCommand(nil, wire.History{
		Header: wire.Header{Type: "history", ID: fmt.Sprintf("%s%d-%d", pagePrefix, before, int64(due))},
		Room:   room.name, Before: &before, Limit: c.o.Page,
	})
	g.waiting.Add(1)
	m.sent.Add(1)
	_ = s.write(frame) // that it failed comes to the guest as the socket's end
}

// page takes the answer.
func (g *guest) page(data []byte, at time.Duration) {
	var p wire.Page
	if err := json.Unmarshal(data, &p); err != nil {
		g.refusals.add("bad frame")
		return
	}
	text, ok := strings.CutPrefix(p.ID, pagePrefix)
	first, second, _ := strings.Cut(text, "-")
	before, err1 := strconv.ParseUint(first, 10, 64)
	due, err2 := strconv.ParseInt(second, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		g.refusals.add("bad frame")
		return
	}
	room := g.rooms[0]
	if why := wrongPage(p, before, g.o.Page); why != "" {
		room.fault(hole, before, at, why)
	}
	g.waiting.Add(-1)
	m := g.meter.Load()
	m.answered.Add(1)
	m.units.Add(int64(len(p.Items)))
	m.time(toPage, time.Duration(due), at)
}

// wrongPage says what is wrong with a page of a log that has nothing but
// messages where it was asked for; "" for nothing.
func wrongPage(p wire.Page, before uint64, limit int) string {
	if len(p.Items) != limit {
		return fmt.Sprintf("the page before seq %d has %d items, not %d", before, len(p.Items), limit)
	}
	for i, m := range p.Items {
		if want := before - uint64(limit-i); m.Seq != want {
			return fmt.Sprintf("the page before seq %d has seq %d where %d belongs", before, m.Seq, want)
		}
	}
	return ""
}
