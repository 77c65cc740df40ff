package main

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/chat/wire"
)

func ids(list []*post) string {
	s := ""
	for _, p := range list {
		s += p.id
	}
	return s
}

func filledOutbox(names string) *outbox {
	o := newOutbox()
	for _, r := range names {
		o.add(&post{id: string(r)})
	}
	return o
}

func TestOutboxSendsAgainInOrder(t *testing.T) {
	o := filledOutbox("abcd")
	for now := range 3 {
		o.take(time.Duration(now) + 1)
	}
	if p := o.answered("b", 9); p == nil || p.doubt {
		t.Fatalf("answered: %+v", p)
	}
	if n := o.cut(); n != 2 {
		t.Errorf("%d lost their answer, want 2", n)
	}
	list := o.abandon()
	if ids(list) != "acd" || !list[0].doubt || !list[1].doubt || list[2].doubt {
		t.Errorf("left %s: %+v %+v %+v", ids(list), list[0], list[1], list[2])
	}
}

func TestOutboxGivesUpWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := filledOutbox("ab")
		late, soon := o.take(1), o.take(2)
		o.answered("a", 3)
		o.answered("b", 3)
		o.again(late, time.Hour)
		o.again(soon, time.Second)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !o.queued() || o.waiting() != 2 {
			t.Errorf("queued %v, waiting %d", o.queued(), o.waiting())
		}
		if got := ids(o.abandon()); got != "ba" {
			t.Errorf("left %q", got)
		}
		if o.again(late, 0) || o.waiting() != 0 {
			t.Error("it takes more after the end")
		}
	})
}

func TestOutboxIsStuckOnlyWithoutAnyAnswer(t *testing.T) {
	o := filledOutbox("ab")
	o.take(time.Second)
	o.take(time.Second)
	o.answered("b", 15*time.Second)
	if o.stuck(30*time.Second, 20*time.Second) {
		t.Error("stuck 15 s after an answer")
	}
	if !o.stuck(36*time.Second, 20*time.Second) {
		t.Error("not stuck though nothing was answered for 21 s")
	}
	o.answered("a", 36*time.Second)
	if o.stuck(time.Hour, 20*time.Second) {
		t.Error("stuck with nothing to wait for")
	}
}

func TestMintKnowsItsMessages(t *testing.T) {
	m := newMint("run", 100, 1)
	m.users = []string{"U0", "U1"}
	id := m.id(3, 1, 7)
	good := wire.EventFrame{Type: wire.TypeMessage, Epoch: "E", Seq: 9, ClientID: id, Actor: wire.Actor{ID: "U1"}, Text: m.text(id, 7)}
	if e := m.recognise(3, good); e.n != 7 || e.strange != "" || e.seq != 9 || e.epoch != "E" || len(good.Text) != 100 {
		t.Errorf("%+v of %d bytes", e, len(good.Text))
	}
	if e := m.recognise(3, wire.EventFrame{Type: wire.TypeMember, Seq: 2}); e.n != 0 || e.strange != "" {
		t.Errorf("a member: %+v", e)
	}
	for name, change := range map[string]func(f *wire.EventFrame){
		"text":        func(f *wire.EventFrame) { f.Text = "x" + f.Text[1:] },
		"sender":      func(f *wire.EventFrame) { f.Actor.ID = "U0" },
		"room":        func(f *wire.EventFrame) { f.ClientID = m.id(2, 1, 7) },
		"run":         func(f *wire.EventFrame) { f.ClientID = "other.3.1.7" },
		"number":      func(f *wire.EventFrame) { f.ClientID = "run.3.1.07" },
		"no number":   func(f *wire.EventFrame) { f.ClientID = "run.3.1." },
		"other order": func(f *wire.EventFrame) { f.ClientID = "run.3.1.7.1" },
		"a client":    func(f *wire.EventFrame) { f.ClientID = "run.3.2.7" },
	} {
		f := good
		change(&f)
		if e := m.recognise(3, f); e.strange == "" {
			t.Errorf("another %s is not noticed", name)
		}
	}
}

func TestRoomsTakeTurnsOverClients(t *testing.T) {
	o := defaults()
	o.Clients, o.Rooms, o.RoomSize = 5, 3, 4
	got := fmt.Sprint(o.members(0), o.members(1), o.members(2))
	if want := "[0 1 2 3] [4 0 1 2] [3 4 0 1]"; got != want || o.perClient() != 3 {
		t.Errorf("%s, %d each; want %s and 3", got, o.perClient(), want)
	}
}

func TestBackoff(t *testing.T) {
	for try, most := range []time.Duration{backoffFirst, 2 * backoffFirst, 4 * backoffFirst} {
		if d := backoff(1, try); d != most {
			t.Errorf("backoff(1, %d) = %v, want %v", try, d, most)
		}
	}
	if d := backoff(1, 1000); d != backoffMost {
		t.Errorf("after long: %v", d)
	}
	if d := backoff(0, 5); d != 0 {
		t.Errorf("full jitter begins at 0, not %v", d)
	}
}

func TestClosedCodes(t *testing.T) {
	for code, never := range map[int]bool{1012: false, 1001: false, 4400: true, 4401: true, 4403: true, 4408: false, 4409: true, 4429: false, 4503: false} {
		if e := closed(code, ""); e.never != never || e.told != -1 {
			t.Errorf("%d: %+v", code, e)
		}
	}
	if e := closed(4429, "retry_after_ms=1500"); e.told != 1500*time.Millisecond {
		t.Errorf("4429 told %v", e.told)
	}
}
