package chattest

import (
	"fmt"
	"sync"

	"hubbub/chat"
	"hubbub/chat/wire"
)

// orderRoom is the room of an order that has nobody in it yet.
func orderRoom(order string) chat.NewRoom {
	return chat.NewRoom{
		ID: chat.RoomID(chat.NewID()), Epoch: chat.Epoch(chat.NewID()), Kind: chat.Order,
		Name: "Order K7Q2-M9XD", OrderID: order, Creator: chat.System, CreatedAt: now,
	}
}

func (w world) orderRooms() {
	ada, sue, sam, eve := w.user("Ada"), w.user("Sue"), w.user("Sam"), w.user("Eve")
	n := orderRoom("019b7a1c-6a00-7c3e-9d7a-" + chat.NewID()[:12])
	n.Members, n.Staff = []chat.Actor{ada}, []chat.Actor{sue, ada, sam}
	room, events, err := w.s.CreateRoom(w.Context(), n)
	w.ok(err)

	w.run("how they begin", func(w world) {
		equal(w, "id", room.ID, n.ID)
		equal(w, "events", fmt.Sprint(events), fmt.Sprint(w.log(room.ID)))
		equal(w, "events", len(events), 4)
		for _, e := range events {
			equal(w, "actor", e.Actor, chat.System)
		}
		equal(w, "room", body[wire.RoomBody](w, events[0]), wire.RoomBody{Kind: "order", Name: "Order K7Q2-M9XD"})
		for user, role := range map[chat.Actor]chat.Role{ada: chat.Plain, sue: chat.Moderator, sam: chat.Moderator} {
			r := w.see(room.ID, user)
			equal(w, "role", r.Role, role)
			equal(w, "order", r.OrderID, n.OrderID)
			equal(w, "kind", r.Kind, chat.Order)
			equal(w, "name", r.Name, "Order K7Q2-M9XD")
		}
	})
	w.run("one per order", func(w world) {
		again := n
		again.ID, again.Epoch, again.Members = chat.RoomID(chat.NewID()), chat.Epoch(chat.NewID()), nil
		got, events, err := w.s.CreateRoom(w.Context(), again)
		w.ok(err)
		equal(w, "id", got.ID, room.ID)
		equal(w, "order", got.OrderID, n.OrderID)
		equal(w, "events", len(events), 0)

		var mu sync.Mutex
		ids, order := map[chat.RoomID]int{}, chat.NewID()
		for _, err := range each(8, func(int) error {
			n := orderRoom(order)
			n.Members = []chat.Actor{ada}
			r, events, err := w.s.CreateRoom(w.Context(), n)
			mu.Lock()
			defer mu.Unlock()
			ids[r.ID] += len(events)
			return err
		}) {
			w.ok(err)
		}
		equal(w, "rooms", len(ids), 1)
		for _, n := range ids {
			equal(w, "events", n, 2)
		}
	})
	w.run("are found by nobody else", func(w world) {
		_, err := w.s.Room(w.Context(), string(room.ID), eve.ID)
		w.is(err, chat.NoRoom())
		_, err = w.s.Room(w.Context(), "Order K7Q2-M9XD", ada.ID)
		w.is(err, chat.NoRoom())
		w.refused(chat.NoRoom(), room.ID, post(eve, "hello"))
	})
	w.run("let in and out by the server", func(w world) {
		in := change(eve, wire.ChangeJoined, eve, chat.Moderator)
		in.Member.Server = true
		w.do(room.ID, in, post(eve, "how can I help?"))
		equal(w, "role", w.see(room.ID, eve).Role, chat.Moderator)
		again := change(eve, wire.ChangeJoined, eve, chat.Moderator)
		again.Member.Server = true
		w.refused(chat.ErrConflict, room.ID, again)
		for _, what := range []string{wire.ChangeInvited, wire.ChangeKicked, wire.ChangeRole} {
			d := change(eve, what, sam, chat.Plain)
			d.Member.Server = true
			w.refused(chat.ErrInvalid, room.ID, d)
		}
		out := change(sue, wire.ChangeLeft, eve, "")
		out.Member.Server = true
		w.do(room.ID, out)
		w.refused(chat.NoRoom(), room.ID, post(eve, "still here?"))
		gone := change(sue, wire.ChangeLeft, eve, "")
		gone.Member.Server = true
		w.refused(chat.NoUser(), room.ID, gone)
	})
	w.run("what is done in them", func(w world) {
		topic := "x"
		w.refused(chat.ErrForbidden, room.ID, rename(sue, &topic, nil))
		w.refused(chat.ErrForbidden, room.ID, rename(ada, nil, &topic))
		seq := w.do(room.ID, post(ada, "my card is 4111 1111 1111 1111"))
		w.refused(chat.ErrForbidden, room.ID, pin(ada, seq, false))
		w.do(room.ID, pin(sue, seq, false), erase(sue, seq))
		mine := w.do(room.ID, post(sue, "pay at the door"))
		w.refused(chat.ErrForbidden, room.ID, erase(ada, mine))
	})
}
