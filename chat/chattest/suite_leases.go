package chattest

import (
	"maps"
	"testing"

	"hubbub/chat"
)

// LeaseSuite is what every [chat.Leases] keeps; open gives empty ones.
func LeaseSuite(t *testing.T, open func(t *testing.T) chat.Leases) {
	users := []chat.UserID{"ADA", "BOB", "CAT"}
	type put = map[chat.UserID]chat.Status
	are := func(t *testing.T, l chat.Leases, want put) {
		t.Helper()
		got, err := l.Statuses(t.Context(), users)
		if err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(got, func(_ chat.UserID, s chat.Status) bool { return s == chat.Offline })
		if !maps.Equal(got, want) {
			t.Errorf("users are %v, want %v", got, want)
		}
	}
	renew := func(t *testing.T, l chat.Leases, node string, add put, remove ...chat.UserID) (lost bool) {
		t.Helper()
		lost, err := l.Renew(t.Context(), node, add, remove)
		if err != nil {
			t.Fatal(err)
		}
		return lost
	}

	t.Run("nobody at first", func(t *testing.T) { are(t, open(t), put{}) })
	t.Run("a user is online as long as one node says so", func(t *testing.T) {
		l := open(t)
		if !renew(t, l, "n1", put{"ADA": chat.Online, "BOB": chat.Online}) {
			t.Error("a new node had a lease")
		}
		renew(t, l, "n2", put{"BOB": chat.Online, "CAT": chat.Online})
		are(t, l, put{"ADA": chat.Online, "BOB": chat.Online, "CAT": chat.Online})
		if renew(t, l, "n1", nil, "ADA", "BOB") {
			t.Error("the lease was lost at once")
		}
		are(t, l, put{"BOB": chat.Online, "CAT": chat.Online})
		renew(t, l, "n2", nil, "BOB")
		are(t, l, put{"CAT": chat.Online})
	})
	t.Run("a user is away when all nodes say so", func(t *testing.T) {
		l := open(t)
		renew(t, l, "n1", put{"ADA": chat.Online, "BOB": chat.Away})
		renew(t, l, "n2", put{"ADA": chat.Away})
		are(t, l, put{"ADA": chat.Online, "BOB": chat.Away})
		renew(t, l, "n1", put{"ADA": chat.Away})
		are(t, l, put{"ADA": chat.Away, "BOB": chat.Away})
		renew(t, l, "n2", put{"ADA": chat.Online})
		are(t, l, put{"ADA": chat.Online, "BOB": chat.Away})
		renew(t, l, "n2", nil, "ADA")
		are(t, l, put{"ADA": chat.Away, "BOB": chat.Away})
		renew(t, l, "n1", nil, "ADA", "BOB")
		are(t, l, put{})
	})
	t.Run("a node that carries nobody keeps its lease", func(t *testing.T) {
		l := open(t)
		renew(t, l, "n1", nil)
		if renew(t, l, "n1", nil) {
			t.Error("the lease was lost")
		}
	})
	t.Run("a lease given up covers nobody", func(t *testing.T) {
		l := open(t)
		renew(t, l, "n1", put{"ADA": chat.Online, "BOB": chat.Away})
		if err := l.Drop(t.Context(), "n1"); err != nil {
			t.Fatal(err)
		}
		are(t, l, put{})
		if !renew(t, l, "n1", nil) {
			t.Error("the node was not told to put everybody again")
		}
	})
}
