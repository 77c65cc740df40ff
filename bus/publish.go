package bus

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// sendTimeout bounds one pipeline and one canary.
	sendTimeout = 2 * time.Second
	// flushTimeout bounds the publishing of what is queued when Run ends.
	flushTimeout = time.Second
)

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
			if batch = l.take(batch); len(batch) == 0 {
				break
			}
			l.send(sending, batch)
		}
	}
	l.queue.close()
	flushing, cancel := context.WithTimeout(sending, flushTimeout)
	defer cancel()
	for batch = l.take(batch); len(batch) > 0; batch = l.take(batch) {
		l.send(flushing, batch)
	}
}

func (l *link) take(buf []item) []item {
	batch, stale := l.queue.take(buf)
	l.counters.stale.Add(uint64(stale))
	return batch
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
