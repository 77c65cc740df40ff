package chat_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/chat"
	"hubbub/chat/chattest"
)

// picky is a store that does nothing for some rooms when several come together.
type picky struct {
	*chattest.Memory
	leaves func(chat.RoomID) (held, alone bool)
	wait   func(chat.RoomID) // before Append
	stall  func(chat.RoomID) // in AppendAll; may be nil
}

func (s picky) AppendAll(ctx context.Context, batches []chat.Batch) []chat.Outcome {
	out := make([]chat.Outcome, len(batches))
	for i, b := range batches {
		if s.stall != nil {
			s.stall(b.Room)
		}
		if out[i].Held, out[i].Alone = s.leaves(b.Room); !out[i].Held && !out[i].Alone {
			out[i] = s.Memory.AppendAll(ctx, []chat.Batch{b})[0]
		}
	}
	return out
}

func (s picky) Append(ctx context.Context, room chat.RoomID, drafts []chat.Draft) ([]chat.Result, error) {
	s.wait(room)
	return s.Memory.Append(ctx, room, drafts)
}

func (w *world) over(s picky) *chat.Rooms {
	r := chat.NewRooms(s, w.store, w, chat.RoomsOptions{Batches: 1})
	w.wg.Go(func() { r.Run(w.ctx) })
	return r
}

// A room whose lock somebody holds holds up no other one, neither one that goes
// with others, nor one that goes alone, nor one that is held for a moment, and
// nothing is lost or out of order once it is free.
func TestAHeldRoomHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, chat.RoomsOptions{})
		alice := w.user("alice")
		held, free, busy := w.room("held", alice), w.room("free", alice), w.room("busy", alice)
		open := make(chan struct{})
		var rounds atomic.Int64
		r := w.over(picky{Memory: w.store,
			leaves: func(room chat.RoomID) (bool, bool) {
				return room == held.ID || room == busy.ID && rounds.Add(1)%5 != 0, false
			},
			wait: func(room chat.RoomID) {
				if room == held.ID {
					<-open
				}
			}})
		const each = 20
		acked := make(chan chat.Seq, each)
		for i := range each {
			go func() {
				sent, err := r.Post(w.ctx, alice.User, string(held.ID), chat.Post{ClientID: fmt.Sprint(i), Text: "x"})
				if err != nil {
					t.Error(err)
				}
				acked <- sent.Seq
			}()
			time.Sleep(100 * time.Millisecond)
			sent, err := r.Post(w.ctx, alice.User, string(free.ID), chat.Post{ClientID: fmt.Sprint(i), Text: "x"})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if _, err := r.Post(w.ctx, alice.User, string(busy.ID), chat.Post{ClientID: fmt.Sprint(i), Text: "x"}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > 100*time.Millisecond {
				t.Errorf("a room that was held for a moment took %v", took)
			}
			if _, err := r.Edit(w.ctx, alice.User, string(free.ID), chat.Edit{ClientID: fmt.Sprint("edit", i), Seq: sent.Seq, Text: "y"}); err != nil {
				t.Fatal(err)
			}
		}
		if len(acked) > 0 {
			t.Fatal("an ack from a room that is held")
		}
		close(open)
		for range each {
			<-acked
		}
		if head, _, err := w.store.Since(w.ctx, held.ID, 0, 1); err != nil || head.Seq != 2+each {
			t.Errorf("head %v, %v", head, err)
		}
	})
}

// A transaction that takes its time, on a connection that is dead perhaps, holds up
// no room but those in it.
func TestAStuckTransactionHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, chat.RoomsOptions{})
		alice := w.user("alice")
		stuck, free := w.room("stuck", alice), w.room("free", alice)
		open := make(chan struct{})
		r := w.over(picky{Memory: w.store,
			leaves: func(chat.RoomID) (bool, bool) { return false, false },
			stall: func(room chat.RoomID) {
				if room == stuck.ID {
					<-open
				}
			}})
		post := func(room chat.Room, id string) error {
			_, err := r.Post(w.ctx, alice.User, string(room.ID), chat.Post{ClientID: id, Text: "x"})
			return err
		}
		late := make(chan error, 1)
		go func() { late <- post(stuck, "late") }()
		synctest.Wait()
		for i := range 5 {
			start := time.Now()
			if err := post(free, fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > 20*time.Millisecond {
				t.Errorf("post %d took %v", i, took)
			}
		}
		close(open)
		if err := <-late; err != nil {
			t.Error(err)
		}
	})
}

// What comes now is stored now; what comes closely after it is stored together.
func TestCommitsAreSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, chat.RoomsOptions{})
		alice := w.user("alice")
		r := w.over(picky{Memory: w.store, leaves: func(chat.RoomID) (bool, bool) { return false, false }})
		room := w.room("tea", alice)
		time.Sleep(time.Second)
		before := r.Stats().Batches
		var all sync.WaitGroup
		for i := range 100 {
			start := time.Now()
			all.Go(func() {
				if _, err := r.Post(w.ctx, alice.User, string(room.ID), chat.Post{ClientID: fmt.Sprint(i), Text: "x"}); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); i == 0 && took > 0 || took > 2*time.Millisecond {
					t.Errorf("post %d took %v", i, took)
				}
			})
			time.Sleep(100 * time.Microsecond)
		}
		all.Wait()
		if n := r.Stats().Batches - before; n < 5 || n > 7 {
			t.Errorf("%d transactions in 10 ms, want one in 2 ms", n)
		}
	})
}

// Rooms that go together one time and alone the next keep their order: what one
// sender sends is numbered, and reaches a reader, as it was sent.
func TestTogetherOrAlone(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	alice := w.user("alice")
	r := w.over(picky{Memory: w.store, wait: func(chat.RoomID) {}, leaves: func(chat.RoomID) (bool, bool) {
		n := rand.IntN(6)
		return n == 0, n == 1
	}})
	const rooms, senders, each = 5, 4, 50
	var all sync.WaitGroup
	for n := range rooms {
		room := w.room(fmt.Sprint("room-", n), alice)
		c := w.nodes[0].connect(alice)
		join(c, room, nil)
		for s := range senders {
			all.Go(func() {
				last := chat.Seq(0)
				for i := range each {
					sent, err := r.Post(w.ctx, alice.User, string(room.ID), chat.Post{ClientID: fmt.Sprint(s, "/", i), Text: "x"})
					if err != nil || sent.Seq <= last {
						t.Errorf("after %d: %d, %v", last, sent.Seq, err)
						return
					}
					last = sent.Seq
				}
			})
		}
		all.Go(func() { expectRange(t, c, 3, 2+senders*each) })
	}
	all.Wait()
	if s := r.Stats(); s.Drafts != rooms*senders*each {
		t.Errorf("%+v", s)
	}
}
