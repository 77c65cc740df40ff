package main

import (
	"strings"
	"testing"

	"hubbub/chat/wire"
)

func TestMintKnowsItsOwn(t *testing.T) {
	t.Parallel()
	m := newMint("abc", 40, 1)
	m.users = []string{"A", "B"}
	for _, n := range []uint32{1, 9, 10, 4_000_000_000} {
		for _, text := range []string{m.id(0, 1, n), m.id(12, 0, n)} {
			room, client, got, ok := m.parse(text)
			if !ok || m.id(room, client, got) != text {
				t.Errorf("%s is room %d, client %d, number %d, %t", text, room, client, got, ok)
			}
		}
	}
	for _, bad := range []string{
		"", "abc", "abc.", "abc.0.1", "abc.0.1.", "abc.0.1.0", "abc.0.1.01", "abc.00.1.1", "abc.0.1.1.1", "abc.0.1.x", "abc.0.-1.1", "abc.0.1.4294967296",
		"abd.0.1.1", "abc0.1.1.1", "abc.0.1.99999999999", " abc.0.1.1",
	} {
		if _, _, _, ok := m.parse(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

// What is recognised at a glance is what is recognised with care.
func TestMintAtAGlance(t *testing.T) {
	t.Parallel()
	for _, payload := range []int{1, 10, 128} { // shorter than the id, and longer
		m := newMint("abc", payload, 1)
		m.users = []string{"A", "B"}
		id := m.id(3, 1, 7)
		text := m.text(id, 7)
		for _, f := range []flatFrame{
			{client: []byte(id), text: []byte(text)},
			{client: []byte(id), text: []byte(text + "x")},
			{client: []byte(id), text: []byte(text[:len(text)-1])},
			{client: []byte(id), text: []byte(strings.ToUpper(text))},
			{client: []byte(m.id(2, 1, 7)), text: []byte(text)},
			{client: []byte(m.id(3, 1, 8)), text: []byte(text)},
			{client: []byte(m.id(3, 2, 7)), text: []byte(m.text(m.id(3, 2, 7), 7))},
			{client: []byte("x"), text: []byte(text)},
		} {
			want := m.recognise(3, wire.EventFrame{Type: wire.TypeMessage, ClientID: string(f.client), Text: string(f.text), Actor: wire.Actor{ID: "B"}})
			if n := m.recogniseFlat(3, f); (n != 0) != (want.strange == "") || n != 0 && n != want.n {
				t.Errorf("payload %d: %s %q is %d, and with care %+v", payload, f.client, f.text, n, want)
			}
		}
	}
}
