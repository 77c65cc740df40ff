package chat_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/wire"
)

func TestBadFrames(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	alice, bob := w.user("alice"), w.user("bob")
	w.room("tea", bob)
	hidden, err := w.nodes[0].rooms.Create(w.ctx, bob.User, chat.CreateRoom{Kind: chat.Private, Name: "hidden"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, frame, code string
	}{
		{"malformed", `{"type":`, "bad_request"},
		{"unknown type", `{"type":"shout","id":"1"}`, "bad_request"},
		{"unknown field", `{"type":"ping","id":"1","x":1}`, "bad_request"},
		{"no id", `{"type":"post","room":"tea","text":"x"}`, "invalid"},
		{"empty text", `{"type":"post","id":"1","room":"tea","text":""}`, "invalid"},
		{"long text", `{"type":"post","id":"1","room":"tea","text":"` + strings.Repeat("x", wire.MaxText+1) + `"}`, "invalid"},
		{"no such room", `{"type":"post","id":"1","room":"nowhere","text":"x"}`, "not_found"},
		{"a room of others", `{"type":"join","id":"1","room":"` + string(hidden.ID) + `"}`, "not_found"},
		{"not a member", `{"type":"join","id":"1","room":"tea"}`, "forbidden"},
		{"post as no member", `{"type":"post","id":"1","room":"tea","text":"x"}`, "forbidden"},
		{"typing elsewhere", `{"type":"typing","room":"tea"}`, "forbidden"},
		{"a message of the server", `{"type":"post","id":"1","room":"tea","kind":"system","text":"x"}`, "invalid"},
		{"an edit into one", `{"type":"edit","id":"1","room":"tea","seq":1,"kind":"system","text":"x"}`, "invalid"},
		{"uploads", `{"type":"post","id":"1","room":"tea","kind":"image","text":"x"}`, "unsupported"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := w.nodes[0].connect(alice)
			defer c.Leave()
			c.Send([]byte(tc.frame))
			if f := c.Expect("error"); f.Str("code") != tc.code {
				t.Errorf("got %v, want %s", f, tc.code)
			}
			c.Send(cmd{"type": "ping", "id": "p"})
			if f := c.Expect("pong"); f.Str("id") != "p" {
				t.Errorf("the socket does not go on: %v", f)
			}
		})
	}
	t.Run("three in ten seconds", func(t *testing.T) {
		c := w.nodes[0].connect(alice)
		for range 3 {
			c.Send([]byte("{"))
		}
		if code, _ := c.Closed(); code != chat.CloseBadFrame {
			t.Errorf("closed with %d, want %d", code, chat.CloseBadFrame)
		}
	})
	t.Run("not UTF-8", func(t *testing.T) {
		c := w.nodes[0].connect(alice)
		c.Send([]byte("{\"type\":\"ping\",\"id\":\"\xff\"}"))
		if code, _ := c.Closed(); code != chat.CloseBadText {
			t.Errorf("closed with %d, want %d", code, chat.CloseBadText)
		}
	})
}

func TestInternalsAreNotShown(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	alice := w.user("alice")
	room := w.room("tea", alice)
	c := w.nodes[0].connect(alice)
	w.store.Fail("Append", errors.New("table secrets is gone"))
	post(c, room, "m1", "x")
	f := c.Expect("error")
	if f.Str("code") != "internal" || strings.Contains(f.Str("detail"), "secrets") {
		t.Errorf("got %v", f)
	}
}

func TestAKickEndsTheStream(t *testing.T) {
	w := newWorld(t, 2, chat.RoomsOptions{})
	alice, bob := w.user("alice"), w.user("bob")
	room := w.room("tea", alice, bob)
	b := w.nodes[1].connect(bob)
	join(b, room, nil)
	post(b, room, "1", "hello")
	b.Expect("ack", "message")
	post(b, room, "1", "hello") // its ack comes after the message, so that is here now
	b.Expect("ack", "message")
	if err := w.nodes[0].rooms.ChangeMember(w.ctx, alice.User, "tea", bob.User.ID, wire.ChangeKicked, ""); err != nil {
		t.Fatal(err)
	}
	if f := b.Expect("member", "message"); f.Str("change") != "kicked" {
		t.Errorf("got %v", f)
	}
	if f := b.Expect("left"); f.Str("room") != string(room.ID) || f.Str("reason") == "" {
		t.Errorf("got %v", f)
	}
	if _, err := w.nodes[0].rooms.Post(w.ctx, alice.User, "tea", chat.Post{ClientID: "1", Text: "he is gone"}); err != nil {
		t.Fatal(err)
	}
	post(b, room, "2", "let me in")
	if f := b.Expect("error"); f.Str("code") != "forbidden" {
		t.Errorf("got %v; a message must not reach who was kicked", f)
	}
}

func TestSignOutClosesSocketsEverywhere(t *testing.T) {
	w := newWorld(t, 2, chat.RoomsOptions{})
	alice := w.user("alice")
	c := w.nodes[1].connect(alice)
	other := w.nodes[1].connect(chat.Identity{User: alice.User, Session: chat.Login{ID: "OTHER", User: alice.User.ID}})
	w.nodes[0].rooms.EndSessions(alice.User.ID, []chat.SessionID{alice.Session.ID})
	if code, _ := c.Closed(); code != chat.CloseSignIn {
		t.Errorf("closed with %d, want %d", code, chat.CloseSignIn)
	}
	other.Send(cmd{"type": "ping"})
	other.Expect("pong")
}

// A socket whose sign-in ends while it is being opened is not left open; neither is
// one that goes on with a sign-in which has ended.
func TestSignOutWhileASocketOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, chat.RoomsOptions{})
		alice := w.user("alice")
		w.nodes[0].rooms.EndSessions(alice.User.ID, []chat.SessionID{alice.Session.ID})
		c := w.nodes[1].dial(alice) // who was found to be alice before that
		if code, _ := c.Closed(); code != chat.CloseSignIn {
			t.Errorf("closed with %d, want %d", code, chat.CloseSignIn)
		}
		time.Sleep(time.Minute) // what is remembered of it is bounded
		c = w.nodes[1].connect(alice)
		c.Send(cmd{"type": "ping"})
		c.Expect("pong")
	})
}

func TestSessionsThatEndedUnheardAreFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, chat.RoomsOptions{})
		alice := w.user("alice")
		c := w.nodes[0].connect(alice)
		if err := w.store.EndSession(w.ctx, alice.User.ID, alice.Session.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if code, _ := c.Closed(); code != chat.CloseSignIn {
			t.Errorf("closed with %d, want %d", code, chat.CloseSignIn)
		}
	})
}

func TestSilentPeersAreEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, chat.RoomsOptions{})
		c := w.nodes[0].connect(w.user("alice"))
		time.Sleep(44 * time.Second)
		c.Send(cmd{"type": "ping"})
		c.Expect("pong")
		start := time.Now()
		time.Sleep(44 * time.Second)
		if code, _ := c.Closed(); code != 0 {
			t.Errorf("closed with %d, want none: nobody is there to read it", code)
		}
		if d := time.Since(start); d < 45*time.Second || d > 46*time.Second {
			t.Errorf("ended after %v, want 45 s", d)
		}
	})
}

func TestStrangersHaveTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, chat.RoomsOptions{})
		c := w.nodes[0].dial(chat.Identity{})
		start := time.Now()
		c.Closed()
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("ended after %v, want 10 s", d)
		}
		c = w.nodes[0].dial(chat.Identity{})
		c.Send(cmd{"type": "ping"})
		if code, _ := c.Closed(); code != chat.CloseSignIn {
			t.Errorf("closed with %d, want %d", code, chat.CloseSignIn)
		}
	})
}

func TestDrain(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	n := w.nodes[0]
	alice := w.user("alice")
	c := n.connect(alice)
	ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
	defer cancel()
	n.hub.Drain(ctx, 2*time.Second)
	f := c.Expect("reconnect")
	if f.Num("after_ms") > 2000 {
		t.Errorf("got %v", f)
	}
	if code, _ := c.Closed(); code != chat.CloseRestart {
		t.Errorf("closed with %d, want %d", code, chat.CloseRestart)
	}
	late := n.dial(alice)
	if code, _ := late.Closed(); code != chat.CloseRestart {
		t.Errorf("a late client: closed with %d, want %d", code, chat.CloseRestart)
	}
}

// A command is under way when the node drains: the client still is told when to
// come back, and why.
func TestDrainDuringACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, chat.RoomsOptions{})
		n := w.nodes[0]
		alice := w.user("alice")
		room := w.room("tea", alice)
		c := n.connect(alice)
		commit := make(chan struct{})
		w.store.Hook("Append", func(context.Context) error { <-commit; return nil })
		post(c, room, "1", "under way")
		synctest.Wait()
		resume := c.Stall() // the writer is not faster than the answer
		go n.hub.Drain(w.ctx, 2*time.Second)
		synctest.Wait()
		close(commit)
		synctest.Wait()
		resume()
		c.Expect("reconnect")
		if code, _ := c.Closed(); code != chat.CloseRestart {
			t.Errorf("closed with %d, want %d", code, chat.CloseRestart)
		}
	})
}

func TestFullRoomQueueRefuses(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{Queue: 4})
	alice := w.user("alice")
	room := w.room("tea", alice)
	stalled := make(chan struct{})
	w.store.Hook("Append", func(context.Context) error { <-stalled; return nil })
	errs := make(chan error, 20)
	for i := range 20 {
		go func() {
			_, err := w.nodes[0].rooms.Post(w.ctx, alice.User, string(room.ID), chat.Post{ClientID: fmt.Sprint(i), Text: "x"})
			errs <- err
		}()
	}
	refused := 0
	for range 20 - 4 - 4 { // at most four commit and four wait
		var e *chat.Error
		if err := <-errs; !errors.As(err, &e) || e.Code != "rate_limited" || e.RetryAfter == 0 {
			t.Fatalf("got %v, want rate_limited with a delay", err)
		}
		refused++
	}
	close(stalled)
	for range 20 - refused {
		<-errs
	}
	head, events, err := w.store.Since(w.ctx, room.ID, 2, 100)
	if err != nil || int(head.Seq) != 2+len(events) || len(events) > 8 || len(events) < 4 {
		t.Errorf("head %v with %d events, %v: what was refused must not be stored", head, len(events), err)
	}
}

func TestTypingAndReadMarkers(t *testing.T) {
	w := newWorld(t, 2, chat.RoomsOptions{})
	alice, bob := w.user("alice"), w.user("bob")
	room := w.room("tea", alice, bob)
	a, b, phone := w.nodes[0].connect(alice), w.nodes[1].connect(bob), w.nodes[1].connect(alice)
	join(a, room, nil)
	join(b, room, nil)
	b.Send(cmd{"type": "ping"})
	b.Expect("pong") // the stream has begun
	for range 5 {
		a.Send(cmd{"type": "typing", "room": string(room.ID)})
	}
	a.Send(cmd{"type": "read", "id": "r", "room": string(room.ID), "seq": 3})
	a.Expect("ack", "typing", "read")
	if f := phone.Expect("read"); f.Num("seq") != 3 || f.Str("room") != string(room.ID) {
		t.Errorf("got %v", f)
	}
	b.Expect("typing")
	post(a, room, "m", "done")
	b.Expect("message") // and no second "typing" before it
}

func TestControlIsNotForClients(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	alice := w.user("alice")
	c := w.nodes[0].connect(alice)
	for _, e := range []bus.Event{
		{Topic: bus.Topic("user/" + string(alice.User.ID)), Kind: bus.Control, Frames: [][]byte{[]byte("{")}},
		{Topic: "nonsense", Kind: bus.Log, Epoch: "E", First: 1, Frames: [][]byte{[]byte("{}")}},
	} {
		if err := w.Publish(e); err != nil {
			t.Fatal(err)
		}
	}
	if odd := w.nodes[0].hub.Stats().Odd; odd != 2 {
		t.Errorf("%d odd events counted, want 2", odd)
	}
	c.Send(cmd{"type": "ping"})
	c.Expect("pong")
}

func TestWhatWasDeletedIsNotHandedOut(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	alice := w.user("alice")
	room := w.room("tea", alice)
	a := w.nodes[0].connect(alice)
	join(a, room, nil)
	post(a, room, "m", "my secret")
	seq := a.Expect("message", "ack").Num("seq")
	a.Send(cmd{"type": "delete", "id": "d", "room": string(room.ID), "seq": seq})
	a.Expect("deleted", "ack")
	late := w.nodes[0].connect(alice)
	join(late, room, cmd{"since": 2})
	if f := late.Expect("message"); f.Num("seq") != seq || f.Str("text") != "" || f["deleted"] != true {
		t.Errorf("got %v", f)
	}
}

func TestARoomsNameIsNotTakenForAnID(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	alice := w.user("alice")
	room := w.room("2026-q4-planning-offsite-x", alice)
	c := w.nodes[0].connect(alice)
	c.Send(cmd{"type": "join", "id": "j", "room": room.Name})
	if f := c.Expect("joined"); f.Str("room") != string(room.ID) {
		t.Errorf("got %v", f)
	}
	_, err := w.nodes[0].rooms.Create(w.ctx, alice.User, chat.CreateRoom{Kind: chat.Public, Name: strings.Repeat("2", 26)})
	if !errors.Is(err, chat.ErrInvalid) {
		t.Errorf("a name of the form of an id: %v", err)
	}
}

func TestTheFirstAccountOwnsGeneral(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	r := w.nodes[0].rooms
	if err := r.EnsureGeneral(w.ctx); err != nil {
		t.Fatal(err)
	}
	guest, first, second := w.user("guest"), w.user("first"), w.user("second")
	guest.User.Guest = true
	for _, tc := range []struct {
		who  chat.Identity
		want chat.Role
	}{{guest, chat.Plain}, {first, chat.Owner}, {second, chat.Plain}} {
		room, err := r.Join(w.ctx, tc.who.User, chat.General)
		if err != nil || room.Role != tc.want {
			t.Errorf("%s is %q, %v; want %q", tc.who.User.Name, room.Role, err, tc.want)
		}
	}
}
