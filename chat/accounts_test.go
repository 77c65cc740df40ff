package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/chat"
	"hubbub/chat/chattest"
)

const secret = "correct horse"

// accounts makes Accounts with cheap hashes over a store in memory.
func accounts(change ...func(*chat.AccountOptions)) (*chat.Accounts, *chattest.Memory) {
	store := chattest.NewMemory()
	o := chat.AccountOptions{Guests: true, HashMemory: 64}
	for _, f := range change {
		f(&o)
	}
	return chat.NewAccounts(store, o), store
}

func mustSignUp(t *testing.T, a *chat.Accounts, name string) (chat.Identity, string) {
	t.Helper()
	who, token, err := a.SignUp(t.Context(), name, secret, "", "192.0.2.1", "test")
	if err != nil {
		t.Fatal(err)
	}
	return who, token
}

func wantCode(t *testing.T, err error, want *chat.Error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %s", err, want.Code)
	}
}

func TestSignUp(t *testing.T) {
	a, store := accounts()
	who, token, err := a.SignUp(t.Context(), "ＡDA", secret, " Ada L. ", "192.0.2.1", "Mozilla\x1b[31m/5.0 "+strings.Repeat("x", 500))
	if err != nil {
		t.Fatal(err)
	}
	if u := who.User; u.Name != "ada" || u.DisplayName != "Ada L." || u.Guest || u.ID == "" {
		t.Errorf("user %+v", u)
	}
	if s := who.Session; s.User != who.User.ID || time.UnixMicro(s.ExpiresAt).Sub(time.UnixMicro(s.CreatedAt)) != 30*24*time.Hour ||
		len(s.Client) > 120 || !strings.HasPrefix(s.Client, "Mozilla[31m/5.0") {
		t.Errorf("session %+v", s)
	}
	if len(token) < 52 {
		t.Errorf("token of %d characters", len(token))
	}
	if back, err := a.Authenticate(t.Context(), token); err != nil || back != who {
		t.Errorf("Authenticate gave %+v, %v", back, err)
	}
	if _, hash, err := store.UserByID(t.Context(), who.User.ID); err != nil || strings.Contains(hash, secret) || !strings.HasPrefix(hash, "$argon2id$") {
		t.Errorf("stored %q, %v", hash, err)
	}
	other, _ := mustSignUp(t, a, "bob")
	if other.User.DisplayName != "bob" {
		t.Errorf("display name %q when none was given", other.User.DisplayName)
	}
}

func TestSignUpRefused(t *testing.T) {
	a, store := accounts()
	mustSignUp(t, a, "ada")
	for _, tt := range []struct{ name, user, password, display, field string }{
		{"name", "a da", secret, "", "name"},
		{"display name", "bob", secret, "B\u202eob", "display_name"},
		{"short password", "bob", "1234567", "", "password"},
		{"common password", "bob", "Password123", "", "password"},
		{"name as password", "bobsleigh", "BobSleigh", "", "password"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, token, err := a.SignUp(t.Context(), tt.user, tt.password, tt.display, "", "")
			wantInvalid(t, err, tt.field)
			if token != "" {
				t.Error("a token with the refusal")
			}
		})
	}
	_, _, err := a.SignUp(t.Context(), "Ada", secret, "", "", "")
	wantCode(t, err, chat.ErrConflict)
	store.Fail("CreateUser", errors.New("disk full"))
	_, _, err = a.SignUp(t.Context(), "eve", secret, "", "", "")
	if err == nil || errors.Is(err, chat.ErrConflict) {
		t.Errorf("a store that fails: %v", err)
	}
}

func TestGuest(t *testing.T) {
	a, _ := accounts()
	who, token, err := a.Guest(t.Context(), "Passer-by", "")
	if err != nil || !who.User.Guest || who.User.Name != "" || token == "" {
		t.Fatalf("%+v, %v", who, err)
	}
	if who.User.DisplayName != "Passer-by (guest)" {
		t.Errorf("the guest is called %q", who.User.DisplayName)
	}
	if u, err := a.SetDisplayName(t.Context(), who, "Ada"); err != nil || u.DisplayName != "Ada (guest)" {
		t.Errorf("a renamed guest is called %q, %v", u.DisplayName, err)
	}
	_, _, err = a.SignUp(t.Context(), "mallory", secret, "Ada (Guest)", "", "")
	wantInvalid(t, err, "display_name")
	_, _, err = a.Guest(t.Context(), " ", "")
	wantInvalid(t, err, "display_name")
	wantCode(t, a.SetPassword(t.Context(), who, "", secret), chat.ErrForbidden)
	_, _, err = a.SignIn(t.Context(), "", "", "", "")
	wantCode(t, err, chat.ErrUnauthenticated)

	a, _ = accounts(func(o *chat.AccountOptions) { o.Guests = false })
	_, _, err = a.Guest(t.Context(), "Passer-by", "")
	wantCode(t, err, chat.ErrForbidden)
}

func TestSignIn(t *testing.T) {
	a, store := accounts()
	first, firstToken := mustSignUp(t, a, "ada")
	second, secondToken, err := a.SignIn(t.Context(), "ADA", secret, "192.0.2.1", "phone")
	if err != nil {
		t.Fatal(err)
	}
	if second.User != first.User || second.Session.ID == first.Session.ID || secondToken == firstToken {
		t.Errorf("signed in as %+v after %+v", second, first)
	}

	var texts []string
	for _, tt := range [][2]string{{"ada", "wrong horse"}, {"nobody", secret}, {"no such name!", secret}, {"ada", ""}} {
		_, token, err := a.SignIn(t.Context(), tt[0], tt[1], "192.0.2.1", "")
		wantCode(t, err, chat.ErrUnauthenticated)
		if token != "" {
			t.Errorf("%s got a token", tt[0])
		}
		texts = append(texts, err.Error())
	}
	if len(slices.Compact(texts)) != 1 {
		t.Errorf("the answers tell known names from unknown ones: %q", texts)
	}

	if _, err := store.SetDisabled(t.Context(), first.User.ID, true); err != nil {
		t.Fatal(err)
	}
	_, _, err = a.SignIn(t.Context(), "ada", secret, "192.0.2.1", "")
	wantCode(t, err, chat.ErrForbidden)
	_, err = a.Authenticate(t.Context(), firstToken)
	wantCode(t, err, chat.ErrUnauthenticated)
}

func TestSignInLimit(t *testing.T) {
	left := map[string]int{"name:ada": 1, "address:192.0.2.1": 2, "address:192.0.2.2": 9}
	a, store := accounts(func(o *chat.AccountOptions) {
		o.LoginLimit = func(key string) (bool, time.Duration) {
			left[key]--
			return left[key] >= 0, 7 * time.Second
		}
	})
	mustSignUp(t, a, "ada")
	if _, _, err := a.SignIn(t.Context(), "ada", secret, "192.0.2.1", ""); err != nil {
		t.Fatal(err)
	}
	store.Hook("UserByName", func(context.Context) error { return errors.New("asked the store for a try that is not allowed") })
	for _, try := range [][2]string{{"Ada", "192.0.2.2"}, {"ada", "192.0.2.1"}, {"bob", "192.0.2.1"}} {
		_, _, err := a.SignIn(t.Context(), try[0], secret, try[1], "")
		var e *chat.Error
		if !errors.As(err, &e) || e.Code != chat.ErrRateLimited.Code || e.RetryAfter != 7*time.Second {
			t.Errorf("%v: %v", try, err)
		}
	}
}

func TestSignUpLimit(t *testing.T) {
	left := 1
	a, store := accounts(func(o *chat.AccountOptions) {
		o.SignUpLimit = func(addr string) (bool, time.Duration) {
			if addr != "192.0.2.1" {
				return true, 0
			}
			left--
			return left >= 0, 7 * time.Second
		}
	})
	_, _, err := a.SignUp(t.Context(), "ada", "short", "", "192.0.2.1", "")
	wantInvalid(t, err, "password") // a mistake is no account
	mustSignUp(t, a, "ada")
	store.Hook("CreateUser", func(context.Context) error { return errors.New("asked the store for an account that is not allowed") })
	_, _, err = a.SignUp(t.Context(), "bob", secret, "", "192.0.2.1", "")
	var e *chat.Error
	if !errors.As(err, &e) || e.Code != chat.ErrRateLimited.Code || e.RetryAfter != 7*time.Second {
		t.Errorf("one account too many: %v", err)
	}
	store.Hook("CreateUser", nil)
	if _, _, err := a.SignUp(t.Context(), "bob", secret, "", "192.0.2.2", ""); err != nil {
		t.Errorf("from another address: %v", err)
	}
}

func TestAuthenticate(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	a, store := accounts(func(o *chat.AccountOptions) {
		o.Now = func() time.Time { return now }
		o.SessionTTL = time.Hour
	})
	_, token := mustSignUp(t, a, "ada")
	for _, bad := range []string{"", "x", token + "x", strings.Repeat("A", 1<<20)} {
		_, err := a.Authenticate(t.Context(), bad)
		wantCode(t, err, chat.ErrUnauthenticated)
	}
	now = now.Add(time.Hour - time.Second)
	if _, err := a.Authenticate(t.Context(), token); err != nil {
		t.Errorf("a second before the end: %v", err)
	}
	now = now.Add(time.Second)
	_, err := a.Authenticate(t.Context(), token)
	wantCode(t, err, chat.ErrUnauthenticated)

	store.Fail("SessionByToken", errors.New("no connection"))
	if _, err := a.Authenticate(t.Context(), token); err == nil || errors.Is(err, chat.ErrUnauthenticated) {
		t.Errorf("a store that fails signs people out: %v", err)
	}
}

func TestSignOut(t *testing.T) {
	var ended []string
	a, _ := accounts(func(o *chat.AccountOptions) {
		o.Ended = func(u chat.UserID, s []chat.SessionID) { ended = append(ended, fmt.Sprint(u, s)) }
	})
	ada, token := mustSignUp(t, a, "ada")
	bob, bobToken := mustSignUp(t, a, "bob")
	wantCode(t, a.SignOut(t.Context(), ada, bob.Session.ID), chat.ErrNotFound)
	wantCode(t, a.SignOut(t.Context(), ada, "nothing"), chat.ErrNotFound)
	if _, err := a.Authenticate(t.Context(), bobToken); err != nil || len(ended) > 0 {
		t.Errorf("signed somebody else out: %v, told %v", err, ended)
	}
	if err := a.SignOut(t.Context(), ada, ada.Session.ID); err != nil {
		t.Fatal(err)
	}
	_, err := a.Authenticate(t.Context(), token)
	wantCode(t, err, chat.ErrUnauthenticated)
	if want := []string{fmt.Sprint(ada.User.ID, []chat.SessionID{ada.Session.ID})}; !slices.Equal(ended, want) {
		t.Errorf("told of %v, want %v", ended, want)
	}
}

func TestSetPassword(t *testing.T) {
	var ended []chat.SessionID
	a, _ := accounts(func(o *chat.AccountOptions) {
		o.Ended = func(_ chat.UserID, s []chat.SessionID) { ended = append(ended, s...) }
	})
	here, token := mustSignUp(t, a, "ada")
	there, otherToken, err := a.SignIn(t.Context(), "ada", secret, "", "")
	if err != nil {
		t.Fatal(err)
	}
	wantInvalid(t, a.SetPassword(t.Context(), here, "wrong horse", "better battery"), "old")
	wantInvalid(t, a.SetPassword(t.Context(), here, secret, "short"), "new")
	if len(ended) > 0 {
		t.Errorf("refused changes ended %v", ended)
	}
	if err := a.SetPassword(t.Context(), here, secret, "better battery"); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ended, []chat.SessionID{there.Session.ID}) {
		t.Errorf("ended %v, want the other session %s", ended, there.Session.ID)
	}
	if _, err := a.Authenticate(t.Context(), token); err != nil {
		t.Errorf("this session ended as well: %v", err)
	}
	_, err = a.Authenticate(t.Context(), otherToken)
	wantCode(t, err, chat.ErrUnauthenticated)
	_, _, err = a.SignIn(t.Context(), "ada", secret, "", "")
	wantCode(t, err, chat.ErrUnauthenticated)
	if _, _, err := a.SignIn(t.Context(), "ada", "better battery", "", ""); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

func TestTicket(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	a, _ := accounts(func(o *chat.AccountOptions) { o.Now = func() time.Time { return now } })
	who, _ := mustSignUp(t, a, "ada")
	issue := func() string {
		t.Helper()
		ticket, expires, err := a.Ticket(t.Context(), who)
		if err != nil || !expires.Equal(now.Add(30*time.Second)) {
			t.Fatalf("expires %v, %v", expires, err)
		}
		return ticket
	}
	once := issue()
	if got, err := a.Redeem(t.Context(), once); err != nil || got != who {
		t.Errorf("Redeem gave %+v, %v", got, err)
	}
	_, err := a.Redeem(t.Context(), once)
	wantCode(t, err, chat.ErrUnauthenticated)
	for _, bad := range []string{"", "x", strings.Repeat("A", 1<<20)} {
		_, err := a.Redeem(t.Context(), bad)
		wantCode(t, err, chat.ErrUnauthenticated)
	}
	late := issue()
	now = now.Add(30 * time.Second)
	_, err = a.Redeem(t.Context(), late)
	wantCode(t, err, chat.ErrUnauthenticated)
	orphan := issue()
	if err := a.SignOut(t.Context(), who, who.Session.ID); err != nil {
		t.Fatal(err)
	}
	_, err = a.Redeem(t.Context(), orphan)
	wantCode(t, err, chat.ErrUnauthenticated)
}

func TestUsers(t *testing.T) {
	a, _ := accounts()
	who, _ := mustSignUp(t, a, "ada")
	if u, err := a.User(t.Context(), who.User.ID); err != nil || u != who.User {
		t.Errorf("User gave %+v, %v", u, err)
	}
	if u, err := a.UserByName(t.Context(), "ADA"); err != nil || u != who.User {
		t.Errorf("UserByName gave %+v, %v", u, err)
	}
	for _, name := range []string{"", "bob", "no such name!"} {
		_, err := a.UserByName(t.Context(), name)
		wantCode(t, err, chat.ErrNotFound)
	}
	_, err := a.User(t.Context(), "nobody")
	wantCode(t, err, chat.ErrNotFound)

	u, err := a.SetDisplayName(t.Context(), who, "  Countess ")
	if err != nil || u.DisplayName != "Countess" {
		t.Errorf("renamed to %+v, %v", u, err)
	}
	if got, _ := a.User(t.Context(), who.User.ID); got.DisplayName != "Countess" {
		t.Errorf("stored as %+v", got)
	}
	_, err = a.SetDisplayName(t.Context(), who, "\n")
	wantInvalid(t, err, "display_name")
}

// TestAccountsRun holds that what expired is swept within two minutes, that a
// store that fails does not end it, and that it ends with its context.
func TestAccountsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, store := accounts(func(o *chat.AccountOptions) { o.SessionTTL = time.Minute })
		var sweeps atomic.Int64
		fail := errors.New("no connection")
		store.Hook("Sweep", func(context.Context) error {
			if sweeps.Add(1) == 1 {
				return fail
			}
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()
		who, _ := mustSignUp(t, a, "ada")
		time.Sleep(5 * time.Minute)
		if n := sweeps.Load(); n < 3 || n > 7 {
			t.Errorf("%d sweeps in five minutes", n)
		}
		if err := store.EndSession(ctx, who.User.ID, who.Session.ID); !errors.Is(err, chat.ErrNotFound) {
			t.Errorf("the expired session is still there: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
