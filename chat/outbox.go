package chat

import (
	"runtime"
	"sync"
)

const (
	// fewSockets are written to by the goroutine that delivers: a write takes some
	// microseconds, about what it costs to wake somebody else for it.
	fewSockets = 16
	// outboxShare is how many sockets a goroutine of the outbox takes at a time,
	// and for how many there is one.
	outboxShare = 64
)

// ready is a list of sessions whose writer its owner has become. It goes through
// the sessions themselves, so a delivery allocates nothing.
type ready struct {
	first, last *Session
	n           int
}

func (r *ready) add(s *Session) {
	if r.last == nil {
		r.first = s
	} else {
		r.last.next = s
	}
	r.last = s
	r.n++
}

// pop takes up to n sessions from the front.
func (r *ready) pop(n int) ready {
	if r.n <= n {
		out := *r
		*r = ready{}
		return out
	}
	out := ready{first: r.first, n: n}
	out.last = r.first
	for range n - 1 {
		out.last = out.last.next
	}
	r.first, out.last.next = out.last.next, nil
	r.n -= n
	return out
}

func (r ready) flush() {
	for s := r.first; s != nil; {
		next := s.next
		s.next = nil // from flush on somebody else may put it on a list
		s.flush()
		s = next
	}
}

// outbox writes to the sockets of a large delivery, on a goroutine per processor
// at most, each of which ends when nothing is left. What is delivered to a socket
// before its turn comes goes out in the same write, so the load makes its own
// batches.
type outbox struct {
	mu      sync.Mutex
	waiting ready
	running int
}

// flush sees to it that the sessions are written to. It does not wait for a
// peer; the caller holds no lock.
func (o *outbox) flush(r ready) {
	if r.n <= fewSockets {
		r.flush()
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waiting.last == nil {
		o.waiting = r
	} else {
		o.waiting.last.next = r.first
		o.waiting.last = r.last
		o.waiting.n += r.n
	}
	for most := min(runtime.GOMAXPROCS(0), 1+o.waiting.n/outboxShare); o.running < most; o.running++ {
		go o.work()
	}
}

func (o *outbox) work() {
	for {
		o.mu.Lock()
		share := o.waiting.pop(outboxShare)
		if share.n == 0 {
			o.running--
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
		share.flush()
	}
}
