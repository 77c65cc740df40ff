package bus

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// batchEvents and batchBytes bound one pipeline. There is no timer: what
	// was queued while one pipeline was on its way is the next one.
	batchEvents = 64
	batchBytes  = 1 << 20
	// sendTimeout bounds one pipeline and one canary.
	sendTimeout = 2 * time.Second
	// flushTimeout bounds the publishing of what is queued when Run ends.
	flushTimeout = time.Second
)

// item is an envelope on its way to the channel of its partition.
type item struct {
	partition int
	envelope  []byte
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

// push adds an item. Minor ones are refused at half of the limits already.
func (q *queue) push(it item, minor bool) error {
	maxItems, maxBytes := q.maxItems, q.maxBytes
	if minor {
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

// take moves the next batch into buf, which it empties first.
func (q *queue) take(buf []item) []item {
	clear(buf)
	buf = buf[:0]
	q.mu.Lock()
	defer q.mu.Unlock()
	bytes := 0
	for len(buf) < len(q.items) && len(buf) < batchEvents && bytes < batchBytes {
		it := q.items[len(buf)]
		buf = append(buf, it)
		bytes += len(it.envelope)
	}
	clear(q.items[:len(buf)])
	q.items = q.items[len(buf):]
	q.bytes -= bytes
	if len(q.items) == 0 {
		q.items = nil
	}
	return buf
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

// publish sends what is queued until ctx ends, then flushes.
func (l *link) publish(ctx context.Context) {
	// A call under way when ctx ends is worth its own time limit.
	sending := context.WithoutCancel(ctx)
	var batch []item
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-l.queue.wake:
		}
		for ctx.Err() == nil {
			if batch = l.queue.take(batch); len(batch) == 0 {
				break
			}
			l.send(sending, batch)
		}
	}
	l.queue.close()
	flushing, cancel := context.WithTimeout(sending, flushTimeout)
	defer cancel()
	for batch = l.queue.take(batch); len(batch) > 0; batch = l.queue.take(batch) {
		l.send(flushing, batch)
	}
}

// send publishes a batch in one pipeline. What fails is dropped: go-redis has
// tried again already, and the events are in the log.
func (l *link) send(ctx context.Context, batch []item) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	pipe := l.client.Pipeline()
	for _, it := range batch {
		if l.cluster != nil {
			pipe.SPublish(ctx, l.names[it.partition], it.envelope)
		} else {
			pipe.Publish(ctx, l.names[it.partition], it.envelope)
		}
	}
	cmds, err := pipe.Exec(ctx)
	l.sent(cmds, err)
}

func (l *link) sent(cmds []redis.Cmder, err error) {
	failed := 0
	for _, cmd := range cmds {
		if cmd.Err() != nil {
			failed++
		}
	}
	l.counters.failed.Add(uint64(failed))
	l.counters.published.Add(uint64(len(cmds) - failed))
	l.status.publishing(l.health, err)
}

// chirp publishes a canary at every tick, and whenever the subscription asks.
// It takes the publisher's way to Redis but not its queue, so that a full queue
// does not look like a dead link.
func (l *link) chirp(ctx context.Context) {
	tick := time.NewTicker(l.options.Canary)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.probe:
		}
		l.sendCanary(ctx)
	}
}

func (l *link) sendCanary(ctx context.Context) {
	sending, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	now := strconv.FormatInt(time.Now().UnixMicro(), 10)
	var err error
	if l.cluster != nil {
		err = l.client.SPublish(sending, l.canary, now).Err()
	} else {
		err = l.client.Publish(sending, l.canary, now).Err()
	}
	if ctx.Err() == nil {
		l.status.publishing(l.health, err)
	}
}
