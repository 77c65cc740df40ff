package main

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// maxWaiting is how many messages of one client may wait for an answer. What is
// due beyond that is counted as skipped and never sent.
const maxWaiting = 4096

// post is one message until it has its final answer.
type post struct {
	room  int // index of the room
	n     uint32
	id    string
	begun bool // an attempt was made
	// doubt says that an attempt had no answer, or the answer that nobody knows:
	// it may be stored.
	doubt bool
	tries int
	wrote time.Duration // when the last attempt was made
}

// outbox holds a client's messages: those to write, in order, and those that
// wait for an answer. Any goroutine may use it.
type outbox struct {
	wake chan struct{} // never closed; a token: there may be something to write

	mu     sync.Mutex
	queue  []*post
	flying map[string]*post      // by client id
	later  map[*post]*time.Timer // those that wait for their next attempt
	closed bool

	lastAnswer time.Duration
}

func newOutbox() *outbox {
	return &outbox{wake: make(chan struct{}, 1), flying: make(map[string]*post), later: make(map[*post]*time.Timer)}
}

// full tells whether the next message has to be skipped.
func (o *outbox) full() bool { return o.waiting() >= maxWaiting }

// queued tells whether there is something to write.
func (o *outbox) queued() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue) > 0
}

func (o *outbox) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue) + len(o.flying) + len(o.later)
}

func (o *outbox) add(p *post) {
	o.mu.Lock()
	o.queue = append(o.queue, p)
	o.mu.Unlock()
	o.signal()
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take moves the next message to those that wait for an answer; nil: there is
// none.
func (o *outbox) take(now time.Duration) *post {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return nil
	}
	p := o.queue[0]
	o.queue[0] = nil
	o.queue = o.queue[1:]
	p.wrote = now
	o.flying[p.id] = p
	return p
}

// answered takes out the message that an answer is for; nil: none waits.
func (o *outbox) answered(id string, now time.Duration) *post {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.flying[id]
	delete(o.flying, id)
	o.lastAnswer = now
	return p
}

// again queues a message for one more attempt, after a while; false: it is too
// late for that.
func (o *outbox) again(p *post, wait time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	o.later[p] = time.AfterFunc(wait, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if _, waits := o.later[p]; waits {
			delete(o.later, p)
			o.queue = append(o.queue, p)
			o.signal()
		}
	})
	return true
}

// cut makes everything that waits for an answer wait for another attempt: the
// connection is gone. It gives how many those are.
func (o *outbox) cut() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	back := make([]*post, 0, len(o.flying)+len(o.queue))
	for _, p := range o.flying {
		p.doubt = true
		back = append(back, p)
	}
	n := len(back)
	slices.SortFunc(back, func(a, b *post) int { return cmp.Compare(a.wrote, b.wrote) })
	o.queue = append(back, o.queue...)
	clear(o.flying)
	return n
}

// stuck tells whether a message has waited for its answer for so long, and
// nothing else was answered meanwhile.
func (o *outbox) stuck(now, bound time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now-o.lastAnswer <= bound {
		return false
	}
	for _, p := range o.flying {
		if now-p.wrote > bound {
			return true
		}
	}
	return false
}

// abandon takes everything out, for good.
func (o *outbox) abandon() []*post {
	o.cut()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	list := o.queue
	for p, timer := range o.later {
		timer.Stop()
		list = append(list, p)
	}
	o.queue = nil
	clear(o.later)
	return list
}
