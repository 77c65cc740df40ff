package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"hubbub/chat"
)

// calls of a room, {room} and {user} to be filled in.
func roomCalls() []struct {
	call string
	body any
} {
	return []struct {
		call string
		body any
	}{
		{"GET /v1/rooms/{room}", nil},
		{"PATCH /v1/rooms/{room}", object{"topic": "mine now"}},
		{"GET /v1/rooms/{room}/members", nil},
		{"PUT /v1/rooms/{room}/members/me", nil},
		{"PUT /v1/rooms/{room}/members/me", object{"role": "owner"}},
		{"PUT /v1/rooms/{room}/members/{user}", object{"role": "owner"}},
		{"DELETE /v1/rooms/{room}/members/me", nil},
		{"DELETE /v1/rooms/{room}/members/{user}", nil},
		{"POST /v1/rooms/{room}/messages", object{"client_id": "x", "text": "x"}},
		{"GET /v1/rooms/{room}/messages", nil},
		{"GET /v1/rooms/{room}/messages?around=3", nil},
		{"GET /v1/rooms/{room}/events", nil},
		{"PUT /v1/rooms/{room}/read", object{"seq": 1}},
	}
}

var requestIDs = regexp.MustCompile(`"request_id":"[^"]*"`)

// TestForeignRoom holds that a private or direct room that the caller is not in
// answers every call like one that is not there, byte for byte, and that none
// of them changes it.
func TestForeignRoom(t *testing.T) {
	s := newSite(t)
	ann, bob, eve := s.signUp("ann"), s.signUp("bob"), s.signUp("eve")
	rooms := map[string]string{
		"private": s.room(ann.Token, "private", "Plans", "@bob"),
		"direct":  s.room(ann.Token, "direct", "", "@bob"),
	}
	// Somebody who was kicked is a stranger again.
	s.do(ann.Token, "PUT /v1/rooms/"+rooms["private"]+"/members/@eve", object{}).want(200)
	s.do(ann.Token, "DELETE /v1/rooms/"+rooms["private"]+"/members/@eve", nil).want(204)
	for kind, id := range rooms {
		before := s.do(ann.Token, "GET /v1/rooms/"+id+"/events", nil).want(200).Body
		for _, c := range roomCalls() {
			fill := func(room string) string {
				return strings.NewReplacer("{room}", room, "{user}", bob.User.ID).Replace(c.call)
			}
			foreign := s.do(eve.Token, fill(id), c.body)
			foreign.refused(404, "not_found")
			absent := s.do(eve.Token, fill(chat.NewID()), c.body)
			one := requestIDs.ReplaceAllString(foreign.Body, "")
			two := requestIDs.ReplaceAllString(absent.Body, "")
			if one != two || foreign.Status != absent.Status {
				t.Errorf("%s tells a foreign %s room from an absent one:\n%s\n%s", c.call, kind, foreign.Body, absent.Body)
			}
		}
		if after := s.do(ann.Token, "GET /v1/rooms/"+id+"/events", nil).want(200).Body; after != before {
			t.Errorf("a stranger changed the %s room:\n%s\n%s", kind, before, after)
		}
	}
	if r := s.do(eve.Token, "GET /v1/rooms?scope=public", nil).want(200); strings.Contains(r.Body, "Plans") {
		t.Errorf("the public list shows %s", r.Body)
	}
	if r := s.do(eve.Token, "GET /v1/rooms", nil).want(200); strings.Contains(r.Body, "Plans") {
		t.Errorf("eve's rooms are %s", r.Body)
	}
}

// TestPublicRoomOutsider holds what somebody may do who has not joined.
func TestPublicRoomOutsider(t *testing.T) {
	s := newSite(t)
	ann, bob, eve := s.signUp("ann"), s.signUp("bob"), s.signUp("eve")
	s.room(ann.Token, "public", "tea", "@bob")
	for _, c := range roomCalls() {
		call := strings.NewReplacer("{room}", "tea", "{user}", bob.User.ID).Replace(c.call)
		r := s.do(eve.Token, call, c.body)
		switch {
		case strings.HasPrefix(call, "GET "):
			r.want(200)
		case strings.HasSuffix(call, "/members/me") && c.body == nil && strings.HasPrefix(call, "PUT"):
			r.want(200) // she joins, and leaves again
			s.do(eve.Token, "DELETE /v1/rooms/tea/members/me", nil).want(204)
		default:
			r.refused(403, "forbidden")
		}
	}
}

// TestNobody holds that every call but those for coming in needs a session, and
// says so before it looks at the input.
func TestNobody(t *testing.T) {
	s := newSite(t)
	s.room(s.signUp("ann").Token, "public", "tea")
	calls := []string{"GET /v1/sessions", "DELETE /v1/sessions/current", "GET /v1/me", "PATCH /v1/me", "PUT /v1/me/password",
		"POST /v1/socket-tickets", "GET /v1/users/@ann", "POST /v1/rooms", "GET /v1/rooms"}
	for _, c := range roomCalls() {
		calls = append(calls, strings.NewReplacer("{room}", "tea", "{user}", "@ann").Replace(c.call))
	}
	for _, call := range calls {
		for _, token := range []string{"", "nonsense"} {
			r := s.do(token, call, "no JSON")
			r.refused(401, "unauthenticated")
			if r.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s: no WWW-Authenticate in %v", call, r.Header)
			}
		}
	}
}

// TestOtherSites holds that a foreign page cannot act in the visitor's name.
func TestOtherSites(t *testing.T) {
	s := newSite(t)
	ann := s.signUp("ann")
	from := func(origin, site string) func(*http.Request) {
		return func(r *http.Request) {
			if origin != "" {
				r.Header.Set("Origin", origin)
			}
			if site != "" {
				r.Header.Set("Sec-Fetch-Site", site)
			}
			r.AddCookie(&http.Cookie{Name: "hubbub", Value: ann.Token})
		}
	}
	create := func(change func(*http.Request)) reply {
		return s.do("", "POST /v1/rooms", object{"kind": "private", "name": "x"}, change)
	}
	for _, bad := range [][2]string{{"https://evil.example", ""}, {"null", ""}, {"https://evil.example", "cross-site"},
		{"http://localhost.evil.example", "same-site"}, {"http://localhost@evil.example", ""}} {
		create(from(bad[0], bad[1])).refused(403, "forbidden")
	}
	for _, good := range [][2]string{{"http://localhost", ""}, {"http://localhost", "same-origin"}, {"", ""}, {"https://chat.example.org", "cross-site"}} {
		create(from(good[0], good[1])).want(201)
	}
	s.do(ann.Token, "GET /v1/me", nil, func(r *http.Request) { r.Host = "evil.example" }).refused(403, "forbidden")
	if r := s.do("", "GET /v1/me", nil, from("https://evil.example", "cross-site")).want(200); r.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("foreign pages may read answers")
	}
}
