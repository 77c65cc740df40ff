package chat

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"strings"
	"time"
	"unicode"
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
	// Ended is told after sessions of a user were ended on purpose (signed out,
	// password changed), so that their sockets on every node close. It must not
	// block. Nothing is told of sessions that expire.
	Ended func(user UserID, sessions []SessionID)
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
	if o.Ended == nil {
		o.Ended = func(UserID, []SessionID) {}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Accounts{store: store, o: o, passwords: newPasswords(o.HashMemory)}
}

// Guests tells whether people may come in without an account.
func (a *Accounts) Guests() bool { return a.o.Guests }

// SignUp makes an account and signs it in. An empty display name is the name.
// Client is what the client says it is. The token is shown this once: only its
// hash is stored. ErrConflict: the name is taken; ErrInvalid names the field.
func (a *Accounts) SignUp(ctx context.Context, name, password, displayName, client string) (Identity, string, error) {
	name, err := NormalizeName(name)
	if err != nil {
		return Identity{}, "", err
	}
	if strings.TrimSpace(displayName) == "" {
		displayName = name
	}
	if displayName, err = CleanDisplayName(displayName); err != nil {
		return Identity{}, "", err
	}
	if err := a.passwords.check("password", password, name); err != nil {
		return Identity{}, "", err
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
	displayName, err := CleanDisplayName(displayName)
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
	return a.open(ctx, u, client)
}

func (a *Accounts) mayTry(key string) error {
	if ok, after := a.o.LoginLimit(key); !ok {
		return Later(ErrRateLimited, "too many tries to sign in", after, nil)
	}
	return nil
}

// open makes a session with an id and a token of its own.
func (a *Accounts) open(ctx context.Context, u User, client string) (Identity, string, error) {
	now := a.o.Now()
	s := Login{
		ID: SessionID(NewID()), User: u.ID, Client: cleanClient(client),
		CreatedAt: now.UnixMicro(), SeenAt: now.UnixMicro(), ExpiresAt: now.Add(a.o.SessionTTL).UnixMicro(),
	}
	token := newToken()
	if err := a.store.CreateSession(ctx, s, HashToken(token)); err != nil {
		return Identity{}, "", fmt.Errorf("create session: %w", err)
	}
	return Identity{User: u, Session: s}, token, nil
}

// newToken makes 260 random bits of A–Z and 2–7.
func newToken() string { return rand.Text() + rand.Text() }

// cleanClient keeps of a User-Agent header what is safe to show in a list.
func cleanClient(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, "") {
		if n == maxClient {
			break
		}
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			n++
		}
	}
	return strings.TrimSpace(b.String())
}

// Authenticate tells whose token it is. ErrUnauthenticated: nobody's, expired,
// signed out, or of a disabled user.
func (a *Accounts) Authenticate(ctx context.Context, token string) (Identity, error) {
	if token == "" || len(token) > maxToken {
		return Identity{}, Refuse(ErrUnauthenticated, "sign in first")
	}
	who, err := a.store.SessionByToken(ctx, HashToken(token), a.o.Now().UnixMicro())
	if errors.Is(err, ErrUnauthenticated) {
		return Identity{}, Refuse(ErrUnauthenticated, "the session is over; sign in again")
	}
	if err != nil {
		return Identity{}, fmt.Errorf("find session: %w", err)
	}
	return who, nil
}

// SignOut ends one session of the user, this one or another. ErrNotFound: the
// user has none of that id.
func (a *Accounts) SignOut(ctx context.Context, who Identity, id SessionID) error {
	err := a.store.EndSession(ctx, who.User.ID, id)
	if errors.Is(err, ErrNotFound) {
		return NoSession()
	}
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	a.o.Ended(who.User.ID, []SessionID{id})
	return nil
}

// Sessions lists where the user is signed in, newest first.
func (a *Accounts) Sessions(ctx context.Context, who Identity) ([]Login, error) {
	list, err := a.store.Sessions(ctx, who.User.ID, a.o.Now().UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}

// Ticket makes a ticket with which one socket may sign in as this session: one
// use, 30 s.
func (a *Accounts) Ticket(ctx context.Context, who Identity) (ticket string, expires time.Time, err error) {
	ticket, expires = newToken(), a.o.Now().Add(ticketLife)
	if err := a.store.CreateTicket(ctx, HashToken(ticket), who.Session.ID, expires.UnixMicro()); err != nil {
		return "", time.Time{}, fmt.Errorf("create ticket: %w", err)
	}
	return ticket, expires, nil
}

// Redeem uses a ticket up. ErrUnauthenticated: unknown, used, expired, or its
// session has ended.
func (a *Accounts) Redeem(ctx context.Context, ticket string) (Identity, error) {
	refused := Refuse(ErrUnauthenticated, "the ticket is not valid any more")
	if ticket == "" || len(ticket) > maxToken {
		return Identity{}, refused
	}
	who, err := a.store.TakeTicket(ctx, HashToken(ticket), a.o.Now().UnixMicro())
	if errors.Is(err, ErrUnauthenticated) {
		return Identity{}, refused
	}
	if err != nil {
		return Identity{}, fmt.Errorf("take ticket: %w", err)
	}
	return who, nil
}

// SetDisplayName changes how others see the caller from now on; what was said
// before keeps the old name.
func (a *Accounts) SetDisplayName(ctx context.Context, who Identity, name string) (User, error) {
	name, err := CleanDisplayName(name)
	if err != nil {
		return User{}, err
	}
	if err := a.store.SetDisplayName(ctx, who.User.ID, name); err != nil {
		return User{}, fmt.Errorf("set display name: %w", err)
	}
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

// Run deletes expired sessions and tickets about once a minute until ctx ends;
// then it gives nil. Each node may run it; they need not know of each other.
func (a *Accounts) Run(ctx context.Context) error {
	for {
		jitter := time.Duration(mathrand.Int64N(int64(sweepEvery / 2)))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(sweepEvery*3/4 + jitter):
		}
		for {
			n, err := a.store.Sweep(ctx, a.o.Now().UnixMicro(), sweepLimit)
			if err != nil && ctx.Err() == nil {
				a.o.Log.Warn("sweep of expired sessions failed; trying again in a minute", "error", err)
			}
			if err != nil || n < sweepLimit {
				break
			}
		}
	}
}
