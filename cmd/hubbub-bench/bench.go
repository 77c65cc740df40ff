package main

import (
	"sync"
	"sync/atomic"
	"time"

	"hubbub/chat/wire"
)

// bench is what all parts of a run share.
type bench struct {
	o     options
	start time.Time
	rest  *rest
	mint  *mint
	rooms []room

	times                      *timings
	reconnect, detect, recover *latency
	behindTime                 *latency // how late the schedule itself ran
	closes, refusals           statusCount

	sent, viaREST, acked, refused, skipped, resent, open atomic.Int64
	frames, bytes, events, strays, commands, stopped     atomic.Int64

	sending atomic.Bool // the set-up is over

	mu       sync.Mutex
	nodes    map[string]bool // names that welcomes told
	degraded bool
	limits   *wire.Limits // of the first welcome
}

// room is one of the run's rooms.
type room struct {
	id      string
	check   *checker
	members []*client
}

// now is the time since the run began.
func (b *bench) now() time.Duration { return time.Since(b.start) }

// welcomed notes what a server says of itself.
func (b *bench) welcomed(w wire.Welcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.nodes) < maxNames {
		b.nodes[w.Node] = true
	}
	b.degraded = b.degraded || w.Degraded
	if b.limits == nil {
		b.limits = &w.Limits
	}
}

// answer is what came of one attempt to send.
type answer struct {
	acked bool
	seq   uint64
	at    time.Duration
	code  string        // why not; "" for no answer at all
	wait  time.Duration // what the server told to wait
}

// begin makes the frame of an attempt.
func (b *bench) begin(p *post) *wire.Post {
	if !p.begun {
		p.begun = true
		b.rooms[p.room].check.begun(p.n)
	}
	return &wire.Post{
		Header: wire.Header{Type: "post", ID: p.id},
		Room:   b.rooms[p.room].id, Kind: wire.KindText, Text: b.mint.text(p.id, p.n),
	}
}

// settle tells the checker of a final answer, or says after how long to send
// the same id again.
func (b *bench) settle(p *post, a answer) (wait time.Duration, again bool) {
	check := b.rooms[p.room].check
	if a.acked {
		check.ack(p.n, a.seq, a.at)
		b.acked.Add(1)
		b.open.Add(-1)
		return 0, false
	}
	switch a.code {
	case "rate_limited", "unavailable": // this attempt stored nothing
	case "", "unknown_outcome":
		p.doubt = true
	default:
		if !p.doubt {
			check.refuse(p.n, b.now())
			b.refused.Add(1)
			b.open.Add(-1)
			return 0, false
		}
	}
	p.tries++
	return a.wait + jitter(p.tries), true
}

// leave ends a message that has no final answer and will not get one.
func (b *bench) leave(p *post) {
	check := b.rooms[p.room].check
	switch {
	case p.doubt:
		check.giveUp(p.n, b.now())
	case p.begun:
		check.refuse(p.n, b.now())
		b.refused.Add(1)
	default:
		check.refuse(p.n, b.now())
		b.sent.Add(-1)
		b.skipped.Add(1)
	}
	b.open.Add(-1)
}

// healthy tells whether nothing failed that a client could notice.
func (b *bench) healthy() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.degraded && len(b.closes.all()) == 0 && len(b.refusals.all()) == 0 && len(b.rest.status.all()) == 0
}
