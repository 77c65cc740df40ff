package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"hubbub/chat"
	"hubbub/chat/wire"
)

// support makes so many users of the support staff.
func (w *world) support(n int) []chat.Identity {
	w.t.Helper()
	staff := make([]chat.Identity, n)
	for i := range staff {
		staff[i] = w.user(fmt.Sprint("support-", i))
		if err := w.store.SetRole(w.ctx, staff[i].User.ID, chat.Support); err != nil {
			w.t.Fatal(err)
		}
	}
	return staff
}

// members gives who is in a room with which role.
func (w *world) members(room chat.RoomID) map[chat.UserID]chat.Role {
	w.t.Helper()
	list, err := w.store.Members(w.ctx, room, "", 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	in := map[chat.UserID]chat.Role{}
	for _, m := range list {
		in[m.User.ID] = m.Role
	}
	return in
}

func (w *world) open(n *node, o chat.OrderRoom, caller chat.Identity) chat.RoomID {
	w.t.Helper()
	room, err := n.rooms.OpenOrderRoom(w.ctx, o, caller.User.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return room
}

func (w *world) head(room chat.RoomID) chat.Seq {
	w.t.Helper()
	head, _, err := w.store.RoomHead(w.ctx, room)
	if err != nil {
		w.t.Fatal(err)
	}
	return head.Seq
}

func TestOpenOrderRoom(t *testing.T) {
	w := newWorld(t, 2, chat.RoomsOptions{})
	ada, eve := w.user("ada"), w.user("eve")
	staff := w.support(2)
	o := chat.OrderRoom{ID: "019b7a1c-6a00-7c3e-9d7a-0f2b6a1c4e55", Number: "K7Q2-M9XD", Customer: ada.User.ID}

	if _, err := w.nodes[0].rooms.OpenOrderRoom(w.ctx, o, eve.User.ID); err == nil {
		t.Fatal("somebody else's order has been opened")
	} else {
		wantCode(t, err, chat.ErrForbidden)
	}
	socket := w.nodes[1].connect(staff[0])
	room := w.open(w.nodes[0], o, ada)
	if f := socket.Expect("membership"); f.Str("room") != string(room) || f.Str("change") != wire.ChangeInvited {
		t.Errorf("support was told %v", f)
	}
	want := map[chat.UserID]chat.Role{ada.User.ID: chat.Plain, staff[0].User.ID: chat.Moderator, staff[1].User.ID: chat.Moderator}
	if got := w.members(room); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("members %v, want %v", got, want)
	}
	seen, err := w.nodes[0].rooms.Find(w.ctx, ada.User.ID, string(room))
	if err != nil || seen.Name != "Order K7Q2-M9XD" || seen.Wire().OrderID != o.ID || seen.Wire().Kind != "order" {
		t.Errorf("the customer sees %+v, %v", seen, err)
	}
	for _, who := range []chat.Identity{ada, staff[0], staff[1], ada} {
		if again := w.open(w.nodes[1], o, who); again != room {
			t.Errorf("%s opens %s, not %s", who.User.Name, again, room)
		}
	}
	if head := w.head(room); head != seen.Head.Seq {
		t.Errorf("opening it again made it %d events long, from %d", head, seen.Head.Seq)
	}

	// Who left, and who became support since, come in by opening it.
	rooms := w.nodes[0].rooms
	if err := rooms.ChangeMember(w.ctx, staff[1].User, string(room), staff[1].User.ID, wire.ChangeLeft, ""); err != nil {
		t.Fatal(err)
	}
	wantCode(t, rooms.ChangeMember(w.ctx, ada.User, string(room), ada.User.ID, wire.ChangeLeft, ""), chat.ErrForbidden)
	if err := w.store.SetRole(w.ctx, eve.User.ID, chat.Support); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, n := range append(w.nodes, w.nodes...) {
		for _, who := range []chat.Identity{staff[1], eve} {
			wg.Go(func() { w.open(n, o, who) })
		}
	}
	wg.Wait()
	want[eve.User.ID] = chat.Moderator
	if got := w.members(room); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("members %v, want %v", got, want)
	}
	if head := w.head(room); head != seen.Head.Seq+3 { // one left, two joined
		t.Errorf("the log is %d events long, want %d", head, seen.Head.Seq+3)
	}
	if _, err := rooms.Post(w.ctx, eve.User, string(room), chat.Post{ClientID: "1", Text: "how can I help?"}); err != nil {
		t.Error(err)
	}
}

func TestOrderRoomOfSupportItself(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	staff := w.support(1)
	room := w.open(w.nodes[0], chat.OrderRoom{ID: "1", Number: "A", Customer: staff[0].User.ID}, staff[0])
	if got := w.members(room); len(got) != 1 || got[staff[0].User.ID] != chat.Plain {
		t.Errorf("members %v: who bought something is a customer", got)
	}
}

func TestMaxOrderStaff(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	ada, staff := w.user("ada"), w.support(chat.MaxOrderStaff+2)
	o := chat.OrderRoom{ID: "1", Number: "A", Customer: ada.User.ID}
	room := w.open(w.nodes[0], o, ada)
	in := w.members(room)
	if len(in) != chat.MaxOrderStaff+1 {
		t.Fatalf("%d members, want the customer and %d", len(in), chat.MaxOrderStaff)
	}
	outside := slices.IndexFunc(staff, func(s chat.Identity) bool { return in[s.User.ID] == "" })
	w.open(w.nodes[0], o, staff[outside])
	if in := w.members(room); in[staff[outside].User.ID] != chat.Moderator {
		t.Error("support that was left out does not come in by opening the room")
	}
}

// lateUsers lists staff, and then lets the role of one be taken away.
type lateUsers struct {
	chat.Users
	then func()
}

func (u lateUsers) Staff(ctx context.Context, role chat.UserRole, limit int) ([]chat.User, error) {
	list, err := u.Users.Staff(ctx, role, limit)
	u.then()
	return list, err
}

// Whoever ceases to be support while a room is made is not left in it.
func TestDismissedWhileARoomIsMade(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	ada, staff := w.user("ada"), w.support(2)
	a := chat.NewAccounts(w.store, chat.AccountOptions{Dismissed: w.nodes[0].rooms.LeaveOrders})
	r := chat.NewRooms(w.store, lateUsers{w.store, func() {
		if _, err := a.SetRole(w.ctx, staff[0].User.Name, chat.Customer); err != nil {
			t.Error(err)
		}
	}}, w, chat.RoomsOptions{})
	w.wg.Go(func() { r.Run(w.ctx) })
	room, err := r.OpenOrderRoom(w.ctx, chat.OrderRoom{ID: "1", Number: "A", Customer: ada.User.ID}, ada.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	if in := w.members(room); len(in) != 2 || in[staff[0].User.ID] != "" || in[staff[1].User.ID] != chat.Moderator {
		t.Errorf("members %v", in)
	}
}

// TestLeaveOrders holds that who is support no longer is put out of all orders'
// rooms, sockets too, and of nothing else.
func TestLeaveOrders(t *testing.T) {
	w := newWorld(t, 1, chat.RoomsOptions{})
	ada, staff := w.user("ada"), w.support(2)
	sue := staff[0]
	tea := w.room("tea", sue, ada)
	own := w.open(w.nodes[0], chat.OrderRoom{ID: "own", Number: "O", Customer: sue.User.ID}, sue)
	var rooms []chat.RoomID
	for i := range wire.MaxPage + 3 {
		rooms = append(rooms, w.open(w.nodes[0], chat.OrderRoom{ID: fmt.Sprint(i), Number: "A", Customer: ada.User.ID}, ada))
	}
	c := w.nodes[0].connect(sue)
	join(c, chat.Room{ID: rooms[1]}, nil)

	a := chat.NewAccounts(w.store, chat.AccountOptions{Dismissed: w.nodes[0].rooms.LeaveOrders})
	broken := errors.New("broken")
	w.store.Fail("RoomsOf", broken)
	if _, err := a.SetRole(w.ctx, sue.User.Name, chat.Customer); !errors.Is(err, broken) {
		t.Errorf("rooms that cannot be read: %v", err)
	}
	w.store.Fail("RoomsOf", nil)
	for range 2 { // the first one goes on where it failed, the second finds nothing to do
		if _, err := a.SetRole(w.ctx, sue.User.Name, chat.Customer); err != nil {
			t.Fatal(err)
		}
	}
	for {
		f := c.Expect("left", "member", "membership")
		if f.Type() == "left" && f.Str("room") == string(rooms[1]) {
			break
		}
	}
	for _, room := range rooms {
		if in := w.members(room); len(in) != 2 || in[sue.User.ID] != "" {
			t.Fatalf("members %v", in)
		}
	}
	if w.members(own)[sue.User.ID] != chat.Plain || w.members(tea.ID)[sue.User.ID] != chat.Owner {
		t.Error("put out of a room that is none of support's")
	}
}
