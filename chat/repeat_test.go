package chat_test

import (
	"errors"
	"testing"

	"hubbub/chat"
	"hubbub/chat/wire"
)

// TestARepeatOutlivesMembership holds that who has left, or was kicked, gets the
// old numbers for what was sent before, on whichever node, and nothing else.
func TestARepeatOutlivesMembership(t *testing.T) {
	for _, kind := range []chat.RoomKind{chat.Public, chat.Private} {
		for _, change := range []string{wire.ChangeLeft, wire.ChangeKicked} {
			t.Run(string(kind)+" "+change, func(t *testing.T) { repeatAfter(t, kind, change) })
		}
	}
}

func repeatAfter(t *testing.T, kind chat.RoomKind, change string) {
	w := newWorld(t, 2, chat.RoomsOptions{})
	alice, bob := w.user("alice"), w.user("bob").User
	room, err := w.nodes[0].rooms.Create(w.ctx, alice.User, chat.CreateRoom{Kind: kind, Name: "tea", Members: []chat.UserID{bob.ID}})
	if err != nil {
		t.Fatal(err)
	}
	// As moderator bob may do everything; it comes with the first number after that.
	if err := w.nodes[0].rooms.ChangeMember(w.ctx, alice.User, string(room.ID), bob.ID, wire.ChangeRole, chat.Moderator); err != nil {
		t.Fatal(err)
	}
	ref, other := string(room.ID), chat.NewID()
	said := chat.Seq(5)
	sends := []struct {
		name string
		send func(r *chat.Rooms, ref, id string) (chat.Sent, error)
	}{
		{"post", func(r *chat.Rooms, ref, id string) (chat.Sent, error) {
			return r.Post(w.ctx, bob, ref, chat.Post{ClientID: id, Text: "hi"})
		}},
		{"edit", func(r *chat.Rooms, ref, id string) (chat.Sent, error) {
			return r.Edit(w.ctx, bob, ref, chat.Edit{ClientID: id, Seq: said, Text: "ho"})
		}},
		{"react", func(r *chat.Rooms, ref, id string) (chat.Sent, error) {
			return r.React(w.ctx, bob, ref, chat.Action{ClientID: id, Seq: said, Emoji: "👍"})
		}},
		{"pin", func(r *chat.Rooms, ref, id string) (chat.Sent, error) {
			return r.Pin(w.ctx, bob, ref, chat.Action{ClientID: id, Seq: said})
		}},
		{"delete", func(r *chat.Rooms, ref, id string) (chat.Sent, error) {
			return r.Delete(w.ctx, bob, ref, chat.Action{ClientID: id, Seq: said})
		}},
	}
	for i, s := range sends {
		if got, err := s.send(w.nodes[0].rooms, ref, s.name); err != nil || got.Seq != said+chat.Seq(i) || got.Repeat {
			t.Fatalf("%s: %+v, %v", s.name, got, err)
		}
	}
	by := bob
	if change == wire.ChangeKicked {
		by = alice.User
	}
	if err := w.nodes[0].rooms.ChangeMember(w.ctx, by, ref, bob.ID, change, ""); err != nil {
		t.Fatal(err)
	}
	refusal := chat.ErrForbidden
	if kind == chat.Private {
		refusal = chat.ErrNotFound
	}
	for _, n := range w.nodes {
		for i, s := range sends {
			if got, err := s.send(n.rooms, ref, s.name); err != nil || got.Seq != said+chat.Seq(i) || !got.Repeat {
				t.Errorf("%s again: %+v, %v", s.name, got, err)
			}
			if _, err := s.send(n.rooms, ref, s.name+"-anew"); !errors.Is(err, refusal) {
				t.Errorf("a new %s: %v, want %v", s.name, err, refusal)
			}
			if _, err := s.send(n.rooms, other, s.name); !errors.Is(err, chat.NoRoom()) {
				t.Errorf("%s into a room that is not there: %v", s.name, err)
			}
		}
		if kind == chat.Public {
			if got, err := sends[0].send(n.rooms, "tea", "post"); err != nil || got.Seq != said {
				t.Errorf("by the room's name: %+v, %v", got, err)
			}
		}
	}
	want := int64(len(sends) * 2)
	if kind == chat.Public {
		want++
	}
	if got := w.nodes[1].rooms.Stats().Drafts; got != want {
		t.Errorf("%d drafts came to a writer, want %d: none of a room that is not there", got, want)
	}
}
