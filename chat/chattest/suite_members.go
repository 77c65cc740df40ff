package chattest

import (
	"fmt"
	"strings"

	"hubbub/chat"
	"hubbub/chat/wire"
)

func (w world) members() {
	ada, bob, eve := w.user("Ada"), w.user("Bob"), w.user("Eve")

	w.run("join, leave, join again", func(w world) {
		room := w.room(chat.Public, ada)
		w.do(room, post(ada, "before"))
		seq := w.do(room, change(bob, "joined", bob, ""))
		r := w.see(room, bob)
		equal(w, "role", r.Role, chat.Plain)
		equal(w, "read", r.ReadSeq, seq)
		equal(w, "unread", r.Unread, 0)
		equal(w, "body", body[wire.MemberBody](w, w.log(room)[seq-1]), wire.MemberBody{User: bob.Wire(), Change: "joined", Role: "member"})
		w.refused(chat.ErrConflict, room, change(bob, "joined", bob, ""))

		seq = w.do(room, change(bob, "left", bob, ""))
		equal(w, "member", w.see(room, bob).IsMember(), false)
		equal(w, "body", body[wire.MemberBody](w, w.log(room)[seq-1]), wire.MemberBody{User: bob.Wire(), Change: "left"})
		w.refused(chat.ErrForbidden, room, post(bob, "still here?"))
		w.do(room, change(bob, "joined", bob, ""), post(bob, "back"))
	})
	w.run("a kicked member cannot post", func(w world) {
		room := w.room(chat.Private, ada, bob)
		w.do(room, post(bob, "hello"), change(ada, "kicked", bob, ""))
		w.refused(chat.NoRoom(), room, post(bob, "hello?"))
		_, err := w.s.Room(w.Context(), string(room), bob.ID)
		w.is(err, chat.NoRoom())
	})
	w.run("a kick and a post at a time", func(w world) {
		room := w.room(chat.Private, ada, bob)
		for _, err := range each(2, func(i int) error {
			if i == 0 {
				_, err := w.s.Append(w.Context(), room, []chat.Draft{change(ada, "kicked", bob, "")})
				return err
			}
			for range 10 {
				if _, err := w.s.Append(w.Context(), room, []chat.Draft{post(bob, "hello")}); err != nil {
					return err
				}
			}
			return nil
		}) {
			w.ok(err)
		}
		log := w.log(room)
		for i, e := range log {
			if e.Kind == chat.EventMember && body[wire.MemberBody](w, e).Change == "kicked" {
				equal(w, "events after the kick", len(log)-i-1, 0)
			}
		}
	})
	w.run("the last owner", func(w world) {
		room := w.room(chat.Private, ada, bob)
		w.refused(chat.ErrConflict, room, change(ada, "role", ada, chat.Moderator))
		w.do(room, change(ada, "role", bob, chat.Owner), change(ada, "role", ada, chat.Moderator))
		equal(w, "role", w.see(room, ada).Role, chat.Moderator)
		w.refused(chat.ErrConflict, room, change(bob, "role", bob, chat.Plain))
	})
	w.run("two owners step down at a time", func(w world) {
		room := w.room(chat.Private, ada, bob)
		w.do(room, change(ada, "role", bob, chat.Owner))
		each(2, func(i int) error {
			who := []chat.Actor{ada, bob}[i]
			_, err := w.s.Append(w.Context(), room, []chat.Draft{change(who, "role", who, chat.Plain)})
			return err
		})
		if w.see(room, ada).Role == w.see(room, bob).Role {
			w.Fatalf("both are %q", w.see(room, ada).Role)
		}
	})
	w.run("a role changes no read marker", func(w world) {
		room := w.room(chat.Private, ada, bob)
		w.do(room, post(ada, "one"), change(ada, "role", bob, chat.Moderator))
		r := w.see(room, bob)
		equal(w, "role", r.Role, chat.Moderator)
		equal(w, "unread", r.Unread, 1)
	})
	w.run("roles that do not exist", func(w world) {
		room := w.room(chat.Private, ada, bob)
		w.refused(chat.ErrInvalid, room, change(ada, "role", bob, "king"))
		w.refused(chat.ErrInvalid, room, change(ada, "promoted", bob, ""))
	})
	w.run("an invited moderator", func(w world) {
		room := w.room(chat.Private, ada, bob)
		w.refused(chat.ErrForbidden, room, change(bob, "invited", eve, chat.Moderator))
		w.do(room, change(ada, "invited", eve, chat.Moderator))
		equal(w, "role", w.see(room, eve).Role, chat.Moderator)
	})
}

// memberMatrix is the table of MemberChange: for each kind of room, change and
// role of the actor, what the store answers for each role of the user ("none",
// "member", "moderator", "owner") who is somebody else: + done, F forbidden,
// N not found, C conflict. For joined and left the user is the actor, once.
func (w world) memberMatrix() {
	const table = `
		public  joined  none      +
		public  joined  member    C
		public  left    none      F
		public  left    member    +
		public  left    moderator +
		public  left    owner     +
		private joined  none      N
		private joined  member    C
		private left    none      N
		private left    member    +
		direct  joined  none      N
		direct  joined  member    C
		direct  left    member    F
		public  invited none      FFFF
		public  invited member    FFFF
		public  invited moderator +CCC
		public  invited owner     +CCC
		private invited none      NNNN
		private invited member    +CCC
		private invited moderator +CCC
		private invited owner     +CCC
		direct  invited none      NN
		direct  invited member    FF
		public  kicked  none      FFFF
		public  kicked  member    FFFF
		public  kicked  moderator N++F
		public  kicked  owner     N+++
		private kicked  none      NNNN
		private kicked  member    FFFF
		private kicked  moderator N++F
		private kicked  owner     N+++
		direct  kicked  member    FF
		public  role    none      FFFF
		public  role    member    FFFF
		public  role    moderator FFFF
		public  role    owner     N+++
		private role    none      NNNN
		private role    member    FFFF
		private role    moderator FFFF
		private role    owner     N+++
		direct  role    member    FF
		order   joined  none      N
		order   joined  member    C
		order   left    none      N
		order   left    member    F
		order   left    moderator +
		order   invited none      NNN
		order   invited member    FFF
		order   invited moderator FFF
		order   kicked  none      NNN
		order   kicked  member    FFF
		order   kicked  moderator FFF
		order   role    none      NNN
		order   role    member    FFF
		order   role    moderator FFF`
	want := map[byte]error{'F': chat.ErrForbidden, 'N': chat.ErrNotFound, 'C': chat.ErrConflict}
	roles := []chat.Role{"", chat.Plain, chat.Moderator, chat.Owner}
	founder := w.user("Founder")
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		kind, what, by, answers := chat.RoomKind(f[0]), f[1], chat.Role(f[2]), f[3]
		for i, answer := range []byte(answers) {
			actor, other := w.user("Actor"), w.user("Other")
			if by == "none" {
				by = ""
			}
			room := w.populated(kind, founder, actor, by, other, roles[i])
			d := change(actor, what, other, "")
			if what == "joined" || what == "left" {
				d = change(actor, what, actor, "")
			}
			name := fmt.Sprintf("%s: %s by %q of %q", kind, what, by, roles[i])
			err := w.try(room, d)[0].Err
			if answer == '+' {
				if err != nil {
					w.Errorf("%s: %v", name, err)
				}
				continue
			}
			if e := want[answer]; err == nil || !isCode(err, e) {
				w.Errorf("%s: %v, want %v", name, err, e)
			}
		}
	}
	w.run("for somebody else", func(w world) {
		actor, other := w.user("Actor"), w.user("Other")
		room := w.populated(chat.Public, founder, actor, chat.Owner, other, chat.Plain)
		w.refused(chat.ErrForbidden, room, change(actor, "left", other, ""))
		w.refused(chat.ErrForbidden, room, change(actor, "joined", founder, ""))
		w.refused(chat.ErrForbidden, room, change(actor, "kicked", actor, ""))
	})
}

// populated makes a room with two users in their roles ("": not a member).
func (w world) populated(kind chat.RoomKind, founder, a chat.Actor, aRole chat.Role, b chat.Actor, bRole chat.Role) chat.RoomID {
	w.Helper()
	if kind == chat.Direct {
		switch {
		case aRole == "" && bRole == "":
			return w.room(kind, founder, w.user("Friend"))
		case aRole == "":
			return w.room(kind, founder, b)
		case bRole == "":
			return w.room(kind, founder, a)
		}
		return w.room(kind, a, b)
	}
	if kind == chat.Order {
		n := orderRoom(chat.NewID())
		for _, m := range []struct {
			chat.Actor
			chat.Role
		}{{a, aRole}, {b, bRole}} {
			switch m.Role {
			case chat.Plain:
				n.Members = append(n.Members, m.Actor)
			case chat.Moderator:
				n.Staff = append(n.Staff, m.Actor)
			}
		}
		room, _, err := w.s.CreateRoom(w.Context(), n)
		w.ok(err)
		return room.ID
	}
	room := w.room(kind, founder)
	for _, m := range []struct {
		chat.Actor
		chat.Role
	}{{a, aRole}, {b, bRole}} {
		if m.Role != "" {
			w.do(room, change(founder, "invited", m.Actor, m.Role))
		}
	}
	return room
}

func isCode(err error, code error) bool {
	e, ok := err.(*chat.Error)
	return ok && e.Is(code)
}

func (w world) renaming() {
	ada, bob := w.user("Ada"), w.user("Bob")
	name, topic := freeName(), "🦜 parrots, \"quotes\" and 'quotes'; --"

	w.run("name and topic", func(w world) {
		room := w.room(chat.Public, ada)
		old := w.see(room, ada)
		seq := w.do(room, rename(ada, nil, &topic))
		equal(w, "body", body[wire.RoomBody](w, w.log(room)[seq-1]), wire.RoomBody{Kind: "public", Name: old.Name, Topic: topic})
		seq = w.do(room, rename(ada, &name, nil))
		equal(w, "body", body[wire.RoomBody](w, w.log(room)[seq-1]), wire.RoomBody{Kind: "public", Name: name, Topic: topic})
		r, err := w.s.Room(w.Context(), name, bob.ID)
		w.ok(err)
		equal(w, "topic", r.Topic, topic)
		_, err = w.s.Room(w.Context(), old.Name, bob.ID)
		w.is(err, chat.NoRoom())
		w.do(room, rename(ada, &name, nil)) // its own name is free to it

		other := w.room(chat.Public, ada)
		w.refused(chat.ErrConflict, other, rename(ada, &name, nil))
		results := w.try(other, post(ada, "a"), rename(ada, &name, nil), post(ada, "b"))
		w.is(results[1].Err, chat.ErrConflict)
		equal(w, "the rest of its batch", results[2].Event.Seq, results[0].Event.Seq+1)
		private := w.room(chat.Private, ada)
		w.do(private, rename(ada, &name, nil))
		_, err = w.s.Room(w.Context(), name, ada.ID)
		w.ok(err)
	})
	w.run("who may", func(w world) {
		room := w.room(chat.Private, ada, bob)
		w.refused(chat.ErrForbidden, room, rename(bob, nil, &topic))
		w.do(room, change(ada, "role", bob, chat.Moderator), rename(bob, nil, &topic))
		w.refused(chat.ErrForbidden, w.room(chat.Direct, ada, bob), rename(ada, nil, &topic))
	})
}
