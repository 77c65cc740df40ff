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

// TestAwayOnEveryDevice: a user is away when each of their sockets says so, on
// whichever nodes they are.
func TestAwayOnEveryDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, chat.RoomsOptions{})
		leases := &flakyLeases{LocalLeases: chat.NewLocalLeases()}
		for i, n := range w.nodes {
			n.opts.Presence = chat.NewPresence(n.hub, leases, fmt.Sprint("life-", i), n.opts.Log)
			w.wg.Go(func() { n.opts.Presence.Run(w.ctx) })
		}
		alice, bob := w.user("alice"), w.user("bob")
		room := w.room("tea", alice, bob)
		a := w.nodes[0].connect(alice)
		a.Send(cmd{"type": "presence", "id": "p", "rooms": []string{"tea"}})
		away := func(c *chattest.Client, yes bool) {
			t.Helper()
			c.Send(cmd{"type": "status", "id": "s", "away": yes})
			if f := c.Expect("ack"); f.Str("id") != "s" {
				t.Errorf("got %v", f)
			}
		}
		laptop, phone, tablet := w.nodes[0].connect(bob), w.nodes[1].connect(bob), w.nodes[1].connect(bob)
		expectOnline(t, a, room, "known", alice, bob)
		time.Sleep(3 * time.Second) // both nodes have told
		away(laptop, true)
		away(phone, true)
		time.Sleep(5 * time.Second)
		a.Send(cmd{"type": "ping", "id": "p"})
		a.Expect("pong") // and no "presence" before it: the tablet is in use
		away(tablet, true)
		expectPresence(t, a, room, "known", []chat.Identity{alice, bob}, []chat.Identity{bob})
		away(phone, false)
		expectOnline(t, a, room, "known", alice, bob)
		phone.Leave() // the others are away still
		expectPresence(t, a, room, "known", []chat.Identity{alice, bob}, []chat.Identity{bob})

		// What was said is not forgotten while nobody can tell.
		leases.fail(errors.New("away"))
		expectOnline(t, a, room, "unknown")
		leases.goOn("life-0", "life-1")
		expectPresence(t, a, room, "known", []chat.Identity{alice, bob}, []chat.Identity{bob})

		// A socket that comes back and does not say it again is in use.
		laptop.Leave()
		tablet.Leave()
		expectOnline(t, a, room, "known", alice)
		w.nodes[1].connect(bob)
		expectOnline(t, a, room, "known", alice, bob)
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

// TestWhoIsPutOutElsewhere: who watches a room that nobody on the node reads, and is
// put out of it, is told no more once the members are read again.
func TestWhoIsPutOutElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, chat.RoomsOptions{})
		leases := chat.NewLocalLeases()
		for i, n := range w.nodes {
			n.opts.Presence = chat.NewPresence(n.hub, leases, fmt.Sprint("life-", i), n.opts.Log)
			w.wg.Go(func() { n.opts.Presence.Run(w.ctx) })
		}
		alice, bob, carol := w.user("alice"), w.user("bob"), w.user("carol")
		room := w.room("tea", alice, bob, carol)
		a, b := w.nodes[1].connect(alice), w.nodes[1].connect(bob)
		for _, c := range []*chattest.Client{a, b} {
			c.Send(cmd{"type": "presence", "id": "p", "rooms": []string{string(room.ID)}})
			expectOnline(t, c, room, "known", alice, bob)
		}
		if err := w.nodes[0].rooms.ChangeMember(w.ctx, alice.User, "tea", bob.User.ID, wire.ChangeKicked, ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(35 * time.Second)
		w.nodes[0].connect(carol)
		expectOnline(t, a, room, "known", alice, carol)
		b.Send(cmd{"type": "ping", "id": "p"})
		b.Expect("pong", "membership") // and no "presence" before it
	})
}

// expectOnline is expectPresence of users none of whom is away.
func expectOnline(t *testing.T, c *chattest.Client, room chat.Room, state string, who ...chat.Identity) {
	t.Helper()
	expectPresence(t, c, room, state, who, nil)
}

// expectPresence reads the presence of one room until it is this one: two who
// come at the same instant may be told of one after the other.
func expectPresence(t *testing.T, c *chattest.Client, room chat.Room, state string, who, away []chat.Identity) {
	t.Helper()
	ids := func(list []chat.Identity) []string {
		out := make([]string, len(list))
		for i, id := range list {
			out[i] = string(id.User.ID)
		}
		slices.Sort(out)
		return out
	}
	strings := func(list any) []string {
		out := []string{}
		items, _ := list.([]any)
		for _, u := range items {
			out = append(out, fmt.Sprint(u))
		}
		slices.Sort(out)
		return out
	}
	for {
		f := c.Expect("presence")
		rooms, _ := f["rooms"].([]any)
		if len(rooms) != 1 {
			t.Fatalf("got %v, want one room", f)
		}
		r, _ := rooms[0].(map[string]any)
		if r["room"] == string(room.ID) && r["state"] == state &&
			slices.Equal(strings(r["online"]), ids(who)) && slices.Equal(strings(r["away"]), ids(away)) {
			return
		}
		t.Logf("on the way to %s %v, away %v: %v", state, ids(who), ids(away), r)
	}
}
