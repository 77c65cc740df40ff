package chat

import (
	"bytes"
	"context"

	"hubbub/chat/wire"
)

// maxInsiders is up to how many members a topic knows by heart; of a larger room
// each join asks the store.
const maxInsiders = 5000

// insiders is who is in a room and what it is called, as its topic knows: read
// once, and kept up by the events that pass. So a thousand clients that come
// back at once cost two reads and not a thousand. Whoever is not in it is not
// refused but looked up. Guarded by the topic's lock.
type insiders struct {
	loaded bool
	users  map[UserID]bool // false: put out since the topic opened
	name   string
}

var (
	memberFrame = []byte(`{"type":"member"`)
	roomFrame   = []byte(`{"type":"room"`)
)

// memberChange tells what a frame changes about who is in the room.
func memberChange(frame []byte) (user UserID, in, out bool) {
	if !bytes.HasPrefix(frame, memberFrame) {
		return "", false, false
	}
	e, err := wire.ParseEvent(frame)
	if err != nil {
		return "", false, false
	}
	out = e.Change == wire.ChangeLeft || e.Change == wire.ChangeKicked
	return UserID(e.User.ID), !out, out
}

// note follows one event of the log, and tells who it lets in or puts out.
func (i *insiders) note(frame []byte) (user UserID, in, out bool) {
	if bytes.HasPrefix(frame, roomFrame) {
		if e, err := wire.ParseEvent(frame); err == nil {
			i.name = e.Name
		}
		return "", false, false
	}
	user, in, out = memberChange(frame)
	switch {
	case !in && !out:
	case len(i.users) > 2*maxInsiders:
		*i = insiders{} // too many came and went: to be read again
	case i.users == nil:
		i.users = map[UserID]bool{user: in}
	default:
		i.users[user] = in
	}
	return user, in, out
}

// fill takes what was read; what passed meanwhile is newer and stays.
func (i *insiders) fill(name string, users []UserID) {
	if i.users == nil {
		i.users = make(map[UserID]bool, len(users))
	}
	for _, u := range users {
		if _, changed := i.users[u]; !changed {
			i.users[u] = true
		}
	}
	i.name, i.loaded = name, true
}

// pass tells from memory that the user may read the topic, and where its log
// stands. ok is false when memory does not do, and the store has to be asked.
func (t *topic) pass(ctx context.Context, user UserID) (head Head, name string, ok bool) {
	t.mu.Lock()
	loaded := t.inside.loaded
	t.mu.Unlock()
	if !loaded {
		// Everybody who joins now waits for the same two reads.
		_, err, _ := t.hub.reads.Do("insiders/"+string(t.room), func() (any, error) {
			return nil, t.learn(context.WithoutCancel(ctx))
		})
		if err != nil {
			return Head{}, "", false
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.head, t.inside.name, t.open && t.inside.loaded && t.inside.users[user]
}

// learn opens the topic and reads who is in the room. The head comes first: a
// member who left after it was read is put out by an event that is still to
// pass.
func (t *topic) learn(ctx context.Context) error {
	t.mu.Lock()
	loaded := t.inside.loaded
	t.mu.Unlock()
	if loaded {
		return nil
	}
	head, name, err := t.hub.store.RoomHead(ctx, t.room)
	if err != nil {
		return err
	}
	t.opened(head)
	users, err := t.hub.store.MemberIDs(ctx, t.room, maxInsiders+1)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(users) > maxInsiders {
		users = nil
	}
	t.inside.fill(name, users)
	return nil
}
