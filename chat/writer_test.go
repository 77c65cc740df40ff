package chat_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/chattest"
	"hubbub/chat/wire"
)

// TestAFailedWriteEndsTheSession holds for whatever is written: a session
// without its writer would hold its place, and its reader, for ever.
func TestAFailedWriteEndsTheSession(t *testing.T) {
	for _, what := range []string{"welcome", "joined", "room", "message", "ping"} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1, chat.RoomsOptions{})
				n := w.nodes[0]
				alice := w.user("alice")
				room := w.room("tea", alice)
				codec, err := wire.ForProtocol(wire.ProtocolJSON)
				if err != nil {
					t.Fatal(err)
				}
				conn := newModelConn()
				defer conn.CloseNow()
				conn.fault = func(f []byte) error {
					if bytes.Contains(f, []byte(`{"type":"`+what+`"`)) {
						return errors.New("nobody takes it")
					}
					return nil
				}
				over := make(chan error, 1)
				go func() {
					over <- chat.NewSession(n.hub, n.rooms, noAuth{}, conn, codec, alice,
						chat.SessionOptions{Log: slog.New(slog.DiscardHandler)}).Run(w.ctx)
				}()
				conn.say(cmd{"type": "join", "id": "j", "room": string(room.ID), "since": 0})
				synctest.Wait()
				if _, err := n.rooms.Post(w.ctx, alice.User, "tea", chat.Post{ClientID: "1", Text: "x"}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute) // the heartbeat is written too
				if len(over) == 0 || n.hub.Stats().Sessions != 0 {
					t.Error("the session goes on")
				}
			})
		})
	}
}

// TestWhoCameBackReadsOn holds that leaving, and being put out, ends a stream
// only for who is not a member again: the log has such events from before too.
func TestWhoCameBackReadsOn(t *testing.T) {
	w := newWorld(t, 2, chat.RoomsOptions{})
	alice, bob := w.user("alice"), w.user("bob")
	room := w.room("tea", alice, bob)
	n := w.nodes[0]
	change := func(who chat.Identity, change string) {
		t.Helper()
		if err := n.rooms.ChangeMember(w.ctx, who.User, string(room.ID), bob.User.ID, change, ""); err != nil {
			t.Fatal(err)
		}
	}
	change(bob, wire.ChangeLeft)
	change(alice, wire.ChangeInvited)
	change(alice, wire.ChangeKicked)
	change(alice, wire.ChangeInvited)
	const head = 7
	for since := range head {
		c := w.nodes[since%2].connect(bob)
		join(c, room, cmd{"since": since})
		for seq := since + 1; seq <= head; seq++ {
			if f, ok := c.Next(); !ok || f.Num("seq") != uint64(seq) {
				t.Fatalf("since %d: want %d, got %v", since, seq, f)
			}
		}
		c.Leave()
	}
	c := w.nodes[1].connect(bob)
	join(c, room, nil)
	change(alice, wire.ChangeKicked)
	if f := c.Expect("left", "member"); f.Str("id") != "" || f.Str("reason") == "" {
		t.Errorf("got %v", f)
	}
}

// afterRoom does something between the reading of a room and the answer.
type afterRoom struct {
	*chattest.Memory
	act func()
}

func (s afterRoom) Room(ctx context.Context, ref string, user chat.UserID) (chat.Room, error) {
	room, err := s.Memory.Room(ctx, ref, user)
	s.act()
	return room, err
}

// TestPutOutWhileJoining holds that a join which found a member does not
// outlive a kick that passed the topic before the stream began.
func TestPutOutWhileJoining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, chat.RoomsOptions{})
		n := w.nodes[0]
		alice, bob := w.user("alice"), w.user("bob")
		room := w.room("tea", alice, bob)
		say := func(id string) {
			if _, err := n.rooms.Post(w.ctx, alice.User, "tea", chat.Post{ClientID: id, Text: "x"}); err != nil {
				t.Error(err)
			}
		}
		a := n.connect(alice)
		join(a, room, nil)
		w.breakBus(func(bus.Event) []bus.Event { return nil })
		say("4")        // the node does not hear of it, so that bob's cursor makes it ask the store
		synctest.Wait() // publishing comes after the answer
		w.breakBus(nil)
		store := afterRoom{w.store, func() {
			if err := n.rooms.ChangeMember(w.ctx, alice.User, string(room.ID), bob.User.ID, wire.ChangeKicked, ""); err != nil {
				t.Error(err)
			}
			a.Expect("member", "message") // the kick has passed
		}}
		slow := &node{world: w, hub: n.hub, opts: n.opts, rooms: chat.NewRooms(store, w.store, w, chat.RoomsOptions{})}
		b := slow.connect(bob)
		join(b, room, cmd{"since": 4})
		if f := b.Expect("left"); f.Str("reason") == "" {
			t.Errorf("got %v", f)
		}
		say("6")
		a.Expect("message")
		b.Send(cmd{"type": "ping", "id": "p"})
		b.Expect("pong")
	})
}
