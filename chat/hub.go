package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"hubbub/bus"
)

const (
	blindPeriod  = 250 * time.Millisecond // between two head checks while the bus is not heard
	headPeriod   = time.Second            // between two head checks
	headChunk    = 500                    // rooms of one head check's statement
	fillWorkers  = 8                      // gaps that are filled at the same time
	fillRetry    = 250 * time.Millisecond
	expiryPeriod = 2 * time.Second  // between two looks whose sign-in has run out
	livePeriod   = 30 * time.Second // between two looks whether the sessions still stand
	recentTotal  = 64 << 20         // bytes of recent events per node
)

func roomTopic(id RoomID) bus.Topic { return bus.Topic("room/" + string(id)) }
func userTopic(id UserID) bus.Topic { return bus.Topic("user/" + string(id)) }

// LogReader is what the hub reads of the store.
type LogReader interface {
	Since(ctx context.Context, room RoomID, after Seq, limit int) (Head, []Event, error)
	Heads(ctx context.Context, rooms []RoomID) (map[RoomID]Head, error)
	RoomHead(ctx context.Context, room RoomID) (Head, string, error)
	MemberIDs(ctx context.Context, room RoomID, limit int) ([]UserID, error)
}

// SessionChecker tells which sign-in sessions still stand.
type SessionChecker interface {
	LiveSessions(ctx context.Context, ids []SessionID, now int64) (map[SessionID]bool, error)
}

// Hub is the live half, one per node: the topics that sessions of this node
// read, and the sessions. The bus calls Deliver and Missed; it owns no
// goroutine but those of Run.
type Hub struct {
	// Static after construction.
	store    LogReader
	sessions SessionChecker
	log      *slog.Logger
	now      func() time.Time
	degraded func() bool
	changed  func(UserID)
	probe    func(point string)
	reads    singleflight.Group
	wake     chan struct{} // never closed; a token: Run has something to do

	// drained ends when Drain begins, for the sessions that are not in users yet.
	drained context.Context
	drain   context.CancelFunc

	parts [bus.Partitions]partition

	mu       sync.Mutex
	users    map[UserID][]*Session   // the running sessions
	ended    map[SessionID]time.Time // sign-ins that ended, and when; see endedTime
	count    int
	draining bool

	fillMu sync.Mutex
	fills  map[*topic]time.Time // topics with a gap, and when to read it
	heads  bool                 // check the heads now
	asked  map[*topic]bool      // topics whose epoch is in doubt

	outbox outbox
	pulse  pulse

	presence  atomic.Pointer[Presence] // set once by NewPresence, may be nil
	keptBytes atomic.Int64
	counters  hubCounters
}

type hubCounters struct {
	delivered, repeats, held, fills, fell, odd, panics atomic.Int64
}

// HubStats is what the hub counted since the start, and what it holds now.
type HubStats struct {
	Delivered, Repeats, Held, Fills, FellBehind, Odd, Panics int64
	Sessions, Topics                                         int
	RecentBytes                                              int64
}

// HubOptions are the settings of [NewHub]; the zero value of a field is its default.
type HubOptions struct {
	Log *slog.Logger
	Now func() time.Time
	// Degraded tells whether the bus is not heard; the heads are then checked four
	// times as often.
	Degraded func() bool
	// Changed is told of a user whose sessions ended or who changed, on whichever
	// node ([Rooms.EndSessions], [Rooms.UserChanged]). It must not block. May be nil.
	Changed func(UserID)
	// Probe is called where an event is delivered ([PointDeliver]), with the
	// topic's lock held: for fault tests, which panic there. May be nil.
	Probe func(point string)
}

// NewHub makes an empty hub.
func NewHub(store LogReader, sessions SessionChecker, o HubOptions) *Hub {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Degraded == nil {
		o.Degraded = func() bool { return false }
	}
	if o.Changed == nil {
		o.Changed = func(UserID) {}
	}
	if o.Probe == nil {
		o.Probe = func(string) {}
	}
	h := &Hub{
		store: store, sessions: sessions, log: o.Log, now: o.Now, degraded: o.Degraded, changed: o.Changed, probe: o.Probe, wake: make(chan struct{}, 1),
		users: make(map[UserID][]*Session), ended: make(map[SessionID]time.Time),
		fills: make(map[*topic]time.Time), asked: make(map[*topic]bool),
	}
	h.drained, h.drain = context.WithCancel(context.Background())
	for i := range h.parts {
		h.parts[i].topics = make(map[RoomID]*topic)
	}
	return h
}

// Deliver takes an event from the bus. It never blocks.
func (h *Hub) Deliver(e bus.Event) {
	kind, id, _ := strings.Cut(string(e.Topic), "/")
	defer h.contain(kind, RoomID(id))
	switch {
	case kind == "room" && e.Kind == bus.Log:
		if t := h.topic(RoomID(id)); t != nil {
			t.deliver(e)
		}
	case kind == "room" && e.Kind == bus.Ephemeral:
		if t := h.topic(RoomID(id)); t != nil {
			t.ephemeral(e.Frames)
		}
	case kind == "user" && e.Kind == bus.Ephemeral:
		var out ready
		defer func() { h.outbox.flush(out) }()
		for _, s := range h.of(UserID(id)) {
			for _, f := range e.Frames {
				if b := s.codec.Event(f); b != nil {
					if _, mine := s.queue.pushEphemeral(b); mine {
						out.add(s)
					}
				}
			}
		}
	case kind == "user" && e.Kind == bus.Control:
		h.control(UserID(id), e)
	default:
		h.counters.odd.Add(1)
	}
}

// contain keeps a panic in one topic from ending the node: the sessions that
// read it are ended and come back; the topic reads what it missed.
func (h *Hub) contain(kind string, room RoomID) {
	p := recover()
	if p == nil {
		return
	}
	h.counters.panics.Add(1)
	h.log.Error("panic in a topic", "topic", kind+"/"+string(room), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if t := h.topic(room); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, sub := range t.subs {
			sub.session.End(CloseInternal, "internal error")
		}
	}
}

// Missed says that events of a partition may be lost: the heads are checked now.
func (h *Hub) Missed(int) {
	h.fillMu.Lock()
	h.heads = true
	h.fillMu.Unlock()
	signal(h.wake)
}

// fillLater asks Run to read what a topic misses, once the delay has passed.
// The caller may hold the topic's lock.
func (h *Hub) fillLater(t *topic, after time.Duration) {
	h.fillMu.Lock()
	_, known := h.fills[t]
	if !known {
		h.fills[t] = h.now().Add(after)
	}
	h.fillMu.Unlock()
	if !known {
		signal(h.wake)
	}
}

// askHead asks Run to look up a topic's head, since its epoch is in doubt.
func (h *Hub) askHead(t *topic) {
	h.fillMu.Lock()
	h.asked[t] = true
	h.fillMu.Unlock()
	signal(h.wake)
}

// Run checks heads, fills gaps, lets the sessions' hearts beat and ends those that
// no longer stand, until ctx ends.
func (h *Hub) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error { return h.watchHeads(ctx) })
	g.Go(func() error { return h.watchSessions(ctx) })
	g.Go(func() error { return h.pulse.run(ctx, h.now) })
	return g.Wait()
}

func (h *Hub) watchHeads(ctx context.Context) error {
	var fillers errgroup.Group
	fillers.SetLimit(fillWorkers)
	defer fillers.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	nextCheck := h.now().Add(h.headPause())
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
		case <-timer.C:
		}
		now := h.now()
		due, next, check := h.due(now)
		for _, t := range due {
			fillers.Go(func() error {
				defer h.contain("room", t.room)
				if err := t.fill(ctx); err != nil && ctx.Err() == nil {
					h.log.Warn("gap not filled yet", "room", t.room, "error", err)
					h.fillLater(t, fillRetry)
				}
				return nil
			})
		}
		if check || !now.Before(nextCheck) {
			h.forgetIdle(now)
			err := h.checkHeads(ctx)
			if (err != nil) != failing && ctx.Err() == nil {
				failing = err != nil
				if failing {
					h.log.Warn("the logs' heads cannot be read: lost events are found late", "error", err)
				} else {
					h.log.Info("the logs' heads are read again")
				}
			}
			nextCheck = h.now().Add(h.headPause())
		}
		wait := nextCheck.Sub(h.now())
		if !next.IsZero() {
			wait = min(wait, next.Sub(h.now()))
		}
		timer.Reset(max(wait, time.Millisecond))
	}
}

// headPause is the time to the next head check. While the bus is not heard,
// this is how events come at all.
func (h *Hub) headPause() time.Duration {
	if h.degraded() {
		return jitter(blindPeriod)
	}
	return jitter(headPeriod)
}

// due takes the topics whose gap is to be read now; next is when the earliest
// of the others is.
func (h *Hub) due(now time.Time) (due []*topic, next time.Time, check bool) {
	h.fillMu.Lock()
	defer h.fillMu.Unlock()
	for t, at := range h.fills {
		if !at.After(now) {
			due = append(due, t)
			delete(h.fills, t)
		} else if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	check = h.heads || len(h.asked) > 0
	h.heads = false
	clear(h.asked)
	return due, next, check
}

// checkHeads compares every topic here with the store. Without it the last
// event before a silence could stay unseen, when its publisher died between
// COMMIT and PUBLISH: no later number would reveal the gap.
func (h *Hub) checkHeads(ctx context.Context) error {
	var topics []*topic
	for i := range h.parts {
		p := &h.parts[i]
		p.mu.RLock()
		for _, t := range p.topics {
			topics = append(topics, t)
		}
		p.mu.RUnlock()
	}
	var errs []error
	for len(topics) > 0 {
		chunk := topics[:min(headChunk, len(topics))]
		topics = topics[len(chunk):]
		ids := make([]RoomID, len(chunk))
		for i, t := range chunk {
			ids[i] = t.room
		}
		heads, err := h.store.Heads(ctx, ids)
		if err != nil {
			errs = append(errs, err) // what was read counts all the same
		}
		for _, t := range chunk {
			if head, ok := heads[t.room]; ok {
				t.observe(head)
			}
		}
	}
	return errors.Join(errs...)
}

// Stats tells what the hub counted and holds.
func (h *Hub) Stats() HubStats {
	s := HubStats{
		Delivered: h.counters.delivered.Load(), Repeats: h.counters.repeats.Load(),
		Held: h.counters.held.Load(), Fills: h.counters.fills.Load(),
		FellBehind: h.counters.fell.Load(), Odd: h.counters.odd.Load(), Panics: h.counters.panics.Load(),
		RecentBytes: h.keptBytes.Load(),
	}
	for i := range h.parts {
		p := &h.parts[i]
		p.mu.RLock()
		s.Topics += len(p.topics)
		p.mu.RUnlock()
	}
	h.mu.Lock()
	s.Sessions = h.count
	h.mu.Unlock()
	return s
}

// Queued tells how many bytes wait to be written to sessions, beside what their
// writers hold already, and how many sessions are behind the live stream of a room
// of theirs.
func (h *Hub) Queued() (bytes int64, lagging int) {
	for _, s := range h.all() {
		n, behind := s.queue.load()
		bytes += int64(n)
		if behind {
			lagging++
		}
	}
	return bytes, lagging
}

// jitter spreads a period by a fifth either way, so that nodes which started
// together do not ask together.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5)
}
