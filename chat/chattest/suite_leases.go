package chattest

import (
	"maps"
	"testing"

	"hubbub/chat"
)

// LeaseSuite is what every [chat.Leases] keeps; open gives empty ones.
func LeaseSuite(t *testing.T, open func(t *testing.T) chat.Leases) {
	users := []chat.UserID{"ADA", "BOB", "CAT"}
	online := func(t *testing.T, l chat.Leases, want ...chat.UserID) {
		t.Helper()
		got, err := l.Online(t.Context(), users)
		if err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(got, func(_ chat.UserID, here bool) bool { return !here })
		expected := map[chat.UserID]bool{}
		for _, u := range want {
			expected[u] = true
		}
		if !maps.Equal(got, expected) {
			t.Errorf("online: %v, want %v", got, expected)
		}
	}
	renew := func(t *testing.T, l chat.Leases, node string, add, remove []chat.UserID) (lost bool) {
		t.Helper()
		lost, err := l.Renew(t.Context(), node, add, remove)
		if err != nil {
			t.Fatal(err)
		}
		return lost
	}

	t.Run("nobody at first", func(t *testing.T) { online(t, open(t)) })
	t.Run("a user is online as long as one node says so", func(t *testing.T) {
		l := open(t)
		if !renew(t, l, "n1", users[:2], nil) {
			t.Error("a new node had a lease")
		}
		renew(t, l, "n2", users[1:], nil)
		online(t, l, "ADA", "BOB", "CAT")
		if renew(t, l, "n1", nil, users[:2]) {
			t.Error("the lease was lost at once")
		}
		online(t, l, "BOB", "CAT")
		renew(t, l, "n2", nil, users[1:2])
		online(t, l, "CAT")
	})
	t.Run("a node that carries nobody keeps its lease", func(t *testing.T) {
		l := open(t)
		renew(t, l, "n1", nil, nil)
		if renew(t, l, "n1", nil, nil) {
			t.Error("the lease was lost")
		}
	})
	t.Run("a lease given up covers nobody", func(t *testing.T) {
		l := open(t)
		renew(t, l, "n1", users, nil)
		if err := l.Drop(t.Context(), "n1"); err != nil {
			t.Fatal(err)
		}
		online(t, l)
		if !renew(t, l, "n1", nil, nil) {
			t.Error("the node was not told to put everybody again")
		}
	})
}
