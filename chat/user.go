package chat

import (
	"crypto/rand"
	"crypto/sha256"
	"time"
)

// UserID, SessionID are opaque: 26 characters A–Z 2–7, 130 random bits
// ([NewID]). They never look like a room's name, which has no capitals.
type (
	UserID    string
	SessionID string
)

// NewID makes a random id that nobody can guess.
func NewID() string { return rand.Text() }

// IsID tells whether a text has the form of [NewID]; no public room is called so.
func IsID(text string) bool {
	for _, c := range []byte(text) {
		if (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return len(text) == 26
}

// User is somebody with an account, or a guest.
type User struct {
	ID UserID
	// Name is the sign-in name, normalised; empty for guests.
	Name        string
	DisplayName string
	Guest       bool
	Disabled    bool
	Role        UserRole
	CreatedAt   int64 // microseconds since 1970
}

// UserRole says what somebody is to the whole deployment. A [Role] is about one room.
type UserRole string

const (
	Customer UserRole = ""        // everybody
	Support  UserRole = "support" // sees to customers' orders, and is in the rooms about them
)

// Actor gives what an event remembers of the user.
func (u User) Actor() Actor { return Actor{ID: u.ID, Name: u.DisplayName} }

// Actor is who did something, with the display name at that time.
type Actor struct {
	ID   UserID
	Name string
}

// TokenHash is all that is stored of a session token or a ticket.
type TokenHash [sha256.Size]byte

// HashToken hashes a token for the store.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// Login is one place where a user is signed in: what the REST API calls a session.
// (In this package a Session is one connected client.)
type Login struct {
	ID        SessionID
	User      UserID
	CreatedAt int64 // microseconds since 1970
	ExpiresAt int64
	Client    string // what the client said it is, shortened; for the user's own list
}

// Ended tells whether the session is over at that time.
func (s Login) Ended(now time.Time) bool { return now.UnixMicro() >= s.ExpiresAt }

// Identity is who makes a call: the user and the session that proves it.
type Identity struct {
	User    User
	Session Login
}
