package orders

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// KeyPrefix begins the token of every [APIKey], so that a token which leaked is
// recognised for what it is, also by tools that look for secrets.
const KeyPrefix = "hbk_"

// The limits of what names a key. Name is counted in characters.
const (
	MaxKeyName = 64
	MaxShop    = MaxSKU // of A-Z a-z 0-9 . _ -
)

// APIKey is what a program of a shop signs in with. Its token is shown once, when
// it is made.
type APIKey struct {
	ID        string // 26 characters A–Z 2–7, random; the actor of what the key does
	Name      string
	Role      Role   // Shop; there are no keys for other roles
	Shop      string // orders that the key places belong to it
	CreatedAt int64  // microseconds since 1970
	RevokedAt int64  // 0 while the key stands
}

// TokenHash is all that is stored of a token. A token has 260 random bits, so a
// plain hash does.
type TokenHash [sha256.Size]byte

// KeyStore keeps API keys, also those that were revoked.
type KeyStore interface {
	CreateKey(ctx context.Context, k APIKey, token TokenHash) error
	// KeyByToken finds a key, revoked or not; ErrNotFound.
	KeyByToken(ctx context.Context, token TokenHash) (APIKey, error)
	// Keys lists all of them, newest first.
	Keys(ctx context.Context) ([]APIKey, error)
	// RevokeKey notes when a key was revoked, the first time only; ErrNotFound.
	RevokeKey(ctx context.Context, id string, at int64) error
}

// Keys makes and revokes API keys and tells who bears one. Its errors are *Error
// values that may be shown, or internal. Safe for concurrent use.
type Keys struct {
	store   KeyStore
	now     func() time.Time
	revoked func(id string)
}

// NewKeys makes Keys over the store. Revoked is told after a key was revoked, so
// that it ends at once on every node; it must not block.
func NewKeys(store KeyStore, now func() time.Time, revoked func(id string)) *Keys {
	return &Keys{store: store, now: now, revoked: revoked}
}

// Create makes a key, whose token is never shown again. ErrInvalid names what is
// wrong: name, role or shop.
func (k *Keys) Create(ctx context.Context, role Role, name, shop string) (APIKey, string, error) {
	switch n := utf8.RuneCountInString(name); {
	case role != Shop:
		return APIKey{}, "", Invalid("role", "must be "+string(Shop))
	case n < 1 || n > MaxKeyName || !isPlain(name):
		return APIKey{}, "", Invalid("name", fmt.Sprintf("must have 1 to %d characters and no control characters", MaxKeyName))
	case !isSKU(shop):
		return APIKey{}, "", Invalid("shop", fmt.Sprintf("must be 1 to %d of A-Z a-z 0-9 . _ -", MaxShop))
	}
	key := APIKey{ID: rand.Text(), Name: name, Role: role, Shop: shop, CreatedAt: k.now().UnixMicro()}
	token := KeyPrefix + rand.Text() + rand.Text()
	if err := k.store.CreateKey(ctx, key, hashToken(token)); err != nil {
		return APIKey{}, "", fmt.Errorf("create key: %w", err)
	}
	return key, token, nil
}

// Authenticate tells who bears the token. ErrUnauthenticated: nobody, or the key
// was revoked; the answer is the same.
func (k *Keys) Authenticate(ctx context.Context, token string) (Caller, error) {
	key, err := k.store.KeyByToken(ctx, hashToken(token))
	switch {
	case errors.Is(err, ErrNotFound), err == nil && key.RevokedAt != 0:
		return Caller{}, Refuse(ErrUnauthenticated, "the key is not valid")
	case err != nil:
		return Caller{}, fmt.Errorf("find key: %w", err)
	}
	return Caller{ID: key.ID, Name: key.Name, Role: key.Role, Shop: key.Shop}, nil
}

// List gives all keys, newest first.
func (k *Keys) List(ctx context.Context) ([]APIKey, error) {
	keys, err := k.store.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return keys, nil
}

// Revoke ends a key for good; again does nothing. ErrNotFound: there is none of
// that id.
func (k *Keys) Revoke(ctx context.Context, id string) error {
	err := k.store.RevokeKey(ctx, id, k.now().UnixMicro())
	if errors.Is(err, ErrNotFound) {
		return Refuse(ErrNotFound, "there is no key of this id")
	}
	if err != nil {
		return fmt.Errorf("revoke key: %w", err)
	}
	k.revoked(id)
	return nil
}

func hashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }
