package chattest

import (
	"fmt"

	"hubbub/chat"
)

func (w world) reading() {
	ada, bob, eve := w.user("Ada"), w.user("Bob"), w.user("Eve")
	room := w.room(chat.Private, ada, bob)
	var seqs []chat.Seq
	for i := range 5 {
		seqs = append(seqs, w.do(room, post(ada, fmt.Sprint(i))))
		w.do(room, react(bob, seqs[i], "👀", false)) // counts for nothing
	}
	head := w.see(room, bob).Head.Seq
	mark := func(w world, seq, want chat.Seq, unread uint64) {
		w.Helper()
		got, err := w.s.MarkRead(w.Context(), room, bob.ID, seq)
		w.ok(err)
		equal(w, "marker", got, want)
		r := w.see(room, bob)
		equal(w, "marker of the room", r.ReadSeq, want)
		equal(w, "unread", r.Unread, unread)
		list, err := w.s.RoomsOf(w.Context(), bob.ID, "", 100)
		w.ok(err)
		equal(w, "unread in the list", list[0].Unread, unread)
	}
	equal(w, "unread at first", w.see(room, bob).Unread, 5)
	equal(w, "unread of the author", w.see(room, ada).Unread, 5) // whose page marks as read what it sends
	mark(w, seqs[1], seqs[1], 3)
	mark(w, seqs[1]+1, seqs[1]+1, 3)
	mark(w, seqs[0], seqs[1]+1, 3) // never back
	mark(w, 0, seqs[1]+1, 3)
	mark(w, head+1000, head, 0) // at most the head
	mark(w, 1<<64-1, head, 0)
	seqs = append(seqs, w.do(room, post(ada, "news")))
	equal(w, "unread then", w.see(room, bob).Unread, 1)
	w.do(room, erase(ada, seqs[5]))
	equal(w, "a deleted message stays unread", w.see(room, bob).Unread, 1)
	for _, err := range each(8, func(i int) error {
		_, err := w.s.MarkRead(w.Context(), room, bob.ID, seqs[i%3])
		return err
	}) {
		w.ok(err)
	}
	equal(w, "marker after many at a time", w.see(room, bob).ReadSeq, head)

	_, err := w.s.MarkRead(w.Context(), room, eve.ID, 3)
	w.is(err, chat.ErrNotFound)
	_, err = w.s.MarkRead(w.Context(), chat.RoomID(chat.NewID()), bob.ID, 3)
	w.is(err, chat.ErrNotFound)
}
