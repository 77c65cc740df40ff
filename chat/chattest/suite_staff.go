package chattest

import (
	"fmt"
	"slices"

	"hubbub/chat"
)

func (w world) roles() {
	u, other := w.account(), w.account()
	_, token := w.login(u.ID, now)
	room := w.room(chat.Private, u.Actor())
	is := func(w world, want chat.UserRole) {
		w.Helper()
		byID, _, err := w.s.UserByID(w.Context(), u.ID)
		w.ok(err)
		byName, _, err := w.s.UserByName(w.Context(), u.Name)
		w.ok(err)
		who, err := w.s.SessionByToken(w.Context(), token, now)
		w.ok(err)
		members, err := w.s.Members(w.Context(), room, "", 10)
		w.ok(err)
		for _, got := range []chat.User{byID, byName, who.User, members[0].User} {
			equal(w, "role", got.Role, want)
		}
		staff, err := w.s.Staff(w.Context(), chat.Support, 1000)
		w.ok(err)
		listed := slices.ContainsFunc(staff, func(s chat.User) bool { return s.ID == u.ID && s.Role == want })
		equal(w, "listed", listed, want == chat.Support)
	}
	w.run("given and taken, twice each", func(w world) {
		is(w, chat.Customer)
		for _, role := range []chat.UserRole{chat.Support, chat.Support, chat.Customer, chat.Customer, chat.Support} {
			w.ok(w.s.SetRole(w.Context(), u.ID, role))
			is(w, role)
		}
	})
	w.run("of nobody", func(w world) {
		w.is(w.s.SetRole(w.Context(), chat.UserID(chat.NewID()), chat.Support), chat.NoUser())
		w.is(w.s.SetRole(w.Context(), chat.UserID(chat.NewID()), chat.Customer), chat.NoUser())
	})
	w.run("listed by id, up to a limit", func(w world) {
		w.ok(w.s.SetRole(w.Context(), other.ID, chat.Support))
		all, err := w.s.Staff(w.Context(), chat.Support, 1000)
		w.ok(err)
		if len(all) < 2 || !slices.IsSortedFunc(all, func(a, b chat.User) int { return slices.Compare([]byte(a.ID), []byte(b.ID)) }) {
			w.Fatalf("staff %v", all)
		}
		one, err := w.s.Staff(w.Context(), chat.Support, 1)
		w.ok(err)
		equal(w, "the first", fmt.Sprint(one), fmt.Sprint(all[:1]))
	})
	w.run("not listed when disabled", func(w world) {
		_, err := w.s.SetDisabled(w.Context(), other.ID, true)
		w.ok(err)
		all, err := w.s.Staff(w.Context(), chat.Support, 1000)
		w.ok(err)
		equal(w, "listed", slices.ContainsFunc(all, func(s chat.User) bool { return s.ID == other.ID }), false)
	})
}

func (w world) disabled() {
	u, other := w.account(), w.account()
	a, token := w.login(u.ID, now)
	b, _ := w.login(u.ID, now)
	foreign, _ := w.login(other.ID, now)
	ended, err := w.s.SetDisabled(w.Context(), u.ID, true)
	w.ok(err)
	slices.Sort(ended)
	want := []chat.SessionID{a.ID, b.ID}
	slices.Sort(want)
	equal(w, "ended", fmt.Sprint(ended), fmt.Sprint(want))
	got, _, err := w.s.UserByName(w.Context(), u.Name)
	w.ok(err)
	equal(w, "disabled", got.Disabled, true)
	live, err := w.s.LiveSessions(w.Context(), []chat.SessionID{a.ID, b.ID, foreign.ID}, now)
	w.ok(err)
	equal(w, "live", fmt.Sprint(live[a.ID], live[b.ID], live[foreign.ID]), "false false true")

	for _, disabled := range []bool{true, false, false} { // again, and back
		ended, err := w.s.SetDisabled(w.Context(), u.ID, disabled)
		w.ok(err)
		equal(w, "ended", len(ended), 0)
	}
	got, _, err = w.s.UserByID(w.Context(), u.ID)
	w.ok(err)
	equal(w, "disabled", got.Disabled, false)
	_, err = w.s.SessionByToken(w.Context(), token, now) // it was ended, not put to sleep
	w.is(err, chat.ErrUnauthenticated)
	_, again := w.login(u.ID, now)
	_, err = w.s.SessionByToken(w.Context(), again, now)
	w.ok(err)
	_, err = w.s.SetDisabled(w.Context(), chat.UserID(chat.NewID()), true)
	w.is(err, chat.NoUser())
}
