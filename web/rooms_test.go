package web_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"hubbub/chat"
)

type room struct {
	ID, Kind, Name, Topic, Epoch, Role string
	Head, Unread                       uint64
	ReadSeq                            uint64    `json:"read_seq"`
	CreatedAt                          time.Time `json:"created_at"`
	With                               []struct{ ID string }
}

type pageOf[T any] struct {
	Items []T
	Next  *string
}

type message struct {
	Room, Text, Kind string
	ClientID         string `json:"client_id"`
	Seq              uint64
	Actor            struct{ ID, Name string }
}

func TestRooms(t *testing.T) {
	s := newSite(t)
	ann, bob := s.signUp("ann"), s.signUp("bob")
	r := s.do(ann.Token, "POST /v1/rooms", object{"kind": "private", "name": "Plans", "topic": "hush", "members": []string{"@bob"}}).want(201)
	made := as[room](r)
	if made.Kind != "private" || made.Name != "Plans" || made.Topic != "hush" || made.Role != "owner" || made.Epoch == "" ||
		made.Head != 3 || made.CreatedAt.IsZero() || r.Header.Get("Location") != "/v1/rooms/"+made.ID {
		t.Errorf("made %s", r.Body)
	}
	if got := as[room](s.do(bob.Token, "GET /v1/rooms/"+made.ID, nil).want(200)); got.Role != "member" {
		t.Errorf("bob sees %+v", got)
	}
	changed := as[room](s.do(ann.Token, "PATCH /v1/rooms/"+made.ID, object{"topic": "hush now"}).want(200))
	if changed.Topic != "hush now" || changed.Name != "Plans" {
		t.Errorf("changed to %+v", changed)
	}
	same := as[room](s.do(ann.Token, "PATCH /v1/rooms/"+made.ID, object{}).want(200))
	if same.Head != changed.Head {
		t.Errorf("an empty change went into the log: head %d, then %d", changed.Head, same.Head)
	}
	s.do(bob.Token, "PATCH /v1/rooms/"+made.ID, object{"topic": "x"}).refused(403, "forbidden")

	direct := s.room(ann.Token, "direct", "", bob.User.ID)
	if again := s.room(bob.Token, "direct", "", "@ann"); again != direct {
		t.Errorf("two direct rooms for one pair: %s and %s", direct, again)
	}
	if got := as[room](s.do(ann.Token, "GET /v1/rooms/"+direct, nil).want(200)); len(got.With) != 1 || got.With[0].ID != bob.User.ID {
		t.Errorf("direct room %+v", got)
	}
	s.room(ann.Token, "public", "tea")
	s.do(bob.Token, "POST /v1/rooms", object{"kind": "public", "name": "tea"}).refused(409, "conflict")
}

func TestRoomLists(t *testing.T) {
	s := newSite(t)
	ann, bob := s.signUp("ann"), s.signUp("bob")
	for i := range 5 {
		s.room(ann.Token, "public", fmt.Sprintf("room-%d", i))
	}
	s.room(ann.Token, "private", "Plans")
	names := func(token, scope string) (names []string) {
		path := "/v1/rooms?limit=2&scope=" + scope
		for n := 0; n < 10; n++ {
			p := as[pageOf[room]](s.do(token, "GET "+path, nil).want(200))
			for _, r := range p.Items {
				names = append(names, r.Name)
			}
			if p.Next == nil {
				return names
			}
			path = "/v1/rooms?limit=2&scope=" + scope + "&cursor=" + url.QueryEscape(*p.Next)
		}
		t.Fatal("the list does not end")
		return nil
	}
	if got := names(bob.Token, "public"); fmt.Sprint(got) != "[room-0 room-1 room-2 room-3 room-4]" {
		t.Errorf("public rooms %v", got)
	}
	if got := names(ann.Token, "mine"); len(got) != 6 {
		t.Errorf("ann's rooms %v", got)
	}
	if got := names(bob.Token, "mine"); len(got) != 0 {
		t.Errorf("bob's rooms %v", got)
	}
	first := as[pageOf[room]](s.do(ann.Token, "GET /v1/rooms?limit=1", nil).want(200))
	for _, path := range []string{"/v1/rooms?scope=public&cursor=" + *first.Next, "/v1/rooms?cursor=x", "/v1/rooms?cursor=%21"} {
		if p := s.do(ann.Token, "GET "+path, nil).refused(422, "invalid"); p.Errors[0].Field != "cursor" {
			t.Errorf("%s: %+v", path, p.Errors)
		}
	}
	if r := s.do(bob.Token, "GET /v1/rooms", nil).want(200); r.Body != `{"items":[],"next":null}`+"\n" {
		t.Errorf("an empty list is %q", r.Body)
	}
}

func TestMembers(t *testing.T) {
	s := newSite(t)
	ann, bob, eve := s.signUp("ann"), s.signUp("bob"), s.signUp("eve")
	tea := s.room(ann.Token, "public", "tea")
	put := func(token, who string, body any) reply {
		return s.do(token, "PUT /v1/rooms/tea/members/"+who, body)
	}
	for range 2 { // joining twice is joining once
		if got := as[room](put(bob.Token, "me", nil).want(200)); got.ID != tea || got.Role != "member" || got.Head != 3 {
			t.Errorf("bob joined %+v", got)
		}
	}
	put(bob.Token, "@eve", object{}).refused(403, "forbidden")
	put(ann.Token, "@eve", object{}).want(200)
	put(ann.Token, eve.User.ID, object{"role": "moderator"}).want(200)
	put(ann.Token, eve.User.ID, object{}).want(200) // no role: no change
	put(bob.Token, "me", object{"role": "owner"}).refused(403, "forbidden")
	put(ann.Token, "@nobody", object{}).refused(404, "not_found")
	put(ann.Token, "@eve", object{"role": "king"}).refused(422, "invalid")

	type member struct {
		User     struct{ ID, Name string }
		Role     string
		JoinedAt time.Time `json:"joined_at"`
	}
	roles := map[string]string{}
	path := "/v1/rooms/tea/members?limit=2"
	for range 3 {
		p := as[pageOf[member]](s.do(bob.Token, "GET "+path, nil).want(200))
		for _, m := range p.Items {
			roles[m.User.Name] = m.Role
		}
		if p.Next == nil {
			break
		}
		path = "/v1/rooms/tea/members?limit=2&cursor=" + *p.Next
	}
	if fmt.Sprint(roles) != "map[ann:owner bob:member eve:moderator]" {
		t.Errorf("members %v", roles)
	}

	s.do(bob.Token, "DELETE /v1/rooms/tea/members/@eve", nil).refused(403, "forbidden")
	s.do(eve.Token, "DELETE /v1/rooms/tea/members/"+bob.User.ID, nil).want(204)
	s.do(bob.Token, "POST /v1/rooms/tea/messages", object{"client_id": "b", "text": "hey"}).refused(403, "forbidden")
	s.do(eve.Token, "DELETE /v1/rooms/tea/members/me", nil).want(204)
	s.do(eve.Token, "DELETE /v1/rooms/tea/members/me", nil).refused(403, "forbidden")
	s.do(ann.Token, "DELETE /v1/rooms/tea/members/"+bob.User.ID, nil).refused(404, "not_found")
}

func TestMessages(t *testing.T) {
	s := newSite(t)
	ann := s.signUp("ann")
	tea := s.room(ann.Token, "public", "tea") // events 1 and 2
	post := func(id, text string) reply {
		return s.do(ann.Token, "POST /v1/rooms/tea/messages", object{"client_id": id, "text": text})
	}
	for i := range 7 { // messages 3 to 9
		post(fmt.Sprint("m", i), fmt.Sprint("text ", i)).want(201)
	}
	type sent struct {
		Room string
		Seq  uint64
		At   time.Time
	}
	if again := as[sent](post("m3", "text 3").want(200)); again.Seq != 6 || again.Room != tea || again.At.IsZero() {
		t.Errorf("a repeat got %+v", again)
	}
	post("m3", "another text").refused(409, "conflict")

	seqs := func(query string) (string, *string) {
		t.Helper()
		p := as[pageOf[message]](s.do(ann.Token, "GET /v1/rooms/tea/messages?"+query, nil).want(200))
		out := []uint64{}
		for _, m := range p.Items {
			out = append(out, m.Seq)
			if m.Room != tea || m.Actor.Name != "ann" || m.Kind != "text" || m.ClientID == "" {
				t.Errorf("message %+v", m)
			}
		}
		return fmt.Sprint(out), p.Next
	}
	for query, want := range map[string]string{
		"":                  "[3 4 5 6 7 8 9]",
		"limit=2":           "[8 9]",
		"before=6&limit=2":  "[4 5]",
		"before=0":          "[]",
		"before=1":          "[]",
		"after=6&limit=2":   "[7 8]",
		"after=0&limit=2":   "[3 4]",
		"after=9":           "[]",
		"after=999":         "[]",
		"around=6&limit=3":  "[5 6 7]",
		"before=4&limit=50": "[3]",
	} {
		if got, _ := seqs(query); got != want {
			t.Errorf("?%s gave %s, want %s", query, got, want)
		}
	}
	walk := func(query string) (pages []string) {
		got, next := seqs(query + "&limit=3")
		pages = append(pages, got)
		for next != nil && len(pages) < 9 {
			got, next = seqs("limit=3&cursor=" + *next)
			pages = append(pages, got)
		}
		return pages
	}
	if got := fmt.Sprint(walk("")); got != "[[7 8 9] [4 5 6] [3]]" {
		t.Errorf("downwards: %s", got)
	}
	if got := fmt.Sprint(walk("after=0")); got != "[[3 4 5] [6 7 8] [9]]" {
		t.Errorf("upwards: %s", got)
	}
	for _, query := range []string{"before=1&after=2", "around=1&before=4", "limit=0", "limit=201", "limit=x", "before=-1", "before=x", "cursor=zzz", "since=4"} {
		s.do(ann.Token, "GET /v1/rooms/tea/messages?"+query, nil).refused(422, "invalid")
	}
}

func TestEvents(t *testing.T) {
	s := newSite(t)
	ann := s.signUp("ann")
	tea := s.room(ann.Token, "public", "tea")
	s.do(ann.Token, "POST /v1/rooms/tea/messages", object{"client_id": "m", "text": "hi", "kind": "markdown"}).want(201)
	type log struct {
		pageOf[map[string]any]
		Room, Epoch string
		Head        uint64
	}
	r := s.do(ann.Token, "GET /v1/rooms/tea/events?limit=2", nil).want(200)
	first := as[log](r)
	if first.Room != tea || first.Epoch == "" || first.Head != 3 || len(first.Items) != 2 || first.Next == nil ||
		first.Items[0]["type"] != "room" || first.Items[1]["type"] != "member" {
		t.Fatalf("log %s", r.Body)
	}
	rest := as[log](s.do(ann.Token, "GET /v1/rooms/tea/events?cursor="+*first.Next, nil).want(200))
	if len(rest.Items) != 1 || rest.Next != nil || rest.Items[0]["text"] != "hi" || rest.Items[0]["client_id"] != "m" || rest.Items[0]["seq"] != 3.0 {
		t.Errorf("the rest is %+v", rest)
	}
	for query, want := range map[string]int{"after=0": 3, "after=2": 1, "after=3": 0, "after=99": 0} {
		if got := as[log](s.do(ann.Token, "GET /v1/rooms/tea/events?"+query, nil).want(200)); len(got.Items) != want || got.Next != nil {
			t.Errorf("?%s: %d events, want %d", query, len(got.Items), want)
		}
	}
}

func TestMarkRead(t *testing.T) {
	s := newSite(t)
	ann, bob := s.signUp("ann"), s.signUp("bob")
	s.room(ann.Token, "public", "tea")
	s.do(bob.Token, "PUT /v1/rooms/tea/members/me", nil).want(200)
	for i := range 3 {
		s.do(ann.Token, "POST /v1/rooms/tea/messages", object{"client_id": fmt.Sprint(i), "text": "hi"}).want(201)
	}
	unread := func() uint64 {
		return as[pageOf[room]](s.do(bob.Token, "GET /v1/rooms", nil).want(200)).Items[0].Unread
	}
	if n := unread(); n != 3 {
		t.Errorf("%d unread before", n)
	}
	for _, tt := range []struct{ seq, want, unread uint64 }{{5, 5, 1}, {4, 5, 1}, {99, 6, 0}} {
		got := as[struct{ Seq uint64 }](s.do(bob.Token, "PUT /v1/rooms/tea/read", object{"seq": tt.seq}).want(200))
		if n := unread(); got.Seq != tt.want || n != tt.unread {
			t.Errorf("read up to %d: marker %d, %d unread; want %d and %d", tt.seq, got.Seq, n, tt.want, tt.unread)
		}
	}
}

// TestHead shows that HEAD answers like GET without a body.
func TestHead(t *testing.T) {
	s := newSite(t)
	ann := s.signUp("ann")
	if r := s.do(ann.Token, "HEAD /v1/me", nil).want(200); r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("HEAD answers %v", r.Header)
	}
	s.do("", "HEAD /v1/me", nil).want(401)
	if r := s.do("", "HEAD /static/app.js", nil).want(200); r.Body != "" || r.Header.Get("Content-Length") != "10" {
		t.Errorf("HEAD of a file: %q %v", r.Body, r.Header)
	}
}

func TestLongTextsMakeShortPages(t *testing.T) {
	s := newSite(t)
	ann := s.signUp("ann")
	s.room(ann.Token, "public", "tea")
	const messages = 20
	for i := range messages {
		s.do(ann.Token, "POST /v1/rooms/tea/messages", object{"client_id": fmt.Sprint(i), "text": strings.Repeat("x", 16_000)}).want(201)
	}
	for list, total := range map[string]int{"messages": messages, "messages?after=0": messages, "events": messages + 2} {
		seen, pages := map[uint64]bool{}, 0
		for path := list; ; pages++ {
			res := s.do(ann.Token, "GET /v1/rooms/tea/"+path, nil).want(200)
			if n := len(res.Body); n > chat.MaxRead+10_000 {
				t.Errorf("a page of %s has %d bytes", list, n)
			}
			p := as[pageOf[struct{ Seq uint64 }]](res)
			for _, m := range p.Items {
				seen[m.Seq] = true
			}
			if p.Next == nil {
				break
			}
			path, _, _ = strings.Cut(list, "?")
			path += "?cursor=" + *p.Next
		}
		if len(seen) != total || pages != 2 {
			t.Errorf("%s gave %d of %d after page %d", list, len(seen), total, pages)
		}
	}
}
