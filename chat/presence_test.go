package chat_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/chat"
	"hubbub/chat/chattest"
	"hubbub/chat/wire"
)

func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, chat.RoomsOptions{})
		leases := &flakyLeases{LocalLeases: chat.NewLocalLeases()}
		for i, n := range w.nodes {
			n.opts.Presence = chat.NewPresence(n.hub, leases, fmt.Sprint("life-", i), n.opts.Log)
			w.wg.Go(func() { n.opts.Presence.Run(w.ctx) })
		}
		alice, bob, carol, dave := w.user("alice"), w.user("bob"), w.user("carol"), w.user("dave")
		room := w.room("tea", alice, bob, carol, dave)
		a := w.nodes[0].connect(alice)
		a.Send(cmd{"type": "presence", "id": "p", "rooms": []string{"tea"}})
		expectOnline(t, a, room, "known", alice)

		start := time.Now()
		b := w.nodes[1].connect(bob)
		expectOnline(t, a, room, "known", alice, bob)
		b.Leave()
		expectOnline(t, a, room, "known", alice)
		if d := time.Since(start); d > 6*time.Second {
			t.Errorf("in and out took %v", d)
		}

		leases.fail(errors.New("away"))
		expectOnline(t, a, room, "unknown")
		leases.fail(nil)
		expectOnline(t, a, room, "known", alice)

		// The leases run out while their server stands still, and a renewal to which
		// nobody heard the answer makes them anew, without those who are here. Who
		// comes meanwhile and goes again is not left behind in them.
		time.Sleep(300 * time.Millisecond) // both come between two looks
		b, c := w.nodes[1].connect(bob), w.nodes[1].connect(carol)
		expectOnline(t, a, room, "known", alice, bob, carol)
		leases.fail(errors.New("stands still"))
		expectOnline(t, a, room, "unknown")
		d := w.nodes[1].connect(dave)
		time.Sleep(3 * time.Second)
		c.Leave()
		d.Leave()
		time.Sleep(10 * time.Second)
		leases.goOn("life-0", "life-1")
		expectOnline(t, a, room, "known", alice, bob)
		b.Leave()
		expectOnline(t, a, room, "known", alice)
	})
}

func TestWhoIsPutOutHearsNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, chat.RoomsOptions{})
		n := w.nodes[0]
		n.opts.Presence = chat.NewPresence(n.hub, chat.NewLocalLeases(), "life", n.opts.Log)
		w.wg.Go(func() { n.opts.Presence.Run(w.ctx) })
		alice, bob, carol := w.user("alice"), w.user("bob"), w.user("carol")
		room := w.room("tea", alice, bob)
		a, b := n.connect(alice), n.connect(bob)
		join(a, room, nil)
		join(b, room, nil)
		for _, c := range []*chattest.Client{a, b} {
			c.Send(cmd{"type": "presence", "id": "p", "rooms": []string{string(room.ID)}})
			expectOnline(t, c, room, "known", alice, bob)
		}
		n.connect(carol)
		if _, err := n.rooms.Join(w.ctx, carol.User, "tea"); err != nil {
			t.Fatal(err)
		}
		a.Expect("member")
		b.Expect("member")
		for _, c := range []*chattest.Client{a, b} { // who comes in shows without asking again
			expectOnline(t, c, room, "known", alice, bob, carol)
		}
		if err := n.rooms.ChangeMember(w.ctx, alice.User, "tea", bob.User.ID, wire.ChangeKicked, ""); err != nil {
			t.Fatal(err)
		}
		b.Expect("member")
		b.Expect("left")
		a.Expect("member")
		expectOnline(t, a, room, "known", alice, carol)
		time.Sleep(5 * time.Second)
		b.Send(cmd{"type": "typing", "room": string(room.ID)})
		if f := b.Expect("error"); f.Str("code") != "forbidden" {
			t.Errorf("typing into a room one was put out of: %v", f)
		}
		b.Send(cmd{"type": "ping", "id": "p"})
		b.Expect("pong") // and no "presence" before it
	})
}

// expectOnline reads the presence of one room until it is this one: two who come
// at the same instant may be told of one after the other.
func expectOnline(t *testing.T, c *chattest.Client, room chat.Room, state string, who ...chat.Identity) {
	t.Helper()
	want := make([]string, len(who))
	for i, id := range who {
		want[i] = string(id.User.ID)
	}
	slices.Sort(want)
	for {
		f := c.Expect("presence")
		rooms, _ := f["rooms"].([]any)
		if len(rooms) != 1 {
			t.Fatalf("got %v, want one room", f)
		}
		r, _ := rooms[0].(map[string]any)
		got := []string{}
		online, _ := r["online"].([]any)
		for _, u := range online {
			got = append(got, fmt.Sprint(u))
		}
		slices.Sort(got)
		if r["room"] == string(room.ID) && r["state"] == state && slices.Equal(got, want) {
			return
		}
		t.Logf("on the way to %s %v: %v", state, want, r)
	}
}
