package main

import (
	"context"
	"math/rand/v2"
	"time"
)

// talk measures a crowd whose members talk at a rate: fanout, rooms, hotroom.
func (l *load) talk(ctx context.Context, c *crowd, p pace) (Phase, error) {
	if err := c.connect(ctx); err != nil {
		return Phase{}, err
	}
	m := newMeter()
	c.meter.Store(m)
	r := l.random(p.run)
	var buf postBuffer
	w := work{main: toReader, unit: "delivery", send: func(due time.Duration) {
		where := r.IntN(len(c.rooms))
		writers := c.writers(where)
		c.post(m, writers[r.IntN(len(writers))], c.rooms[where], due, &buf)
	}}
	if c.o.Scene == sceneHotroom {
		w.main, w.unit, w.answers = toAck, "message", true
	}
	return l.paced(ctx, c, p, w)
}

// random gives the random numbers of a run: the same for the same seed.
func (l *load) random(run int) *rand.Rand {
	return rand.New(rand.NewPCG(l.o.Seed+uint64(run)<<32, 2))
}

// gap gives the distances between what is due.
func (l *load) gap(p pace) func() time.Duration {
	if l.o.Steady {
		return func() time.Duration { return time.Duration(float64(time.Second) / p.rate) }
	}
	return poisson(rand.New(rand.NewPCG(l.o.Seed+uint64(p.run)<<32, 3)), p.rate)
}

// postBuffer is where one sender makes its frames.
type postBuffer struct{ payload, frame []byte }

// post sends the next message of a room.
func (c *crowd) post(m *meter, g *guest, room *ledger, due time.Duration, b *postBuffer) {
	s := g.sock.Load()
	if g.waiting.Load() >= maxWaiting || !s.open() {
		m.skipped.Add(1)
		return
	}
	n := room.send(due)
	if n == 0 {
		m.skipped.Add(1)
		return
	}
	b.payload = g.appendPost(b.payload[:0], room, n)
	b.frame = appendClientFrame(b.frame[:0], opText, b.payload)
	g.waiting.Add(1)
	m.sent.Add(1)
	_ = s.write(b.frame) // that it failed comes to the guest as the socket's end
}

// writers are the members of a room that write: where not all read it, those
// that do not.
func (c *crowd) writers(room int) []*guest {
	if c.o.Readers == 0 || c.o.Readers == c.o.RoomSize {
		return c.members[room]
	}
	return c.members[room][c.o.Readers:]
}

// drain waits until everything has its answer and has come to all followers who
// are there. What a client has sent that was thrown out has no answer: once
// nothing else comes any more it is not waited for.
func (c *crowd) drain(m *meter, deadline time.Duration) {
	last, since := m.open(), c.now()
	for now := since; now < deadline; now = c.now() {
		open := m.open()
		if open != last {
			last, since = open, now
		}
		given := open <= 0 || now-since > drainQuiet && !c.allConnected()
		if all, _ := c.behind(); given && all == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// drainQuiet is how long no answer has come when those of clients that were
// thrown out are given up.
const drainQuiet = 2 * time.Second
