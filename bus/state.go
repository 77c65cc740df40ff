package bus

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// State is how a [Redis] bus is doing.
type State struct {
	// Live says that every partition is subscribed, canaries come back, and
	// the last publishing worked.
	Live bool
	// Since is when Live last changed.
	Since time.Time
	// Reason is why the bus is not live: for the operator, not for clients.
	Reason string
}

// Stats are the counters of a [Redis] bus since its start, and its queue now.
type Stats struct {
	Published uint64 // events that Redis took
	Received  uint64 // events that the receiver was given, the node's own included

	DroppedFull    uint64 // the queue was full
	DroppedFailed  uint64 // Redis could not be told
	DroppedStale   uint64 // ephemeral, and too old when their turn came
	DroppedRefused uint64 // malformed or too large

	BadSeal      uint64 // from the channels: not made by a node of this deployment
	BadVersion   uint64 // of an unknown version
	BadMalformed uint64 // no envelope
	BadTooLarge  uint64 // over MaxEnvelope
	BadSeq       uint64 // numbered 0 or over MaxSeq
	BadChannel   uint64 // on the channel of another partition

	Subscribed uint64 // confirmed subscriptions of partitions, the first ones included
	Reopened   uint64 // subscriptions that failed and were opened anew

	Queued      int // events that wait to be published
	QueuedBytes int
	// Lag is what the last canary took from this node to Redis and back.
	Lag time.Duration
}

type counters struct {
	published, received                                  atomic.Uint64
	full, failed, stale, refused                         atomic.Uint64
	forged, version, malformed, tooLarge, seq, misplaced atomic.Uint64
	subscribed, reopened                                 atomic.Uint64
	lag                                                  atomic.Int64 // microseconds
}

func (c *counters) read() Stats {
	return Stats{
		Published:      c.published.Load(),
		Received:       c.received.Load(),
		DroppedFull:    c.full.Load(),
		DroppedFailed:  c.failed.Load(),
		DroppedStale:   c.stale.Load(),
		DroppedRefused: c.refused.Load(),
		BadSeal:        c.forged.Load(),
		BadVersion:     c.version.Load(),
		BadMalformed:   c.malformed.Load(),
		BadTooLarge:    c.tooLarge.Load(),
		BadSeq:         c.seq.Load(),
		BadChannel:     c.misplaced.Load(),
		Subscribed:     c.subscribed.Load(),
		Reopened:       c.reopened.Load(),
		Lag:            time.Duration(c.lag.Load()) * time.Microsecond,
	}
}

// status is the state of all links together. It logs when that changes.
type status struct {
	log *slog.Logger

	mu    sync.Mutex
	links []health
	now   State
}

// health is the state of one link; nil errors mean that it works.
type health struct {
	subscription error
	publisher    error
}

var errNotYet = errors.New("not subscribed yet")

func newStatus(log *slog.Logger, links int) *status {
	s := &status{log: log, links: make([]health, links)}
	for i := range s.links {
		s.links[i].subscription = errNotYet
	}
	s.now = State{Since: time.Now(), Reason: errNotYet.Error()}
	return s
}

func (s *status) state() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *status) subscribed(h *health, err error) { s.set(&h.subscription, err) }
func (s *status) publishing(h *health, err error) { s.set(&h.publisher, err) }

func (s *status) set(part *error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *part == nil && err == nil {
		return
	}
	*part = err
	was := s.now
	s.now.Reason = ""
	for _, h := range s.links {
		if h.subscription != nil {
			s.now.Reason = h.subscription.Error()
		} else if h.publisher != nil {
			s.now.Reason = "publish: " + h.publisher.Error()
		}
	}
	s.now.Live = s.now.Reason == ""
	if s.now.Live == was.Live {
		return
	}
	s.now.Since = time.Now()
	after := s.now.Since.Sub(was.Since)
	if s.now.Live {
		s.log.Info("bus is live", "after", after)
	} else {
		s.log.Warn("bus is degraded: members see new messages late", "after", after, "reason", s.now.Reason)
	}
}
