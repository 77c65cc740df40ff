package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Times of the account side that nobody needs to set.
const (
	ticketLife = 30 * time.Second
	sweepEvery = time.Minute
	sweepLimit = 1000 // rows of each kind in one statement
	maxToken   = 256  // bytes; a longer token is not one of ours
	maxClient  = 120  // characters of Login.Client
)

// AccountOptions are the settings of [Accounts]; the zero value is usable.
type AccountOptions struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Guests lets people in without an account.
	Guests bool
	// SessionTTL is how long a sign-in lasts; 30 days when 0.
	SessionTTL time.Duration
	// LoginLimit tells whether one more try to sign in is allowed under the key
	// ("name:…" or "address:…"), and if not, when it will be. No limit when nil.
	LoginLimit func(key string) (ok bool, retryAfter time.Duration)
	// SignUpLimit tells the same of one more account made from an address. No
	// limit when nil.
	SignUpLimit func(addr string) (ok bool, retryAfter time.Duration)
	// Ended is told after sessions of a user were ended on purpose (signed out,
	// password changed), so that their sockets on every node close. It must not
	// block. Nothing is told of sessions that expire.
	Ended func(user UserID, sessions []SessionID)
	// Changed is told after something about a user has changed that is read with
	// each call: the display name, the role. It must not block.
	Changed func(user UserID)
	// Dismissed is told after somebody is support no longer, to take away what the
	// role gave; its error is that of SetRole. May be nil.
	Dismissed func(ctx context.Context, u User) error
	// HashMemory is the cost of a password hash in KiB; 19456 when 0. Tests take less.
	HashMemory uint32
	// Log is where Run tells of sweeps that failed; slog.Default() when nil.
	Log *slog.Logger
}

// Accounts signs people up, in and out, and tells who bears a token. Its errors
// are *Error values that a client may see, or internal. Safe for concurrent use.
type Accounts struct {
	store     AccountStore
	o         AccountOptions
	passwords *passwords
}

// NewAccounts makes Accounts over the store. It starts nothing: see [Accounts.Run].
func NewAccounts(store AccountStore, o AccountOptions) *Accounts {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SessionTTL == 0 {
		o.SessionTTL = 30 * 24 * time.Hour
	}
	if o.LoginLimit == nil {
		o.LoginLimit = func(string) (bool, time.Duration) { return true, 0 }
	}
	if o.SignUpLimit == nil {
		o.SignUpLimit = func(string) (bool, time.Duration) { return true, 0 }
	}
	if o.Ended == nil {
		o.Ended = func(UserID, []SessionID) {}
	}
	if o.Changed == nil {
		o.Changed = func(UserID) {}
	}
	if o.Dismissed == nil {
		o.Dismissed = func(context.Context, User) error { return nil }
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Accounts{store: store, o: o, passwords: newPasswords(o.HashMemory)}
}

// Guests tells whether people may come in without an account.
func (a *Accounts) Guests() bool { return a.o.Guests }

// SignUp makes an account and signs it in. An empty display name is the name.
// Addr is the client's address, for the limit alone; client is what the client
// says it is. The token is shown this once: only its hash is stored.
// ErrConflict: the name is taken; ErrInvalid names the field.
func (a *Accounts) SignUp(ctx context.Context, name, password, displayName, addr, client string) (Identity, string, error) {
	name, err := NormalizeName(name)
	if err != nil {
		return Identity{}, "", err
	}
	if strings.TrimSpace(displayName) == "" {
		displayName = name
	}
	if displayName, err = markName(displayName, false); err != nil {
		return Identity{}, "", err
	}
	if err := a.passwords.check("password", password, name); err != nil {
		return Identity{}, "", err
	}
	// Hashing is dear, and mistakes until here cost nothing.
	if ok, after := a.o.SignUpLimit(addr); !ok {
		return Identity{}, "", Later(ErrRateLimited, "too many accounts were made from your address", after, nil)
	}
	hash, err := a.passwords.hash(ctx, password)
	if err != nil {
		return Identity{}, "", err
	}
	u := User{ID: UserID(NewID()), Name: name, DisplayName: displayName, CreatedAt: a.o.Now().UnixMicro()}
	err = a.store.CreateUser(ctx, u, hash)
	if errors.Is(err, ErrConflict) {
		return Identity{}, "", &Error{Code: ErrConflict.Code, Field: "name", Text: "this name is taken"}
	}
	if err != nil {
		return Identity{}, "", fmt.Errorf("create user: %w", err)
	}
	return a.open(ctx, u, client)
}

// Guest makes a user without a name or password and signs it in; when the
// session ends nobody can be that user again. ErrForbidden where guests are not
// let in.
func (a *Accounts) Guest(ctx context.Context, displayName, client string) (Identity, string, error) {
	if !a.o.Guests {
		return Identity{}, "", Refuse(ErrForbidden, "guests are not let in here")
	}
	displayName, err := markName(displayName, true)
	if err != nil {
		return Identity{}, "", err
	}
	u := User{ID: UserID(NewID()), DisplayName: displayName, Guest: true, CreatedAt: a.o.Now().UnixMicro()}
	if err := a.store.CreateUser(ctx, u, ""); err != nil {
		return Identity{}, "", fmt.Errorf("create guest: %w", err)
	}
	return a.open(ctx, u, client)
}

// SignIn opens a new session. Addr is the client's address, for the limit alone.
// An unknown name and a wrong password get the same answer after the same work.
func (a *Accounts) SignIn(ctx context.Context, name, password, addr, client string) (Identity, string, error) {
	wrong := Refuse(ErrUnauthenticated, "the name or the password is wrong")
	if err := a.mayTry("address:" + addr); err != nil {
		return Identity{}, "", err
	}
	var u User
	var hash string
	if normal, err := NormalizeName(name); err == nil {
		if err := a.mayTry("name:" + normal); err != nil {
			return Identity{}, "", err
		}
		u, hash, err = a.store.UserByName(ctx, normal)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Identity{}, "", fmt.Errorf("find user: %w", err)
		}
	}
	ok, err := a.passwords.verify(ctx, password, hash)
	if err != nil {
		return Identity{}, "", err
	}
	if !ok {
		return Identity{}, "", wrong
	}
	if u.Disabled {
		return Identity{}, "", Refuse(ErrForbidden, "this account is disabled")
	}
	who, token, err := a.open(ctx, u, client)
	if err != nil {
		return Identity{}, "", err
	}
	// Hashing takes its time. A password that was changed meanwhile ended all
	// sessions but the one just opened, so that one is looked at again.
	now, nowHash, err := a.store.UserByID(ctx, u.ID)
	if err != nil {
		return Identity{}, "", fmt.Errorf("find user again: %w", err)
	}
	if nowHash != hash || now.Disabled {
		return Identity{}, "", errors.Join(wrong, a.store.EndSession(ctx, u.ID, who.Session.ID))
	}
	return who, token, nil
}

func (a *Accounts) mayTry(key string) error {
	if ok, after := a.o.LoginLimit(key); !ok {
		return Later(ErrRateLimited, "too many tries to sign in", after, nil)
	}
	return nil
}

// SetDisplayName changes how others see the caller from now on; what was said
// before keeps the old name.
func (a *Accounts) SetDisplayName(ctx context.Context, who Identity, name string) (User, error) {
	name, err := markName(name, who.User.Guest)
	if err != nil {
		return User{}, err
	}
	if err := a.store.SetDisplayName(ctx, who.User.ID, name); err != nil {
		return User{}, fmt.Errorf("set display name: %w", err)
	}
	a.o.Changed(who.User.ID)
	u := who.User
	u.DisplayName = name
	return u, nil
}

// SetPassword changes the caller's password and ends all other sessions of the
// user. ErrInvalid for the field "old": that is not the password; ErrForbidden:
// guests have none.
func (a *Accounts) SetPassword(ctx context.Context, who Identity, old, new string) error {
	if who.User.Guest {
		return Refuse(ErrForbidden, "guests have no password")
	}
	if err := a.mayTry("name:" + who.User.Name); err != nil {
		return err
	}
	if err := a.passwords.check("new", new, who.User.Name); err != nil {
		return err
	}
	_, hash, err := a.store.UserByID(ctx, who.User.ID)
	if err != nil {
		return fmt.Errorf("find user: %w", err)
	}
	ok, err := a.passwords.verify(ctx, old, hash)
	if err != nil {
		return err
	}
	if !ok {
		return Invalid("old", "is not the password")
	}
	if hash, err = a.passwords.hash(ctx, new); err != nil {
		return err
	}
	ended, err := a.store.SetPassword(ctx, who.User.ID, hash, who.Session.ID)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	if len(ended) > 0 {
		a.o.Ended(who.User.ID, ended)
	}
	return nil
}

// User finds a user by id; ErrNotFound when there is none.
func (a *Accounts) User(ctx context.Context, id UserID) (User, error) {
	u, _, err := a.store.UserByID(ctx, id)
	return found(u, err)
}

// UserByName finds a user by sign-in name, in any spelling that normalises to
// it; ErrNotFound when there is none.
func (a *Accounts) UserByName(ctx context.Context, name string) (User, error) {
	name, err := NormalizeName(name)
	if err != nil {
		return User{}, NoUser()
	}
	u, _, err := a.store.UserByName(ctx, name)
	return found(u, err)
}

func found(u User, err error) (User, error) {
	if errors.Is(err, ErrNotFound) {
		return User{}, NoUser()
	}
	if err != nil {
		return User{}, fmt.Errorf("find user: %w", err)
	}
	return u, nil
}
