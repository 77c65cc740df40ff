package chat

import (
	"crypto/sha256"
	"fmt"

	"hubbub/bus"
	"hubbub/chat/wire"
)

// System is the actor of what nobody did: the server itself. It has no id, so
// that no user can be it.
var System = Actor{Name: "hubbub"}

// SystemDraft is a message of the server itself, for stores to append to any
// room: see chatstore.Store.AppendSystem. The client id makes it one message for
// ever. An error means a fault of the caller.
func SystemDraft(clientID, text string, at int64) (Draft, error) {
	if !wire.ValidID(clientID) {
		return Draft{}, fmt.Errorf("chat: a system message with the client id %q", clientID)
	}
	if err := wire.CheckMessage(wire.KindText, text); err != nil {
		return Draft{}, fmt.Errorf("chat: a system message: %w", err)
	}
	b := body(wire.MessageBody{Kind: wire.KindSystem, Text: text})
	return Draft{
		Kind: EventMessage, Actor: System, ClientID: clientID, At: at, Body: b,
		Hash: sha256.Sum256(append([]byte(EventMessage+"\x00"), b...)),
	}, nil
}

// Hint is the event as it is published, once it is committed.
func (e Event) Hint() bus.Event { return pack([]Event{e}, "", 0)[0] }
