package chat

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// cheap is a hash cost for tests; TestPasswordCost holds the real one.
const cheap = 64

func TestPasswordRoundTrip(t *testing.T) {
	p := newPasswords(cheap)
	ctx := t.Context()
	one, err := p.hash(ctx, "correct hörse battery")
	if err != nil {
		t.Fatal(err)
	}
	two, err := p.hash(ctx, "correct hörse battery")
	if err != nil {
		t.Fatal(err)
	}
	if one == two {
		t.Error("two hashes of one password are the same: no salt")
	}
	for password, want := range map[string]bool{
		"correct hörse battery":       true,
		"correct ho\u0308rse battery": true, // decomposed, as some keyboards send it
		"correct hörse batterz":       false,
		"correct hörse batter":        false,
		"":                            false,
	} {
		if ok, err := p.verify(ctx, password, one); err != nil || ok != want {
			t.Errorf("verify(%q) = %t, %v; want %t", password, ok, err, want)
		}
	}
	long := strings.Repeat("ä", 127)
	h, err := p.hash(ctx, long+"x")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := p.verify(ctx, long+"y", h); ok || err != nil {
		t.Errorf("the last of 128 characters does not count: %t, %v", ok, err)
	}
}

func TestPasswordCost(t *testing.T) {
	h, err := newPasswords(0).hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if want := "$argon2id$v=19$m=19456,t=2,p=1$"; !strings.HasPrefix(h, want) {
		t.Errorf("hash %q does not begin with %q", h, want)
	}
	if p, err := parsePHC(h); err != nil || len(p.salt) != 16 || len(p.key) != 32 || p.String() != h {
		t.Errorf("parsed %+v, %v", p, err)
	}
}

// TestPasswordUnknownName shows that a name nobody has costs what a known one
// costs: one derivation with the same parameters.
func TestPasswordUnknownName(t *testing.T) {
	p := newPasswords(cheap)
	stored, err := p.hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	type call struct {
		passes, memory uint32
		threads        uint8
		salt, key      int
	}
	var calls []call
	derive := p.key
	p.key = func(password, salt []byte, passes, memory uint32, threads uint8, n uint32) []byte {
		calls = append(calls, call{passes, memory, threads, len(salt), int(n)})
		return derive(password, salt, passes, memory, threads, n)
	}
	for _, hash := range []string{stored, ""} {
		if ok, err := p.verify(t.Context(), "wrong horse", hash); ok || err != nil {
			t.Errorf("verify against %q = %t, %v", hash, ok, err)
		}
	}
	if len(calls) != 2 || calls[0] != calls[1] {
		t.Errorf("work for a known and an unknown name: %+v", calls)
	}
}

// TestPasswordNeverMatchesDummy covers the case that a key of zeros is derived.
func TestPasswordNeverMatchesDummy(t *testing.T) {
	p := newPasswords(cheap)
	p.key = func(_, _ []byte, _, _ uint32, _ uint8, n uint32) []byte { return make([]byte, n) }
	if ok, err := p.verify(t.Context(), "", ""); ok || err != nil {
		t.Errorf("verify without a hash = %t, %v", ok, err)
	}
}

func TestPasswordQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPasswords(cheap)
		release := make(chan struct{})
		p.key = func(_, _ []byte, _, _ uint32, _ uint8, n uint32) []byte {
			<-release
			return make([]byte, n)
		}
		procs := runtime.GOMAXPROCS(0)
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error)
		for range hashQueue * procs {
			go func() {
				_, err := p.hash(ctx, "x")
				results <- err
			}()
		}
		synctest.Wait()
		if n := len(p.running); n != procs {
			t.Errorf("%d hashes run at once, want %d", n, procs)
		}
		_, err := p.hash(ctx, "x")
		var e *Error
		if !errors.As(err, &e) || e.Code != ErrUnavailable.Code || e.RetryAfter < time.Second {
			t.Errorf("beyond the queue: %v", err)
		}
		cancel() // those that wait give up, those that run finish
		for range hashQueue*procs - procs {
			if err := <-results; !errors.Is(err, context.Canceled) {
				t.Errorf("waiting while the caller went away: %v", err)
			}
		}
		close(release)
		for range procs {
			if err := <-results; err != nil {
				t.Errorf("running: %v", err)
			}
		}
	})
}

func TestPasswordCheck(t *testing.T) {
	p := newPasswords(cheap)
	for _, good := range []string{"correct horse", "жжжжжжжж", strings.Repeat("x", 128), strings.Repeat("ж", 128)} {
		if err := p.check("password", good, "alice"); err != nil {
			t.Errorf("check(%q): %v", good, err)
		}
	}
	for _, bad := range []string{"", "1234567", "жжжжжжж", strings.Repeat("x", 129), "password1", "QWERTYUIOP", "Alice.Smith"} {
		var e *Error
		if err := p.check("new", bad, "alice.smith"); !errors.As(err, &e) || e.Code != ErrInvalid.Code || e.Field != "new" {
			t.Errorf("check(%q): %v", bad, err)
		}
	}
	if n := len(p.common); n < 500 {
		t.Errorf("only %d common passwords", n)
	}
	for word := range p.common {
		if len(word) < MinPassword || word != strings.ToLower(word) {
			t.Errorf("line %q of passwords.txt can never match", word)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=4294967295,t=2,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$2b$10$x")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parsePHC(s)
		if err != nil {
			return
		}
		again, err := parsePHC(h.String())
		if err != nil || again.String() != h.String() {
			t.Errorf("%q parses to %+v and back to %+v, %v", s, h, again, err)
		}
	})
}
