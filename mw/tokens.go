package mw

import (
	"context"
	"crypto/sha256"
	"maps"
	"sync"
	"time"
)

const (
	// TokenTime is how long a [Tokens] believes what it was told: a session or key
	// that ended while nobody said so here is let in for no longer.
	TokenTime = 4 * time.Second
	// MaxTokens is how many tokens a [Tokens] remembers.
	MaxTokens = 1 << 14
)

// Tokens remembers for TokenTime whose token it is, so that not every request
// asks the database. Only good tokens are remembered, and only their hashes. Any
// goroutine may use it.
type Tokens struct {
	find func(ctx context.Context, token string) (Principal, error)

	mu     sync.Mutex
	known  map[[sha256.Size]byte]knownToken
	forgot uint64 // counts the calls of Forget
}

type knownToken struct {
	p     Principal
	until time.Time
}

// NewTokens makes an empty memory in front of find, which is as for [Authenticate].
func NewTokens(find func(ctx context.Context, token string) (Principal, error)) *Tokens {
	return &Tokens{find: find, known: make(map[[sha256.Size]byte]knownToken)}
}

// Find is find with a memory.
func (t *Tokens) Find(ctx context.Context, token string) (Principal, error) {
	hash, now := sha256.Sum256([]byte(token)), time.Now()
	t.mu.Lock()
	k, ok := t.known[hash]
	forgot := t.forgot
	t.mu.Unlock()
	if ok && now.Before(k.until) {
		return k.p, nil
	}
	p, err := t.find(ctx, token)
	if err != nil {
		return p, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// What was read before something was forgotten may be just that.
	if forgot == t.forgot {
		t.makeRoomLocked(now)
		t.known[hash] = knownToken{p, now.Add(TokenTime)}
	}
	return p, nil
}

// makeRoomLocked drops what is old when the memory is full, and if nothing is,
// then any half of it.
func (t *Tokens) makeRoomLocked(now time.Time) {
	if len(t.known) < MaxTokens {
		return
	}
	maps.DeleteFunc(t.known, func(_ [sha256.Size]byte, k knownToken) bool { return !now.Before(k.until) })
	for hash := range t.known {
		if len(t.known) <= MaxTokens/2 {
			return
		}
		delete(t.known, hash)
	}
}

// Forget makes the next request of each token of the user ask again: something
// about the user, a session or a key has changed.
func (t *Tokens) Forget(user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgot++
	maps.DeleteFunc(t.known, func(_ [sha256.Size]byte, k knownToken) bool { return k.p.User == user })
}
