package chattest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"hubbub/chat"
)

// tryAll appends batches together, and those with which nothing was done one by one.
func (w world) tryAll(batches ...chat.Batch) []chat.Outcome {
	w.Helper()
	out := w.s.AppendAll(w.Context(), batches)
	equal(w, "outcomes", len(out), len(batches))
	for i, b := range batches {
		if out[i].Held || out[i].Alone {
			out[i] = chat.Outcome{}
			out[i].Results, out[i].Err = w.s.Append(w.Context(), b.Room, b.Drafts)
		}
	}
	return out
}

func (w world) several() {
	ada, bob, eve := w.user("Ada"), w.user("Bob"), w.user("Eve")
	tea, coffee, empty := w.room(chat.Private, ada, bob), w.room(chat.Public, ada), w.room(chat.Private, bob)

	w.run("nothing", func(w world) {
		equal(w, "outcomes", len(w.s.AppendAll(w.Context(), nil)), 0)
	})
	w.run("each room by its own rules", func(w world) {
		out := w.tryAll(
			chat.Batch{Room: tea, Drafts: []chat.Draft{post(ada, "one"), post(eve, "no"), post(bob, "two")}},
			chat.Batch{Room: chat.RoomID(chat.NewID()), Drafts: []chat.Draft{post(ada, "no")}},
			chat.Batch{Room: empty, Drafts: []chat.Draft{post(ada, "no")}},
			chat.Batch{Room: coffee, Drafts: []chat.Draft{post(ada, "three"), post(eve, "no"), reply(ada, 9999, "no")}},
		)
		w.is(out[1].Err, chat.NoRoom())
		for i, want := range map[int][]error{0: {nil, chat.NoRoom(), nil}, 2: {chat.NoRoom()}, 3: {nil, chat.ErrForbidden, chat.ErrInvalid}} {
			w.ok(out[i].Err)
			for j, r := range out[i].Results {
				if !errors.Is(r.Err, want[j]) {
					w.Errorf("room %d, draft %d: %v, want %v", i, j, r.Err, want[j])
				}
			}
		}
		equal(w, "first in tea", out[0].Results[0].Event.Seq, 4)
		equal(w, "second in tea", out[0].Results[2].Event.Seq, 5)
		equal(w, "first in coffee", out[3].Results[0].Event.Seq, 3)
		equal(w, "tea", len(w.log(tea)), 5)
		equal(w, "coffee", len(w.log(coffee)), 3)
		equal(w, "empty", len(w.log(empty)), 2)
		equal(w, "unread", w.see(tea, bob).Unread, 2)
	})
	w.run("repeats", func(w world) {
		first, other := post(ada, "once"), post(ada, "other")
		seq := w.do(tea, first)
		changed := post(ada, "changed")
		changed.ClientID = first.ClientID
		twice := post(ada, "twice")
		out := w.tryAll(
			chat.Batch{Room: tea, Drafts: []chat.Draft{first, changed, other}},
			chat.Batch{Room: coffee, Drafts: []chat.Draft{twice, twice, first}}, // the id is another room's
		)
		r := out[0].Results
		equal(w, "again", r[0].Event.Seq, seq)
		equal(w, "repeat", r[0].Repeat, true)
		w.is(r[1].Err, chat.ErrConflict)
		equal(w, "other", r[2].Event.Seq, seq+1)
		r = out[1].Results
		equal(w, "twice", r[1].Event.Seq, r[0].Event.Seq)
		equal(w, "twice: repeat", r[1].Repeat, true)
		equal(w, "elsewhere: repeat", r[2].Repeat, false)
		w.log(tea)
		w.log(coffee)
	})
	w.run("at the same time", func(w world) {
		rooms := []chat.RoomID{w.room(chat.Private, ada), w.room(chat.Private, ada), w.room(chat.Private, ada)}
		var mu sync.Mutex
		acked := map[string]string{}
		for _, err := range each(8, func(i int) error {
			for n := range 8 {
				var batches []chat.Batch
				for _, room := range rand.Perm(3)[:1+rand.IntN(3)] {
					batches = append(batches, chat.Batch{Room: rooms[room], Drafts: []chat.Draft{post(ada, fmt.Sprint(i, "/", n)), post(ada, "more")}})
				}
				for k, o := range w.s.AppendAll(w.Context(), batches) {
					b := batches[k]
					if o.Held || o.Alone {
						o.Results, o.Err = w.s.Append(w.Context(), b.Room, b.Drafts)
					}
					if o.Err != nil {
						return o.Err
					}
					mu.Lock()
					for _, r := range o.Results {
						acked[fmt.Sprint(b.Room, r.Event.Seq)] = r.Event.ClientID
					}
					mu.Unlock()
				}
			}
			return nil
		}) {
			w.ok(err)
		}
		stored := 0
		for _, room := range rooms {
			for _, e := range w.log(room)[2:] {
				equal(w, "client id", e.ClientID, acked[fmt.Sprint(room, e.Seq)])
				stored++
			}
		}
		equal(w, "stored", stored, len(acked))
	})
}
