package wire_test

import (
	"strings"
	"testing"

	"hubbub/chat/wire"
)

func BenchmarkDecodePost(b *testing.B) {
	codec, err := wire.ForProtocol(wire.ProtocolJSON)
	if err != nil {
		b.Fatal(err)
	}
	frame := []byte(`{"type":"post","id":"c-1234567","room":"7ZZZZZZZZZZZZZZZZZZZZZZZZZ","text":"` + strings.Repeat("x", 128) + `"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.Decode(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	e := wire.Event{
		Type: wire.TypeMessage, Room: "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", Epoch: "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", Seq: 12345, At: 1,
		Actor: wire.Actor{ID: "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", Name: "somebody"}, ClientID: "c-1234567",
		Body: []byte(`{"kind":"text","text":"` + strings.Repeat("x", 128) + `"}`),
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = wire.AppendEvent(buf[:0], e)
	}
}

func BenchmarkAck(b *testing.B) {
	at := wire.Micros(1)
	b.ReportAllocs()
	for b.Loop() {
		wire.EncodeFrame(wire.Ack{ID: "c-1234567", Room: "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", Seq: 12345, At: &at})
	}
}
