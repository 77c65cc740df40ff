package chattest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"hubbub/chat"
	"hubbub/chat/wire"
)

func (w world) rooms() {
	ada, bob, eve := w.user("Ada"), w.user("Bob"), w.user("Eve")
	n := newRoom(chat.Private, ada, bob, bob, ada)
	room, events, err := w.s.CreateRoom(w.Context(), n)
	w.ok(err)

	w.run("has its first events", func(w world) {
		equal(w, "events", len(events), 3)
		for i, e := range w.log(n.ID) {
			equal(w, "event", fmt.Sprint(events[i]), fmt.Sprint(e))
			equal(w, "actor", e.Actor, ada)
			equal(w, "time", e.At, now)
			if e.ClientID == "" {
				w.Fatal("no client id")
			}
		}
		equal(w, "room", body[wire.RoomBody](w, events[0]), wire.RoomBody{Kind: "private", Name: n.Name, Topic: n.Topic})
		equal(w, "creator", body[wire.MemberBody](w, events[1]), wire.MemberBody{User: ada.Wire(), Change: "joined", Role: "owner"})
		equal(w, "other", body[wire.MemberBody](w, events[2]), wire.MemberBody{User: bob.Wire(), Change: "invited", Role: "member"})
	})
	w.run("is what was asked for", func(w world) {
		for _, r := range []chat.Room{room, w.see(n.ID, ada)} {
			equal(w, "room", fmt.Sprint(r), fmt.Sprint(chat.Room{
				ID: n.ID, Kind: chat.Private, Name: n.Name, Topic: n.Topic, Head: chat.Head{Epoch: n.Epoch, Seq: 3},
				CreatedAt: now, Role: chat.Owner, ReadSeq: 2,
			}))
		}
		equal(w, "role", w.see(n.ID, bob).Role, chat.Plain)
	})
	w.run("private is as absent to others", func(w world) {
		for _, ref := range []string{string(n.ID), n.Name, chat.NewID(), "", "no-such-room", "'; DROP TABLE rooms; --"} {
			_, err := w.s.Room(w.Context(), ref, eve.ID)
			w.is(err, chat.NoRoom())
		}
		_, err := w.s.Room(w.Context(), n.Name, ada.ID)
		w.is(err, chat.NoRoom()) // private rooms are not found by name
	})
	w.run("public is found by its name, by all", func(w world) {
		n := newRoom(chat.Public, ada)
		_, _, err := w.s.CreateRoom(w.Context(), n)
		w.ok(err)
		r, err := w.s.Room(w.Context(), n.Name, eve.ID)
		w.ok(err)
		equal(w, "id", r.ID, n.ID)
		equal(w, "member", r.IsMember(), false)
		equal(w, "unread", r.Unread, 0)
		for _, ref := range []string{n.Name + " ", n.Name[:5] + "%", strings.ToUpper(n.Name)} {
			_, err := w.s.Room(w.Context(), ref, eve.ID)
			w.is(err, chat.NoRoom())
		}
	})
	w.run("one public room has a name", func(w world) {
		first := newRoom(chat.Public, ada)
		_, _, err := w.s.CreateRoom(w.Context(), first)
		w.ok(err)
		second := newRoom(chat.Public, bob)
		second.Name = first.Name
		_, _, err = w.s.CreateRoom(w.Context(), second)
		w.is(err, chat.ErrConflict)
		_, err = w.s.Room(w.Context(), string(second.ID), bob.ID)
		w.is(err, chat.ErrNotFound)
		second.Kind = chat.Private // which may be called anything
		_, _, err = w.s.CreateRoom(w.Context(), second)
		w.ok(err)
	})
	w.run("made by nobody", func(w world) {
		n := newRoom(chat.Public, chat.Actor{})
		room, events, err := w.s.CreateRoom(w.Context(), n)
		w.ok(err)
		equal(w, "events", len(events), 1)
		equal(w, "member", room.IsMember(), false)
		members, err := w.s.Members(w.Context(), n.ID, "", 10)
		w.ok(err)
		equal(w, "members", len(members), 0)
		w.do(n.ID, change(bob, "joined", bob, ""), post(bob, "hello"))

		head, name, err := w.s.RoomHead(w.Context(), n.ID)
		w.ok(err)
		equal(w, "head", head, chat.Head{Epoch: n.Epoch, Seq: 3})
		equal(w, "name", name, n.Name)
		ids, err := w.s.MemberIDs(w.Context(), n.ID, 10)
		w.ok(err)
		equal(w, "member ids", slices.Equal(ids, []chat.UserID{bob.ID}), true)
		none, err := w.s.MemberIDs(w.Context(), n.ID, 0)
		w.ok(err)
		equal(w, "member ids up to a limit", len(none), 0)
		_, _, err = w.s.RoomHead(w.Context(), chat.RoomID(chat.NewID()))
		equal(w, "an absent room", errors.Is(err, chat.ErrNotFound), true)
	})
	w.run("one of many at a time gets the name", func(w world) {
		name := freeName()
		errs := each(8, func(int) error {
			n := newRoom(chat.Public, ada)
			n.Name = name
			_, _, err := w.s.CreateRoom(w.Context(), n)
			return err
		})
		lost := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
		equal(w, "losers", len(lost), 7)
		for _, err := range lost {
			w.is(err, chat.ErrConflict)
		}
	})
}

func (w world) directRooms() {
	ada, bob := w.user("Ada"), w.user("Bob")
	n := newRoom(chat.Direct, ada, bob)
	room, events, err := w.s.CreateRoom(w.Context(), n)
	w.ok(err)
	equal(w, "events", len(events), 3)
	equal(w, "name", room.Name, "")
	equal(w, "role", room.Role, chat.Plain)
	equal(w, "others", fmt.Sprint(room.Others), fmt.Sprint([]chat.Actor{bob}))
	equal(w, "others of the other", fmt.Sprint(w.see(n.ID, bob).Others), fmt.Sprint([]chat.Actor{ada}))

	w.run("is found when made again", func(w world) {
		again := newRoom(chat.Direct, bob, ada)
		room, events, err := w.s.CreateRoom(w.Context(), again)
		w.ok(err)
		equal(w, "id", room.ID, n.ID)
		equal(w, "events", len(events), 0)
		equal(w, "role", room.Role, chat.Plain)
		equal(w, "log", len(w.log(n.ID)), 3)
	})
	w.run("with oneself", func(w world) {
		room, _, err := w.s.CreateRoom(w.Context(), newRoom(chat.Direct, ada, ada))
		w.ok(err)
		equal(w, "others", len(room.Others), 0)
	})
	w.run("shows today's name of the other", func(w world) {
		w.ok(w.s.SetDisplayName(w.Context(), bob.ID, "Bob B."))
		equal(w, "name", w.see(n.ID, ada).Others[0].Name, "Bob B.")
	})
	w.run("many at a time make one", func(w world) {
		cat, dan := w.user("Cat"), w.user("Dan")
		var mu sync.Mutex
		ids, made := map[chat.RoomID]bool{}, 0
		errs := each(8, func(i int) error {
			by, other := cat, dan
			if i%2 == 1 {
				by, other = dan, cat
			}
			room, events, err := w.s.CreateRoom(w.Context(), newRoom(chat.Direct, by, other))
			mu.Lock()
			defer mu.Unlock()
			ids[room.ID] = true
			if len(events) > 0 {
				made++
			}
			return err
		})
		for _, err := range errs {
			w.ok(err)
		}
		equal(w, "rooms", len(ids), 1)
		equal(w, "calls that made it", made, 1)
	})
}

func (w world) lists() {
	ada, bob := w.user("Ada"), w.user("Bob")
	var mine, names []string
	for i := range 5 {
		n := newRoom(chat.Public, ada)
		if i == 4 {
			n = newRoom(chat.Private, ada)
		}
		_, _, err := w.s.CreateRoom(w.Context(), n)
		w.ok(err)
		mine = append(mine, string(n.ID))
		if n.Kind == chat.Public {
			names = append(names, n.Name)
		}
		w.room(chat.Private, bob) // of no concern
	}
	slices.Sort(mine)
	slices.Sort(names)

	w.run("one's rooms", func(w world) {
		var got []string
		for after := chat.RoomID(""); ; {
			page, err := w.s.RoomsOf(w.Context(), ada.ID, after, 2)
			w.ok(err)
			if len(page) == 0 {
				break
			}
			for _, r := range page {
				got = append(got, string(r.ID))
				equal(w, "role", r.Role, chat.Owner)
			}
			after = page[len(page)-1].ID
		}
		equal(w, "rooms", fmt.Sprint(got), fmt.Sprint(mine))
	})
	w.run("public rooms", func(w world) {
		var got []string
		for after := ""; ; {
			page, err := w.s.PublicRooms(w.Context(), bob.ID, after, 3)
			w.ok(err)
			if len(page) == 0 {
				break
			}
			for _, r := range page {
				if r.Name <= after {
					w.Fatalf("%q after %q", r.Name, after)
				}
				after = r.Name
				if slices.Contains(names, r.Name) {
					got = append(got, r.Name)
					equal(w, "member", r.IsMember(), false)
				}
			}
		}
		equal(w, "names", fmt.Sprint(got), fmt.Sprint(names))
	})
	w.run("members", func(w world) {
		others := w.users("Cat", "Dan", "Eve", "Fay")
		room := w.room(chat.Private, ada, others...)
		var want []string
		for _, a := range append(others, ada) {
			want = append(want, string(a.ID)+" "+a.Name)
		}
		slices.Sort(want)
		var got []string
		for after := chat.UserID(""); ; {
			page, err := w.s.Members(w.Context(), room, after, 2)
			w.ok(err)
			if len(page) == 0 {
				break
			}
			for _, m := range page {
				got = append(got, string(m.User.ID)+" "+m.User.DisplayName)
				equal(w, "owner", m.Role == chat.Owner, m.User.ID == ada.ID)
				equal(w, "time", m.JoinedAt, now)
				equal(w, "guest", m.User.Guest, true)
			}
			after = page[len(page)-1].User.ID
		}
		equal(w, "members", fmt.Sprint(got), fmt.Sprint(want))
	})
	w.run("odd cursors and ids", func(w world) {
		for _, odd := range []string{"é😀", "\xff\xfe", "'", "%", strings.Repeat("x", 10_000)} {
			_, err := w.s.RoomsOf(w.Context(), chat.UserID(odd), chat.RoomID(odd), 2)
			w.ok(err)
			_, err = w.s.PublicRooms(w.Context(), ada.ID, odd, 2)
			w.ok(err)
			_, err = w.s.Members(w.Context(), chat.RoomID(mine[0]), chat.UserID(odd), 2)
			w.ok(err)
			_, err = w.s.Room(w.Context(), odd, ada.ID)
			w.is(err, chat.NoRoom())
			_, _, err = w.s.UserByID(w.Context(), chat.UserID(odd))
			w.is(err, chat.NoUser())
			w.is(w.s.EndSession(w.Context(), ada.ID, chat.SessionID(odd)), chat.NoSession())
		}
	})
	w.run("heads", func(w world) {
		absent := chat.RoomID(chat.NewID())
		heads, err := w.s.Heads(w.Context(), []chat.RoomID{chat.RoomID(mine[0]), absent, chat.RoomID(mine[1])})
		w.ok(err)
		equal(w, "heads", len(heads), 2)
		for _, id := range mine[:2] {
			equal(w, "head", heads[chat.RoomID(id)], w.see(chat.RoomID(id), ada).Head)
		}
		none, err := w.s.Heads(w.Context(), nil)
		w.ok(err)
		equal(w, "none", len(none), 0)
	})
}

// each calls f n times at a time and gives what it returned.
func each(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errs
}
