package bus

import (
	"strings"
	"testing"
)

// BenchmarkEnvelope is what an event costs its publisher (seal) and every node
// that hears it (open), beside Redis.
func BenchmarkEnvelope(b *testing.B) {
	e := logEvent("room/7ZZZZZZZZZZZZZZZZZZZZZZZZZ", 7, strings.Repeat("x", 330))
	s, err := newSealer([]byte(strings.Repeat("k", MinKey)))
	if err != nil {
		b.Fatal(err)
	}
	seal := func() []byte {
		envelope, err := Encode(make([]byte, sealSize, sealSize+e.Size()), e)
		if err != nil {
			b.Fatal(err)
		}
		s.seal(envelope)
		return envelope
	}
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			seal()
		}
	})
	sealed := seal()
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			envelope, ok := s.open(sealed)
			if !ok {
				b.Fatal("forged")
			}
			if _, err := Decode(envelope); err != nil {
				b.Fatal(err)
			}
		}
	})
}
