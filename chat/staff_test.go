package chat_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"hubbub/chat"
)

func TestSetRole(t *testing.T) {
	a, _ := accounts()
	_, token := mustSignUp(t, a, "ada")
	for _, role := range []chat.UserRole{chat.Support, chat.Support, chat.Customer} {
		u, err := a.SetRole(t.Context(), "ＡDA", role)
		if err != nil || u.Name != "ada" || u.Role != role {
			t.Fatalf("%q: %+v, %v", role, u, err)
		}
		if who, err := a.Authenticate(t.Context(), token); err != nil || who.User.Role != role {
			t.Errorf("who is signed in as %+v, %v", who.User, err)
		}
	}
	for _, name := range []string{"bob", "", "no such name!"} {
		_, err := a.SetRole(t.Context(), name, chat.Support)
		wantCode(t, err, chat.ErrNotFound)
	}
	for _, role := range []chat.UserRole{"shop", "Support", "owner"} {
		_, err := a.SetRole(t.Context(), "ada", role)
		wantInvalid(t, err, "role")
	}
}

func TestSetDisabled(t *testing.T) {
	var told []string
	a, store := accounts(func(o *chat.AccountOptions) {
		o.Ended = func(u chat.UserID, s []chat.SessionID) {
			slices.Sort(s)
			told = append(told, fmt.Sprint(u, s))
		}
	})
	first, token := mustSignUp(t, a, "ada")
	second, _, err := a.SignIn(t.Context(), "ada", secret, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if u, err := a.SetDisabled(t.Context(), "Ada", true); err != nil || u.ID != first.User.ID || !u.Disabled {
		t.Fatalf("%+v, %v", u, err)
	}
	ids := []chat.SessionID{first.Session.ID, second.Session.ID}
	slices.Sort(ids)
	if want := []string{fmt.Sprint(first.User.ID, ids)}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	_, err = a.Authenticate(t.Context(), token)
	wantCode(t, err, chat.ErrUnauthenticated)
	_, _, err = a.SignIn(t.Context(), "ada", secret, "", "")
	wantCode(t, err, chat.ErrForbidden)

	if u, err := a.SetDisabled(t.Context(), "ada", false); err != nil || u.Disabled {
		t.Fatalf("%+v, %v", u, err)
	}
	if len(told) != 1 {
		t.Errorf("told %v of one who is let in", told)
	}
	// One who is barred while the password is looked at does not slip in.
	store.Hook("CreateSession", func(ctx context.Context) error {
		store.Hook("CreateSession", nil)
		_, err := a.SetDisabled(ctx, "ada", true)
		return err
	})
	_, token, err = a.SignIn(t.Context(), "ada", secret, "", "")
	wantCode(t, err, chat.ErrUnauthenticated)
	if sessions, err := store.Sessions(t.Context(), first.User.ID, 0); err != nil || len(sessions) > 0 || token != "" {
		t.Errorf("token %q, sessions %v, %v", token, sessions, err)
	}
	_, err = a.SetDisabled(t.Context(), "bob", true)
	wantCode(t, err, chat.ErrNotFound)
}
