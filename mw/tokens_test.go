package mw

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// ledger is a find that counts how often it is asked.
type ledger struct {
	asked int
	err   error
	while func() // runs while it is asked
}

func (l *ledger) find(_ context.Context, token string) (Principal, error) {
	l.asked++
	if l.while != nil {
		l.while()
	}
	if l.err != nil {
		return Principal{}, l.err
	}
	return Principal{User: token[:3], Session: token}, nil
}

func TestTokensAsksOncePerTokenTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		tokens := NewTokens(l.find)
		ask := func(token string, asked int) {
			t.Helper()
			p, err := tokens.Find(t.Context(), token)
			if err != nil || p.User != token[:3] || p.Session != token {
				t.Errorf("%s is %+v, %v", token, p, err)
			}
			if l.asked != asked {
				t.Errorf("asked %d times, want %d", l.asked, asked)
			}
		}
		ask("ann1", 1)
		ask("ann1", 1)
		ask("ann2", 2)
		ask("bob1", 3)
		time.Sleep(TokenTime - time.Nanosecond)
		ask("ann1", 3)
		time.Sleep(time.Nanosecond)
		ask("ann1", 4) // what ended elsewhere is noticed now
		if TokenTime >= 5*time.Second {
			t.Errorf("TokenTime is %v: revoking has to hold within 5 s", TokenTime)
		}
		ask("ann2", 5)
		ask("bob1", 6)
		tokens.Forget("ann")
		ask("bob1", 6)
		ask("ann1", 7)
		ask("ann2", 8)
	})
}

// What find was asked before Forget is not remembered after it.
func TestTokensForgetWhileAsking(t *testing.T) {
	l := &ledger{}
	tokens := NewTokens(l.find)
	l.while = func() { tokens.Forget("ann") }
	for range 2 {
		if _, err := tokens.Find(t.Context(), "ann1"); err != nil {
			t.Fatal(err)
		}
	}
	if l.asked != 2 {
		t.Errorf("asked %d times, want 2", l.asked)
	}
}

func TestTokensRemembersNoFailures(t *testing.T) {
	for _, fault := range []error{ErrUnauthenticated, errors.New("the database is away")} {
		l := &ledger{err: fault}
		tokens := NewTokens(l.find)
		for range 3 {
			if _, err := tokens.Find(t.Context(), "ann1"); !errors.Is(err, fault) {
				t.Errorf("error %v, want %v", err, fault)
			}
		}
		if l.asked != 3 || len(tokens.known) != 0 {
			t.Errorf("asked %d times, %d remembered", l.asked, len(tokens.known))
		}
	}
}

func TestTokensMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		tokens := NewTokens(l.find)
		for i := range 3 * MaxTokens {
			if _, err := tokens.Find(t.Context(), fmt.Sprintf("u%07d", i)); err != nil {
				t.Fatal(err)
			}
			if len(tokens.known) > MaxTokens {
				t.Fatalf("%d tokens remembered", len(tokens.known))
			}
		}
		time.Sleep(TokenTime)
		for len(tokens.known) < MaxTokens {
			if _, err := tokens.Find(t.Context(), fmt.Sprintf("v%07d", len(tokens.known))); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := tokens.Find(t.Context(), "fresh"); err != nil {
			t.Fatal(err)
		}
		if n := len(tokens.known); n > MaxTokens/2+1 {
			t.Errorf("%d tokens remembered after half of them were old", n)
		}
	})
}
