package chat_test

import (
	"testing"

	"hubbub/chat"
	"hubbub/chat/chattest"
	"hubbub/chat/wire"
)

// In the line format /join makes a member of a public room, since it has no
// other way to become one; a private room stays closed.
func TestLinesJoinAPublicRoom(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	n := w.nodes[0]
	alice, bob := w.user("alice"), w.user("bob")
	w.room("tea", alice)
	private, err := n.rooms.Create(w.ctx, alice.User, chat.CreateRoom{Kind: chat.Private, Name: "Secrets"})
	if err != nil {
		t.Fatal(err)
	}
	codec, err := wire.ForProtocol(wire.ProtocolText)
	if err != nil {
		t.Fatal(err)
	}
	pipe, client := chattest.NewPipe(t, "bob")
	s := chat.NewSession(n.hub, n.rooms, noAuth{}, pipe, codec, bob, n.opts)
	w.wg.Go(func() { s.Run(w.ctx) })
	t.Cleanup(client.Leave)
	for _, line := range []string{"/join " + string(private.ID), "/join tea", "hello", "/quit"} {
		client.Send([]byte(line))
	}
	if code, _ := client.Closed(); code != chat.CloseBye {
		t.Errorf("closed with %d, want %d", code, chat.CloseBye)
	}
	room, err := n.rooms.Find(w.ctx, bob.User.ID, "tea")
	if err != nil || !room.IsMember() || room.Head.Seq != 4 {
		t.Errorf("tea: %+v, %v; want a member, and head 4 (room, alice, bob, hello)", room, err)
	}
	if room, err := n.rooms.Find(w.ctx, bob.User.ID, string(private.ID)); err == nil {
		t.Errorf("bob sees %+v", room)
	}
}
