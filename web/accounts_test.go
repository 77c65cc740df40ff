package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"hubbub/chat"
	"hubbub/web"
)

func TestSignUpAndIn(t *testing.T) {
	s := newSite(t)
	for _, call := range []struct {
		call string
		body object
	}{
		{"POST /v1/users", object{"name": "Ann", "password": "correct horse", "display_name": "Ann Lee"}},
		{"POST /v1/sessions", object{"name": "ANN", "password": "correct horse"}},
		{"POST /v1/guests", object{"display_name": "Ann Lee"}},
	} {
		t.Run(call.call, func(t *testing.T) {
			r := s.do("", call.call, call.body).want(201)
			got := as[struct {
				User struct {
					ID, Name    string
					DisplayName string `json:"display_name"`
					Guest       bool
				}
				Token     string
				ExpiresAt time.Time `json:"expires_at"`
			}](r)
			guest := strings.HasSuffix(call.call, "guests")
			if u := got.User; u.ID == "" || (u.Name == "ann") == guest || u.DisplayName != "Ann Lee"+map[bool]string{true: chat.GuestMark}[guest] || u.Guest != guest {
				t.Errorf("user %+v", u)
			}
			if d := time.Until(got.ExpiresAt); d < 29*24*time.Hour || d > 31*24*time.Hour {
				t.Errorf("expires in %v", d)
			}
			if cc := r.Header.Get("Cache-Control"); cc != "no-store" {
				t.Errorf("Cache-Control %q on an answer with a token", cc)
			}
			c := cookie(t, r)
			if c.Name != "hubbub" || c.Value != got.Token || !c.HttpOnly || c.Secure || c.Path != "/" ||
				c.SameSite != http.SameSiteLaxMode || c.Domain != "" || c.Expires.Sub(got.ExpiresAt).Abs() > time.Second {
				t.Errorf("cookie %+v", c)
			}
			s.do(got.Token, "GET /v1/me", nil).want(200)
			s.do("", "GET /v1/me", nil, withCookie(c.Name, c.Value)).want(200)
		})
	}
	s.do("", "POST /v1/users", object{"name": "ann", "password": "correct horse"}).refused(409, "conflict")
}

// TestSessionCookieOverTLS shows that the cookie gets the prefix behind a
// trusted proxy that speaks TLS, and not because a stranger says so.
func TestSessionCookieOverTLS(t *testing.T) {
	s := newSite(t)
	proxied := func(r *http.Request) {
		r.RemoteAddr = "10.1.2.3:5"
		r.Header.Set("X-Forwarded-Proto", "https")
	}
	r := s.do("", "POST /v1/guests", object{"display_name": "Ann"}, proxied).want(201)
	c := cookie(t, r)
	if c.Name != "__Host-hubbub" || !c.Secure || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %+v", c)
	}
	if r.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS over TLS")
	}
	s.do("", "GET /v1/me", nil, proxied, withCookie(c.Name, c.Value)).want(200)
	s.do("", "GET /v1/me", nil, proxied, withCookie("hubbub", c.Value)).refused(401, "unauthenticated")

	c = cookie(t, s.do("", "POST /v1/guests", object{"display_name": "Ann"}, func(r *http.Request) {
		r.Header.Set("X-Forwarded-Proto", "https")
	}).want(201))
	if c.Name != "hubbub" || c.Secure {
		t.Errorf("a stranger's X-Forwarded-Proto gave the cookie %+v", c)
	}
}

func TestGuestsOff(t *testing.T) {
	s := newSite(t, func(o *web.Options) {
		o.Accounts = chat.NewAccounts(nil, chat.AccountOptions{})
	})
	s.do("", "POST /v1/guests", object{"display_name": "Ann"}).refused(403, "forbidden")
}

func TestSessions(t *testing.T) {
	s := newSite(t)
	ann := s.signUp("ann")
	phone := as[person](s.do("", "POST /v1/sessions", object{"name": "ann", "password": "correct horse"},
		func(r *http.Request) { r.Header.Set("User-Agent", "phone\u00e9\x01") }).want(201))
	bob := s.signUp("bob")

	list := as[struct {
		Items []struct {
			ID, Client string
			Current    bool
		}
		Next *string
	}](s.do(ann.Token, "GET /v1/sessions", nil).want(200))
	if len(list.Items) != 2 || list.Next != nil {
		t.Fatalf("sessions %+v", list)
	}
	other := ""
	for _, item := range list.Items {
		if !item.Current {
			other = item.ID
			if item.Client != "phoneé" {
				t.Errorf("client %q", item.Client)
			}
		}
	}
	s.do(bob.Token, "DELETE /v1/sessions/"+other, nil).refused(404, "not_found")
	s.do(phone.Token, "GET /v1/me", nil).want(200)
	if r := s.do(ann.Token, "DELETE /v1/sessions/"+other, nil).want(204); r.Header.Get("Set-Cookie") != "" || r.Body != "" {
		t.Errorf("signing out elsewhere answers %v %q", r.Header, r.Body)
	}
	s.do(phone.Token, "GET /v1/me", nil).refused(401, "unauthenticated")

	c := cookie(t, s.do(ann.Token, "DELETE /v1/sessions/current", nil).want(204))
	if c.Name != "hubbub" || c.Value != "" || c.MaxAge >= 0 {
		t.Errorf("cookie after signing out: %+v", c)
	}
	s.do(ann.Token, "GET /v1/me", nil).refused(401, "unauthenticated")
}

func TestMe(t *testing.T) {
	s := newSite(t)
	ann := s.signUp("ann")
	type user struct {
		ID, Name, Role string
		DisplayName    string `json:"display_name"`
	}
	if u := as[user](s.do(ann.Token, "PATCH /v1/me", object{"display_name": "Ann Lee"}).want(200)); u.DisplayName != "Ann Lee" {
		t.Errorf("renamed to %+v", u)
	}
	if u := as[user](s.do(ann.Token, "PATCH /v1/me", object{}).want(200)); u.DisplayName != "Ann Lee" {
		t.Errorf("an empty change made it %+v", u)
	}
	if u := as[user](s.do(ann.Token, "GET /v1/me", nil).want(200)); u.DisplayName != "Ann Lee" || u.ID != ann.User.ID || u.Role != "" {
		t.Errorf("me %+v", u)
	}
	if _, err := s.users.SetRole(t.Context(), "ann", chat.Support); err != nil {
		t.Fatal(err)
	}
	if u := as[user](s.do(ann.Token, "GET /v1/me", nil).want(200)); u.Role != "support" {
		t.Errorf("of the support: %+v", u)
	}
	bob := s.signUp("bob")
	for _, ref := range []string{ann.User.ID, "@ann", "@ANN", "%40ann"} {
		if u := as[user](s.do(bob.Token, "GET /v1/users/"+ref, nil).want(200)); u.ID != ann.User.ID {
			t.Errorf("%s is %+v", ref, u)
		}
	}
	for _, ref := range []string{"@nobody", "ann", "@", chat.NewID(), strings.Repeat("A", 5000)} {
		s.do(bob.Token, "GET /v1/users/"+ref, nil).refused(404, "not_found")
	}
}

func TestSetPasswordCall(t *testing.T) {
	s := newSite(t)
	ann := s.signUp("ann")
	p := s.do(ann.Token, "PUT /v1/me/password", object{"old": "wrong horse", "new": "better battery"}).refused(422, "invalid")
	if len(p.Errors) != 1 || p.Errors[0].Field != "old" {
		t.Errorf("errors %+v", p.Errors)
	}
	s.do(ann.Token, "PUT /v1/me/password", object{"old": "correct horse", "new": "better battery"}).want(204)
	s.do("", "POST /v1/sessions", object{"name": "ann", "password": "correct horse"}).refused(401, "unauthenticated")
	s.do("", "POST /v1/sessions", object{"name": "ann", "password": "better battery"}).want(201)
}

func TestTicketCall(t *testing.T) {
	s := newSite(t)
	ann := s.signUp("ann")
	r := s.do(ann.Token, "POST /v1/socket-tickets", nil).want(201)
	got := as[struct {
		Ticket    string
		ExpiresAt time.Time `json:"expires_at"`
	}](r)
	if d := time.Until(got.ExpiresAt); len(got.Ticket) < 26 || d > 30*time.Second || d < 20*time.Second {
		t.Errorf("%s, expires in %v", r.Body, d)
	}
	s.do(got.Ticket, "GET /v1/me", nil).refused(401, "unauthenticated")
}

func TestSignInLimited(t *testing.T) {
	s := newSite(t, func(o *web.Options) {
		o.Accounts = chat.NewAccounts(nil, chat.AccountOptions{
			LoginLimit: func(key string) (bool, time.Duration) {
				return key != "address:192.0.2.1", 1500 * time.Millisecond
			},
		})
	})
	r := s.do("", "POST /v1/sessions", object{"name": "ann", "password": "x"})
	p := r.refused(429, "rate_limited")
	if r.Header.Get("Retry-After") != "2" || p.RetryAfterMS != 1500 {
		t.Errorf("Retry-After %q, retry_after_ms %d", r.Header.Get("Retry-After"), p.RetryAfterMS)
	}
}

func cookie(t *testing.T, r reply) *http.Cookie {
	t.Helper()
	res := http.Response{Header: r.Header}
	if len(res.Cookies()) != 1 {
		t.Fatalf("cookies %v", r.Header["Set-Cookie"])
	}
	return res.Cookies()[0]
}

func withCookie(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: name, Value: value}) }
}
