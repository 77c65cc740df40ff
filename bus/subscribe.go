package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// The wait before the n-th try in a row to open a subscription: none before
// the first, then a random part of retryFirst, doubled from try to try up to
// retryMost. Most losses are one closed connection, and a new one works at once.
const (
	retryFirst = 100 * time.Millisecond
	retryMost  = 2 * time.Second
)

func retryDelay(n int) time.Duration {
	if n <= 1 {
		return 0
	}
	return rand.N(min(retryFirst<<min(n-2, 10), retryMost))
}

// subscribe keeps the link's subscription open until ctx ends.
func (l *link) subscribe(ctx context.Context) {
	for failures := 0; ; {
		opened := time.Now()
		live, err := l.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		l.counters.reopened.Add(1)
		l.status.subscribed(l.health, err)
		if live { // whoever listens should not wait for the next subscription
			for _, p := range l.partitions {
				l.receiver.Missed(p)
			}
		}
		// A subscription that was good for a while has earned a fast retry.
		if live && time.Since(opened) > l.options.Timeout {
			failures = 0
		}
		failures++
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryDelay(failures)):
		}
	}
}

// errSilent ends a subscription on which the canary was not heard in time.
var errSilent = errors.New("no echo of the canary")

// listen opens one subscription and hands over what arrives until it fails or
// ctx ends. It says whether the subscription was ever complete and heard.
//
// A connection that has died without a word (a lost route, a stuck proxy) gives
// no error for minutes, so a watchdog ends what has not heard its canary for
// Options.Timeout; that bounds the opening too. It closes the subscription
// instead of letting reads time out: a read that times out may have stopped
// within a message, and go-redis would go on reading there.
//
// Channel() is not used: it drops messages when its buffer is full, and
// reconnects without saying so. For the same reason no subscription is used
// after an error, though go-redis would go on with it.
func (l *link) listen(ctx context.Context) (live bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(l.options.Timeout, func() { cancel(errSilent) })
	defer watchdog.Stop()

	sub, err := l.open(ctx)
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { // nothing else ends a read
		defer close(closed)
		_ = sub.Close()
	})
	defer func() {
		if !stop() {
			<-closed
		}
		// An error says that it was closed already, or that the connection
		// was dead; nothing is left to be done in either case.
		_ = sub.Close()
	}()

	unconfirmed := len(l.partitions) + 1
	for {
		var got any
		if err == nil {
			got, err = sub.Receive(ctx)
		}
		if cause := context.Cause(ctx); cause != nil {
			return live, cause
		}
		if err != nil {
			return live, fmt.Errorf("subscription: %w", err)
		}
		switch m := got.(type) {
		case *redis.Subscription:
			if m.Kind != "subscribe" && m.Kind != "ssubscribe" {
				// A cluster says so when it moves the slot elsewhere.
				return live, fmt.Errorf("%s of %s by the server", m.Kind, m.Channel)
			}
			if p, ok := l.partitions[m.Channel]; ok {
				l.counters.subscribed.Add(1)
				l.receiver.Missed(p)
			}
			if unconfirmed--; unconfirmed == 0 {
				l.askCanary()
			}
		case *redis.Message:
			if m.Channel != l.canary {
				l.deliver(m)
				continue
			}
			l.echo(m.Payload)
			watchdog.Reset(l.options.Timeout)
			if !live && unconfirmed <= 0 {
				live = true
				l.status.subscribed(l.health, nil)
			}
		}
	}
}

// open asks Redis for all channels of the link, its canary's last. The PubSub
// is to be closed in any case.
func (l *link) open(ctx context.Context) (*redis.PubSub, error) {
	channels := make([]string, 0, len(l.names)+1)
	for _, name := range l.names {
		channels = append(channels, name)
	}
	slices.Sort(channels)
	channels = append(channels, l.canary)
	if l.cluster == nil {
		sub := l.client.Subscribe(ctx)
		return sub, sub.Subscribe(ctx, channels...)
	}
	// The slot may have moved; with an old map we would subscribe where
	// nobody publishes.
	l.cluster.ReloadState(ctx)
	sub := l.cluster.SSubscribe(ctx)
	return sub, sub.SSubscribe(ctx, channels...)
}

func (l *link) askCanary() {
	select {
	case l.probe <- struct{}{}:
	default:
	}
}

// echo notes how long a canary took.
func (l *link) echo(sent string) {
	at, err := strconv.ParseInt(sent, 10, 64)
	if err != nil {
		l.counters.malformed.Add(1)
		return
	}
	l.counters.lag.Store(max(0, time.Now().UnixMicro()-at))
}

// deliver hands one message to the receiver. A channel is open to whoever
// reaches Redis, so what is odd is counted and forgotten.
func (l *link) deliver(m *redis.Message) {
	p, known := l.partitions[m.Channel]
	if !known {
		l.counters.misplaced.Add(1)
		return
	}
	if len(m.Payload) > sealSize+MaxEnvelope { // before it is copied
		l.counters.tooLarge.Add(1)
		return
	}
	envelope, ours := l.seals.open([]byte(m.Payload))
	if !ours {
		l.counters.forged.Add(1)
		return
	}
	e, err := Decode(envelope)
	switch {
	case errors.Is(err, ErrVersion):
		l.counters.version.Add(1)
	case errors.Is(err, ErrSeq):
		l.counters.seq.Add(1)
	case err != nil:
		l.counters.malformed.Add(1)
	case e.Topic.Partition() != p:
		l.counters.misplaced.Add(1)
	default:
		l.counters.received.Add(1)
		l.receiver.Deliver(e)
	}
}
