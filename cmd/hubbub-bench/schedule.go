package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// schedule sends in an open loop: messages are due at random instants (a
// Poisson process) whatever the server does, so a server that stalls does not
// get fewer of them while it does. What is due when, in which room, by whom and
// by which way follows from the seed alone.
func (b *bench) schedule(ctx context.Context, s *restSender) {
	r := rand.New(rand.NewPCG(b.o.Seed, 2))
	due := b.now()
	end := due + b.o.Duration
	for {
		due += time.Duration(r.ExpFloat64() / b.o.Rate * float64(time.Second))
		where, member, way := r.IntN(b.o.Rooms), r.IntN(b.o.RoomSize), r.Float64()
		if due > end {
			sleep(ctx, end-b.now())
			return
		}
		if wait := due - b.now(); wait > 0 {
			if !sleep(ctx, wait) {
				return
			}
		} else if ctx.Err() != nil {
			return
		}
		b.behindTime.add(b.now() - due)
		b.dispatch(where, member, way < b.o.REST, due, s)
	}
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
