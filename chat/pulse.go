package chat

import (
	"context"
	"sync"
	"time"
)

const (
	// beatTick is how exactly heartbeats are kept, and beatSlots how many ticks
	// they can lie ahead; who is due later is looked at once more on the way.
	beatTick  = 500 * time.Millisecond
	beatSlots = 128
)

// pulse is the clock of all heartbeats of a node, a timing wheel: a timer and a
// goroutine to wait for it would cost each idle session more than it needs itself.
type pulse struct {
	mu    sync.Mutex
	slots [beatSlots][]*Session
	now   int // the slot that is due next
}

// A session's place in the wheel, when it is in no slot.
const (
	beatOut   = -2 // not in the wheel
	beatTaken = -1 // its beat is under way
)

// add puts a session into the wheel.
func (p *pulse) add(s *Session, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.putLocked(s, after)
}

func (p *pulse) putLocked(s *Session, after time.Duration) {
	ticks := min(max(1, int((after+beatTick-1)/beatTick)), beatSlots-1)
	s.slot = (p.now + ticks - 1) % beatSlots
	s.place = len(p.slots[s.slot])
	p.slots[s.slot] = append(p.slots[s.slot], s)
}

// remove takes a session out; it is not called twice for one.
func (p *pulse) remove(s *Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.slot >= 0 {
		slot := p.slots[s.slot]
		last := slot[len(slot)-1]
		slot[s.place], last.place = last, s.place
		slot[len(slot)-1] = nil
		p.slots[s.slot] = slot[:len(slot)-1]
	}
	s.slot = beatOut
}

// run lets the sessions beat until ctx ends.
func (p *pulse) run(ctx context.Context, now func() time.Time) error {
	tick := time.NewTicker(beatTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			p.tick(now())
		}
	}
}

func (p *pulse) tick(now time.Time) {
	p.mu.Lock()
	due := p.slots[p.now]
	p.slots[p.now] = nil
	p.now = (p.now + 1) % beatSlots
	for _, s := range due {
		s.slot = beatTaken
	}
	p.mu.Unlock()
	for _, s := range due {
		next := s.beat(now)
		p.mu.Lock()
		if next > 0 && s.slot == beatTaken { // not removed meanwhile
			p.putLocked(s, next)
		}
		p.mu.Unlock()
	}
}
