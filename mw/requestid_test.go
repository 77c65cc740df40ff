package mw_test

import (
	"strings"
	"testing"

	"hubbub/mw"
)

func TestRequestIDs(t *testing.T) {
	s := newSite(t, func(o *mw.Options) { o.Proxies = proxies(t) })
	long := strings.Repeat("a", 64)
	for _, tt := range []struct {
		peer, id string
		kept     bool
	}{
		{"10.0.0.1:1", "lb-1.2_3", true},
		{"10.0.0.1:1", long, true},
		{"10.0.0.1:1", long + "a", false},
		{"10.0.0.1:1", "", false},
		{"10.0.0.1:1", "a b", false},
		{"10.0.0.1:1", "a\r\nSet-Cookie: x", false},
		{"10.0.0.1:1", "ä", false},
		{"192.0.2.1:1", "lb-1", false},
	} {
		got := s.do("GET", "/ok", "Peer", tt.peer, "X-Request-Id", tt.id).Header().Get("X-Request-Id")
		if (got == tt.id) != tt.kept {
			t.Errorf("id %q from %s: answered %q", tt.id, tt.peer, got)
		}
		if !tt.kept && len(got) < 26 {
			t.Errorf("own id %q is shorter than 128 bits of text", got)
		}
	}
}
