package chattest

import (
	"context"

	"hubbub/bus"
	"hubbub/chat"
)

// Say appends a message of the server itself, once per client id.
func (m *Memory) Say(ctx context.Context, id chat.RoomID, clientID, text string, at int64) (bus.Event, error) {
	if err := m.enter(ctx, "Say"); err != nil {
		return bus.Event{}, err
	}
	defer m.mu.Unlock()
	d, err := chat.SystemDraft(clientID, text, at)
	if err != nil {
		return bus.Event{}, err
	}
	r := m.rooms[id]
	if r == nil {
		return bus.Event{}, chat.NoRoom()
	}
	if old, ok := r.find(d.Actor.ID, d.ClientID); ok {
		if old.hash != d.Hash {
			return bus.Event{}, chat.Refuse(chat.ErrConflict, "the id was used for something else")
		}
		return old.Event.Hint(), nil
	}
	return r.add(d).Hint(), nil
}
