package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hubbub/chat"
	"hubbub/chat/wire"
)

// What a socket may not send gets the error named, and changes nothing.
func TestBadFrames(t *testing.T) {
	t.Parallel()
	n := startNode(t, append([]string{"--data=" + t.TempDir()}, unlimited...)...)
	addr := n.Addr()
	ada, eve := signUp(t, addr, "Ada"), signUp(t, addr, "Eve")
	room := ada.newRoom(t, addr, "public")
	private := eve.newRoom(t, addr, "private")
	s := ada.connect(t, addr)
	s.join(room)
	s.said(room, "once", "the first text")
	head := ada.room(t, addr, room).Head

	post := func(fields string) string {
		return `{"type":"post","id":"x","room":"` + room + `"` + fields + `}`
	}
	long := strings.Repeat("é", wire.MaxText)
	for _, c := range []struct {
		what, frame string
		code        string // of the error, or "reset"
		field       string
	}{
		{"malformed JSON", `{"type":"post",`, "bad_request", ""},
		{"no JSON", `hello`, "bad_request", ""},
		{"an array", `[]`, "bad_request", ""},
		{"two values", `{"type":"ping","id":"x"}{}`, "bad_request", ""},
		{"unknown type", `{"type":"shout","id":"x"}`, "bad_request", "type"},
		{"no type", `{"id":"x"}`, "bad_request", "type"},
		{"unknown field", post(`,"text":"a","colour":"red"`), "bad_request", ""},
		{"wrong type of a field", post(`,"text":7`), "bad_request", ""},
		{"duplicate key", post(`,"text":"a","text":"b"`), "bad_request", ""},
		{"depth 9", `{"type":"ping","id":"x","a":` + strings.Repeat("[", 8) + strings.Repeat("]", 8) + `}`, "bad_request", ""},
		{"missing text", post(``), "invalid", "text"},
		{"empty text", post(`,"text":""`), "invalid", "text"},
		{"long text", post(`,"text":"` + long + `é"`), "invalid", "text"},
		{"missing id", `{"type":"post","room":"` + room + `","text":"a"}`, "invalid", "id"},
		{"long id", `{"type":"post","id":"` + strings.Repeat("x", wire.MaxID+1) + `","room":"` + room + `","text":"a"}`, "invalid", "id"},
		{"id that is not ASCII", `{"type":"post","id":"é","room":"` + room + `","text":"a"}`, "invalid", "id"},
		{"missing room", `{"type":"join","id":"x"}`, "invalid", "room"},
		{"long room", `{"type":"join","id":"x","room":"` + strings.Repeat("r", 999) + `"}`, "invalid", "room"},
		{"unknown kind", post(`,"text":"a","kind":"html"`), "invalid", "kind"},
		{"a message of the server", post(`,"text":"a","kind":"system"`), "invalid", "kind"},
		{"a kind that this server has not", post(`,"text":"a","kind":"image"`), "unsupported", "kind"},
		{"reply to what is not there", post(`,"text":"a","reply_to":999`), "", ""},
		{"the same id with another text", `{"type":"post","id":"once","room":"` + room + `","text":"another text"}`, "conflict", ""},
		{"since above the head", `{"type":"join","id":"x","room":"` + room + `","since":999999}`, "reset", ""},
		{"since of another life", `{"type":"join","id":"x","room":"` + room + `","since":1,"epoch":"` + chat.NewID() + `"}`, "reset", ""},
		{"negative since", `{"type":"join","id":"x","room":"` + room + `","since":-1}`, "bad_request", ""},
		{"join a private room of others", `{"type":"join","id":"x","room":"` + private + `"}`, "not_found", ""},
		{"post to it", `{"type":"post","id":"x","room":"` + private + `","text":"a"}`, "not_found", ""},
		{"its history", `{"type":"history","id":"x","room":"` + private + `"}`, "not_found", ""},
		{"leave it", `{"type":"leave","id":"x","room":"` + private + `"}`, "not_found", ""},
		{"read marker in it", `{"type":"read","id":"x","room":"` + private + `","seq":1}`, "not_found", ""},
		{"edit in it", `{"type":"edit","id":"x","room":"` + private + `","seq":1,"text":"a"}`, "not_found", ""},
		{"typing in it", `{"type":"typing","id":"x","room":"` + private + `"}`, "forbidden", ""},
		{"two cursors", `{"type":"history","id":"x","room":"` + room + `","before":1,"after":1}`, "invalid", "after"},
		{"a page too long", `{"type":"history","id":"x","room":"` + room + `","limit":201}`, "invalid", "limit"},
	} {
		t.Run(c.what, func(t *testing.T) {
			// A socket each: three bad frames would end one that they share.
			s := ada.connect(t, addr)
			s.raw(websocket.MessageText, []byte(c.frame))
			f, err := s.find(patience, func(f frame) bool { return f.Type == "error" || f.Type == "reset" })
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.code == "" && f.Code != "not_found" && f.Code != "invalid":
				t.Errorf("got %s", f.raw)
			case c.code == "reset" && (f.Type != "reset" || f.Head != head || f.Epoch == ""):
				t.Errorf("got %s, want a reset to %d", f.raw, head)
			case c.code != "" && c.code != "reset" && f.Code != c.code:
				t.Errorf("got %s, want %s", f.raw, c.code)
			}
			if c.field != "" && (len(f.Errors) != 1 || f.Errors[0].Field != c.field) {
				t.Errorf("got %s, want it to name %s", f.raw, c.field)
			}
			// What one may not know of is answered like what is not there.
			if strings.Contains(c.frame, private) {
				s.raw(websocket.MessageText, []byte(strings.ReplaceAll(c.frame, private, chat.NewID())))
				if absent := s.want("error"); absent.raw != f.raw {
					t.Errorf("a room of others: %s, and one that is not there: %s", f.raw, absent.raw)
				}
			}
			s.send(cmd{"type": "ping", "id": "still"})
			if f := s.reply("still"); f.Type != "pong" {
				t.Errorf("the socket afterwards: %s", f.raw)
			}
		})
	}
	s.said(room, "long", long) // as long as it may be
	if now := ada.room(t, addr, room).Head; now != head+1 {
		t.Errorf("the head moved from %d to %d", head, now)
	}
}

// What ends a socket ends it with the code of the protocol.
func TestSocketsThatAreEnded(t *testing.T) {
	t.Parallel()
	n := startNode(t, append([]string{"--data=" + t.TempDir()}, unlimited...)...)
	addr := n.Addr()
	ada := signUp(t, addr, "Ada")
	room := ada.newRoom(t, addr, "public")
	signedIn, stranger := dialing{token: ada.Token}, dialing{}
	text := func(frames ...string) func(*socket) {
		return func(s *socket) {
			for _, f := range frames {
				s.raw(websocket.MessageText, []byte(f))
			}
		}
	}
	post := `{"type":"post","id":"x","room":"` + room + `","text":"`
	used := ada.ticket(t, addr)
	dial(t, addr, dialing{protocol: "none"}).raw(websocket.MessageText, []byte("/auth "+used))
	for what, c := range map[string]struct {
		o    dialing
		send func(*socket)
		code int
	}{
		"invalid UTF-8":           {signedIn, text(post + "\xff\xfe\"}"), chat.CloseBadText},
		"65 KiB":                  {signedIn, text(post + strings.Repeat("x", 65<<10) + `"}`), chat.CloseTooLarge},
		"binary":                  {signedIn, func(s *socket) { s.raw(websocket.MessageBinary, []byte(post+`a"}`)) }, chat.CloseUnsupported},
		"three bad frames":        {signedIn, text(`{`, `{`, `{`), chat.CloseBadFrame},
		"no auth in the first":    {stranger, text(`{"type":"ping","id":"x"}`), chat.CloseSignIn},
		"no command in the first": {stranger, text(`hello`), chat.CloseSignIn},
		"an unknown ticket":       {stranger, text(`{"type":"auth","id":"x","ticket":"abc"}`), chat.CloseSignIn},
		"second use of a ticket":  {stranger, text(`{"type":"auth","id":"x","ticket":"` + used + `"}`), chat.CloseSignIn},
		"an unknown token":        {stranger, text(`{"type":"auth","id":"x","token":"abc"}`), chat.CloseSignIn},
		"bad UTF-8 of a stranger": {stranger, text("\xff"), chat.CloseBadText},
		"65 KiB from a stranger":  {stranger, text(strings.Repeat("x", 65<<10)), chat.CloseTooLarge},
		"a stranger says nothing": {stranger, func(*socket) {}, chat.CloseSignIn},
		"an expired ticket": {stranger, func(s *socket) {
			s.raw(websocket.MessageText, []byte(`{"type":"auth","ticket":"`+expired(t, n, ada)+`"}`))
		}, chat.CloseSignIn},
		"/quit in the text format": {dialing{token: ada.Token, protocol: wire.ProtocolText}, text("/quit"), chat.CloseBye},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := dial(t, addr, c.o)
			c.send(s)
			if code, reason := s.closed(patience + 5*time.Second); code != c.code {
				t.Errorf("closed with %d %q, want %d", code, reason, c.code)
			}
			if head := ada.room(t, addr, room).Head; head != 2 {
				t.Errorf("the head is %d, want 2: nothing was said", head)
			}
		})
	}
}

// expired gives a ticket whose time is over.
func expired(t *testing.T, n *node, p person) string {
	ticket := p.ticket(t, n.Addr())
	db, err := n.pools.SQL(n.cfg.SQL)
	if err == nil {
		_, err = db.Write.ExecContext(t.Context(), "UPDATE tickets SET expires_at = ?", time.Now().Add(-time.Second).UnixMicro())
	}
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

// What can be refused before the upgrade is refused as HTTP.
func TestUpgradesThatAreRefused(t *testing.T) {
	t.Parallel()
	n := startNode(t, append([]string{"--data=" + t.TempDir()}, unlimited...)...)
	addr := n.Addr()
	ada := signUp(t, addr, "Ada")
	header := func(name, value string) http.Header { return http.Header{name: {value}} }
	for what, c := range map[string]struct {
		o       dialing
		status  int
		problem string
		says    string
	}{
		"unknown subprotocol":       {dialing{token: ada.Token, protocol: "graphql-ws"}, 400, "bad_request", wire.ProtocolJSON},
		"token in the URL":          {dialing{query: "?token=" + ada.Token}, 400, "bad_request", "URL"},
		"access_token in the URL":   {dialing{query: "?access_token=" + ada.Token}, 400, "bad_request", "URL"},
		"ticket in the URL":         {dialing{query: "?ticket=" + ada.ticket(t, addr)}, 400, "bad_request", "URL"},
		"foreign origin":            {dialing{token: ada.Token, header: header("Origin", "https://evil.example")}, 403, "forbidden", "origin"},
		"null origin":               {dialing{token: ada.Token, header: header("Origin", "null")}, 403, "forbidden", "origin"},
		"origin of another port":    {dialing{token: ada.Token, header: header("Origin", "http://127.0.0.1:1")}, 403, "forbidden", "origin"},
		"forged host":               {dialing{token: ada.Token, host: "evil.example"}, 403, "forbidden", "host"},
		"forged host and origin":    {dialing{token: ada.Token, host: "evil.example", header: header("Origin", "http://evil.example")}, 403, "forbidden", "host"},
		"unknown token":             {dialing{token: "abc"}, 401, "unauthenticated", ""},
		"unknown cookie":            {dialing{header: http.Header{"Cookie": {"hubbub=abc"}, "Origin": {"http://" + addr}}}, 401, "unauthenticated", ""},
		"cookie without an origin":  {dialing{header: header("Cookie", "hubbub="+ada.Token)}, 403, "forbidden", "origin"},
		"credentials of other kind": {dialing{header: header("Authorization", "Basic YTpi")}, 401, "unauthenticated", ""},
	} {
		t.Run(what, func(t *testing.T) {
			ws, resp, err := open(t.Context(), addr, c.o)
			if err == nil {
				ws.CloseNow()
				t.Fatal("the socket was opened")
			}
			if resp == nil {
				t.Fatal(err)
			}
			body := make([]byte, 1024) // what Dial keeps of it
			size, _ := resp.Body.Read(body)
			got := answer{resp.StatusCode, resp.Header, body[:size]}
			if got.Status != c.status || got.problem() != c.problem || !strings.Contains(strings.ToLower(string(got.Body)), strings.ToLower(c.says)) {
				t.Errorf("%d %s, want %d %s that says %q", got.Status, got.Body, c.status, c.problem, c.says)
			}
			if strings.Contains(string(got.Body), ada.Token) {
				t.Errorf("the answer repeats the token: %s", got.Body)
			}
		})
	}
	for _, origin := range []string{"", "http://" + addr} { // and these are not
		o := dialing{token: ada.Token}
		if origin != "" {
			o.header = header("Origin", origin)
		}
		dial(t, addr, o).want("welcome")
	}
}

// Ten thousand commands at once: some are carried out, some are refused with a
// delay, then the socket is ended. What was acked stays.
func TestFlood(t *testing.T) {
	t.Parallel()
	n := startNode(t, "--data="+t.TempDir())
	addr := n.Addr()
	ada := signUp(t, addr, "Ada")
	room := ada.newRoom(t, addr, "public")
	s := ada.connect(t, addr)
	for i := range 10_000 {
		b := fmt.Sprintf(`{"type":"post","id":"f%d","room":"%s","text":"flood"}`, i, room)
		if s.ws.Write(t.Context(), websocket.MessageText, []byte(b)) != nil {
			break // it was ended while we were at it
		}
	}
	code, reason := s.closed(patience)
	if code != chat.CloseTooMany || !strings.HasPrefix(reason, "retry_after_ms=") {
		t.Errorf("closed with %d %q, want %d", code, reason, chat.CloseTooMany)
	}
	acked, refused := 0, 0
	for _, f := range s.in {
		switch {
		case f.Type == "ack":
			acked++
		case f.Type == "error" && f.Code == "rate_limited" && f.RetryAfterMS > 0:
			refused++
		case f.Type == "error":
			t.Fatalf("got %s", f.raw)
		}
	}
	if stored := len(ada.log(t, addr, room)) - 2; acked < 40 || acked > 400 || refused < 40 || stored != acked {
		t.Errorf("%d acked, %d refused, %d stored", acked, refused, stored)
	}
}
