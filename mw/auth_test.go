package mw_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"hubbub/mw"
)

func TestAuthenticate(t *testing.T) {
	tests := []struct {
		name    string
		headers []string
		user    string
		cookie  bool
	}{
		{"nothing", nil, "", false},
		{"bearer", []string{"Authorization", "Bearer one"}, "user-one", false},
		{"bearer in lower case", []string{"Authorization", "bearer  one "}, "user-one", false},
		{"cookie", []string{"Cookie", "a=b; hubbub=one"}, "user-one", true},
		{"bearer before cookie", []string{"Authorization", "Bearer two", "Cookie", "hubbub=one"}, "user-two", false},
		{"wrong bearer is not made good by a cookie", []string{"Authorization", "Bearer wrong", "Cookie", "hubbub=one"}, "", false},
		{"empty bearer neither", []string{"Authorization", "Bearer ", "Cookie", "hubbub=one"}, "", false},
		{"another scheme is not for us", []string{"Authorization", "Basic b25lOm9uZQ==", "Cookie", "hubbub=one"}, "user-one", true},
		{"cookie of another name", []string{"Cookie", "__Host-hubbub=one"}, "", false},
		{"wrong cookie", []string{"Cookie", "hubbub=wrong"}, "", false},
		{"plain cookie over TLS", []string{"Peer", "10.0.0.1:1", "X-Forwarded-Proto", "https", "Cookie", "hubbub=one"}, "", false},
		{"cookie over TLS", []string{"Peer", "10.0.0.1:1", "X-Forwarded-Proto", "https", "Cookie", "__Host-hubbub=one"}, "user-one", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, func(o *mw.Options) { o.Proxies = proxies(t) })
			var got mw.Principal
			s.mux.HandleFunc("/stream", func(_ http.ResponseWriter, r *http.Request) {
				got, _ = mw.PrincipalFrom(r.Context())
			})
			if w := s.do("GET", "/stream", tt.headers...); w.Code != 200 {
				t.Errorf("an open route answers %d", w.Code)
			}
			if got.User != tt.user || got.Cookie != tt.cookie {
				t.Errorf("Principal = %+v, want %q, cookie %v", got, tt.user, tt.cookie)
			}
			want := 200
			if tt.user == "" {
				want = 401
			}
			if w := s.do("GET", "/me", tt.headers...); w.Code != want || (want == 401) != (w.Header().Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("a route for users answers %d %v", w.Code, w.Header())
			}
		})
	}
}

func TestAuthenticateResults(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name string
		p    mw.Principal
		err  error
		want int
	}{
		{"good until later", mw.Principal{User: "u", Expires: now.Add(time.Hour)}, nil, 200},
		{"expired", mw.Principal{User: "u", Expires: now}, nil, 401},
		{"wrapped", mw.Principal{}, fmt.Errorf("session: %w", mw.ErrUnauthenticated), 401},
		{"cannot tell", mw.Principal{}, context.DeadlineExceeded, 503},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, func(o *mw.Options) {
				o.Find = func(context.Context, string) (mw.Principal, error) { return tt.p, tt.err }
			})
			w := s.do("GET", "/me", "Authorization", user1)
			if w.Code != tt.want || (tt.want == 503) != (w.Header().Get("Retry-After") == "1") {
				t.Errorf("answer %d %v, want %d", w.Code, w.Header(), tt.want)
			}
		})
	}
}

func TestAuthenticateAsksNothingAboutHugeTokens(t *testing.T) {
	s := newSite(t, nil)
	if w := s.do("GET", "/me", "Authorization", "Bearer "+strings.Repeat("x", 4097)); w.Code != 401 || s.lookups != 0 {
		t.Errorf("answer %d after %d look-ups", w.Code, s.lookups)
	}
}
