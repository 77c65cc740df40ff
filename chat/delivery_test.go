package chat_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/chattest"
)

func TestPostReachesEveryNode(t *testing.T) {
	w := newWorld(t, 2, chat.RoomsOptions{})
	alice, bob := w.user("alice"), w.user("bob")
	room := w.room("tea", alice, bob)
	a, b := w.nodes[0].connect(alice), w.nodes[1].connect(bob)
	if f := join(a, room, nil); f.Num("head") != 3 || f.Str("epoch") != string(room.Head.Epoch) {
		t.Fatalf("joined: %v, want head 3 (room, owner, bob) and the room's epoch", f)
	}
	join(b, room, nil)

	post(a, room, "m1", "hello <b>")
	ack := a.Expect("ack", "message")
	got := b.Expect("message")
	if got.Num("seq") != 4 || got.Str("text") != "hello <b>" || got.Str("client_id") != "m1" {
		t.Errorf("bob got %v", got)
	}
	if actor, _ := got["actor"].(map[string]any); actor["name"] != "alice" {
		t.Errorf("actor %v", got["actor"])
	}
	if ack.Num("seq") != 4 || ack.Str("id") != "m1" || ack.Str("at") != got.Str("at") {
		t.Errorf("ack %v for message %v", ack, got)
	}
	post(a, room, "m1", "hello <b>")
	if f := a.Expect("ack", "message"); f.Num("seq") != 4 || f["repeat"] != true {
		t.Errorf("the same send again: %v, want seq 4 and repeat", f)
	}
	post(a, room, "m1", "other")
	if f := a.Expect("error", "message"); f.Str("code") != "conflict" {
		t.Errorf("the same id with another text: %v", f)
	}
}

// TestEverySeqOnceInOrder is the heart: while both nodes write, and the bus
// drops, doubles, delays and swaps, every reader sees every number once and in
// order, from wherever it begins and however often it comes back.
func TestEverySeqOnceInOrder(t *testing.T) {
	w := newWorld(t, 2, chat.RoomsOptions{})
	alice := w.user("alice")
	room := w.room("busy", alice)
	var held *bus.Event
	w.breakBus(func(e bus.Event) []bus.Event {
		if e.Kind != bus.Log {
			return []bus.Event{e}
		}
		switch rand.IntN(8) {
		case 0:
			return nil
		case 1:
			return []bus.Event{e, e}
		case 2:
			old := held
			held = &e
			if old != nil {
				return []bus.Event{*old}
			}
			return nil
		case 3:
			if held != nil {
				old := *held
				held = nil
				return []bus.Event{e, old}
			}
		}
		return []bus.Event{e}
	})

	const writers, each, readers = 4, 300, 8
	const last = 2 + writers*each
	var wg sync.WaitGroup
	for i := range writers {
		n := w.nodes[i%2]
		wg.Go(func() {
			for k := range each {
				p := chat.Post{ClientID: fmt.Sprintf("w%d-%d", i, k), Text: "x"}
				if _, err := n.rooms.Post(w.ctx, alice.User, string(room.ID), p); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range readers {
		c := w.nodes[i%2].connect(alice)
		wg.Go(func() { follow(t, w, w.nodes[(i+1)%2], alice, c, room, last) })
	}
	wg.Wait()
	one, two := w.nodes[0].hub.Stats(), w.nodes[1].hub.Stats()
	if one.Fills+two.Fills == 0 || one.Held+two.Held == 0 {
		t.Errorf("the bus was not as bad as it should be: %+v, %+v", one, two)
	}
}

// follow reads the room to its end and moves to the other node now and then.
func follow(t *testing.T, w *world, other *node, who chat.Identity, c *chattest.Client, room chat.Room, last uint64) {
	seen := uint64(0)
	for seen < last {
		c.Send(cmd{"type": "join", "id": "j", "room": string(room.ID), "since": seen, "epoch": string(room.Head.Epoch)})
		if f := c.Expect("joined"); f.Num("from") != seen {
			t.Errorf("joined from %d, asked for %d", f.Num("from"), seen)
			return
		}
		stop := seen + 1 + rand.Uint64N(80)
		for seen < last && seen < stop {
			f, ok := c.Next()
			if !ok {
				t.Error("closed")
				return
			}
			if f.Num("seq") != seen+1 {
				t.Errorf("after %d came %v", seen, f)
				return
			}
			seen++
		}
		c.Leave()
		if seen < last {
			c = other.connect(who)
		}
	}
}

func TestTheLastEventIsFoundWithoutTheBus(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	alice := w.user("alice")
	room := w.room("quiet", alice)
	c := w.nodes[0].connect(alice)
	join(c, room, nil)
	w.breakBus(func(bus.Event) []bus.Event { return nil })
	start := time.Now()
	post(c, room, "m1", "nobody tells of this")
	c.Expect("ack")
	if f := c.Expect("message"); f.Num("seq") != 3 {
		t.Errorf("got %v", f)
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("the head check took %v", d)
	}
	if w.nodes[0].hub.Stats().Fills == 0 {
		t.Error("no gap was filled: the bus was not broken")
	}
}

func TestMissedChecksAtOnce(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	alice := w.user("alice")
	room := w.room("quiet", alice)
	c := w.nodes[0].connect(alice)
	join(c, room, nil)
	w.breakBus(func(bus.Event) []bus.Event { return nil })
	post(c, room, "m1", "lost")
	c.Expect("ack")
	w.nodes[0].hub.Missed(0)
	if f := c.Expect("message"); f.Num("seq") != 3 {
		t.Errorf("got %v", f)
	}
}

// TestASlowReaderLosesItsPlaceNotMessages stalls one reader until its queue is
// full: the other one is not held up, and the slow one reads on from where it was.
func TestASlowReaderLosesItsPlaceNotMessages(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	n := w.nodes[0]
	n.opts.Queue = 8 << 10
	alice := w.user("alice")
	room := w.room("flood", alice)
	slow, fast := n.connect(alice), n.connect(alice)
	join(slow, room, nil)
	join(fast, room, nil)
	resume := slow.Stall()
	const messages = 600 // more than the node keeps in memory
	text := strings.Repeat("x", 200)
	go func() {
		for i := range messages {
			p := chat.Post{ClientID: fmt.Sprint(i), Text: text}
			if _, err := n.rooms.Post(w.ctx, alice.User, string(room.ID), p); err != nil {
				t.Error(err)
			}
		}
	}()
	expectRange(t, fast, 3, messages+2)
	if n.hub.Stats().FellBehind == 0 {
		t.Fatal("nobody fell behind: the test shows nothing")
	}
	resume()
	expectRange(t, slow, 3, messages+2)
	post(fast, room, "live", "live again")
	if f := slow.Expect("message"); f.Str("text") != "live again" {
		t.Errorf("got %v", f)
	}
}

// expectRange reads events from one number to another.
func expectRange(t *testing.T, c *chattest.Client, from, to uint64) {
	t.Helper()
	for seq := from; seq <= to; seq++ {
		if f := c.Expect("message", "ack"); f.Num("seq") != seq {
			t.Fatalf("want %d, got %v", seq, f)
		}
	}
}

func TestJoinFromACursor(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	alice := w.user("alice")
	room := w.room("tea", alice)
	for i := range 10 {
		p := chat.Post{ClientID: fmt.Sprint(i), Text: "x"}
		if _, err := w.nodes[0].rooms.Post(w.ctx, alice.User, "tea", p); err != nil {
			t.Fatal(err)
		}
	}
	epoch := string(room.Head.Epoch)
	for _, tc := range []struct {
		name  string
		ask   cmd
		from  uint64
		reset bool
	}{
		{"only what is new", cmd{}, 12, false},
		{"the last three", cmd{"last": 3}, 9, false},
		{"more than there are", cmd{"last": 200}, 0, false},
		{"from a number", cmd{"since": 5, "epoch": epoch}, 5, false},
		{"from the start", cmd{"since": 0}, 0, false},
		{"from the head", cmd{"since": 12}, 12, false},
		{"above the head", cmd{"since": 13}, 0, true},
		{"of another log", cmd{"since": 5, "epoch": "OTHER"}, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := w.nodes[0].connect(alice)
			defer c.Leave()
			tc.ask["type"], tc.ask["id"], tc.ask["room"] = "join", "j", "tea"
			c.Send(tc.ask)
			f, _ := c.Next()
			if tc.reset {
				if f.Type() != "reset" || f.Str("epoch") != epoch || f.Num("head") != 12 || f.Str("id") != "j" {
					t.Errorf("got %v, want reset to 12", f)
				}
				return
			}
			if f.Type() != "joined" || f.Num("from") != tc.from || f.Num("head") != 12 {
				t.Fatalf("got %v, want joined from %d", f, tc.from)
			}
			for seq := tc.from + 1; seq <= 12; seq++ {
				if e, _ := c.Next(); e.Num("seq") != seq {
					t.Fatalf("want %d, got %v", seq, e)
				}
			}
		})
	}
}

// TestLargeEventsAreReadInSmallPages holds that catching up with large messages
// hands the connection no more than a bounded number of bytes at a time.
func TestLargeEventsAreReadInSmallPages(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	n := w.nodes[0]
	alice := w.user("alice")
	room := w.room("novels", alice)
	const messages = 60
	text := strings.Repeat("ж", 16_000) // 32 kB
	for i := range messages {
		if _, err := n.rooms.Post(w.ctx, alice.User, "novels", chat.Post{ClientID: fmt.Sprint(i), Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	c := n.connect(alice)
	join(c, room, cmd{"since": 2})
	expectRange(t, c, 3, messages+2)
	if most := c.LargestWrite(); most > 256<<10 {
		t.Errorf("one write had %d bytes", most)
	}
}
