package chattest

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"hubbub/chat"
	"hubbub/chat/wire"
)

func (w world) edits() {
	ada, bob := w.user("Ada"), w.user("Bob")
	room := w.room(chat.Private, ada, bob)
	seq := w.do(room, post(bob, "teh"))
	equal(w, "never edited", w.message(room, seq).EditedAt, 0)
	d := edit(bob, seq, "the")
	d.At += 7
	event := w.do(room, d)
	m := w.message(room, seq)
	equal(w, "text", m.Text, "the")
	equal(w, "kind", m.Kind, wire.KindMarkdown)
	equal(w, "edited at", m.EditedAt, now+7)
	equal(w, "at", m.At, now)
	equal(w, "event", body[wire.EditedBody](w, w.log(room)[event-1]).Text, "the")
	equal(w, "posted", body[wire.MessageBody](w, w.log(room)[seq-1]).Text, "teh")

	w.refused(chat.ErrForbidden, room, edit(ada, seq, "as an owner"))
	w.refused(chat.NoMessage(), room, edit(bob, event, "an event that is no message"))
	w.refused(chat.NoMessage(), room, edit(bob, 1<<40, "nothing"))
	w.run("at most so many", func(w world) {
		seq := w.do(room, post(bob, "0"))
		var drafts []chat.Draft
		for i := range wire.MaxEdits {
			drafts = append(drafts, edit(bob, seq, fmt.Sprint(i+1)))
		}
		w.do(room, drafts...)
		w.refused(chat.ErrInvalid, room, edit(bob, seq, "once more"))
		equal(w, "text", w.message(room, seq).Text, fmt.Sprint(wire.MaxEdits))
		w.do(room, erase(bob, seq))
		for _, e := range w.log(room)[seq-1:] {
			if e.Kind == chat.EventEdited && body[wire.EditedBody](w, e).Text != "" {
				w.Fatalf("%d has its text still", e.Seq)
			}
		}
	})
}

func (w world) deletes() {
	ada, bob, cat := w.user("Ada"), w.user("Bob"), w.user("Cat")
	room := w.room(chat.Private, ada, bob, cat)
	first := w.do(room, post(bob, "to reply to"))
	seq := w.do(room, reply(bob, first, "secret one"))
	w.do(room, edit(bob, seq, "secret two"), react(cat, seq, "😱", false), pin(ada, seq, false))
	w.refused(chat.ErrForbidden, room, erase(cat, seq))
	w.do(room, erase(ada, seq)) // the owner

	m := w.message(room, seq)
	equal(w, "deleted", m.Deleted, true)
	equal(w, "text", m.Text, "")
	equal(w, "pinned", m.Pinned, false)
	equal(w, "reactions", len(m.Reactions), 0)
	equal(w, "reply to", m.ReplyTo, first)
	equal(w, "actor", m.Actor, bob)
	log := w.log(room)
	for _, e := range log {
		if strings.Contains(string(e.Body), "secret") {
			w.Fatalf("event %d has the text still: %s", e.Seq, e.Body)
		}
	}
	posted := body[wire.MessageBody](w, log[seq-1])
	equal(w, "log says deleted", posted, wire.MessageBody{Kind: wire.KindText, ReplyTo: uint64(first), Deleted: true})
	equal(w, "edit in the log", body[wire.EditedBody](w, log[seq]), wire.EditedBody{Target: uint64(seq), Kind: wire.KindMarkdown})

	for _, d := range []chat.Draft{erase(bob, seq), edit(bob, seq, "x"), react(bob, seq, "👍", false), pin(ada, seq, false)} {
		w.refused(chat.ErrConflict, room, d)
	}
	w.run("the same message again is a repeat", func(w world) {
		d := post(bob, "gone soon")
		seq := w.do(room, d)
		w.do(room, erase(bob, seq))
		r := w.try(room, d)[0]
		w.ok(r.Err)
		equal(w, "repeat", r.Repeat, true)
		equal(w, "deleted", body[wire.MessageBody](w, r.Event).Deleted, true)
	})
	w.run("in a direct room one's own only", func(w world) {
		room := w.room(chat.Direct, ada, bob)
		seq := w.do(room, post(ada, "hello"))
		w.refused(chat.ErrForbidden, room, erase(bob, seq))
		w.do(room, erase(ada, seq))
	})
}

func (w world) reactions() {
	ada, bob := w.user("Ada"), w.user("Bob")
	room := w.room(chat.Private, ada, bob)
	seq := w.do(room, post(ada, "react to this"))
	show := func() string {
		var s []string
		for _, r := range w.message(room, seq).Reactions {
			var names []string
			for _, id := range r.Users {
				names = append(names, map[string]string{string(ada.ID): "Ada", string(bob.ID): "Bob"}[id])
			}
			s = append(s, r.Emoji+strings.Join(names, "+"))
		}
		return strings.Join(s, " ")
	}
	w.do(room, react(bob, seq, "👍", false), react(ada, seq, "👩‍👩‍👧‍👦", false), react(ada, seq, "👍", false))
	equal(w, "set", show(), "👍Bob+Ada 👩‍👩‍👧‍👦Ada")
	w.do(room, react(bob, seq, "👍", false), react(bob, seq, "👩‍👩‍👧‍👦", true)) // events that change nothing
	equal(w, "twice", show(), "👍Bob+Ada 👩‍👩‍👧‍👦Ada")
	w.do(room, react(bob, seq, "👍", true), react(ada, seq, "👩‍👩‍👧‍👦", true))
	equal(w, "taken back", show(), "👍Ada")
	w.refused(chat.NoMessage(), room, react(ada, 1, "👍", false))
	w.run("at most so many", func(w world) {
		seq := w.do(room, post(ada, "popular"))
		for i := range wire.MaxReactions {
			w.do(room, react(ada, seq, string(rune('a'+i)), false))
		}
		w.refused(chat.ErrInvalid, room, react(bob, seq, "👍", false))
		w.do(room, react(bob, seq, "a", false)) // one that is there already
	})
}

func (w world) pins() {
	ada, bob := w.user("Ada"), w.user("Bob")
	room := w.room(chat.Private, ada, bob)
	seq := w.do(room, post(bob, "important"))
	w.refused(chat.ErrForbidden, room, pin(bob, seq, false))
	w.do(room, pin(ada, seq, false))
	equal(w, "pinned", w.message(room, seq).Pinned, true)
	w.do(room, pin(ada, seq, true))
	equal(w, "unpinned", w.message(room, seq).Pinned, false)
	direct := w.room(chat.Direct, ada, bob)
	seq = w.do(direct, post(ada, "important"))
	w.do(direct, pin(bob, seq, false))
	equal(w, "pinned by anybody", w.message(direct, seq).Pinned, true)
}

func (w world) pages() {
	ada := w.user("Ada")
	room := w.room(chat.Private, ada)
	var seqs []chat.Seq // of messages 0 … 9, with other events between
	for i := range 10 {
		seqs = append(seqs, w.do(room, post(ada, fmt.Sprint(i))))
		if i%3 == 0 {
			w.do(room, react(ada, seqs[i], "👍", false))
		}
	}
	for _, test := range []struct {
		name string
		r    chat.Range
		want string
		more bool
	}{
		{"newest", chat.Range{Limit: 3}, "789", true},
		{"all", chat.Range{Limit: 10}, "0123456789", false},
		{"more than all", chat.Range{Limit: 200}, "0123456789", false},
		{"before", chat.Range{Before: seqs[5], Limit: 3}, "234", true},
		{"before, to the beginning", chat.Range{Before: seqs[3], Limit: 3}, "012", false},
		{"before the first", chat.Range{Before: seqs[0], Limit: 3}, "", false},
		{"before 1", chat.Range{Before: 1, Limit: 3}, "", false},
		{"before the far end", chat.Range{Before: 1 << 63, Limit: 3}, "789", true},
		{"after", chat.Range{After: seqs[5], Limit: 3}, "678", true},
		{"after, to the end", chat.Range{After: seqs[6], Limit: 3}, "789", false},
		{"after the last", chat.Range{After: seqs[9], Limit: 3}, "", false},
		{"after the far end", chat.Range{After: 1<<64 - 1, Limit: 3}, "", false},
		{"around", chat.Range{Around: seqs[5], Limit: 4}, "4567", true},
		{"around, odd", chat.Range{Around: seqs[5], Limit: 3}, "456", true},
		{"around an event between", chat.Range{Around: seqs[6] + 1, Limit: 4}, "5678", true},
		{"around the first", chat.Range{Around: seqs[0], Limit: 4}, "012", true},
		{"around all", chat.Range{Around: seqs[4], Limit: 20}, "0123456789", false},
	} {
		w.run(test.name, func(w world) {
			page, more, err := w.s.Messages(w.Context(), room, test.r)
			w.ok(err)
			var got string
			for _, m := range page {
				got += m.Text
			}
			equal(w, "page", got, test.want)
			equal(w, "more", more, test.more)
			if !slices.IsSortedFunc(page, func(a, b chat.Message) int { return int(a.Seq) - int(b.Seq) }) {
				w.Fatal("not in order")
			}
		})
	}
}

// bytesOfRead holds that long texts make pages short, and that nothing is left
// out between one page and the next.
func (w world) bytesOfRead() {
	ada := w.user("Ada")
	room := w.room(chat.Private, ada)
	const first, last, limit = 3, 3 + 119, 100 // seqs
	var drafts []chat.Draft
	for i := range last - first + 1 {
		size := 10
		switch {
		case i == 110:
			size = chat.MaxRead + 10
		case i >= 100:
			size = wire.MaxText
		}
		drafts = append(drafts, post(ada, strings.Repeat("x", size)))
	}
	w.do(room, drafts...)
	page := func(w world, r chat.Range) (from, to chat.Seq, more bool) {
		w.Helper()
		r.Limit = limit
		page, more, err := w.s.Messages(w.Context(), room, r)
		w.ok(err)
		for i, m := range page {
			equal(w, "seq", m.Seq, page[0].Seq+chat.Seq(i))
		}
		if len(page) == 0 {
			w.Fatal("no message")
		}
		return page[0].Seq, page[len(page)-1].Seq, more
	}
	// The longest text is 16 000 bytes: eight have room, and four in a half.
	w.run("upwards", func(w world) {
		var got []string
		for after, more := chat.Seq(1), true; more; {
			var from, to chat.Seq
			from, to, more = page(w, chat.Range{After: after})
			got = append(got, fmt.Sprint(from, "-", to))
			after = to
		}
		equal(w, "pages", strings.Join(got, " "), "3-102 103-110 111-112 113-113 114-121 122-122")
	})
	w.run("downwards", func(w world) {
		var got []string
		for r, more := (chat.Range{}), true; more; {
			r.Before, r.After, more = page(w, r)
			got = append(got, fmt.Sprint(r.Before, "-", r.After))
			r.After = 0
		}
		equal(w, "pages", strings.Join(got, " "), "115-122 114-114 113-113 105-112 5-104 3-4")
	})
	for around, want := range map[chat.Seq]string{50: "3-100", 107: "104-111", 112: "109-113", 113: "113-117", 122: "119-122"} {
		w.run(fmt.Sprint("around ", around), func(w world) {
			from, to, more := page(w, chat.Range{Around: around})
			equal(w, "page", fmt.Sprint(from, "-", to), want)
			equal(w, "more", more, true)
		})
	}
	w.run("events", func(w world) {
		var got []string
		for after := chat.Seq(0); after < last; {
			head, events, err := w.s.Since(w.Context(), room, after, limit)
			w.ok(err)
			equal(w, "head", head.Seq, last)
			for i, e := range events {
				equal(w, "seq", e.Seq, after+1+chat.Seq(i))
			}
			if len(events) == 0 {
				w.Fatal("no event")
			}
			after += chat.Seq(len(events))
			got = append(got, fmt.Sprint(after))
		}
		equal(w, "pages end at", strings.Join(got, " "), "100 110 112 113 121 122")
	})
}

func (w world) text() {
	texts := map[string]string{
		"emoji":           "👩🏽‍🚀 🇺🇦 é e\u0301 \U0010FFFF",
		"longest":         strings.Repeat("😀", wire.MaxText),
		"longest escaped": strings.Repeat("<", wire.MaxText),
		"quotes":          `'; DROP TABLE events; -- " \ ' \' %s ? $1 :a`,
		"controls":        "tab\there\nline\r\n\u0001 \u2028 nul \u0000.",
		"right to left":   "\u202eשלום\u202c مرحبا",
	}
	ada := w.user("O'Brien \"\\'; -- 👑")
	room := w.room(chat.Private, ada)
	for name, text := range texts {
		w.run(name, func(w world) {
			seq := w.do(room, post(ada, text))
			m := w.message(room, seq)
			if m.Text != text {
				w.Fatalf("%d characters came back as %d, or others", utf8.RuneCountInString(text), utf8.RuneCountInString(m.Text))
			}
			equal(w, "actor", m.Actor, ada)
			w.do(room, edit(ada, seq, text+"!"))
			if m := w.message(room, seq); m.Text != text+"!" {
				w.Fatal("the edited text is another")
			}
		})
	}
}
