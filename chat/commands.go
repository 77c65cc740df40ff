package chat

import (
	"context"
	"slices"
	"time"

	"hubbub/chat/wire"
)

// Typing is told at most so often per room, and not remembered for more rooms
// than a socket can join.
const typingPeriod = 3 * time.Second

// Handle carries one command out: one method per type. An error is answered by
// the session.
func (s *Session) Handle(ctx context.Context, cmd wire.Command) error {
	switch c := cmd.(type) {
	case *wire.Join:
		return s.join(ctx, c)
	case *wire.Leave:
		return s.leave(ctx, c)
	case *wire.Post:
		return s.ack(c)(s.rooms.Post(ctx, s.User(), c.Room, Post{
			ClientID: c.ID, Kind: c.Kind, Text: c.Text, ReplyTo: Seq(c.ReplyTo)}))
	case *wire.Edit:
		return s.ack(c)(s.rooms.Edit(ctx, s.User(), c.Room, Edit{
			ClientID: c.ID, Seq: Seq(c.Seq), Kind: c.Kind, Text: c.Text}))
	case *wire.Delete:
		return s.ack(c)(s.rooms.Delete(ctx, s.User(), c.Room, Action{ClientID: c.ID, Seq: Seq(c.Seq)}))
	case *wire.React:
		return s.ack(c)(s.rooms.React(ctx, s.User(), c.Room, Action{
			ClientID: c.ID, Seq: Seq(c.Seq), Emoji: c.Emoji, Removed: c.Remove}))
	case *wire.Pin:
		return s.ack(c)(s.rooms.Pin(ctx, s.User(), c.Room, Action{
			ClientID: c.ID, Seq: Seq(c.Seq), Removed: c.Remove}))
	case *wire.Read:
		return s.read(ctx, c)
	case *wire.Typing:
		return s.typing(c)
	case *wire.History:
		return s.history(ctx, c)
	case *wire.Presence:
		if s.opts.Presence == nil {
			return Refuse(ErrUnsupported, "this server does not tell who is online")
		}
		return s.watchRooms(ctx, c)
	case *wire.Status:
		s.away.Store(*c.Away) // told at the next look
		return s.reply(wire.Ack{ID: c.ID})
	case *wire.Ping:
		return s.reply(wire.Pong{ID: c.ID, ServerTime: wire.Micros(s.opts.Now().UnixMicro())})
	case *wire.Auth:
		return s.renew(ctx, c)
	case *wire.Rooms:
		return s.listRooms(ctx)
	case *wire.Who:
		return s.listMembers(ctx, c)
	case *wire.Broken:
		return s.badFrame(c.Err)
	case *wire.Quit:
		return s.over(CloseBye, "bye")
	default:
		return Refuse(ErrUnsupported, "this server does not know the command "+cmd.CommandType())
	}
}

// ack answers what was stored.
func (s *Session) ack(c wire.Command) func(Sent, error) error {
	return func(sent Sent, err error) error {
		if err != nil {
			return err
		}
		at := wire.Micros(sent.At)
		return s.reply(wire.Ack{
			ID: c.CommandID(), Room: string(sent.Room), Seq: uint64(sent.Seq), At: &at, Repeat: sent.Repeat})
	}
}

// join streams a room: first it enters the topic, so that nothing passes
// unseen from here on, then it reads where the log stands, and only then it
// starts to read from the client's cursor. The events that came meanwhile are
// in the log above that cursor, so they follow without a hole and without a
// repeat.
func (s *Session) join(ctx context.Context, c *wire.Join) error {
	if old := s.joinedTo(RoomID(c.Room)); old == nil && len(s.joined) >= wire.MaxJoins {
		return Refuse(ErrForbidden, "too many rooms on one socket: leave one first")
	}
	id, orders, err := s.ownOrders(c.Room)
	switch {
	case err != nil:
		return err
	case orders:
	case IsID(c.Room):
		id = RoomID(c.Room)
	default:
		room, err := s.rooms.Find(ctx, s.User().ID, c.Room)
		if err != nil {
			return err
		}
		id = room.ID
	}
	if old := s.joinedTo(id); old != nil {
		s.drop(old)
	}
	sub := s.hub.enter(id, s)
	head, name, err := s.admit(ctx, c, sub)
	if err != nil {
		s.hub.leave(sub)
		return err
	}
	cursor, why := startAt(c, head)
	if why != "" {
		s.hub.leave(sub)
		return s.reply(wire.Reset{
			ID: c.ID, Room: string(id), Epoch: string(head.Epoch), Head: uint64(head.Seq), Reason: why})
	}
	if c.Only {
		for len(s.joined) > 0 {
			s.drop(s.joined[0])
		}
	}
	s.joined = append(s.joined, sub)
	err = s.reply(wire.Joined{
		ID: c.ID, Room: string(id), Name: name,
		Epoch: string(head.Epoch), Head: uint64(head.Seq), From: uint64(cursor)})
	if err != nil {
		return err
	}
	sub.start(cursor, head.Seq)
	return nil
}

// admit makes sure that the user is in the room whose topic the session has
// entered, and tells where its log stands. Membership is read after entering: a
// kick that commits later comes through the topic and ends the stream.
func (s *Session) admit(ctx context.Context, c *wire.Join, sub *subscription) (Head, string, error) {
	user := s.User().ID
	if head, name, ok := sub.topic.pass(ctx, user); ok {
		if _, why := startAt(c, head); why == "" {
			return head, name, nil
		}
		// Before a client is told to forget what it has, the store is asked: this
		// node may only not have heard yet.
	}
	if _, ok := customerOf(sub.topic.room); ok {
		head, name, err := s.hub.store.RoomHead(ctx, sub.topic.room)
		if err == nil {
			sub.topic.opened(head)
		}
		return head, name, err
	}
	room, err := s.rooms.Find(ctx, user, string(sub.topic.room))
	if err == nil && !room.IsMember() && c.Only {
		// A line format has no other way to become a member of a public room.
		room, err = s.rooms.Join(ctx, s.User(), string(sub.topic.room))
	}
	if err == nil && !room.IsMember() {
		err = errJoinFirst
	}
	if err != nil {
		return Head{}, "", err
	}
	sub.topic.opened(room.Head)
	return room.Head, room.Name, nil
}

// startAt gives the number before the first event that a join asks for, or why
// the client's cursor is not in this log.
func startAt(c *wire.Join, head Head) (Seq, string) {
	switch {
	case c.Epoch != "" && Epoch(c.Epoch) != head.Epoch:
		return 0, "the room's log is another one now"
	case c.Since != nil && Seq(*c.Since) > head.Seq:
		return 0, "the log does not reach that far"
	case c.Since != nil:
		return Seq(*c.Since), ""
	case Seq(c.Last) >= head.Seq:
		return 0, ""
	default:
		return head.Seq - Seq(c.Last), ""
	}
}

func (s *Session) drop(sub *subscription) {
	s.hub.leave(sub)
	if at := slices.Index(s.joined, sub); at >= 0 {
		s.joined = slices.Delete(s.joined, at, at+1)
	}
	delete(s.typed, sub.topic.room)
}

func (s *Session) leave(ctx context.Context, c *wire.Leave) error {
	id, orders, err := s.ownOrders(c.Room)
	switch {
	case err != nil:
		return err
	case orders:
		c.Room = string(id)
	}
	sub := s.here(c.Room)
	if sub == nil && !orders {
		room, err := s.rooms.Find(ctx, s.User().ID, c.Room)
		if err != nil {
			return err
		}
		sub = s.joinedTo(room.ID)
	}
	room := c.Room
	if sub != nil {
		room = string(sub.topic.room)
		s.drop(sub)
	}
	return s.reply(wire.Left{ID: c.ID, Room: room})
}

// joinedTo gives the subscription of a joined room; a client has a few.
func (s *Session) joinedTo(room RoomID) *subscription {
	for _, sub := range s.joined {
		if sub.topic.room == room {
			return sub
		}
	}
	return nil
}

// here gives the subscription of a joined room, by its id; one that has ended
// since is forgotten.
func (s *Session) here(ref string) *subscription {
	sub := s.joinedTo(RoomID(ref))
	if sub != nil && sub.ended() {
		s.drop(sub)
		return nil
	}
	return sub
}

func (s *Session) read(ctx context.Context, c *wire.Read) error {
	at, err := s.rooms.MarkRead(ctx, s.User().ID, c.Room, Seq(c.Seq))
	if err != nil {
		return err
	}
	return s.reply(wire.Ack{ID: c.ID, Room: c.Room, Seq: uint64(at)})
}

// typing is told without an answer, if the socket reads the room and did not
// tell it a moment ago.
func (s *Session) typing(c *wire.Typing) error {
	sub := s.here(c.Room)
	if _, orders, _ := s.ownOrders(c.Room); sub == nil || orders {
		return Refuse(ErrForbidden, "join the room on this socket first")
	}
	now := s.opts.Now()
	if last, ok := s.typed[sub.topic.room]; ok && now.Sub(last) < typingPeriod {
		return nil
	}
	if s.typed == nil {
		s.typed = make(map[RoomID]time.Time)
	}
	s.typed[sub.topic.room] = now
	s.rooms.Typing(s.User(), sub.topic.room)
	return nil
}

func (s *Session) history(ctx context.Context, c *wire.History) error {
	rg := Range{Limit: c.Limit}
	for _, f := range []struct {
		from *uint64
		to   *Seq
	}{{c.Before, &rg.Before}, {c.After, &rg.After}, {c.Around, &rg.Around}} {
		if f.from != nil {
			*f.to = Seq(*f.from)
		}
	}
	if rg.Limit == 0 {
		rg.Limit = 50
	}
	room, page, more, err := s.rooms.History(ctx, s.User().ID, c.Room, rg)
	if err != nil {
		return err
	}
	items := make([]wire.Message, len(page))
	for i, m := range page {
		items[i] = m.Wire(room.ID)
	}
	return s.reply(wire.Page{ID: c.ID, Room: string(room.ID), Items: items, More: more})
}

// renew goes on with a new sign-in of the same user, before the old one ends.
func (s *Session) renew(ctx context.Context, c *wire.Auth) error {
	id, err := s.identify(ctx, c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	same := id.User.ID == s.id.User.ID
	if same {
		s.id = id
	}
	s.mu.Unlock()
	if !same {
		return Refuse(ErrForbidden, "a socket stays with its user: open a new one")
	}
	if s.hub.isOver(id.Session.ID) { // it ended before the socket was known by it
		return s.over(CloseSignIn, "sign in again")
	}
	return s.reply(wire.Ack{ID: c.ID})
}

func (s *Session) listRooms(ctx context.Context) error {
	rooms, err := s.rooms.Mine(ctx, s.User().ID, "", wire.MaxPage)
	if err != nil {
		return err
	}
	out := make([]wire.Room, len(rooms))
	for i, r := range rooms {
		out[i] = r.Wire()
	}
	return s.reply(wire.RoomList{Rooms: out})
}

func (s *Session) listMembers(ctx context.Context, c *wire.Who) error {
	if c.Room == "" {
		return Refuse(ErrBadRequest, "you are in no room yet")
	}
	members, err := s.rooms.Members(ctx, s.User().ID, c.Room, "", wire.MaxPage)
	if err != nil {
		return err
	}
	out := make([]wire.Member, len(members))
	for i, m := range members {
		out[i] = m.Wire()
	}
	return s.reply(wire.MemberList{Room: c.Room, Members: out})
}
