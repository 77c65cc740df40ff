package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"hubbub/chat"
	"hubbub/chat/wire"
	"hubbub/mw"
)

// none is the input or output of a call without any.
type none struct{}

// output is an answer with a body; the status is that of the route.
type output[T any] struct{ Body T }

// signedIn answers whoever just got a session.
type signedIn struct {
	User      wire.User `json:"user"`
	Token     string    `json:"token" doc:"The session's secret, shown this once. Send it as Authorization: Bearer."`
	ExpiresAt wire.Time `json:"expires_at"`
}

type signedInOutput struct {
	SetCookie    http.Cookie `header:"Set-Cookie" doc:"The session, for browsers."`
	CacheControl string      `header:"Cache-Control"`
	Body         signedIn
}

type signUpInput struct {
	Client string `header:"User-Agent" hidden:"true"`
	Body   struct {
		Name        string `json:"name" example:"ada" doc:"Sign-in name: 2 to 32 letters, digits, '.', '_' and '-' of one script. It is stored in lower case."`
		Password    string `json:"password" example:"correct horse battery" doc:"8 to 128 characters, none of the most common passwords."`
		DisplayName string `json:"display_name,omitempty" example:"Ada" doc:"What others see, at most 64 characters; the name when left out."`
	} `nameHint:"SignUp"`
}

func (s *Server) signUp(ctx context.Context, in *signUpInput) (*signedInOutput, error) {
	addr := mw.AddressKey(mw.ClientAddr(ctx))
	who, token, err := s.o.Accounts.SignUp(ctx, in.Body.Name, in.Body.Password, in.Body.DisplayName, addr, in.Client)
	return welcome(ctx, who, token, err)
}

type guestInput struct {
	Client string `header:"User-Agent" hidden:"true"`
	Body   struct {
		DisplayName string `json:"display_name" example:"Ada" doc:"What others see, 1 to 64 characters."`
	} `nameHint:"NewGuest"`
}

func (s *Server) guest(ctx context.Context, in *guestInput) (*signedInOutput, error) {
	who, token, err := s.o.Accounts.Guest(ctx, in.Body.DisplayName, in.Client)
	return welcome(ctx, who, token, err)
}

type signInInput struct {
	Client string `header:"User-Agent" hidden:"true"`
	Body   struct {
		Name     string `json:"name" example:"ada"`
		Password string `json:"password" example:"correct horse battery"`
	} `nameHint:"SignIn"`
}

func (s *Server) signIn(ctx context.Context, in *signInInput) (*signedInOutput, error) {
	addr := mw.AddressKey(mw.ClientAddr(ctx))
	who, token, err := s.o.Accounts.SignIn(ctx, in.Body.Name, in.Body.Password, addr, in.Client)
	return welcome(ctx, who, token, err)
}

func welcome(ctx context.Context, who chat.Identity, token string, err error) (*signedInOutput, error) {
	if err != nil {
		return nil, err
	}
	mw.LogUser(ctx, string(who.User.ID))
	expires := wire.Micros(who.Session.ExpiresAt)
	return &signedInOutput{
		SetCookie:    sessionCookie(ctx, token, expires.Time),
		CacheControl: "no-store",
		Body:         signedIn{User: who.User.Wire(), Token: token, ExpiresAt: expires},
	}, nil
}

// sessionCookie makes the cookie that holds a session; with an empty token, the
// one that makes the browser forget it.
func sessionCookie(ctx context.Context, token string, expires time.Time) http.Cookie {
	c := http.Cookie{
		Name: mw.SessionCookie(ctx), Value: token, Path: "/", Expires: expires,
		HttpOnly: true, Secure: mw.Secure(ctx), SameSite: http.SameSiteLaxMode,
	}
	if token == "" {
		c.MaxAge = -1
	}
	return c
}

// session is one place where the caller is signed in.
type session struct {
	ID        string    `json:"id"`
	Client    string    `json:"client,omitempty" doc:"What the client said it is."`
	CreatedAt wire.Time `json:"created_at"`
	ExpiresAt wire.Time `json:"expires_at"`
	Current   bool      `json:"current" doc:"The session of this call."`
}

// sessions answers all at once: nobody has more than a few.
func (s *Server) sessions(ctx context.Context, _ *none) (*output[page[session]], error) {
	who := Caller(ctx)
	list, err := s.o.Accounts.Sessions(ctx, who)
	if err != nil {
		return nil, err
	}
	show := func(v chat.Login) session {
		return session{
			ID: string(v.ID), Client: v.Client, Current: v.ID == who.Session.ID,
			CreatedAt: wire.Micros(v.CreatedAt), ExpiresAt: wire.Micros(v.ExpiresAt),
		}
	}
	return listOf("sessions", len(list)+1, list, show, nil), nil
}

type signOutInput struct {
	ID string `path:"id" doc:"The id of a session, or current."`
}

type signOutOutput struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

func (s *Server) signOut(ctx context.Context, in *signOutInput) (*signOutOutput, error) {
	who := Caller(ctx)
	id := chat.SessionID(in.ID)
	if in.ID == "current" {
		id = who.Session.ID
	}
	if err := s.o.Accounts.SignOut(ctx, who, id); err != nil {
		return nil, err
	}
	out := &signOutOutput{}
	if id == who.Session.ID {
		out.SetCookie = []http.Cookie{sessionCookie(ctx, "", time.Unix(0, 0))}
	}
	return out, nil
}

func (s *Server) me(ctx context.Context, _ *none) (*output[wire.User], error) {
	return &output[wire.User]{Body: Caller(ctx).User.Wire()}, nil
}

type changeMeInput struct {
	Body struct {
		DisplayName *string `json:"display_name,omitempty" example:"Ada L." doc:"1 to 64 characters. What was said before keeps the old one."`
	} `nameHint:"ChangeMe"`
}

func (s *Server) changeMe(ctx context.Context, in *changeMeInput) (*output[wire.User], error) {
	if in.Body.DisplayName == nil {
		return s.me(ctx, nil)
	}
	u, err := s.o.Accounts.SetDisplayName(ctx, Caller(ctx), *in.Body.DisplayName)
	if err != nil {
		return nil, err
	}
	return &output[wire.User]{Body: u.Wire()}, nil
}

type setPasswordInput struct {
	Body struct {
		Old string `json:"old" doc:"The password until now."`
		New string `json:"new" doc:"8 to 128 characters, none of the most common passwords."`
	} `nameHint:"NewPassword"`
}

func (s *Server) setPassword(ctx context.Context, in *setPasswordInput) (*none, error) {
	return nil, s.o.Accounts.SetPassword(ctx, Caller(ctx), in.Body.Old, in.Body.New)
}

// ticket lets one socket sign in.
type ticket struct {
	Ticket    string    `json:"ticket" doc:"Send it in the first frame of a socket. One use, 30 seconds."`
	ExpiresAt wire.Time `json:"expires_at"`
}

type ticketOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         ticket
}

func (s *Server) ticket(ctx context.Context, _ *none) (*ticketOutput, error) {
	t, expires, err := s.o.Accounts.Ticket(ctx, Caller(ctx))
	if err != nil {
		return nil, err
	}
	return &ticketOutput{CacheControl: "no-store",
		Body: ticket{Ticket: t, ExpiresAt: wire.Micros(expires.UnixMicro())}}, nil
}

type userInput struct {
	User string `path:"user" doc:"The id of a user, or @ and the sign-in name."`
}

func (s *Server) user(ctx context.Context, in *userInput) (*output[wire.User], error) {
	u, err := s.findUser(ctx, in.User)
	if err != nil {
		return nil, err
	}
	return &output[wire.User]{Body: u.Wire()}, nil
}

// findUser finds a user by id, or by "@" and the sign-in name.
func (s *Server) findUser(ctx context.Context, ref string) (chat.User, error) {
	if name, ok := strings.CutPrefix(ref, "@"); ok {
		return s.o.Accounts.UserByName(ctx, name)
	}
	return s.o.Accounts.User(ctx, chat.UserID(ref))
}

// findMembers finds the users that a list in the body names.
func (s *Server) findMembers(ctx context.Context, refs []string) ([]chat.UserID, error) {
	if len(refs) > chat.MaxFirstMembers {
		return nil, chat.Invalid("members", "are too many")
	}
	ids := make([]chat.UserID, 0, len(refs))
	for _, ref := range refs {
		u, err := s.findUser(ctx, ref)
		if errors.Is(err, chat.ErrNotFound) {
			return nil, chat.Invalid("members", "there is no such user")
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, u.ID)
	}
	return ids, nil
}
