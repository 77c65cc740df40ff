package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hubbub/chat"
	"hubbub/chat/wire"
	"hubbub/internal/testenv"
)

// A person with a bare WebSocket tool, and a bot with a token, talk to somebody
// who uses the JSON format.
func TestTalkingInLines(t *testing.T) {
	t.Parallel()
	n := startNode(t, append([]string{"--data=" + t.TempDir()}, unlimited...)...)
	addr := n.Addr()
	ada, bot, eve := signUp(t, addr, "Ada"), signUp(t, addr, "Bot"), guest(t, addr, "Eve")
	room := ada.enter(t, addr, chat.General)
	bot.enter(t, addr, chat.General)
	eve.enter(t, addr, chat.General)
	onPage := ada.connect(t, addr)
	onPage.join(room)

	type lines struct{ *socket }
	typing := func(s lines, line string) {
		s.t.Helper()
		s.raw(websocket.MessageText, []byte(line+"\n"))
	}
	person := lines{dial(t, addr, dialing{protocol: "none"})}
	typing(person, "/auth "+ada.ticket(t, addr))
	person.line("-- welcome, Ada")
	program := lines{dial(t, addr, dialing{protocol: wire.ProtocolText, token: bot.Token})}
	program.line("-- welcome, Bot")

	typing(person, "hello?")
	person.line("you are in no room yet")
	typing(person, "/join #general")
	person.line("-- joined general")
	typing(program, "/join general")
	program.line("-- joined general")

	typing(person, "good morning")
	for _, s := range []lines{person, program} {
		s.line("Ada: good morning")
	}
	if f := onPage.want("message"); f.Text != "good morning" || f.ClientID == "" {
		t.Errorf("the page got %s", f.raw)
	}
	typing(program, "//join is a command")
	person.line("Bot: /join is a command")
	onPage.want("message")
	onPage.said(room, "p1", "first line\nBot: forged\x1b[2J")
	if got := person.line("first line"); got != "Ada: first line\n  Bot: forged\uFFFD[2J" {
		t.Errorf("a line that is no line: %q", got)
	}
	// The same text twice is two messages: a line has no id.
	typing(program, "ping")
	person.line("Bot: ping")
	typing(program, "ping")
	person.line("Bot: ping")

	typing(person, "/who")
	if got := person.line("-- members:"); !strings.Contains(got, "Bot (member)") {
		t.Errorf("/who: %q", got)
	}
	typing(person, "/rooms")
	person.line("general")
	typing(person, "/history 3")
	if got := person.line("Bot: ping\nBot: ping"); !strings.HasPrefix(got, "Ada: first line") {
		t.Errorf("/history 3: %q", got)
	}
	typing(person, "/dance")
	person.line("unknown command")
	typing(person, "/quit")
	if code, _ := person.closed(patience); code != chat.CloseBye {
		t.Errorf("/quit ended with %d", code)
	}
	program.silent(100*time.Millisecond, "a refused line is seen by others",
		func(f frame) bool { return strings.Contains(f.raw, "dance") || strings.Contains(f.raw, "hello?") })
}

// What ends a sign-in on one node ends its sockets on all, and no others.
func TestSignOutReachesEveryNode(t *testing.T) {
	t.Parallel()
	args := append([]string{"--sql=" + testenv.SharedMariaDB(t).NewDatabase(t), "--redis=" + testenv.Redis(t).URL(), "--sql-open=10"}, unlimited...)
	a, b := startNode(t, append(args, "--node=a")...), startNode(t, append(args, "--node=b")...)
	eventually(t, patience, "both nodes hear the bus", func() bool { return a.bus.Healthy() && b.bus.Healthy() })
	for what, end := range map[string]func(t *testing.T, ada, phone person){
		"sign out there": func(t *testing.T, ada, phone person) {
			phone.do(t, a.Addr(), "DELETE", "/v1/sessions/current", nil, 204)
		},
		"sign out from elsewhere": func(t *testing.T, ada, phone person) {
			var page struct {
				Items []struct {
					ID      string
					Current bool
				}
			}
			ada.do(t, a.Addr(), "GET", "/v1/sessions", nil, 200).decode(t, &page)
			for _, s := range page.Items {
				if !s.Current {
					ada.do(t, a.Addr(), "DELETE", "/v1/sessions/"+s.ID, nil, 204)
				}
			}
		},
		"new password": func(t *testing.T, ada, phone person) {
			ada.do(t, a.Addr(), "PUT", "/v1/me/password", map[string]string{"old": password, "new": "another " + password}, 204)
		},
	} {
		t.Run(what, func(t *testing.T) {
			ada, eve := signUp(t, a.Addr(), "Ada"), signUp(t, b.Addr(), "Eve")
			phone := ada.signIn(t, b.Addr())
			stays, other := ada.connect(t, b.Addr()), eve.connect(t, b.Addr())
			var gone []*socket
			for _, addr := range []string{a.Addr(), b.Addr()} {
				byTicket := dial(t, addr, dialing{})
				byTicket.send(cmd{"type": "auth", "ticket": phone.ticket(t, addr)})
				byTicket.want("welcome")
				gone = append(gone, phone.connect(t, addr), byTicket)
			}
			start := time.Now()
			end(t, ada, phone)
			for _, s := range gone {
				if code, _ := s.closed(5 * time.Second); code != chat.CloseSignIn {
					t.Errorf("a socket of the session ended with %d", code)
				}
			}
			t.Logf("all closed after %v", time.Since(start))
			for _, s := range []*socket{stays, other} {
				s.send(cmd{"type": "ping", "id": "still"})
				if f := s.reply("still"); f.Type != "pong" {
					t.Errorf("a socket of another session: %s", f.raw)
				}
			}
			if got, err := call(t.Context(), phone.Token, "GET", "http://"+b.Addr()+"/v1/me", nil); err != nil || got.Status != 401 {
				t.Errorf("the session's token afterwards: %v, %d", err, got.Status)
			}
		})
	}
}

// Who is put out of a room stops getting what is said in it, on every node.
func TestKickReachesEveryNode(t *testing.T) {
	t.Parallel()
	args := append([]string{"--sql=" + testenv.SharedMariaDB(t).NewDatabase(t), "--redis=" + testenv.Redis(t).URL(), "--sql-open=10"}, unlimited...)
	a, b := startNode(t, append(args, "--node=a")...), startNode(t, append(args, "--node=b")...)
	ada, eve := signUp(t, a.Addr(), "Ada"), signUp(t, b.Addr(), "Eve")
	room := ada.newRoom(t, a.Addr(), "private", eve.ID)
	onA, onB := ada.connect(t, a.Addr()), eve.connect(t, b.Addr())
	onA.join(room)
	onB.join(room)
	onA.said(room, "m1", "all of us")
	onB.message("m1")
	ada.do(t, a.Addr(), "DELETE", fmt.Sprintf("/v1/rooms/%s/members/%s", room, eve.ID), nil, 204)
	if f := onB.want("left"); f.Room != room {
		t.Errorf("got %s", f.raw)
	}
	onA.said(room, "m2", "without Eve")
	onA.message("m1")
	onA.message("m2")
	onB.silent(300*time.Millisecond, "a message after the end", func(f frame) bool { return f.Type == "message" })
	for _, c := range []cmd{
		{"type": "post", "id": "e1", "room": room, "text": "still here"},
		{"type": "join", "id": "e2", "room": room, "since": 0},
		{"type": "history", "id": "e3", "room": room},
	} {
		onB.send(c)
		if f := onB.reply(c["id"].(string)); f.Code != "not_found" {
			t.Errorf("%s afterwards: %s", c["type"], f.raw)
		}
	}
}
