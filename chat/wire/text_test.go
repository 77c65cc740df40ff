package wire

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestTextLines(t *testing.T) {
	c := &textCodec{}
	decode := func(line string) (Command, *DecodeError) {
		cmd, err := c.Decode([]byte(line))
		var d *DecodeError
		if err != nil && !errors.As(err, &d) {
			t.Fatalf("%q: %v is no DecodeError", line, err)
		}
		if err != nil && cmd != nil {
			t.Errorf("%q: a command beside the error", line)
		}
		return cmd, d
	}
	for _, line := range []string{"hello", "/history", "/who"} {
		if _, d := decode(line); d == nil || d.Code != "invalid" || !strings.Contains(d.Detail, "/join") {
			t.Errorf("%q before the first join: %v", line, d)
		}
	}
	c.Frame(Joined{Room: roomID, Name: "general"})
	for line, want := range map[string]Command{
		"":                nil,
		"  \r\n":          nil,
		"/auth T":         &Auth{Header: Header{Type: "auth"}, Ticket: "T"},
		"/join #general":  &Join{Header: Header{Type: "join"}, Room: "general", Last: 20, Only: true},
		"/join  general ": &Join{Header: Header{Type: "join"}, Room: "general", Last: 20, Only: true},
		"/rooms":          &Rooms{Header{Type: "rooms"}},
		"/history":        &History{Header: Header{Type: "history"}, Room: roomID, Limit: 20},
		"/history 200\n":  &History{Header: Header{Type: "history"}, Room: roomID, Limit: 200},
		"/who":            &Who{Header: Header{Type: "who"}, Room: roomID},
		"/quit":           &Quit{Header{Type: "quit"}},
	} {
		if got, d := decode(line); d != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v; want %+v", line, got, d, want)
		}
	}
	for line, field := range map[string]string{
		"/join": "room", "/join " + strings.Repeat("a", MaxName+1): "room", "/history x": "/history",
		"/history 201": "limit", "/history -1": "limit", "/shout": "", strings.Repeat("é", MaxText+1): "text",
	} {
		if _, d := decode(line); d == nil || d.Code != "invalid" || d.Field != field {
			t.Errorf("%.20q: got %v, want invalid %q", line, d, field)
		}
	}
	for line, text := range map[string]string{
		"hello": "hello", "two\nlines\n": "two\nlines", "//quit": "/quit", " indented": " indented",
	} {
		cmd, d := decode(line)
		post, ok := cmd.(*Post)
		if d != nil || !ok || post.Text != text || post.Room != roomID || post.Kind != KindText || !ValidID(post.ID) {
			t.Errorf("%q: got %+v, %v", line, cmd, d)
		}
	}
	one, _ := decode("same")
	two, _ := decode("same")
	if one.CommandID() == two.CommandID() {
		t.Error("a line typed twice must be said twice")
	}
}

// TestTextRoom: lines go to the room joined last, and nowhere once it is left.
func TestTextRoom(t *testing.T) {
	c := &textCodec{}
	c.Frame(Joined{Room: "A"})
	c.Frame(Joined{Room: "B"})
	if c.Frame(Left{Room: "A"}); c.current() != "B" {
		t.Errorf("leaving another room moved to %q", c.current())
	}
	if out := c.Frame(Left{Room: "B", Reason: "you are no longer a member"}); c.current() != "" || len(out) == 0 {
		t.Errorf("current %q, told %q", c.current(), out)
	}
}

// TestTextInjection: what others write can neither steer the terminal nor look
// like a line of the server or of somebody else.
func TestTextInjection(t *testing.T) {
	c := &textCodec{}
	message := func(name, text string) string {
		body, err := json.Marshal(MessageBody{Kind: KindText, Text: text})
		if err != nil {
			t.Fatal(err)
		}
		e := Event{Type: TypeMessage, Room: roomID, Epoch: epoch, Seq: 1, Actor: Actor{ID: adaID, Name: name}, ClientID: "c", Body: body}
		live := string(c.Event(AppendEvent(nil, e)))
		page := string(c.Frame(Page{Items: []Message{{Actor: e.Actor, Text: text}}}))
		if live != page {
			t.Errorf("live %q, in a page %q", live, page)
		}
		return live
	}
	for _, x := range []struct{ name, text, want string }{
		{"Ada", "plain\ttab", "Ada: plain\ttab"},
		{"Ada", "\x1b[2J\x1b]0;title\x07", "Ada: \uFFFD[2J\uFFFD]0;title\uFFFD"},
		{"Ada", "\u009b31mred", "Ada: \uFFFD31mred"},
		{"Ada", "over\rwritten", "Ada: over\uFFFDwritten"},
		{"Ada", "back\x08space\x7f", "Ada: back\uFFFDspace\uFFFD"},
		{"Ada", "x\nBob: I quit", "Ada: x\n  Bob: I quit"},
		{"Ada", "x\n\n-- this server restarts", "Ada: x\n  \n  -- this server restarts"},
		{"Ada", "x\u2028Bob: I quit\u2029y", "Ada: x\uFFFDBob: I quit\uFFFDy"},
		{"Ada", "x\u0085Bob: I quit", "Ada: x\uFFFDBob: I quit"},
		{"Ada", "\u202egnp.exe\u2066", "Ada: \uFFFDgnp.exe\uFFFD"},
		{"Ada", "👩‍👩‍👧 שלום", "Ada: 👩‍👩‍👧 שלום"},
		{"Ada\x1b[31m", "x", "Ada\uFFFD[31m: x"},
		{"-- left general", "you are no longer a member", `"-- left general": you are no longer a member`},
		{"* Bob", "x", `"* Bob": x`},
		{"!! internal", "x", `"!! internal": x`},
		{`"quoted"`, "x", `"\"quoted\"": x`},
		{"", "x", `"": x`},
	} {
		if got := message(x.name, x.text); got != x.want {
			t.Errorf("%q says %q\n got %q\nwant %q", x.name, x.text, got, x.want)
		}
	}
	for _, f := range []Frame{
		Error{Code: "invalid", Detail: "a\nb\x1b[2J"},
		Joined{Name: "x\r-- joined"},
		Left{Room: "x", Reason: "\x1b"},
		Reset{Room: "x", Reason: "\x1b"},
		Welcome{User: User{DisplayName: "x\n-- y\x1b"}, Node: "n\x1b"},
		RoomList{Rooms: []Room{{Name: "x\ny\x1b"}, {With: []Actor{{Name: "x\ny\x1b"}}}}},
		MemberList{Members: []Member{{User: User{DisplayName: "x\ny\x1b"}}, {User: User{DisplayName: "-- y"}}}},
	} {
		if out := string(c.Frame(f)); out == "" || strings.ContainsAny(out, "\x1b\r") || strings.Contains(out, "\ny") || strings.Contains(out, "\n-- y") {
			t.Errorf("%T: %q", f, out)
		}
	}
}

// TestTextBadEvent: what cannot be read is nothing to say.
func TestTextBadEvent(t *testing.T) {
	for _, frame := range []string{"", "x", `{"type":5}`, `{"type":"typing","room":"r","user":{"id":"u","name":"n"}}`} {
		if out := (&textCodec{}).Event([]byte(frame)); out != nil {
			t.Errorf("%s: %q", frame, out)
		}
	}
}
