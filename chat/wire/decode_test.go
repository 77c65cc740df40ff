package wire

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestDecodeCommands(t *testing.T) {
	seq := func(n uint64) *uint64 { return &n }
	h := func(typ string) Header { return Header{Type: typ, ID: "i"} }
	for _, c := range []struct {
		in   string
		want Command
	}{
		{`{"type":"auth","id":"i","ticket":"T"}`, &Auth{Header: h("auth"), Ticket: "T"}},
		{`{"type":"auth","token":"T"}`, &Auth{Header: Header{Type: "auth"}, Token: "T"}},
		{`{"type":"join","id":"i","room":"general","since":0,"epoch":"E"}`, &Join{Header: h("join"), Room: "general", Since: seq(0), Epoch: "E"}},
		{`{"type":"join","id":"i","room":"general","last":200}`, &Join{Header: h("join"), Room: "general", Last: 200}},
		{`{"type":"leave","id":"i","room":"general"}`, &Leave{Header: h("leave"), Room: "general"}},
		{`{"type":"post","id":"i","room":"general","text":"x"}`, &Post{Header: h("post"), Room: "general", Text: "x"}},
		{` {"text":"x","kind":"markdown","reply_to":3,"room":"general","id":"i","type":"post"} `, &Post{Header: h("post"), Room: "general", Kind: "markdown", Text: "x", ReplyTo: 3}},
		{`{"type":"edit","id":"i","room":"general","seq":9007199254740991,"text":"x"}`, &Edit{Header: h("edit"), Room: "general", Seq: MaxSeq, Text: "x"}},
		{`{"type":"delete","id":"i","room":"general","seq":1}`, &Delete{Header: h("delete"), Room: "general", Seq: 1}},
		{`{"type":"react","id":"i","room":"general","seq":1,"emoji":"👩‍👩‍👧","remove":true}`, &React{Header: h("react"), Room: "general", Seq: 1, Emoji: "👩‍👩‍👧", Remove: true}},
		{`{"type":"pin","id":"i","room":"general","seq":1,"remove":true}`, &Pin{Header: h("pin"), Room: "general", Seq: 1, Remove: true}},
		{`{"type":"read","room":"general","seq":1}`, &Read{Header: Header{Type: "read"}, Room: "general", Seq: 1}},
		{`{"type":"typing","room":"general"}`, &Typing{Header: Header{Type: "typing"}, Room: "general"}},
		{`{"type":"history","id":"i","room":"general","before":7,"limit":200}`, &History{Header: h("history"), Room: "general", Before: seq(7), Limit: 200}},
		{`{"type":"presence","id":"i","rooms":[]}`, &Presence{Header: h("presence"), Rooms: []string{}}},
		{`{"type":"status","id":"i","away":true}`, &Status{Header: h("status"), Away: new(true)}},
		{`{"type":"status","away":false}`, &Status{Header: Header{Type: "status"}, Away: new(false)}},
		{`{"type":"ping"}`, &Ping{Header{Type: "ping"}}},
	} {
		got, err := jsonCodec{}.Decode([]byte(c.in))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s\n got %+v, %v\nwant %+v", c.in, got, err, c.want)
		}
	}
}

// TestDecodeRefuses has every way to be wrong, with the code, the field and the
// id of the answer.
func TestDecodeRefuses(t *testing.T) {
	const bad, invalid, unsupported = "bad_request", "invalid", "unsupported"
	post := func(rest string) string { return `{"type":"post","id":"i",` + rest + `}` }
	deep := func(n int) string {
		return `{"type":"ping","x":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
	}
	id64 := strings.Repeat("i", MaxID)
	for _, c := range []struct{ in, code, field, id string }{
		// Shape.
		{``, bad, "", ""},
		{`x`, bad, "", ""},
		{`[]`, bad, "", ""},
		{`null`, bad, "type", ""},
		{`"post"`, bad, "", ""},
		{`{"type":"ping"`, bad, "", ""},
		{`{"type":"ping","id":"i"`, bad, "", "i"},
		{`{"type":"ping"} {}`, bad, "", ""},
		{`{"type":"ping",}`, bad, "", ""},
		{`{'type':'ping'}`, bad, "", ""},
		{`{}`, bad, "type", ""},
		{`{"type":""}`, bad, "type", ""},
		{`{"type":5}`, bad, "type", ""},
		{`{"type":"shout","id":"i"}`, bad, "type", "i"},
		{`{"type":"rooms","id":"i"}`, bad, "type", "i"}, // of the text format alone
		{`{"TYPE":"ping","id":"i"}`, bad, "type", "i"},
		{`{"type":"ping","id":"i","extra":1}`, bad, "extra", "i"},
		{`{"type":"ping","id":"i","` + strings.Repeat("é", 40_000)[:60_000] + `":1}`, bad, strings.Repeat("é", 32) + "…", "i"},
		{`{"type":"ping","type":"ping"}`, bad, "type", ""},
		{`{"type":"ping","id":"i","id":"j"}`, bad, "id", ""},
		{post(`"room":"a","room":"b","text":"x"`), bad, "room", "i"},
		{post(`"room":5,"text":"x"`), bad, "room", "i"},
		{post(`"room":"a","text":["x"]`), bad, "text", "i"},
		{post(`"room":"a","text":"x","reply_to":"3"`), bad, "reply_to", "i"},
		{post(`"room":"a","text":"x","reply_to":-3`), bad, "reply_to", "i"},
		{post(`"room":"a","text":"x","reply_to":1.5`), bad, "reply_to", "i"},
		{post(`"room":"a","text":"x","attachments":[]`), bad, "attachments", "i"},
		{`{"type":"presence","id":"i","rooms":["a",5]}`, bad, "rooms/1", "i"},
		{`{"type":"join","id":"i","room":"a","since":18446744073709551616}`, bad, "since", "i"},
		{deep(MaxDepth), bad, "x", ""}, // deep enough to be read, but there is no such field
		{deep(MaxDepth + 1), bad, "", ""},
		{post(`"room":"a","text":"` + "\xff" + `"`), bad, "", "i"},
		{post(`"room":"a","text":"\ud800"`), bad, "", "i"}, // half a surrogate pair
		{post(`"room":"a","text":"` + "\n" + `"`), bad, "", "i"},

		// Ids.
		{`{"type":"post","room":"a","text":"x"}`, invalid, "id", ""},
		{`{"type":"post","id":"","room":"a","text":"x"}`, invalid, "id", ""},
		{`{"type":"ping","id":"` + id64 + `i"}`, invalid, "id", ""},
		{`{"type":"ping","id":"a b"}`, invalid, "id", ""},
		{`{"type":"ping","id":"é"}`, invalid, "id", ""},
		{`{"type":"ping","id":"a\u0007"}`, invalid, "id", ""},
		{`{"type":"ping","id":7}`, bad, "id", ""},
		{`{"type":"edit","room":"a","seq":1,"text":"x"}`, invalid, "id", ""},
		{`{"type":"delete","room":"a","seq":1}`, invalid, "id", ""},
		{`{"type":"react","room":"a","seq":1,"emoji":"x"}`, invalid, "id", ""},
		{`{"type":"pin","room":"a","seq":1}`, invalid, "id", ""},

		// Rooms.
		{post(`"text":"x"`), invalid, "room", "i"},
		{post(`"room":"","text":"x"`), invalid, "room", "i"},
		{post(`"room":"` + strings.Repeat("a", MaxName+1) + `","text":"x"`), invalid, "room", "i"},
		{`{"type":"join","id":"i"}`, invalid, "room", "i"},
		{`{"type":"leave","id":"i"}`, invalid, "room", "i"},
		{`{"type":"typing","id":"i"}`, invalid, "room", "i"},
		{`{"type":"presence","id":"i","rooms":["a",""]}`, invalid, "rooms", "i"},
		{`{"type":"presence","id":"i","rooms":["a"` + strings.Repeat(`,"a"`, MaxPresence) + `]}`, invalid, "rooms", "i"},

		// Text and kind.
		{post(`"room":"a"`), invalid, "text", "i"},
		{post(`"room":"a","text":""`), invalid, "text", "i"},
		{post(`"room":"a","text":" \n\t "`), invalid, "text", "i"},
		{post(`"room":"a","text":"a\u0000b"`), invalid, "text", "i"},
		{post(`"room":"a","text":"` + strings.Repeat("é", MaxText+1) + `"`), invalid, "text", "i"},
		{post(`"room":"a","text":"x","kind":"html"`), invalid, "kind", "i"},
		{post(`"room":"a","text":"x","kind":"image"`), unsupported, "kind", "i"},
		{post(`"room":"a","text":"x","kind":"system"`), invalid, "kind", "i"}, // of the server alone
		{post(`"room":"a","text":"x","kind":"file"`), unsupported, "kind", "i"},
		{`{"type":"edit","id":"i","room":"a","seq":1,"text":""}`, invalid, "text", "i"},

		// Numbers.
		{post(`"room":"a","text":"x","reply_to":9007199254740992`), invalid, "reply_to", "i"},
		{`{"type":"edit","id":"i","room":"a","text":"x"}`, invalid, "seq", "i"},
		{`{"type":"edit","id":"i","room":"a","seq":0,"text":"x"}`, invalid, "seq", "i"},
		{`{"type":"delete","id":"i","room":"a","seq":9007199254740992}`, invalid, "seq", "i"},
		{`{"type":"read","id":"i","room":"a","seq":18446744073709551615}`, invalid, "seq", "i"},
		{`{"type":"join","id":"i","room":"a","last":-1}`, invalid, "last", "i"},
		{`{"type":"join","id":"i","room":"a","last":201}`, invalid, "last", "i"},
		{`{"type":"history","id":"i","room":"a","limit":201}`, invalid, "limit", "i"},
		{`{"type":"history","id":"i","room":"a","limit":-1}`, invalid, "limit", "i"},
		{`{"type":"history","id":"i","room":"a","before":2,"after":1}`, invalid, "after", "i"},
		{`{"type":"history","id":"i","room":"a","after":1,"around":1}`, invalid, "around", "i"},
		{`{"type":"history","id":"i","room":"a","after":0}`, invalid, "after", "i"},
		{`{"type":"history","id":"i","room":"a","before":9007199254740992}`, invalid, "before", "i"},

		// Status.
		{`{"type":"status","id":"i"}`, invalid, "away", "i"},
		{`{"type":"status","id":"i","away":null}`, invalid, "away", "i"},
		{`{"type":"status","id":"i","away":1}`, bad, "away", "i"},
		{`{"type":"status","id":"i","away":"no"}`, bad, "away", "i"},

		// Reactions.
		{`{"type":"react","id":"i","room":"a","seq":1}`, invalid, "emoji", "i"},
		{`{"type":"react","id":"i","room":"a","seq":1,"emoji":"` + strings.Repeat("x", MaxEmoji+1) + `"}`, invalid, "emoji", "i"},
		{`{"type":"react","id":"i","room":"a","seq":1,"emoji":"a b"}`, invalid, "emoji", "i"},
		{`{"type":"react","id":"i","room":"a","seq":1,"emoji":"<b>"}`, invalid, "emoji", "i"},
		{`{"type":"react","id":"i","room":"a","seq":1,"emoji":"\u009b2J"}`, invalid, "emoji", "i"},
		{`{"type":"react","id":"i","room":"a","seq":1,"emoji":"\u202e"}`, invalid, "emoji", "i"},
	} {
		cmd, err := jsonCodec{}.Decode([]byte(c.in))
		var d *DecodeError
		if !errors.As(err, &d) {
			t.Errorf("%.100s: got %+v, %v; want a DecodeError", c.in, cmd, err)
			continue
		}
		if cmd != nil {
			t.Errorf("%.100s: a command beside the error", c.in)
		}
		if d.Code != c.code || d.Field != c.field || d.ID != c.id || d.Detail == "" {
			t.Errorf("%.100s\n got %q of %q, id %q (%s)\nwant %q of %q, id %q", c.in, d.Code, d.Field, d.ID, d.Detail, c.code, c.field, c.id)
		}
		if len(d.Error()) > 400 {
			t.Errorf("%.100s: the answer has %d bytes", c.in, len(d.Error()))
		}
	}
}

// TestDecodeAtTheLimits: what is exactly as large as allowed is taken.
func TestDecodeAtTheLimits(t *testing.T) {
	for name, in := range map[string]string{
		"16 000 emoji":  `{"type":"post","id":"i","room":"a","text":"` + strings.Repeat("😀", MaxText) + `"}`,
		"id":            `{"type":"ping","id":"` + strings.Repeat("~", MaxID) + `"}`,
		"room":          `{"type":"leave","room":"` + strings.Repeat("a", MaxName) + `"}`,
		"presence":      `{"type":"presence","rooms":["a"` + strings.Repeat(`,"a"`, MaxPresence-1) + `]}`,
		"emoji":         `{"type":"react","id":"i","room":"a","seq":1,"emoji":"` + strings.Repeat("👍", MaxEmoji/4) + `"}`,
		"highest reply": `{"type":"post","id":"i","room":"a","text":"x","reply_to":9007199254740991}`,
		"since":         `{"type":"join","room":"a","since":18446744073709551615}`, // answered with reset
	} {
		if len(in) > MaxFrame {
			t.Errorf("%s: %d bytes do not fit a frame", name, len(in))
		}
		if _, err := (jsonCodec{}).Decode([]byte(in)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckDepth(t *testing.T) {
	for _, c := range []struct {
		in string
		ok bool
	}{
		{`{"a":[{"b":[]}]}`, true},
		{`[[[[[[[[]]]]]]]]`, true},
		{`[[[[[[[[[]]]]]]]]]`, false},
		{`{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}}}`, false},
		{`["[[[[[[[[[[[[", "{{{{{{{{{{{{"]`, true},
		{`["\"[[[[[[[[[[[["]`, true},
		{`["\\",[[[[[[[[]]]]]]]]]`, false},
		{`[],[],[],[],[],[],[],[],[],[]`, true},
		{`["\`, true},
		{``, true},
	} {
		if err := CheckDepth([]byte(c.in), MaxDepth); (err == nil) != c.ok {
			t.Errorf("%s: %v, want ok = %v", c.in, err, c.ok)
		}
	}
}

func TestForProtocol(t *testing.T) {
	for name, format := range map[string]Format{"": FormatText, ProtocolText: FormatText, ProtocolJSON: FormatJSON} {
		c, err := ForProtocol(name)
		if err != nil || c.Format() != format {
			t.Errorf("%q: %v", name, err)
		}
	}
	if c, err := ForProtocol("hubbub.v2.json"); err == nil {
		t.Errorf("an unknown subprotocol gave %T", c)
	}
}
