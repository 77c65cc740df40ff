package chat

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"
	"unicode"
)

// This half of [Accounts] is about the places where users are signed in.

// open makes a session with an id and a token of its own.
func (a *Accounts) open(ctx context.Context, u User, client string) (Identity, string, error) {
	now := a.o.Now()
	s := Login{
		ID: SessionID(NewID()), User: u.ID, Client: cleanClient(client),
		CreatedAt: now.UnixMicro(), ExpiresAt: now.Add(a.o.SessionTTL).UnixMicro(),
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
