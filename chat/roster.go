package chat

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"hubbub/bus"
	"hubbub/chat/wire"
)

// The hub's roster: which sessions run on this node, and how they end.

// Close codes of the protocol; the others are RFC 6455's own.
const (
	CloseBye         = 1000
	CloseUnsupported = 1003
	CloseBadText     = 1007
	CloseTooLarge    = 1009
	CloseInternal    = 1011
	CloseRestart     = 1012
	CloseBadFrame    = 4400
	CloseSignIn      = 4401
	CloseStalled     = 4408
	CloseTooMany     = 4429
)

// How long, and how many at most, sign-ins are remembered that ended: a socket that
// was being opened when its own ended is refused. One that takes longer, or comes
// in a flood of endings, is found by the next look at the store.
const (
	endedTime = 30 * time.Second
	endedMost = 4096
)

// add takes a session into the roster, or says why it must end.
func (h *Hub) add(s *Session) *CloseError {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		return &CloseError{Code: CloseRestart, Reason: "restart"}
	}
	id := s.Identity()
	if _, over := h.ended[id.Session.ID]; over {
		return &CloseError{Code: CloseSignIn, Reason: "sign in again"}
	}
	user := id.User.ID
	h.users[user] = append(h.users[user], s)
	h.count++
	h.pulse.add(s, jitter(s.opts.Heartbeat))
	return nil
}

// remember notes sign-ins that ended.
func (h *Hub) remember(ids []SessionID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		if len(h.ended) < endedMost {
			h.ended[id] = h.now()
		}
	}
}

// isOver tells whether a sign-in ended a moment ago.
func (h *Hub) isOver(id SessionID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, over := h.ended[id]
	return over
}

func (h *Hub) forgetEnded() {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.ended, func(_ SessionID, at time.Time) bool { return h.now().Sub(at) > endedTime })
}

func (h *Hub) remove(s *Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	user := s.User().ID
	sessions := h.users[user]
	at := slices.Index(sessions, s)
	if at < 0 {
		return
	}
	if h.users[user] = slices.Delete(sessions, at, at+1); len(sessions) == 1 {
		delete(h.users, user)
	}
	h.count--
	h.pulse.remove(s)
}

// of lists the sessions of one user on this node.
func (h *Hub) of(user UserID) []*Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.users[user])
}

func (h *Hub) all() []*Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]*Session, 0, h.count)
	for _, sessions := range h.users {
		out = append(out, sessions...)
	}
	return out
}

// statuses lists the users who have a session on this node, and how they are.
func (h *Hub) statuses() map[UserID]Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make(map[UserID]Status, len(h.users))
	for u, sessions := range h.users {
		out[u] = Away
		for _, s := range sessions {
			if !s.away.Load() {
				out[u] = Online
				break
			}
		}
	}
	return out
}

// order is what one node tells all others about a user: to forget what they
// remember of who that is, in any case.
type order struct {
	// Ended are sign-ins that stand no longer.
	Ended []SessionID `json:"ended"`
}

// EndSessions tells every node that sessions have ended, so that their sockets
// close with 4401 at once; a node that misses it finds out by itself.
func (r *Rooms) EndSessions(user UserID, ids []SessionID) {
	if len(ids) > 0 {
		r.order(user, order{Ended: ids})
	}
}

// UserChanged tells every node that something about a user has changed which is
// remembered there; a node that misses it finds out by itself. Who is not a user
// but has an id of its own may be named too.
func (r *Rooms) UserChanged(user UserID) { r.order(user, order{}) }

func (r *Rooms) order(user UserID, o order) {
	b, err := json.Marshal(o)
	if err == nil {
		err = r.pub.Publish(bus.Event{
			Topic: userTopic(user), Kind: bus.Control, Node: r.node, At: r.now().UnixMicro(), Frames: [][]byte{b},
		})
	}
	if err != nil {
		r.log.Error("publish what has changed about a user", "user", user, "error", err)
	}
}

// control carries out what another node (or this one) ordered.
func (h *Hub) control(user UserID, e bus.Event) {
	for _, f := range e.Frames {
		var o order
		if err := json.Unmarshal(f, &o); err != nil {
			h.counters.odd.Add(1)
			continue
		}
		h.changed(user)
		h.remember(o.Ended) // before it is looked who is here
		for _, s := range h.of(user) {
			for _, id := range o.Ended {
				if s.Identity().Session.ID == id {
					s.End(CloseSignIn, "sign in again")
				}
			}
		}
	}
}

// watchSessions ends the sockets of sign-ins that are over: at once when their
// time is up, and by asking the store for those that ended elsewhere while the
// bus was not heard.
func (h *Hub) watchSessions(ctx context.Context) error {
	expired, live := time.NewTicker(expiryPeriod), time.NewTicker(jitter(livePeriod))
	defer expired.Stop()
	defer live.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-expired.C:
			h.forgetEnded()
			for _, s := range h.all() {
				if s.Identity().Session.Ended(h.now()) {
					s.End(CloseSignIn, "sign in again")
				}
			}
		case <-live.C:
			h.checkSessions(ctx)
		}
	}
}

func (h *Hub) checkSessions(ctx context.Context) {
	now := h.now()
	sessions := h.all()
	for len(sessions) > 0 {
		chunk := sessions[:min(headChunk, len(sessions))]
		sessions = sessions[len(chunk):]
		ids := make([]SessionID, len(chunk))
		for i, s := range chunk {
			ids[i] = s.Identity().Session.ID
		}
		live, err := h.sessions.LiveSessions(ctx, ids, now.UnixMicro())
		if err != nil {
			if ctx.Err() == nil {
				h.log.Warn("session check", "error", err)
			}
			return
		}
		for i, s := range chunk {
			if !live[ids[i]] && s.Identity().Session.ID == ids[i] {
				s.End(CloseSignIn, "sign in again")
			}
		}
	}
}

// Drain refuses new sessions, tells every client to come back after a delay of
// its own within spread, closes the sockets with 1012, and waits until they are
// gone or ctx ends.
func (h *Hub) Drain(ctx context.Context, spread time.Duration) {
	h.mu.Lock()
	h.draining = true
	h.mu.Unlock()
	h.drain()
	for _, s := range h.all() {
		delay := rand.N(max(spread, time.Millisecond))
		s.push(wire.Reconnect{AfterMS: delay.Milliseconds(), Reason: "restart"})
		s.End(CloseRestart, "restart")
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if len(h.all()) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			for _, s := range h.all() {
				s.cut()
			}
			return
		case <-tick.C:
		}
	}
}
