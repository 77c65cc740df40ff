package chat

import (
	"sync"
	"time"
)

const (
	admissionTime = 10 * time.Second
	admissionMax  = 1 << 16
)

// admission remembers for a moment that a user was found in a room, so that a
// send costs no read of its own. It only decides who may stand in a room's
// queue: whether the draft is stored is decided under the room's lock, so a
// memory that is out of date lets nobody in.
type admission struct {
	mu    sync.Mutex
	known map[admissionKey]admitted
}

type admissionKey struct {
	user UserID
	ref  string
}

type admitted struct {
	room  RoomID
	until time.Time
}

func (a *admission) get(user UserID, ref string, now time.Time) (RoomID, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := a.known[admissionKey{user, ref}]
	return e.room, ok && now.Before(e.until)
}

func (a *admission) put(user UserID, ref string, room RoomID, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil || len(a.known) >= admissionMax {
		a.known = make(map[admissionKey]admitted)
	}
	a.known[admissionKey{user, ref}] = admitted{room, now.Add(admissionTime)}
}

func (a *admission) drop(user UserID, ref string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.known, admissionKey{user, ref})
}
