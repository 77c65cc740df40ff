package chat

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"hubbub/chat/wire"
)

const (
	// rosterMembers is how many members of a room are looked at.
	rosterMembers = 200
	// rosterAge is how long a roster is believed that no event has changed.
	rosterAge = 30 * time.Second
	// maxChanges is how many member events are noted between two looks; after
	// more of them all rosters are read anew.
	maxChanges = 1000
)

// watch is what one session asked for and what it was told; guarded by
// Presence.mu.
type watch struct {
	id    string // of the command, until it was answered
	rooms map[RoomID]struct{}
	told  map[RoomID]string
}

// rosterChange is a "member" event that passed a topic of this node.
type rosterChange struct {
	room RoomID
	user UserID
	out  bool
}

// view is who is online in one room, worked out once for all who watch it.
type view struct {
	wire.RoomPresence
	key string // the same for the same answer
}

// watch replaces what the session wants to know. The answer comes from Run.
func (p *Presence) watch(s *Session, id string, rooms []RoomID) {
	w := &watch{id: id, rooms: make(map[RoomID]struct{}, len(rooms)), told: make(map[RoomID]string)}
	for _, room := range rooms {
		w.rooms[room] = struct{}{}
	}
	p.mu.Lock()
	p.watchers[s] = w
	p.mu.Unlock()
	signal(p.wake)
}

func (p *Presence) unwatch(s *Session) {
	p.mu.Lock()
	delete(p.watchers, s)
	p.mu.Unlock()
}

// changed notes that somebody came into a room or was put out; it may be called
// with a topic's lock held.
func (p *Presence) changed(room RoomID, user UserID, out bool) {
	p.changeMu.Lock()
	defer p.changeMu.Unlock()
	if len(p.changes) <= maxChanges {
		p.changes = append(p.changes, rosterChange{room, user, out})
	}
}

// follow forgets the rosters that changed, and what those watched who are no
// longer in the room.
func (p *Presence) follow() {
	p.changeMu.Lock()
	changes := p.changes
	p.changes = nil
	p.changeMu.Unlock()
	now := p.now()
	if len(changes) > maxChanges || now.Sub(p.loaded) > rosterAge {
		clear(p.rosters)
		p.loaded = now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range changes {
		delete(p.rosters, c.room)
		if !c.out {
			continue
		}
		for s, w := range p.watchers {
			if s.User().ID == c.user {
				delete(w.rooms, c.room)
			}
		}
	}
}

// tell looks up everybody who is watched and tells each watcher of the rooms
// where something changed.
func (p *Presence) tell(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, LeaseTTL/3)
	defer cancel()
	rooms := p.watched()
	maps.DeleteFunc(p.rosters, func(room RoomID, _ []UserID) bool { return !rooms[room] })
	set := make(map[UserID]struct{})
	for room := range rooms {
		if _, ok := p.rosters[room]; !ok {
			if err := p.load(ctx, room); err != nil {
				// That the log cannot be read is no word on who is online: this room
				// waits for the next look.
				p.log.Debug("presence: roster", "room", room, "error", err)
				continue
			}
		}
		for _, u := range p.rosters[room] {
			set[u] = struct{}{}
		}
	}
	statuses := map[UserID]Status{}
	if len(set) > 0 {
		var err error
		if statuses, err = p.leases.Statuses(ctx, slices.Collect(maps.Keys(set))); err != nil {
			return err
		}
	}
	for u, status := range p.hub.statuses() {
		statuses[u] = max(statuses[u], status) // who came since this node last spoke is here all the same
	}
	views := make(map[RoomID]view, len(p.rosters))
	for room, users := range p.rosters {
		views[room] = viewOf(room, users, statuses)
	}
	p.send(views)
	return nil
}

// load reads who is in a room, and ends the watch of those who are not: they were
// put out while nobody on this node read the room, so no event said so.
func (p *Presence) load(ctx context.Context, room RoomID) error {
	watching := p.watching(room)
	users, err := p.hub.store.MemberIDs(ctx, room, rosterMembers)
	if err != nil {
		return err
	}
	slices.Sort(users)
	p.rosters[room] = users
	strangers := func(members []UserID) (out []watcher) {
		for _, w := range watching {
			if _, in := slices.BinarySearch(members, w.session.User().ID); !in {
				out = append(out, w)
			}
		}
		return out
	}
	out := strangers(users)
	if len(out) > 0 && len(users) == rosterMembers { // the roster is not all of them
		all, err := p.hub.store.MemberIDs(ctx, room, maxInsiders+1)
		if err != nil || len(all) > maxInsiders {
			return err
		}
		slices.Sort(all)
		out = strangers(all)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range out {
		delete(w.watch.rooms, room)
	}
	return nil
}

// watcher is a session with what it watches.
type watcher struct {
	session *Session
	watch   *watch
}

func (p *Presence) watching(room RoomID) (out []watcher) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s, w := range p.watchers {
		if _, ok := w.rooms[room]; ok {
			out = append(out, watcher{s, w})
		}
	}
	return out
}

func viewOf(room RoomID, users []UserID, statuses map[UserID]Status) view {
	v := view{RoomPresence: wire.RoomPresence{Room: string(room), State: "known", Online: []string{}}}
	for _, u := range users {
		status := statuses[u]
		if status != Offline {
			v.Online = append(v.Online, string(u))
		}
		if status == Away {
			v.Away = append(v.Away, string(u))
		}
	}
	v.key = "known " + strings.Join(v.Online, " ") + "|" + strings.Join(v.Away, " ")
	return v
}

// tellUnknown tells everybody that nobody knows.
func (p *Presence) tellUnknown() {
	views := make(map[RoomID]view)
	for room := range p.watched() {
		views[room] = view{wire.RoomPresence{Room: string(room), State: "unknown", Online: []string{}}, "unknown"}
	}
	p.send(views)
}

// watched gives the rooms that somebody watches.
func (p *Presence) watched() map[RoomID]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	rooms := make(map[RoomID]bool)
	for _, w := range p.watchers {
		for room := range w.rooms {
			rooms[room] = true
		}
	}
	return rooms
}

// send tells each watcher the rooms that changed for it, or all of them as the
// answer to its command. A room that was not worked out waits for the next look.
func (p *Presence) send(views map[RoomID]view) {
	var out ready
	defer func() { p.hub.outbox.flush(out) }()
	p.mu.Lock()
	defer p.mu.Unlock()
	for s, w := range p.watchers {
		f := wire.PresenceNow{ID: w.id, Rooms: []wire.RoomPresence{}}
		ready := true
		for room := range w.rooms {
			v, ok := views[room]
			ready = ready && ok
			if ok && w.told[room] != v.key {
				f.Rooms = append(f.Rooms, v.RoomPresence)
			}
		}
		if !ready && w.id != "" || len(f.Rooms) == 0 && w.id == "" {
			continue
		}
		slices.SortFunc(f.Rooms, func(a, b wire.RoomPresence) int { return strings.Compare(a.Room, b.Room) })
		// What does not fit is told at the next look, since it was not noted.
		ok, mine := s.queue.pushEphemeral(s.codec.Frame(f))
		if mine {
			out.add(s)
		}
		if ok {
			w.id = ""
			for _, r := range f.Rooms {
				w.told[RoomID(r.Room)] = views[RoomID(r.Room)].key
			}
		}
	}
}

// watchRooms carries a presence command out.
func (s *Session) watchRooms(ctx context.Context, c *wire.Presence) error {
	rooms := make([]RoomID, 0, len(c.Rooms))
	for _, ref := range c.Rooms {
		if _, orders, _ := s.ownOrders(ref); orders {
			return errNoRoom // a stream has one reader
		}
		if sub := s.here(ref); sub != nil {
			rooms = append(rooms, sub.topic.room)
			continue
		}
		room, err := s.rooms.Find(ctx, s.User().ID, ref)
		if err == nil && !room.IsMember() {
			err = errJoinFirst
		}
		if err != nil {
			return err
		}
		rooms = append(rooms, room.ID)
	}
	s.opts.Presence.watch(s, c.ID, rooms)
	return nil
}
