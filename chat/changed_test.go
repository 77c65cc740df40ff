package chat_test

import (
	"slices"
	"testing"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/chattest"
)

// to hands what is published to one hub.
type to struct{ hub *chat.Hub }

func (p to) Publish(e bus.Event) error { p.hub.Deliver(e); return nil }

// A node is told of users whose sessions ended and of those who changed, for it
// may remember who they are.
func TestChangesOfUsersAreTold(t *testing.T) {
	store := chattest.NewMemory()
	var told []chat.UserID
	hub := chat.NewHub(store, store, chat.HubOptions{Changed: func(u chat.UserID) { told = append(told, u) }})
	rooms := chat.NewRooms(store, store, to{hub}, chat.RoomsOptions{Node: "n1"})
	rooms.EndSessions("ann", []chat.SessionID{"1", "2"})
	rooms.EndSessions("bob", nil) // nothing happened
	rooms.UserChanged("eve")
	if want := []chat.UserID{"ann", "eve"}; !slices.Equal(told, want) {
		t.Errorf("told of %v, want %v", told, want)
	}
}

// Whoever remembers users is told when what they are changes.
func TestChangesOfAccountsAreTold(t *testing.T) {
	var told []chat.UserID
	a, _ := accounts(func(o *chat.AccountOptions) { o.Changed = func(u chat.UserID) { told = append(told, u) } })
	ada, _ := mustSignUp(t, a, "ada")
	if _, err := a.SetDisplayName(t.Context(), ada, "Ada L."); err != nil {
		t.Fatal(err)
	}
	if _, err := a.SetRole(t.Context(), "ada", chat.Support); err != nil {
		t.Fatal(err)
	}
	if _, err := a.SetRole(t.Context(), "ada", "owner"); err == nil {
		t.Fatal("there is no such role")
	}
	if want := []chat.UserID{ada.User.ID, ada.User.ID}; !slices.Equal(told, want) {
		t.Errorf("told of %v, want %v", told, want)
	}
}
