package chat

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"hubbub/chat/wire"
)

const (
	// presencePeriod is how often a node says whom it carries and looks who else
	// is there. A closed tab shows after one period of grace and one of looking.
	presencePeriod = time.Second
	// LeaseTTL is how long a node's word counts after it was last renewed: the
	// users of a node that died are offline after that and one period.
	LeaseTTL = 6 * time.Second
	// presenceGrace keeps a user online who is only reloading the page.
	presenceGrace = 1500 * time.Millisecond
	// presenceSettle is how long nobody is told who is online after the lease store
	// was away: until the other nodes have said again whom they carry, all their
	// users would seem to be offline.
	presenceSettle = LeaseTTL / 2
	// rosterMembers is how many members of a room are looked at.
	rosterMembers = 200
)

// Leases is where nodes tell each other which users they carry. A node is known
// by its incarnation: a name that no earlier life of it had.
type Leases interface {
	// Renew keeps the lease for another LeaseTTL and replaces whom it covers by
	// adding and removing users. lost says that there was no lease any more, so
	// that only the added users are covered now: put everybody again.
	Renew(ctx context.Context, node string, add, remove []UserID) (lost bool, err error)
	// Drop gives the lease up: its users are offline unless another node has them.
	Drop(ctx context.Context, node string) error
	// Online tells which of the users some node with a lease carries.
	Online(ctx context.Context, users []UserID) (map[UserID]bool, error)
}

// Presence knows who is online, and knows when it does not know: a failing
// lease store makes everybody "unknown", never offline. One per node; it tells
// only sessions that asked.
type Presence struct {
	// Static after construction.
	hub    *Hub
	leases Leases
	node   string
	log    *slog.Logger
	now    func() time.Time

	// Owned by Run.
	carried map[UserID]time.Time // users that the lease covers or may cover, and when they were last here
	failed  time.Time            // when the lease store last gave no answer
	unknown bool

	mu       sync.Mutex
	watchers map[*Session]*watch
	wake     chan struct{} // never closed; a token: somebody waits for an answer
}

// watch is what one session asked for and what it was told.
type watch struct {
	id    string // of the command, until it was answered
	rooms map[RoomID][]UserID
	told  map[RoomID]string
}

// NewPresence makes the presence of a node; incarnation is unique to this life of it.
func NewPresence(hub *Hub, leases Leases, incarnation string, log *slog.Logger) *Presence {
	return &Presence{
		hub: hub, leases: leases, node: incarnation, log: log, now: time.Now,
		carried: make(map[UserID]time.Time), watchers: make(map[*Session]*watch), wake: make(chan struct{}, 1),
	}
}

// watch replaces what the session wants to know. The answer comes from Run.
func (p *Presence) watch(s *Session, id string, rooms map[RoomID][]UserID) {
	p.mu.Lock()
	p.watchers[s] = &watch{id: id, rooms: rooms, told: make(map[RoomID]string)}
	p.mu.Unlock()
	signal(p.wake)
}

func (p *Presence) unwatch(s *Session) {
	p.mu.Lock()
	delete(p.watchers, s)
	p.mu.Unlock()
}

// Run renews the lease and tells the watchers, until ctx ends; then it gives
// the lease up.
func (p *Presence) Run(ctx context.Context) error {
	ticker := time.NewTicker(presencePeriod)
	defer ticker.Stop()
	for {
		err := p.renew(ctx)
		settled := p.now().Sub(p.failed) >= presenceSettle
		if err == nil && settled {
			err = p.tell(ctx)
		}
		if err != nil {
			p.failed = p.now()
		}
		if (err != nil || !settled) && ctx.Err() == nil {
			p.tellUnknown()
		}
		if unknown := err != nil || !settled; unknown != p.unknown && ctx.Err() == nil {
			p.unknown = unknown
			p.log.Warn("presence", "unknown", unknown, "error", err)
		}
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), presencePeriod)
			defer cancel()
			if err := p.leases.Drop(last, p.node); err != nil {
				p.log.Warn("presence: lease not given up, it will run out", "error", err)
			}
			return nil
		case <-ticker.C:
		case <-p.wake:
		}
	}
}

// renew says whom this node carries: who is here, and who was a moment ago. A
// renewal without an answer may have been carried out all the same, or will be
// when a server that stands still goes on: then nobody was told that the lease
// had been lost, and what it covers is not known. So for a while after one
// everybody is put again.
func (p *Presence) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, LeaseTTL/3)
	defer cancel()
	now := p.now()
	var add, remove []UserID
	here := p.hub.online()
	for u := range here {
		if _, ok := p.carried[u]; !ok {
			add = append(add, u)
		}
		p.carried[u] = now
	}
	for u, last := range p.carried {
		if !here[u] && now.Sub(last) > presenceGrace {
			remove = append(remove, u)
		}
	}
	lost, err := p.leases.Renew(ctx, p.node, add, remove)
	if err != nil {
		return err
	}
	for _, u := range remove {
		delete(p.carried, u)
	}
	if (lost || now.Sub(p.failed) < LeaseTTL) && len(p.carried) > 0 {
		_, err = p.leases.Renew(ctx, p.node, slices.Collect(maps.Keys(p.carried)), nil)
	}
	return err
}

// tell looks up everybody who is watched and tells each watcher of the rooms
// where something changed.
func (p *Presence) tell(ctx context.Context) error {
	users := p.watched()
	if len(users) == 0 {
		p.send(nil)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, LeaseTTL/3)
	defer cancel()
	online, err := p.leases.Online(ctx, users)
	if err != nil {
		return err
	}
	p.send(online)
	return nil
}

func (p *Presence) watched() []UserID {
	p.mu.Lock()
	defer p.mu.Unlock()
	set := make(map[UserID]struct{})
	for _, w := range p.watchers {
		for _, users := range w.rooms {
			for _, u := range users {
				set[u] = struct{}{}
			}
		}
	}
	return slices.Collect(maps.Keys(set))
}

// send tells the watchers what is new to them.
func (p *Presence) send(online map[UserID]bool) {
	p.each(func(users []UserID) wire.RoomPresence {
		here := []string{}
		for _, u := range users {
			if online[u] {
				here = append(here, string(u))
			}
		}
		return wire.RoomPresence{State: "known", Online: here}
	})
}

func (p *Presence) tellUnknown() {
	p.each(func([]UserID) wire.RoomPresence {
		return wire.RoomPresence{State: "unknown", Online: []string{}}
	})
}

// each works out every watched room and sends a watcher those that changed, or
// all of them as the answer to its command.
func (p *Presence) each(look func([]UserID) wire.RoomPresence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s, w := range p.watchers {
		f := wire.PresenceNow{ID: w.id, Rooms: []wire.RoomPresence{}}
		told := make(map[RoomID]string, len(w.rooms))
		for room, users := range w.rooms {
			r := look(users)
			r.Room = string(room)
			told[room] = r.State
			for _, u := range r.Online {
				told[room] += " " + u
			}
			if old, ok := w.told[room]; !ok || old != told[room] {
				f.Rooms = append(f.Rooms, r)
			}
		}
		if len(f.Rooms) == 0 && w.id == "" {
			continue
		}
		slices.SortFunc(f.Rooms, func(a, b wire.RoomPresence) int { return strings.Compare(a.Room, b.Room) })
		// What does not fit is told at the next look, since it was not noted.
		if s.queue.pushEphemeral(s.codec.Frame(f)) {
			w.id, w.told = "", told
		}
	}
}

// watchRooms carries a presence command out.
func (s *Session) watchRooms(ctx context.Context, c *wire.Presence) error {
	rooms := make(map[RoomID][]UserID, len(c.Rooms))
	for _, ref := range c.Rooms {
		room, err := s.rooms.Find(ctx, s.User().ID, ref)
		if err == nil && !room.IsMember() {
			err = errJoinFirst
		}
		if err != nil {
			return err
		}
		members, err := s.rooms.Members(ctx, s.User().ID, string(room.ID), "", rosterMembers)
		if err != nil {
			return err
		}
		users := make([]UserID, len(members))
		for i, m := range members {
			users[i] = m.User.ID
		}
		rooms[room.ID] = users
	}
	s.opts.Presence.watch(s, c.ID, rooms)
	return nil
}
