package chattest

import (
	"fmt"
	"strings"
	"sync"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/wire"
)

func (w world) systemMessages() {
	ada, bob := w.user("Ada"), w.user("Bob")
	room := w.room(chat.Private, ada, bob)
	w.do(room, post(ada, "hello"))

	w.run("is a message like others", func(w world) {
		before := w.see(room, bob)
		e, err := w.s.Say(w.Context(), room, "order/1/2", "paid", now)
		w.ok(err)
		seq := before.Head.Seq + 1
		log := w.log(room)
		equal(w, "event", fmt.Sprint(log[seq-1]), fmt.Sprint(chat.Event{
			Room: room, Epoch: before.Head.Epoch, Seq: seq, Kind: chat.EventMessage, Actor: chat.System,
			ClientID: "order/1/2", At: now, Body: []byte(`{"kind":"system","text":"paid"}`),
		}))
		equal(w, "hint", fmt.Sprint(e), fmt.Sprint(bus.Event{
			Topic: bus.Topic("room/" + string(room)), Kind: bus.Log, Epoch: string(before.Head.Epoch), First: uint64(seq),
			Frames: [][]byte{wire.AppendEvent(nil, log[seq-1].Wire())},
		}))
		m := w.message(room, seq)
		equal(w, "kind", m.Kind, wire.KindSystem)
		equal(w, "text", m.Text, "paid")
		equal(w, "unread", w.see(room, bob).Unread, before.Unread+1)
		w.do(room, post(bob, "the next"), reply(bob, seq, "what does that mean?"))
		equal(w, "unread", w.see(room, bob).Unread, before.Unread+3)
	})
	w.run("once per client id", func(w world) {
		first, err := w.s.Say(w.Context(), room, "order/1/3", "packed", now)
		w.ok(err)
		w.do(room, post(bob, "between"))
		again, err := w.s.Say(w.Context(), room, "order/1/3", "packed", now+5)
		w.ok(err)
		equal(w, "again", fmt.Sprint(again), fmt.Sprint(first))
		head := w.see(room, ada).Head.Seq
		_, err = w.s.Say(w.Context(), room, "order/1/3", "shipped", now)
		w.is(err, chat.ErrConflict)
		equal(w, "head", w.see(room, ada).Head.Seq, head)
		// The ids of users are their own.
		d := post(ada, "packed")
		d.ClientID = "order/1/3"
		equal(w, "a user's seq", w.do(room, d), head+1)
	})
	w.run("stays as it is", func(w world) {
		e, err := w.s.Say(w.Context(), room, "order/1/4", "shipped", now)
		w.ok(err)
		seq := chat.Seq(e.First)
		for _, d := range []chat.Draft{
			edit(ada, seq, "lost"), erase(ada, seq), react(bob, seq, "👍", false), pin(ada, seq, false),
		} {
			w.refused(chat.ErrForbidden, room, d)
		}
	})
	w.run("refused", func(w world) {
		_, err := w.s.Say(w.Context(), chat.RoomID(chat.NewID()), "order/1/5", "x", now)
		w.is(err, chat.NoRoom())
		for _, bad := range [][2]string{{"", "x"}, {"a b", "x"}, {strings.Repeat("i", 65), "x"}, {"i", ""}, {"i", "\xff"}} {
			if _, err := w.s.Say(w.Context(), room, bad[0], bad[1], now); err == nil {
				w.Fatalf("%q was said under the id %q", bad[1], bad[0])
			}
		}
	})
	w.run("many at a time, among what people say", func(w world) {
		var mu sync.Mutex
		seqs := map[uint64]string{}
		for _, err := range each(8, func(i int) error {
			for n := range 5 {
				id := fmt.Sprintf("order/2/%d", n) // each said by all
				e, err := w.s.Say(w.Context(), room, id, id, now)
				if err != nil {
					return err
				}
				mu.Lock()
				seqs[e.First] = id
				mu.Unlock()
				if _, err := w.s.Append(w.Context(), room, []chat.Draft{post(ada, fmt.Sprint(i, n))}); err != nil {
					return err
				}
			}
			return nil
		}) {
			w.ok(err)
		}
		equal(w, "messages", len(seqs), 5)
		log := w.log(room)
		for seq, id := range seqs {
			equal(w, "client id", log[seq-1].ClientID, id)
		}
	})
}
