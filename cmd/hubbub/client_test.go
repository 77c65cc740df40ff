package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"hubbub/chat/wire"
)

// patience is how long a test waits for what must come; far more than it takes.
const patience = 10 * time.Second

// person is somebody with an account, signed in; any node will do.
type person struct {
	ID, Name, Token string
}

const password = "correct horse battery staple"

// answer is what a REST call came to.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// problem gives the code of an error.
func (a answer) problem() string {
	var p struct{ Code string }
	if err := json.Unmarshal(a.Body, &p); err != nil {
		return ""
	}
	return p.Code
}

func (a answer) decode(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal(a.Body, into); err != nil {
		t.Fatalf("%d %s: %v", a.Status, a.Body, err)
	}
}

// restClient makes a connection for each call, as different clients do, so
// that none is left over.
var restClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}

// call makes a REST call; body may be nil.
func call(ctx context.Context, token, method, url string, body any) (answer, error) {
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		payload = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, payload)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return answerTo(req)
}

func answerTo(req *http.Request) (answer, error) {
	resp, err := restClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, b}, err
}

// do makes a REST call to the node at addr, which must answer with the status.
func (p person) do(t testing.TB, addr, method, path string, body any, status int) answer {
	t.Helper()
	a, err := call(t.Context(), p.Token, method, "http://"+addr+path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if a.Status != status {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, a.Status, status, a.Body)
	}
	return a
}

// signUp makes an account with a name of its own.
func signUp(t testing.TB, addr, displayName string) person {
	t.Helper()
	name := strings.ToLower("u" + rand.Text()[:12])
	a := person{}.do(t, addr, "POST", "/v1/users",
		map[string]string{"name": name, "password": password, "display_name": displayName}, 201)
	return signedInAs(t, name, a)
}

// signIn opens one more session.
func (p person) signIn(t testing.TB, addr string) person {
	t.Helper()
	a := person{}.do(t, addr, "POST", "/v1/sessions", map[string]string{"name": p.Name, "password": password}, 201)
	return signedInAs(t, p.Name, a)
}

// guest comes in without an account.
func guest(t testing.TB, addr, displayName string) person {
	t.Helper()
	return signedInAs(t, "", person{}.do(t, addr, "POST", "/v1/guests", map[string]string{"display_name": displayName}, 201))
}

func signedInAs(t testing.TB, name string, a answer) person {
	t.Helper()
	var in struct {
		User  wire.User
		Token string
	}
	a.decode(t, &in)
	return person{ID: in.User.ID, Name: name, Token: in.Token}
}

// ticket gives a ticket for one socket.
func (p person) ticket(t testing.TB, addr string) string {
	t.Helper()
	var out struct{ Ticket string }
	p.do(t, addr, "POST", "/v1/socket-tickets", nil, 201).decode(t, &out)
	return out.Ticket
}

// enter becomes a member of a public room and gives its id.
func (p person) enter(t testing.TB, addr, room string) string {
	t.Helper()
	p.do(t, addr, "PUT", "/v1/rooms/"+room+"/members/me", map[string]any{}, 200)
	return p.room(t, addr, room).ID
}

// newRoom makes a room and gives its id.
func (p person) newRoom(t testing.TB, addr, kind string, members ...string) string {
	t.Helper()
	var room wire.Room
	p.do(t, addr, "POST", "/v1/rooms", map[string]any{
		"kind": kind, "name": strings.ToLower("r" + rand.Text()[:12]), "members": append([]string{}, members...)}, 201).decode(t, &room)
	return room.ID
}

func (p person) room(t testing.TB, addr, ref string) wire.Room {
	t.Helper()
	var room wire.Room
	p.do(t, addr, "GET", "/v1/rooms/"+ref, nil, 200).decode(t, &room)
	return room
}

// log reads a room's log from beginning to end.
func (p person) log(t testing.TB, addr, room string) []frame {
	t.Helper()
	var all []frame
	cursor := ""
	for {
		var page struct {
			Items []frame
			Next  *string
		}
		p.do(t, addr, "GET", "/v1/rooms/"+room+"/events?limit=200"+cursor, nil, 200).decode(t, &page)
		all = append(all, page.Items...)
		if page.Next == nil {
			return all
		}
		cursor = "&cursor=" + *page.Next
	}
}

// eventually waits until a condition holds.
func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
