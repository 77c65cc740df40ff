package chattest

import (
	"fmt"
	"slices"
	"sync/atomic"

	"hubbub/chat"
)

func (w world) account() chat.User {
	w.Helper()
	u := chat.User{ID: chat.UserID(chat.NewID()), Name: freeName(), DisplayName: "Zoë 🦊 \"Z\" O'Hara", CreatedAt: now}
	w.ok(w.s.CreateUser(w.Context(), u, "$argon2id$v=19$x"))
	return u
}

func (w world) accounts() {
	u := w.account()
	w.run("is found", func(w world) {
		for _, find := range []func() (chat.User, string, error){
			func() (chat.User, string, error) { return w.s.UserByName(w.Context(), u.Name) },
			func() (chat.User, string, error) { return w.s.UserByID(w.Context(), u.ID) },
		} {
			got, hash, err := find()
			w.ok(err)
			equal(w, "user", got, u)
			equal(w, "hash", hash, "$argon2id$v=19$x")
		}
	})
	w.run("is not found", func(w world) {
		for _, name := range []string{"", freeName(), u.Name + " ", u.Name[:5] + "%"} {
			_, _, err := w.s.UserByName(w.Context(), name)
			w.is(err, chat.NoUser())
		}
		_, _, err := w.s.UserByID(w.Context(), chat.UserID(chat.NewID()))
		w.is(err, chat.NoUser())
		w.is(w.s.SetDisplayName(w.Context(), chat.UserID(chat.NewID()), "x"), chat.NoUser())
		_, err = w.s.SetPassword(w.Context(), chat.UserID(chat.NewID()), "x", "")
		w.is(err, chat.NoUser())
	})
	w.run("one has a name", func(w world) {
		other := u
		other.ID = chat.UserID(chat.NewID())
		w.is(w.s.CreateUser(w.Context(), other, "other"), chat.ErrConflict)
		name, won := freeName(), atomic.Int32{}
		each(8, func(i int) error {
			err := w.s.CreateUser(w.Context(), chat.User{ID: chat.UserID(chat.NewID()), Name: name, DisplayName: "x"}, fmt.Sprint(i))
			if err == nil {
				won.Add(1)
			}
			return err
		})
		equal(w, "winners", won.Load(), 1)
	})
	w.run("names are compared by bytes", func(w world) {
		name := freeName()
		for _, n := range []string{name + "e", name + "é", name + "ß", name + "ss"} {
			w.ok(w.s.CreateUser(w.Context(), chat.User{ID: chat.UserID(chat.NewID()), Name: n, DisplayName: n}, "x"))
		}
	})
	w.run("display name", func(w world) {
		w.ok(w.s.SetDisplayName(w.Context(), u.ID, "新しい名前"))
		w.ok(w.s.SetDisplayName(w.Context(), u.ID, "新しい名前"))
		got, _, err := w.s.UserByID(w.Context(), u.ID)
		w.ok(err)
		equal(w, "name", got.DisplayName, "新しい名前")
	})
}

// login makes a session that stands for an hour.
func (w world) login(user chat.UserID, at int64) (chat.Login, chat.TokenHash) {
	w.Helper()
	s := chat.Login{
		ID: chat.SessionID(chat.NewID()), User: user, CreatedAt: at, ExpiresAt: at + hour, Client: "Firefox 🦊",
	}
	token := chat.HashToken(chat.NewID())
	w.ok(w.s.CreateSession(w.Context(), s, token))
	return s, token
}

const hour = 3_600_000_000

func (w world) passwords() {
	u, other := w.account(), w.account()
	keep, keepToken := w.login(u.ID, now)
	a, aToken := w.login(u.ID, now)
	b, _ := w.login(u.ID, now)
	foreign, _ := w.login(other.ID, now)
	ended, err := w.s.SetPassword(w.Context(), u.ID, "new", keep.ID)
	w.ok(err)
	slices.Sort(ended)
	want := []chat.SessionID{a.ID, b.ID}
	slices.Sort(want)
	equal(w, "ended", fmt.Sprint(ended), fmt.Sprint(want))
	_, hash, err := w.s.UserByID(w.Context(), u.ID)
	w.ok(err)
	equal(w, "hash", hash, "new")
	_, err = w.s.SessionByToken(w.Context(), aToken, now)
	w.is(err, chat.ErrUnauthenticated)
	_, err = w.s.SessionByToken(w.Context(), keepToken, now)
	w.ok(err)
	live, err := w.s.LiveSessions(w.Context(), []chat.SessionID{keep.ID, a.ID, foreign.ID}, now)
	w.ok(err)
	equal(w, "live", fmt.Sprint(live[keep.ID], live[a.ID], live[foreign.ID]), "true false true")
	ended, err = w.s.SetPassword(w.Context(), u.ID, "newer", "")
	w.ok(err)
	equal(w, "none kept", fmt.Sprint(ended), fmt.Sprint([]chat.SessionID{keep.ID}))
}

func (w world) sessions() {
	u, other := w.account(), w.account()
	s, token := w.login(u.ID, now)
	w.run("by token", func(w world) {
		who, err := w.s.SessionByToken(w.Context(), token, s.ExpiresAt-1)
		w.ok(err)
		equal(w, "identity", who, chat.Identity{User: u, Session: s})
		_, err = w.s.SessionByToken(w.Context(), token, s.ExpiresAt)
		w.is(err, chat.ErrUnauthenticated)
		_, err = w.s.SessionByToken(w.Context(), chat.HashToken("guess"), now)
		w.is(err, chat.ErrUnauthenticated)
	})
	w.run("of a disabled user", func(w world) {
		off := chat.User{ID: chat.UserID(chat.NewID()), DisplayName: "Off", Disabled: true}
		w.ok(w.s.CreateUser(w.Context(), off, ""))
		s, token := w.login(off.ID, now)
		_, err := w.s.SessionByToken(w.Context(), token, now)
		w.is(err, chat.ErrUnauthenticated)
		live, err := w.s.LiveSessions(w.Context(), []chat.SessionID{s.ID}, now)
		w.ok(err)
		equal(w, "live", live[s.ID], false)
	})
	w.run("listed, newest first", func(w world) {
		late, _ := w.login(u.ID, now+10)
		w.login(u.ID, now-2*hour) // over
		list, err := w.s.Sessions(w.Context(), u.ID, now)
		w.ok(err)
		equal(w, "list", fmt.Sprint(list), fmt.Sprint([]chat.Login{late, s}))
	})
	w.run("ended", func(w world) {
		s, token := w.login(u.ID, now)
		w.is(w.s.EndSession(w.Context(), other.ID, s.ID), chat.NoSession())
		w.is(w.s.EndSession(w.Context(), u.ID, chat.SessionID(chat.NewID())), chat.NoSession())
		w.ok(w.s.EndSession(w.Context(), u.ID, s.ID))
		w.is(w.s.EndSession(w.Context(), u.ID, s.ID), chat.NoSession())
		_, err := w.s.SessionByToken(w.Context(), token, now)
		w.is(err, chat.ErrUnauthenticated)
	})
	w.run("which stand", func(w world) {
		ids := []chat.SessionID{s.ID}
		for range 600 {
			ids = append(ids, chat.SessionID(chat.NewID()))
		}
		short, _ := w.login(other.ID, now-hour+5)
		ids = append(ids, short.ID)
		for at, want := range map[int64]string{now: "true true", now + 5: "true false"} {
			live, err := w.s.LiveSessions(w.Context(), ids, at)
			w.ok(err)
			equal(w, "live", fmt.Sprint(live[s.ID], live[short.ID]), want)
			for _, id := range ids[1:601] {
				equal(w, "unknown session", live[id], false)
			}
		}
	})
}

func (w world) tickets() {
	u := w.account()
	s, _ := w.login(u.ID, now)
	ticket := func(w world, session chat.SessionID, expires int64) chat.TokenHash {
		w.Helper()
		t := chat.HashToken(chat.NewID())
		w.ok(w.s.CreateTicket(w.Context(), t, session, expires))
		return t
	}
	w.run("once", func(w world) {
		t := ticket(w, s.ID, now+10)
		who, err := w.s.TakeTicket(w.Context(), t, now)
		w.ok(err)
		equal(w, "identity", who, chat.Identity{User: u, Session: s})
		_, err = w.s.TakeTicket(w.Context(), t, now)
		w.is(err, chat.ErrUnauthenticated)
	})
	w.run("once of many at a time", func(w world) {
		t, won := ticket(w, s.ID, now+10), atomic.Int32{}
		for _, err := range each(8, func(int) error {
			_, err := w.s.TakeTicket(w.Context(), t, now)
			if err == nil {
				won.Add(1)
				err = chat.ErrUnauthenticated
			}
			return err
		}) {
			w.is(err, chat.ErrUnauthenticated)
		}
		equal(w, "winners", won.Load(), 1)
	})
	w.run("too late", func(w world) {
		_, err := w.s.TakeTicket(w.Context(), ticket(w, s.ID, now), now)
		w.is(err, chat.ErrUnauthenticated)
	})
	w.run("of a session that ended", func(w world) {
		over, _ := w.login(u.ID, now)
		t := ticket(w, over.ID, now+10)
		w.ok(w.s.EndSession(w.Context(), u.ID, over.ID))
		_, err := w.s.TakeTicket(w.Context(), t, now)
		w.is(err, chat.ErrUnauthenticated)
		old, _ := w.login(u.ID, now-hour)
		_, err = w.s.TakeTicket(w.Context(), ticket(w, old.ID, now+10), now)
		w.is(err, chat.ErrUnauthenticated)
	})
}

// sweep works in 1970, when nothing else of the suite expires.
func (w world) sweep() {
	u := w.account()
	var ids []chat.SessionID
	for at := range int64(5) {
		s := chat.Login{ID: chat.SessionID(chat.NewID()), User: u.ID, ExpiresAt: 1000 + at}
		w.ok(w.s.CreateSession(w.Context(), s, chat.HashToken(chat.NewID())))
		w.ok(w.s.CreateTicket(w.Context(), chat.HashToken(chat.NewID()), s.ID, 1000+at))
		ids = append(ids, s.ID)
	}
	for _, want := range []int{4, 2, 0} { // two of each, then the last before 1003
		n, err := w.s.Sweep(w.Context(), 1003, 2)
		w.ok(err)
		equal(w, "gone", n, want)
	}
	live, err := w.s.LiveSessions(w.Context(), ids, 0)
	w.ok(err)
	for i, id := range ids {
		equal(w, "left", live[id], i >= 3)
	}
}
