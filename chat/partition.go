package chat

import (
	"sync"
	"time"
)

const (
	// idleTopic is how long a topic is kept up that nobody reads: long enough for
	// clients to come back whose balancer or network was away.
	idleTopic = time.Minute
	// idlePerPartition bounds how many of these there are.
	idlePerPartition = 256
)

// partition holds the topics of one bus partition. Its lock is taken before a
// topic's, never after.
type partition struct {
	mu     sync.RWMutex
	topics map[RoomID]*topic
	idle   int // topics that nobody reads
}

func (h *Hub) partition(room RoomID) *partition { return &h.parts[roomTopic(room).Partition()] }

// topic finds a topic that this node keeps up.
func (h *Hub) topic(room RoomID) *topic {
	p := h.partition(room)
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.topics[room]
}

// enter registers a session with a room's topic: from now on nothing of the log
// passes this node unseen.
func (h *Hub) enter(room RoomID, s *Session) *subscription {
	p := h.partition(room)
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.topics[room]
	if t == nil {
		t = &topic{
			room: room, hub: h, early: make(map[Seq][]byte),
			recent: recent{total: &h.keptBytes, max: recentTotal},
		}
		p.topics[room] = t
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.idle.IsZero() {
		t.idle = time.Time{}
		p.idle--
	}
	return t.enterLocked(s)
}

// leave takes a session out of a topic. The topic stays for a while if it was
// open, in case the session comes back.
func (h *Hub) leave(sub *subscription) {
	t := sub.topic
	p := h.partition(t.room)
	p.mu.Lock()
	defer p.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	sub.state = subGone
	t.removeLocked(sub)
	if len(t.subs) > 0 || p.topics[t.room] != t || !t.idle.IsZero() {
		return
	}
	t.idle = h.now()
	p.idle++
	if !t.open || p.idle > idlePerPartition {
		p.forgetLocked(t)
	}
}

// forgetIdle lets go of the topics that nobody came back to.
func (h *Hub) forgetIdle(now time.Time) {
	for i := range h.parts {
		p := &h.parts[i]
		p.mu.Lock()
		if p.idle > 0 {
			for _, t := range p.topics {
				t.mu.Lock()
				if !t.idle.IsZero() && now.Sub(t.idle) > idleTopic {
					p.forgetLocked(t)
				}
				t.mu.Unlock()
			}
		}
		p.mu.Unlock()
	}
}

// forgetLocked takes an idle topic out of the hub; the caller holds its lock too.
func (p *partition) forgetLocked(t *topic) {
	delete(p.topics, t.room)
	p.idle--
	t.recent.end()
	h := t.hub
	h.fillMu.Lock()
	delete(h.fills, t)
	delete(h.asked, t)
	h.fillMu.Unlock()
}
