package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"hubbub/chat/wire"
)

func event1() []byte {
	return wire.AppendEvent(nil, wire.Event{
		Type: wire.TypeMessage, Room: "R", Epoch: "E", Seq: 18446744073709, At: 1, Actor: wire.Actor{ID: "A", Name: `"text":"no",\`},
		ClientID: "abc.0.1.2", Body: []byte(`{"kind":"text","text":"say \"yes\\","reply_to":3}`),
	})
}

func TestScan(t *testing.T) {
	t.Parallel()
	f, ok := scan(event1())
	if !ok || string(f.typ) != "message" || string(f.room) != "R" || string(f.epoch) != "E" || f.seq != 18446744073709 ||
		string(f.client) != "abc.0.1.2" || string(f.text) != `say \"yes\\` || f.id != nil {
		t.Errorf("%v %+v", ok, f)
	}
	f, ok = scan([]byte(" { \"seq\" : 7 , \"a\":[{\"seq\":1},[],\"]\"], \"b\":-1.5e3,\"c\":null,\n\"type\":\"ack\" }"))
	if !ok || f.seq != 7 || string(f.typ) != "ack" {
		t.Errorf("%v %+v", ok, f)
	}
	for _, bad := range []string{"", "[]", "{", `{"a"`, `{"a":`, `{"a":}`, `{"a":1`, `{"a":"b}`, `{"seq":-1}`, `{"seq":"1"}`, `{"type":1}`, `{"a":1,}`} {
		if f, ok := scan([]byte(bad)); ok {
			t.Errorf("%q is accepted as %+v", bad, f)
		}
	}
}

// It counts for the whole process, so it is not run beside others.
func TestReadingAllocatesNothing(t *testing.T) {
	m := newMint("abc", 20, 1)
	m.users = []string{"A", "B"}
	frame := []byte(`{"type":"message","client_id":"abc.0.1.2","text":"` + m.text("abc.0.1.2", 2) + `"}`)
	if n := testing.AllocsPerRun(100, func() {
		if f, ok := scan(frame); !ok || m.recogniseFlat(0, f) != 2 {
			t.Error("not recognised")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

var event1Bytes = event1()

// What encoding/json reads of a valid frame, scan reads too.
func FuzzScan(f *testing.F) {
	f.Add(event1Bytes)
	f.Add(wire.EncodeFrame(wire.Ack{ID: "x", Room: "r", Seq: 9}))
	f.Add(wire.EncodeFrame(wire.Error{ID: "x", Code: "invalid", Errors: []wire.FieldError{{Field: "text"}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, ok := scan(data)
		var want map[string]json.RawMessage
		if json.Unmarshal(data, &want) != nil || want == nil {
			return
		}
		for name, field := range map[string][]byte{"type": got.typ, "room": got.room, "client_id": got.client, "text": got.text} {
			raw, there := want[name]
			if there && raw[0] != '"' {
				return // scan refuses it, or another of the same name came first
			}
			if ok && there && bytes.Count(data, []byte(`"`+name+`"`)) == 1 && string(raw) != `"`+string(field)+`"` {
				t.Errorf("%s is %q, not %s", name, field, raw)
			}
		}
	})
}

func BenchmarkScan(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		scan(event1Bytes)
	}
}
