package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"hubbub/chat"
	"hubbub/mw"
	"hubbub/web"
)

// TestBadInput asks wrongly in every way and holds that nothing changed.
func TestBadInput(t *testing.T) {
	s := newSite(t)
	ann, eve := s.signUp("ann"), s.signUp("eve")
	s.room(ann.Token, "public", "tea")
	secret := s.room(ann.Token, "private", "Plans")
	s.do(ann.Token, "POST /v1/rooms/tea/messages", object{"client_id": "taken", "text": "hi"}).want(201)
	before := s.do(ann.Token, "GET /v1/rooms", nil).Body

	const post = "POST /v1/rooms/tea/messages"
	const create = "POST /v1/rooms"
	deep := func(n int) string { return `{"client_id":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	for _, tt := range []struct {
		name, call string
		body       any
		status     int
		code       string
		fields     string
	}{
		{"no body", post, "", 400, "bad_request", ""},
		{"blank body", post, " \n", 400, "bad_request", ""},
		{"broken JSON", post, `{"text":`, 400, "bad_request", ""},
		{"bare word", post, `hello`, 400, "bad_request", ""},
		{"two values", post, `{} {}`, 400, "bad_request", ""},
		{"rubbish behind", post, `{"client_id":"a","text":"b"}x`, 400, "bad_request", ""},
		{"duplicate name", post, `{"client_id":"a","text":"b","text":"c"}`, 400, "bad_request", ""},
		{"invalid UTF-8", post, "{\"client_id\":\"a\",\"text\":\"\xff\"}", 400, "bad_request", ""},
		{"lone surrogate", post, `{"client_id":"a","text":"\ud800"}`, 400, "bad_request", ""},
		{"depth 9", post, deep(8), 400, "bad_request", ""},
		{"depth 9999", post, deep(9999), 400, "bad_request", ""},
		{"depth 8 is a matter of meaning", post, deep(7), 422, "invalid", "client_id text"},
		{"no object", post, `[]`, 422, "invalid", ""},
		{"null", post, `null`, 422, "invalid", ""},
		{"unknown field", post, object{"client_id": "a", "text": "b", "colour": "red"}, 422, "invalid", "colour"},
		{"wrong case", post, `{"client_id":"a","Text":"b"}`, 422, "invalid", "Text"},
		{"missing fields", post, object{}, 422, "invalid", "client_id text"},
		{"wrong type", post, object{"client_id": 7, "text": "b"}, 422, "invalid", "client_id"},
		{"huge number", post, `{"client_id":"a","text":"b","reply_to":1e308}`, 422, "invalid", "reply_to"},
		{"fraction", post, `{"client_id":"a","text":"b","reply_to":1.5}`, 422, "invalid", "reply_to"},
		{"negative number", post, `{"client_id":"a","text":"b","reply_to":-1}`, 422, "invalid", "reply_to"},
		{"long client id", post, object{"client_id": strings.Repeat("x", 65), "text": "b"}, 422, "invalid", "client_id"},
		{"client id not ASCII", post, object{"client_id": "ä", "text": "b"}, 422, "invalid", "client_id"},
		{"empty text", post, object{"client_id": "a", "text": ""}, 422, "invalid", "text"},
		{"unknown kind", post, object{"client_id": "a", "text": "b", "kind": "loud"}, 422, "invalid", "kind"},
		{"long text", post, object{"client_id": "a", "text": strings.Repeat("x", 16001)}, 422, "invalid", "text"},
		{"65 KiB", post, `{"client_id":"a","text":"` + strings.Repeat("x", 65<<10) + `"}`, 413, "too_large", ""},
		{"another body under one id", post, object{"client_id": "taken", "text": "ho"}, 409, "conflict", ""},
		{"reply to nothing", post, object{"client_id": "a", "text": "b", "reply_to": 77}, 422, "invalid", "reply_to"},
		{"no such room", "POST /v1/rooms/coffee/messages", object{"client_id": "a", "text": "b"}, 404, "not_found", ""},
		{"encoded slash", "GET /v1/rooms/tea%2fx", nil, 404, "not_found", ""},
		{"NUL in the path", "GET /v1/rooms/te%00a", nil, 404, "not_found", ""},
		{"invalid UTF-8 in the path", "GET /v1/rooms/%ff", nil, 404, "not_found", ""},
		{"long room", "GET /v1/rooms/" + strings.Repeat("x", 5000), nil, 404, "not_found", ""},

		{"unknown kind of room", create, object{"kind": "secret", "name": "a"}, 422, "invalid", "kind"},
		{"capitals in a public name", create, object{"kind": "public", "name": "Tea"}, 422, "invalid", "name"},
		{"control character in a name", create, object{"kind": "private", "name": "a\u0000b"}, 422, "invalid", "name"},
		{"line break in a topic", create, object{"kind": "private", "name": "a", "topic": "a\nb"}, 422, "invalid", "topic"},
		{"long topic", create, object{"kind": "private", "name": "a", "topic": strings.Repeat("x", 501)}, 422, "invalid", "topic"},
		{"unknown member", create, object{"kind": "private", "name": "a", "members": []string{"@nobody"}}, 422, "invalid", "members"},
		{"a kind that only the server makes", create, object{"kind": "order", "name": "Order 1"}, 422, "invalid", "kind"},
		{"direct room with oneself", create, object{"kind": "direct", "members": []string{"@ann"}}, 422, "invalid", "members"},
		{"direct room of three", create, object{"kind": "direct", "members": []string{"@eve", "@ann"}}, 422, "invalid", "members"},
		{"101 members", create, object{"kind": "private", "name": "a", "members": strings.Fields(strings.Repeat("@eve ", 101))}, 422, "invalid", "members"},
		{"taken name", create, object{"kind": "public", "name": "tea"}, 409, "conflict", ""},

		{"common password", "POST /v1/users", object{"name": "bob", "password": "password1"}, 422, "invalid", "password"},
		{"short password", "POST /v1/users", object{"name": "bob", "password": "1234567"}, 422, "invalid", "password"},
		{"mixed scripts", "POST /v1/users", object{"name": "аnn2", "password": "correct horse"}, 422, "invalid", "name"},
		{"taken sign-in name", "POST /v1/users", object{"name": "ＡＮＮ", "password": "correct horse"}, 409, "conflict", "name"},
		{"empty display name", "PATCH /v1/me", object{"display_name": " "}, 422, "invalid", "display_name"},
		{"unknown query", "GET /v1/rooms?scop=mine", nil, 422, "invalid", "scop"},
		{"unknown scope", "GET /v1/rooms?scope=all", nil, 422, "invalid", "scope"},
		{"token in the URL", "GET /v1/me?token=" + ann.Token, nil, 400, "bad_request", ""},
		{"ticket in the URL", "GET /v1/rooms?ticket=x", nil, 400, "bad_request", ""},
		{"no such session", "DELETE /v1/sessions/nothing", nil, 404, "not_found", ""},
		{"no such path", "GET /v1/nothing", nil, 404, "not_found", ""},
		{"wrong method", "DELETE /v1/me", nil, 405, "bad_request", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := s.do(ann.Token, tt.call, tt.body)
			r.t = t
			p := r.refused(tt.status, tt.code)
			var fields []string
			for _, e := range p.Errors {
				fields = append(fields, e.Field)
				if e.Detail == "" {
					t.Errorf("nothing said about %q", e.Field)
				}
			}
			if tt.fields != "" && strings.Join(fields, " ") != tt.fields {
				t.Errorf("errors %+v, want for fields %s", p.Errors, tt.fields)
			}
			if len(r.Body) > 1000 || strings.Contains(r.Body, "xxxx") {
				t.Errorf("the input is repeated: %.200s", r.Body)
			}
		})
	}
	for _, who := range []string{eve.Token, ann.Token} {
		s.do(who, "GET /v1/rooms/"+secret[:25], nil).refused(404, "not_found")
	}
	if after := s.do(ann.Token, "GET /v1/rooms", nil).Body; after != before {
		t.Errorf("something changed:\n%s%s", before, after)
	}
}

func TestContentType(t *testing.T) {
	s := newSite(t)
	body := object{"display_name": "Ann"}
	as := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, good := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"} {
		s.do("", "POST /v1/guests", body, as("Content-Type", good)).want(201)
	}
	for _, bad := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/problem+json",
		"application/json; charset=latin1", "application/json, text/plain", "multipart/form-data"} {
		s.do("", "POST /v1/guests", body, as("Content-Type", bad)).refused(415, "unsupported")
	}
	s.do("", "POST /v1/guests", body, as("Content-Encoding", "gzip")).refused(415, "unsupported")
}

// TestChunkedBody holds the limit for a body that does not announce its length.
func TestChunkedBody(t *testing.T) {
	s := newSite(t)
	body := `{"display_name":"` + strings.Repeat("x", 70<<10) + `"}`
	s.do("", "POST /v1/guests", body, func(r *http.Request) { r.ContentLength = -1 }).refused(413, "too_large")
}

// TestStoreFails holds that a client learns no more than the code.
func TestStoreFails(t *testing.T) {
	s := newSite(t)
	ann := s.signUp("ann")
	s.room(ann.Token, "public", "tea")
	post := object{"client_id": "a", "text": "b"}
	cause := errors.New("dial tcp 192.0.2.9:3306: SELECT secret FROM users")
	for _, tt := range []struct {
		method, call string
		body         any
		err          error
		status       int
		code         string
	}{
		{"RoomsOf", "GET /v1/rooms", nil, cause, 500, "internal"},
		{"Append", "POST /v1/rooms/tea/messages", post, cause, 500, "internal"},
		{"CreateUser", "POST /v1/users", object{"name": "bob", "password": "correct horse"}, cause, 500, "internal"},
		{"SessionByToken", "GET /v1/me", nil, cause, 503, "unavailable"},
		{"Messages", "GET /v1/rooms/tea/messages", nil,
			chat.Later(chat.ErrUnavailable, "the database is away", 2500*time.Millisecond, cause), 503, "unavailable"},
		{"Append", "POST /v1/rooms/tea/messages", post,
			chat.Later(chat.ErrUnknownOutcome, "", time.Second, cause), 503, "unknown_outcome"},
		{"Append", "POST /v1/rooms/tea/messages", post,
			chat.Later(chat.ErrRateLimited, "busy", 20*time.Millisecond, nil), 429, "rate_limited"},
	} {
		t.Run(fmt.Sprint(tt.method, tt.status, tt.code), func(t *testing.T) {
			s.web.Forget(ann.User.ID) // or nobody asks whose token it is
			s.store.Fail(tt.method, tt.err)
			defer s.store.Fail(tt.method, nil)
			r := s.do(ann.Token, tt.call, tt.body)
			r.t = t
			p := r.refused(tt.status, tt.code)
			if strings.Contains(r.Body, "192.0.2.9") || strings.Contains(r.Body, "SELECT") {
				t.Errorf("the cause is shown: %s", r.Body)
			}
			if errors.Is(tt.err, cause) {
				if log := s.log.String(); !strings.Contains(log, "192.0.2.9") || !strings.Contains(log, p.RequestID) {
					t.Errorf("the cause is not in the log under %s", p.RequestID)
				}
			}
			if tt.status != 500 && (r.Header.Get("Retry-After") == "" || p.RetryAfterMS == 0) {
				t.Errorf("no time to try again: %q, %d", r.Header.Get("Retry-After"), p.RetryAfterMS)
			}
			if strings.Contains(s.log.String(), ann.Token) {
				t.Error("the token is in the log")
			}
		})
	}
}

func TestRateLimits(t *testing.T) {
	rate := mw.Rate{Events: 1, Per: time.Hour, Burst: 3}
	s := newSite(t, func(o *web.Options) { o.PerAddress = mw.NewLimiter(rate) })
	for range 3 {
		s.do("", "GET /v1/me", nil).want(401)
	}
	if r := s.do("", "GET /v1/me", nil); r.Header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After in %v", r.Header)
	} else {
		r.refused(429, "rate_limited")
	}
	for range 9 { // neither probes nor the page's files are limited
		s.do("", "GET /healthz", nil).want(200)
		s.do("", "GET /static/app.js", nil).want(200)
	}

	s = newSite(t, func(o *web.Options) { o.PerUser = mw.NewLimiter(rate) })
	ann, bob := s.signUp("ann"), s.signUp("bob")
	for range 3 {
		s.do(ann.Token, "GET /v1/me", nil).want(200)
	}
	s.do(ann.Token, "GET /v1/me", nil).refused(429, "rate_limited")
	s.do(bob.Token, "GET /v1/me", nil).want(200)
}
