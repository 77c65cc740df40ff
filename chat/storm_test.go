package chat_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/chat"
	"hubbub/chat/chattest"
	"hubbub/chat/wire"
)

// TestEverybodyComesBackAtOnce counts what a thousand clients cost that lost
// their sockets together and resume: fewer than five reads of the store.
func TestEverybodyComesBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, chat.RoomsOptions{})
		n := w.nodes[0]
		alice := w.user("alice")
		room := w.room("square", alice)
		const clients = 1000
		everybody := make([]chat.Identity, clients)
		for i := range everybody {
			everybody[i] = w.user(fmt.Sprint("user", i))
			if _, err := n.rooms.Join(w.ctx, everybody[i].User, "square"); err != nil {
				t.Fatal(err)
			}
		}
		sockets := make([]*chattest.Client, clients)
		for i := range sockets {
			sockets[i] = n.connect(everybody[i])
			join(sockets[i], room, nil)
		}
		seen := uint64(room.Head.Seq) + clients
		for i := range sockets {
			sockets[i].Leave()
		}
		synctest.Wait()
		for i := range 20 {
			p := chat.Post{ClientID: fmt.Sprint(i), Text: "you missed this"}
			if _, err := n.rooms.Post(w.ctx, alice.User, "square", p); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)

		reads := new(atomic.Int64)
		for _, method := range []string{"Room", "RoomHead", "MemberIDs", "Members", "Since", "Messages"} {
			w.store.Hook(method, func(context.Context) error { reads.Add(1); return nil })
		}
		var wg sync.WaitGroup
		for i := range sockets {
			sockets[i] = n.connect(everybody[i])
			wg.Go(func() {
				join(sockets[i], room, cmd{"since": seen, "epoch": string(room.Head.Epoch)})
				for k := range uint64(20) {
					if f := sockets[i].Expect("message"); f.Num("seq") != seen+1+k {
						t.Errorf("want %d, got %v", seen+1+k, f)
					}
				}
			})
		}
		wg.Wait()
		if n := reads.Load(); n >= 5 {
			t.Errorf("%d reads for %d joins, want fewer than 5", n, clients)
		}
	})
}

// TestMemoryLetsNobodyIn holds that who was put out while the node remembers
// the room stays out, and who was let in comes in.
func TestMemoryLetsNobodyIn(t *testing.T) {
	w := newWorld(t, 2, chat.RoomsOptions{})
	alice, bob, carol := w.user("alice"), w.user("bob"), w.user("carol")
	room, err := w.nodes[0].rooms.Create(w.ctx, alice.User, chat.CreateRoom{
		Kind: chat.Private, Name: "den", Members: []chat.UserID{bob.User.ID}})
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []chat.Identity{alice, bob} {
		join(w.nodes[1].connect(who), room, nil)
	}
	for _, change := range []struct {
		user chat.Identity
		what string
	}{{bob, wire.ChangeKicked}, {carol, wire.ChangeInvited}} {
		if err := w.nodes[0].rooms.ChangeMember(w.ctx, alice.User, string(room.ID), change.user.User.ID, change.what, ""); err != nil {
			t.Fatal(err)
		}
	}
	b := w.nodes[1].connect(bob)
	b.Send(cmd{"type": "join", "id": "j", "room": string(room.ID), "since": 0})
	if f := b.Expect("error"); f.Str("code") != "not_found" {
		t.Errorf("bob got %v", f)
	}
	join(w.nodes[1].connect(carol), room, nil)
}

// TestTopicsAreForgotten holds that a room nobody reads costs nothing for ever.
func TestTopicsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, chat.RoomsOptions{})
		n := w.nodes[0]
		alice := w.user("alice")
		room := w.room("tea", alice)
		c := n.connect(alice)
		join(c, room, nil)
		post(c, room, "1", "x")
		c.Expect("ack", "message")
		c.Leave()
		synctest.Wait()
		if s := n.hub.Stats(); s.Topics != 1 || s.Sessions != 0 {
			t.Errorf("right after: %+v, want the topic and no session", s)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if s := n.hub.Stats(); s.Topics != 0 || s.RecentBytes != 0 {
			t.Errorf("two minutes later: %+v, want nothing", s)
		}
	})
}
