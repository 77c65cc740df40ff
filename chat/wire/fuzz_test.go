package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// FuzzJSONDecode: nothing panics, every refusal is a DecodeError that can be
// answered, and what is accepted stands up to the limits and reads the same when
// it is written again.
func FuzzJSONDecode(f *testing.F) {
	for _, s := range []string{
		`{"type":"post","id":"i","room":"a","text":"x"}`, `{"type":"history","room":"a","before":3}`,
		`{"type":"presence","rooms":["a"]}`, `{"type":"join","room":"a","since":1,"epoch":"E"}`,
		`{"type":"react","id":"i","room":"a","seq":1,"emoji":"👍"}`, `{"id":"i","id":"j"}`, `{"type":"status","away":true}`, `[[[[[[[[[`, "\xff",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cmd, err := jsonCodec{}.Decode(data)
		checkDecoded(t, cmd, err)
		if cmd == nil {
			return
		}
		b, err := json.Marshal(cmd)
		if err != nil {
			t.Fatal(err)
		}
		// Not all: "since" and its like are left out when they are null, and so on.
		again, err := jsonCodec{}.Decode(b)
		if err != nil || !reflect.DeepEqual(cmd, again) {
			t.Fatalf("%s\nbecame %+v\nthen %+v, %v", data, cmd, again, err)
		}
	})
}

// FuzzTextDecode: the same for lines, in a room and in none.
func FuzzTextDecode(f *testing.F) {
	for _, s := range []string{"hello", "/join #a", "/history 3", "//x", "/", "/auth  ", "\r\n", "\xff\xfe"} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, inRoom bool) {
		c := &textCodec{}
		if inRoom {
			c.Frame(Joined{Room: roomID})
		}
		cmd, err := c.Decode(data)
		checkDecoded(t, cmd, err)
	})
}

func checkDecoded(t *testing.T, cmd Command, err error) {
	t.Helper()
	var d *DecodeError
	switch {
	case err != nil && cmd != nil:
		t.Fatal("a command beside an error")
	case err != nil && !errors.As(err, &d):
		t.Fatalf("%v is no DecodeError", err)
	case d != nil:
		if d.Detail == "" || (d.ID != "" && !ValidID(d.ID)) || len(EncodeFrame(Error{ID: d.ID, Code: d.Code, Detail: d.Error()})) > 2048 {
			t.Fatalf("cannot be answered: %+v", d)
		}
	case cmd != nil:
		if err := check(cmd); err != nil {
			t.Fatalf("accepted %+v: %v", cmd, err)
		}
	}
}

// FuzzAppendEvent compares the encoder that is written by hand with
// encoding/json: whatever a user may choose, the frame is valid JSON and reads
// back as what went in.
func FuzzAppendEvent(f *testing.F) {
	f.Add("Ada", "c1", "Hello", uint64(1), morning)
	f.Add("\"\\\n", "<&>", "\u2028\x00\x1b", uint64(MaxSeq), int64(0))
	f.Add("\xff", "", "", uint64(0), int64(-1))
	f.Fuzz(func(t *testing.T, name, clientID, text string, seq uint64, at int64) {
		at %= 200_000_000_000_000_000 // years of four digits
		if at < 0 {
			at = -at
		}
		body, err := json.Marshal(MessageBody{Kind: KindText, Text: text, ReplyTo: seq})
		if err != nil {
			t.Fatal(err)
		}
		e := Event{Type: TypeMessage, Room: roomID, Epoch: epoch, Seq: seq, At: at,
			Actor: Actor{ID: adaID, Name: name}, ClientID: clientID, Body: body}
		frame := AppendEvent([]byte("before"), e)
		frame, ok := bytes.CutPrefix(frame, []byte("before"))
		if !ok || !json.Valid(frame) {
			t.Fatalf("%s is not JSON", frame)
		}
		// Bad UTF-8 is repaired as encoding/json does it.
		fixed := func(s string) string { return string([]rune(s)) }
		want := EventFrame{
			Type: TypeMessage, Room: roomID, Epoch: epoch, Seq: seq, At: Time{time.UnixMicro(at).UTC()},
			Actor: Actor{ID: adaID, Name: fixed(name)}, ClientID: fixed(clientID),
			Kind: KindText, Text: fixed(text), ReplyTo: seq,
		}
		got, err := ParseEvent(frame)
		if err != nil || got != want {
			t.Fatalf("%s\n got %+v, %v\nwant %+v", frame, got, err, want)
		}
		line := (&textCodec{}).Event(frame)
		checkLine(t, line)
	})
}

// FuzzTextOutput: no frame makes the text format write what steers a terminal,
// and only a frame's own lines begin at the margin.
func FuzzTextOutput(f *testing.F) {
	f.Add("\x1b[2J", "x\nBob: y")
	f.Add("\u2028\u202e\u0085", "\xff\x7f\r")
	f.Fuzz(func(t *testing.T, a, b string) {
		c := &textCodec{}
		actor := Actor{ID: adaID, Name: a}
		for _, frame := range []Frame{
			Welcome{Node: a, User: User{DisplayName: b}},
			Joined{Room: roomID, Name: a}, Left{Room: a, Reason: b},
			Error{Code: "invalid", Detail: a, Errors: []FieldError{{Field: a, Detail: b}}},
			Reset{Room: a, Reason: b},
			Page{Items: []Message{{Actor: actor, Text: b}}},
			RoomList{Rooms: []Room{{ID: roomID, Name: a}}}, MemberList{Members: []Member{{User: User{DisplayName: a}}}},
		} {
			checkLine(t, c.Frame(frame))
		}
		for _, line := range strings.Split(string(c.Frame(Page{Items: []Message{{Actor: actor, Text: b}}})), "\n")[1:] {
			if !strings.HasPrefix(line, "  ") {
				t.Fatalf("%q said by %q makes the line %q", b, a, line)
			}
		}
	})
}

func checkLine(t *testing.T, line []byte) {
	t.Helper()
	if !utf8.Valid(line) {
		t.Fatalf("%q is not UTF-8", line)
	}
	for _, r := range string(line) {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || steers(r)) {
			t.Fatalf("%q has %U", line, r)
		}
	}
}
