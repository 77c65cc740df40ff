package bus

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"
)

const (
	// MinKey is the shortest key in bytes that seals envelopes.
	MinKey = 16
	// sealSize is HMAC-SHA-256 cut to 128 bits, which RFC 2104, section 5 allows.
	sealSize = 16
)

// sealer marks envelopes as ours: a seal, then the envelope. A channel is open
// to whoever reaches Redis, and what a member sees must have been committed, so
// an envelope that no node of this deployment made is not believed. It does not
// hide anything, and it does not stop a replay: what comes again has a number
// that is known already.
type sealer struct{ macs sync.Pool }

func newSealer(key []byte) (*sealer, error) {
	if len(key) < MinKey {
		return nil, fmt.Errorf("bus: key of %d bytes, want at least %d", len(key), MinKey)
	}
	key = append([]byte(nil), key...)
	s := &sealer{}
	s.macs.New = func() any { return hmac.New(sha256.New, key) }
	return s, nil
}

// seal writes the seal of b[sealSize:] into the place kept for it.
func (s *sealer) seal(b []byte) { s.sum(b[:0:sealSize], b[sealSize:]) }

// open gives the envelope behind a good seal.
func (s *sealer) open(b []byte) ([]byte, bool) {
	if len(b) < sealSize {
		return nil, false
	}
	var want [sha256.Size]byte
	return b[sealSize:], hmac.Equal(b[:sealSize], s.sum(want[:0], b[sealSize:]))
}

// sum appends the first sealSize bytes of the MAC of b to dst.
func (s *sealer) sum(dst, b []byte) []byte {
	mac := s.macs.Get().(hash.Hash)
	defer s.macs.Put(mac)
	mac.Reset()
	mac.Write(b)
	var full [sha256.Size]byte
	return append(dst, mac.Sum(full[:0])[:sealSize]...)
}
