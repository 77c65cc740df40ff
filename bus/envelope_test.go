package bus

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func logEvent(topic Topic, first uint64, frames ...string) Event {
	e := Event{Topic: topic, Kind: Log, Epoch: "e1", First: first, Node: "n1", At: 1}
	for _, f := range frames {
		e.Frames = append(e.Frames, []byte(f))
	}
	return e
}

// The bytes of version 1 never change: nodes of two releases talk during an upgrade.
func TestEnvelopeGolden(t *testing.T) {
	e := Event{
		Topic: "room/7", Kind: Log, Epoch: "ep", First: 258, Node: "node-a",
		At: 1_700_000_000_000_001, Frames: [][]byte{[]byte(`{"a":1}`), []byte("x")},
	}
	const want = "01" + "01" + "00" + "06" + "02" + "06" + "0002" +
		"0000000000000102" + "00060a24181e4001" +
		"726f6f6d2f37" + "6570" + "6e6f64652d61" +
		"00000007" + "7b2261223a317d" + "00000001" + "78"
	got, err := Encode([]byte("kept"), e)
	if err != nil {
		t.Fatal(err)
	}
	if string(got[:4]) != "kept" || hex.EncodeToString(got[4:]) != want {
		t.Fatalf("envelope is\n%x, want\n%s", got[4:], want)
	}
	if e.Size() != len(got)-4 {
		t.Errorf("Size is %d, the envelope has %d bytes", e.Size(), len(got)-4)
	}
	back, err := Decode(got[4:])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(e, back); d != "" {
		t.Error(d)
	}
	_ = append(back.Frames[0], "overwritten"...)
	if string(back.Frames[1]) != "x" {
		t.Error("appending to one frame changed the next one")
	}
}

func TestEncodeRefuses(t *testing.T) {
	long := strings.Repeat("x", MaxName+1)
	tests := map[string]struct {
		change func(*Event)
		want   error
	}{
		"no kind":             {func(e *Event) { e.Kind = 0 }, ErrMalformed},
		"unknown kind":        {func(e *Event) { e.Kind = 4 }, ErrMalformed},
		"no topic":            {func(e *Event) { e.Topic = "" }, ErrMalformed},
		"long topic":          {func(e *Event) { e.Topic = Topic(long) }, ErrMalformed},
		"long epoch":          {func(e *Event) { e.Epoch = long }, ErrMalformed},
		"long node":           {func(e *Event) { e.Node = long }, ErrMalformed},
		"no frames":           {func(e *Event) { e.Frames = nil }, ErrMalformed},
		"empty frame":         {func(e *Event) { e.Frames = [][]byte{{}} }, ErrMalformed},
		"too many frames":     {func(e *Event) { e.Frames = make([][]byte, MaxFrames+1) }, ErrMalformed},
		"negative time":       {func(e *Event) { e.At = -1 }, ErrMalformed},
		"log without epoch":   {func(e *Event) { e.Epoch = "" }, ErrMalformed},
		"epoch outside a log": {func(e *Event) { e.Kind, e.First = Ephemeral, 0 }, ErrMalformed},
		"seq outside a log":   {func(e *Event) { e.Kind, e.Epoch = Control, "" }, ErrMalformed},
		"seq 0":               {func(e *Event) { e.First = 0 }, ErrSeq},
		"last over MaxSeq":    {func(e *Event) { e.First = MaxSeq }, ErrSeq},
		"seq 2^63":            {func(e *Event) { e.First = 1 << 63 }, ErrSeq},
		"seq 2^64-1":          {func(e *Event) { e.First = 1<<64 - 1 }, ErrSeq},
		"one byte too large": {func(e *Event) {
			e.Frames = [][]byte{make([]byte, MaxEnvelope-headerSize-len("room/1e1n1")-4+1)}
		}, ErrTooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := logEvent("room/1", 7, "a", "b")
			tt.change(&e)
			got, err := Encode([]byte("dst"), e)
			if !errors.Is(err, tt.want) || string(got) != "dst" {
				t.Errorf("Encode gives %q, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func TestEncodeLimits(t *testing.T) {
	e := logEvent("room/1", MaxSeq-1, "a", "b")
	if _, err := Encode(nil, e); err != nil {
		t.Errorf("Last = MaxSeq: %v", err)
	}
	e.Frames = [][]byte{make([]byte, MaxEnvelope-headerSize-len("room/1e1n1")-4)}
	b, err := Encode(nil, e)
	if err != nil || len(b) != MaxEnvelope {
		t.Fatalf("the largest envelope has %d bytes, %v", len(b), err)
	}
	if _, err := Decode(b); err != nil {
		t.Errorf("Decode of the largest envelope: %v", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good, err := Encode(nil, logEvent("room/1", 7, "abc", "d"))
	if err != nil {
		t.Fatal(err)
	}
	with := func(offset int, bytes ...byte) []byte {
		b := append([]byte(nil), good...)
		copy(b[offset:], bytes)
		return b
	}
	tests := map[string]struct {
		in   []byte
		want error
	}{
		"nothing":         {nil, ErrMalformed},
		"garbage":         {[]byte("hello"), ErrVersion},
		"version 2":       {with(0, 2), ErrVersion},
		"unknown flag":    {with(2, 0x80), ErrVersion},
		"kind 0":          {with(1, 0), ErrMalformed},
		"kind 9":          {with(1, 9), ErrMalformed},
		"no topic":        {with(3, 0), ErrMalformed},
		"topic too long":  {with(3, 255), ErrMalformed},
		"no frames":       {with(6, 0, 0), ErrMalformed},
		"one frame less":  {with(6, 0, 1), ErrMalformed},
		"one frame more":  {with(6, 0, 3), ErrMalformed},
		"65535 frames":    {with(6, 0xff, 0xff), ErrMalformed},
		"seq 2^63":        {with(8, 0x80, 0, 0, 0, 0, 0, 0, 0), ErrSeq},
		"seq 0":           {with(8, 0, 0, 0, 0, 0, 0, 0, 0), ErrSeq},
		"time below 0":    {with(16, 0xff), ErrMalformed},
		"frame of 4 GiB":  {with(len(good)-12, 0xff, 0xff, 0xff, 0xff), ErrMalformed},
		"empty frame":     {with(len(good)-5, 0, 0, 0, 0), ErrMalformed},
		"a byte after it": {append(with(0, 1), 0), ErrMalformed},
		"too large":       {make([]byte, MaxEnvelope+1), ErrTooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if e, err := Decode(tt.in); !errors.Is(err, tt.want) {
				t.Errorf("Decode gives %+v, %v; want %v", e, err, tt.want)
			}
		})
	}
	for n := range good {
		if _, err := Decode(good[:n]); err == nil {
			t.Errorf("the first %d of %d bytes pass as an envelope", n, len(good))
		}
	}
}

// What Decode takes, Encode gives back byte for byte.
func FuzzDecode(f *testing.F) {
	for _, e := range []Event{
		logEvent("room/1", 1, "a"),
		logEvent("user/2", MaxSeq-2, "a", "bb", "ccc"),
		{Topic: "room/1", Kind: Ephemeral, Frames: [][]byte{[]byte("typing")}},
		{Topic: "user/1", Kind: Control, Node: "n", Frames: [][]byte{bytes.Repeat([]byte("x"), 300)}},
	} {
		b, err := Encode(nil, e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			return
		}
		back, err := Encode(nil, e)
		if err != nil || !bytes.Equal(back, b) {
			t.Errorf("%x decodes to %+v, which encodes to %x, %v", b, e, back, err)
		}
	})
}

// What Encode takes, Decode gives back field for field.
func FuzzEncode(f *testing.F) {
	f.Add("room/1", byte(1), "epoch", uint64(1), "node", int64(1), []byte("frame"), byte(3))
	f.Add("user/1", byte(3), "", uint64(0), "", int64(0), []byte(""), byte(1))
	f.Fuzz(func(t *testing.T, topic string, kind byte, epoch string, first uint64, node string, at int64, frame []byte, n byte) {
		e := Event{Topic: Topic(topic), Kind: Kind(kind), Epoch: epoch, First: first, Node: node, At: at}
		for range n {
			e.Frames = append(e.Frames, frame)
		}
		b, err := Encode(nil, e)
		if err != nil {
			return
		}
		back, err := Decode(b)
		if err != nil {
			t.Fatalf("%+v does not decode: %v", e, err)
		}
		if d := cmp.Diff(e, back); d != "" {
			t.Error(d)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	e := logEvent("room/0199a0c4-8a4f-7cc0-8000-000000000001", 1, strings.Repeat("x", 300))
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = Encode(buf[:0], e)
	}
}

func BenchmarkDecode(b *testing.B) {
	buf, err := Encode(nil, logEvent("room/0199a0c4-8a4f-7cc0-8000-000000000001", 1, strings.Repeat("x", 300)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(buf); err != nil {
			b.Fatal(err)
		}
	}
}
