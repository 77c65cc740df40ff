package bus

import (
	"sync"
	"time"
)

const (
	// batchEvents and batchBytes bound one pipeline. There is no timer: what
	// was queued while one pipeline was on its way is the next one.
	batchEvents = 64
	batchBytes  = 1 << 20
	// ephemeralLife is how long an ephemeral event may wait in the queue. That
	// somebody was typing is no news after an outage.
	ephemeralLife = 3 * time.Second
)

// item is an envelope on its way to the channel of its partition.
type item struct {
	partition int
	envelope  []byte
	// until is when an ephemeral event is stale; zero for the others.
	until time.Time
}

// queue holds what waits to be published, first in, first out.
type queue struct {
	maxItems, maxBytes int
	wake               chan struct{} // holds one: something was pushed

	mu     sync.Mutex
	items  []item
	bytes  int
	closed bool
}

func newQueue(maxItems, maxBytes int) *queue {
	return &queue{maxItems: maxItems, maxBytes: maxBytes, wake: make(chan struct{}, 1)}
}

// push adds an item. Ephemeral ones are refused at half of the limits already.
func (q *queue) push(it item) error {
	maxItems, maxBytes := q.maxItems, q.maxBytes
	if !it.until.IsZero() {
		maxItems, maxBytes = (maxItems+1)/2, max(maxBytes/2, MaxEnvelope)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if len(q.items) >= maxItems || q.bytes+len(it.envelope) > maxBytes {
		return ErrFull
	}
	q.items = append(q.items, it)
	q.bytes += len(it.envelope)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// take moves the next batch into buf, which it empties first, and drops what
// is stale. The batch is empty only if the queue is.
func (q *queue) take(buf []item) (batch []item, stale int) {
	clear(buf)
	batch = buf[:0]
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	taken, bytes := 0, 0
	for taken < len(q.items) && len(batch) < batchEvents && bytes < batchBytes {
		it := q.items[taken]
		taken++
		q.bytes -= len(it.envelope)
		if !it.until.IsZero() && now.After(it.until) {
			stale++
			continue
		}
		batch = append(batch, it)
		bytes += len(it.envelope)
	}
	clear(q.items[:taken])
	q.items = q.items[taken:]
	if len(q.items) == 0 {
		q.items = nil
	}
	return batch, stale
}

func (q *queue) size() (items, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items), q.bytes
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}
