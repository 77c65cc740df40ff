package chattest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"hubbub/chat"
	"hubbub/chat/wire"
)

func (w world) append() {
	ada, bob, eve := w.user("Ada"), w.user("Bob"), w.user("Eve")
	private, public := w.room(chat.Private, ada, bob), w.room(chat.Public, ada)

	w.run("numbers in order", func(w world) {
		drafts := []chat.Draft{post(ada, "one"), post(bob, "two"), post(ada, "three")}
		for i, r := range w.try(private, drafts...) {
			equal(w, "seq", r.Event.Seq, chat.Seq(4+i))
			equal(w, "repeat", r.Repeat, false)
		}
		for i, e := range w.log(private)[3:] {
			d := drafts[i]
			equal(w, "event", fmt.Sprint(e), fmt.Sprint(chat.Event{
				Room: private, Epoch: w.see(private, ada).Head.Epoch, Seq: chat.Seq(4 + i), Kind: d.Kind,
				Actor: d.Actor, ClientID: d.ClientID, At: d.At, Body: d.Body,
			}))
		}
	})
	w.run("nothing", func(w world) {
		equal(w, "results", len(w.try(private)), 0)
	})
	w.run("in a room that is not there", func(w world) {
		_, err := w.s.Append(w.Context(), chat.RoomID(chat.NewID()), []chat.Draft{post(ada, "hello")})
		w.is(err, chat.NoRoom())
	})
	w.run("by somebody who is not a member", func(w world) {
		w.refused(chat.NoRoom(), private, post(eve, "hello"))
		w.refused(chat.NoRoom(), private, change(eve, "joined", eve, ""))
		w.refused(chat.ErrForbidden, public, post(eve, "hello"))
	})
	w.run("a refused draft leaves no hole", func(w world) {
		head := w.see(private, ada).Head.Seq
		results := w.try(private, post(eve, "no"), post(ada, "yes"), edit(ada, 9999, "no"), post(bob, "yes"))
		w.is(results[0].Err, chat.ErrNotFound)
		w.is(results[2].Err, chat.ErrNotFound)
		equal(w, "first", results[1].Event.Seq, head+1)
		equal(w, "second", results[3].Event.Seq, head+2)
		w.log(private)
	})
	w.run("replies", func(w world) {
		first := w.do(private, post(ada, "first"))
		seq := w.do(private, reply(bob, first, "second"))
		equal(w, "reply to", w.message(private, seq).ReplyTo, first)
		w.refused(chat.ErrInvalid, private, reply(bob, 9999, "to nothing"))
		w.refused(chat.ErrInvalid, private, reply(bob, 1, "to the room's beginning"))
	})
	w.run("since", func(w world) {
		all := w.log(private)
		head, part, err := w.s.Since(w.Context(), private, 2, 3)
		w.ok(err)
		equal(w, "head", int(head.Seq), len(all))
		equal(w, "part", fmt.Sprint(part), fmt.Sprint(all[2:5]))
		for _, after := range []chat.Seq{head.Seq, head.Seq + 1, 1 << 62} {
			_, none, err := w.s.Since(w.Context(), private, after, 3)
			w.ok(err)
			equal(w, "beyond the head", len(none), 0)
		}
		_, _, err = w.s.Since(w.Context(), chat.RoomID(chat.NewID()), 0, 3)
		w.is(err, chat.NoRoom())
	})
	w.run("many, and large ones", func(w world) {
		room := w.room(chat.Private, ada)
		var drafts []chat.Draft
		for i := range 1100 {
			text := "small"
			if i%15 == 0 { // 5 MB in all
				text = strings.Repeat("🐘", wire.MaxText)
			}
			drafts = append(drafts, post(ada, text))
		}
		w.do(room, drafts...)
		for i, e := range w.log(room)[2:] {
			if string(e.Body) != string(drafts[i].Body) {
				w.Fatalf("message %d is another", i)
			}
		}
	})
	w.run("what a batch changes counts for the rest of it", func(w world) {
		head := w.see(private, ada).Head.Seq
		results := w.try(private,
			change(ada, "invited", eve, ""), post(eve, "I am in"), change(ada, "kicked", eve, ""), post(eve, "am I?"),
			post(ada, "a slip"), edit(ada, head+4, "a slyp"), react(bob, head+4, "👍", false), erase(ada, head+4), edit(ada, head+4, "again"))
		for i, r := range results {
			if wrong := i == 3 || i == 8; wrong != (r.Err != nil) {
				w.Fatalf("draft %d: %v", i, r.Err)
			}
		}
		w.is(results[3].Err, chat.ErrNotFound)
		w.is(results[8].Err, chat.ErrConflict)
		m := w.message(private, head+4)
		equal(w, "deleted", m.Deleted, true)
		equal(w, "text", m.Text, "")
	})
}

func (w world) idempotency() {
	ada, bob := w.user("Ada"), w.user("Bob")
	room := w.room(chat.Private, ada, bob)

	w.run("same id, same content", func(w world) {
		d := post(ada, "once")
		seq := w.do(room, d)
		d.At += 5
		d.Actor.Name = "Ada, later"
		r := w.try(room, d)[0]
		w.ok(r.Err)
		equal(w, "repeat", r.Repeat, true)
		equal(w, "event", fmt.Sprint(r.Event), fmt.Sprint(w.log(room)[seq-1]))
		equal(w, "name of old", r.Event.Actor.Name, "Ada")
	})
	w.run("same id, other content", func(w world) {
		d := post(ada, "this")
		w.do(room, d)
		other := post(ada, "that")
		other.ClientID = d.ClientID
		w.refused(chat.ErrConflict, room, other)
	})
	w.run("ids belong to the actor and the room", func(w world) {
		d := post(ada, "mine")
		seq := w.do(room, d)
		d.Actor = bob
		equal(w, "seq of another actor", w.do(room, d), seq+1)
		d.Actor = ada
		w.do(w.room(chat.Private, ada), d)
	})
	w.run("ids are compared by bytes", func(w world) {
		for _, id := range []string{"x", "X", "x ", " x", "x'", "x\\", "x\"", "x%", "x_"} {
			d := post(ada, "id "+id)
			d.ClientID = id
			w.do(room, d)
		}
	})
	w.run("within one batch", func(w world) {
		d, other := post(ada, "twice"), post(ada, "clash")
		other.ClientID = d.ClientID
		results := w.try(room, d, post(bob, "between"), d, other)
		equal(w, "seq", results[2].Event.Seq, results[0].Event.Seq)
		equal(w, "first", results[0].Repeat, false)
		equal(w, "second", results[2].Repeat, true)
		w.is(results[3].Err, chat.ErrConflict)
		w.log(room)
	})
	w.run("old and new in one batch", func(w world) {
		var drafts []chat.Draft
		for i := range 10 {
			drafts = append(drafts, post(ada, fmt.Sprint(i)))
		}
		w.do(room, drafts[1], drafts[4], drafts[9])
		head := w.see(room, ada).Head.Seq
		for i, r := range w.try(room, drafts...) {
			w.ok(r.Err)
			old := i == 1 || i == 4 || i == 9
			equal(w, "repeat", r.Repeat, old)
			if !old {
				head++
				equal(w, "seq", r.Event.Seq, head)
			}
		}
		equal(w, "head", w.see(room, ada).Head.Seq, head)
		w.log(room)
	})
	w.run("what would be refused by now", func(w world) {
		cat := w.user("Cat")
		said, seq := post(cat, "bye"), chat.Seq(0)
		drafts := []chat.Draft{change(ada, "invited", cat, ""), said, change(cat, "left", cat, "")}
		seq = w.do(room, drafts...)
		gone := erase(ada, w.do(room, post(ada, "oops")))
		w.do(room, gone)
		for i, r := range w.try(room, append(drafts, gone)...) {
			w.ok(r.Err)
			equal(w, "repeat", r.Repeat, true)
			if i < 3 {
				equal(w, "seq", r.Event.Seq, seq-2+chat.Seq(i))
			}
		}
		equal(w, "alone", w.try(room, said)[0].Repeat, true)
	})
	w.run("many at a time", func(w world) {
		d := post(ada, "echo")
		var mu sync.Mutex
		seqs, first := map[chat.Seq]bool{}, 0
		for _, err := range each(8, func(int) error {
			results, err := w.s.Append(w.Context(), room, []chat.Draft{post(bob, "noise"), d})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			seqs[results[1].Event.Seq] = true
			if !results[1].Repeat {
				first++
			}
			return results[1].Err
		}) {
			w.ok(err)
		}
		equal(w, "seqs", len(seqs), 1)
		equal(w, "stored", first, 1)
		w.log(room)
	})
}

func (w world) concurrency() {
	people := w.users("Ada", "Bob", "Cat", "Dan")
	room := w.room(chat.Private, people[0], people[1:]...)
	var mu sync.Mutex
	acked := map[chat.Seq]string{}
	for _, err := range each(8, func(i int) error {
		for n := range 10 {
			drafts := []chat.Draft{post(people[i%4], fmt.Sprintf("%d/%d", i, n))}
			for range rand.N(4) {
				drafts = append(drafts, post(people[i%4], "more"))
			}
			results, err := w.s.Append(w.Context(), room, drafts)
			if err != nil {
				return err
			}
			mu.Lock()
			for j, r := range results {
				if r.Err != nil || acked[r.Event.Seq] != "" || j > 0 && r.Event.Seq != results[j-1].Event.Seq+1 {
					err = fmt.Errorf("draft %d got seq %d (%w), taken by %q", j, r.Event.Seq, r.Err, acked[r.Event.Seq])
				}
				acked[r.Event.Seq] = r.Event.ClientID
			}
			mu.Unlock()
			if err != nil {
				return err
			}
		}
		return nil
	}) {
		w.ok(err)
	}
	log := w.log(room)
	equal(w, "events", len(log), len(acked)+1+len(people))
	for _, e := range log[1+len(people):] {
		equal(w, "client id", e.ClientID, acked[e.Seq])
	}
	equal(w, "unread", w.see(room, people[3]).Unread, uint64(len(acked)))
}
