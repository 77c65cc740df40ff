package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// openLoop calls each at the instants when something is due, until end, whatever
// the server does: one that stalls does not get less while it does, and what is
// late is counted from when it was due. Gap gives the time to the next instant.
func openLoop(ctx context.Context, now func() time.Duration, end time.Duration, gap func() time.Duration, each func(due time.Duration)) {
	due := now()
	for {
		due += gap()
		for wait := min(due, end) - now(); wait > 0; wait = min(due, end) - now() {
			if !sleepFine(ctx, wait) {
				return
			}
		}
		if due > end || ctx.Err() != nil {
			return
		}
		each(due)
	}
}

// poisson gives the gaps between events that come independently of each other,
// so many per second.
func poisson(r *rand.Rand, rate float64) func() time.Duration {
	return func() time.Duration { return time.Duration(r.ExpFloat64() / rate * float64(time.Second)) }
}

// sleepFine waits for some time and not longer, or shorter; false means that
// ctx ended first. The runtime's timers may be a millisecond late.
func sleepFine(ctx context.Context, d time.Duration) bool {
	const late = 2 * time.Millisecond
	if d > late {
		return sleep(ctx, d-late)
	}
	pause(d)
	return ctx.Err() == nil
}

// schedule sends what is due when, in which room, by whom and by which way as
// follows from the seed alone.
func (b *bench) schedule(ctx context.Context, s *restSender) {
	r := rand.New(rand.NewPCG(b.o.Seed, 2))
	openLoop(ctx, b.now, b.now()+b.o.Duration, poisson(r, b.o.Rate), func(due time.Duration) {
		where, member, way := r.IntN(b.o.Rooms), r.IntN(b.o.RoomSize), r.Float64()
		b.behindTime.add(b.now() - due)
		b.dispatch(where, member, way < b.o.REST, due, s)
	})
}

// dispatch hands one message to its sender.
func (b *bench) dispatch(where, member int, viaREST bool, due time.Duration, s *restSender) {
	rm := b.rooms[where]
	c := rm.members[member]
	if viaREST && s.full() || !viaREST && c.out.full() {
		b.skipped.Add(1)
		return
	}
	n := rm.check.number()
	if n == 0 {
		b.skipped.Add(1)
		return
	}
	p := &post{room: where, n: n, id: b.mint.id(where, c.index, n)}
	rm.check.sent(n, p.id, due)
	b.sent.Add(1)
	b.open.Add(1)
	if viaREST {
		b.viaREST.Add(1)
		s.send(c, p)
		return
	}
	c.out.add(p)
}

// jitter is the wait before attempt number try of the same message, short since
// the server tells how long it needs.
func jitter(try int) time.Duration {
	return time.Duration(rand.Float64() * float64(min(2*time.Second, 50*time.Millisecond<<min(try, 10))))
}

// maxREST is how many messages are sent over REST at the same time.
const maxREST = 64

// restSender sends messages over REST until ctx ends.
type restSender struct {
	b     *bench
	ctx   context.Context
	slots chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex
	count int // messages without a final answer
}

func newRESTSender(ctx context.Context, b *bench) *restSender {
	return &restSender{b: b, ctx: ctx, slots: make(chan struct{}, maxREST)}
}

func (s *restSender) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count >= maxWaiting
}

func (s *restSender) add(n int) {
	s.mu.Lock()
	s.count += n
	s.mu.Unlock()
}

// send sends in the background; wait waits for all.
func (s *restSender) send(c *client, p *post) {
	s.add(1)
	s.wg.Go(func() {
		defer s.add(-1)
		for node := c.index; ; node++ {
			select {
			case s.slots <- struct{}{}:
			case <-s.ctx.Done():
				s.b.leave(p)
				return
			}
			a := s.attempt(c, p, node)
			<-s.slots
			wait, again := s.b.settle(p, a)
			if !again {
				return
			}
			if !sleep(s.ctx, wait) {
				s.b.leave(p)
				return
			}
		}
	})
}

func (s *restSender) attempt(c *client, p *post, node int) answer {
	f := s.b.begin(p)
	in := struct {
		ClientID string `json:"client_id"`
		Kind     string `json:"kind"`
		Text     string `json:"text"`
	}{p.id, f.Kind, f.Text}
	var out struct {
		Seq uint64 `json:"seq"`
	}
	err := s.b.rest.call(s.ctx, node, "POST", "/v1/rooms/"+f.Room+"/messages", c.acct.token, in, &out)
	var refusal *problem
	switch {
	case err == nil:
		return answer{acked: true, seq: out.Seq, at: s.b.now()}
	case !errors.As(err, &refusal):
		return answer{}
	case refusal.Code == "http" && refusal.Status >= 500: // a balancer's answer: nobody knows
		return answer{wait: refusal.RetryAfter}
	}
	return answer{code: refusal.Code, wait: refusal.RetryAfter}
}

func (s *restSender) wait() { s.wg.Wait() }
