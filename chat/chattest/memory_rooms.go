package chattest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"hubbub/chat"
	"hubbub/chat/wire"
)

type room struct {
	id        chat.RoomID
	epoch     chat.Epoch
	is        wire.RoomBody
	key       string // chat.NewRoom.Key
	createdAt int64
	members   map[chat.UserID]*member
	log       []entry // log[i] has the seq i+1
	revisions map[chat.Seq]*chat.Revision
}

type member struct {
	actor    chat.Actor
	role     chat.Role
	read     chat.Seq
	joinedAt int64
}

type entry struct {
	chat.Event
	hash [32]byte
}

func (r *room) kind() chat.RoomKind { return chat.RoomKind(r.is.Kind) }
func (r *room) head() chat.Head     { return chat.Head{Epoch: r.epoch, Seq: chat.Seq(len(r.log))} }

func (r *room) role(user chat.UserID) chat.Role {
	if m := r.members[user]; m != nil {
		return m.role
	}
	return ""
}

// add numbers the draft and puts it into the log.
func (r *room) add(d chat.Draft) chat.Event {
	e := chat.Event{
		Room: r.id, Epoch: r.epoch, Seq: chat.Seq(len(r.log) + 1), Kind: d.Kind,
		Actor: d.Actor, ClientID: d.ClientID, At: d.At, Body: d.Body,
	}
	r.log = append(r.log, entry{e, d.Hash})
	return e
}

// view is the room as the user sees it.
func (m *Memory) view(r *room, user chat.UserID) chat.Room {
	out := chat.Room{
		ID: r.id, Kind: r.kind(), Name: r.is.Name, Topic: r.is.Topic, Head: r.head(), CreatedAt: r.createdAt,
		OrderID: chat.OrderOf(r.key),
	}
	me := r.members[user]
	if me == nil {
		return out
	}
	out.Role, out.ReadSeq = me.role, me.read
	for _, e := range r.log {
		if e.Kind == chat.EventMessage && e.Seq > me.read {
			out.Unread++
		}
	}
	if r.kind() == chat.Direct {
		for id, other := range r.members {
			if id != user {
				out.Others = append(out.Others, m.user(id, other).Actor())
			}
		}
	}
	return out
}

// user is the account of a member, or, in tests without accounts, a likeness.
func (m *Memory) user(id chat.UserID, in *member) chat.User {
	if a := m.users[id]; a != nil {
		return a.User
	}
	return chat.User{ID: id, DisplayName: in.actor.Name}
}

// CreateRoom implements chat.Store.
func (m *Memory) CreateRoom(ctx context.Context, n chat.NewRoom) (chat.Room, []chat.Event, error) {
	if err := m.enter(ctx, "CreateRoom"); err != nil {
		return chat.Room{}, nil, err
	}
	defer m.mu.Unlock()
	for _, r := range m.rooms {
		switch {
		case n.Key() != "" && r.key == n.Key():
			return m.view(r, n.Creator.ID), nil, nil
		case n.Kind == chat.Public && r.kind() == chat.Public && r.is.Name == n.Name:
			return chat.Room{}, nil, chat.Refuse(chat.ErrConflict, "the name is taken")
		case r.id == n.ID:
			return chat.Room{}, nil, chat.Refuse(chat.ErrConflict, "the id is taken")
		}
	}
	r := &room{
		id: n.ID, epoch: n.Epoch, createdAt: n.CreatedAt, key: n.Key(),
		is:        wire.RoomBody{Kind: string(n.Kind), Name: n.Name, Topic: n.Topic},
		members:   map[chat.UserID]*member{},
		revisions: map[chat.Seq]*chat.Revision{},
	}
	m.rooms[n.ID] = r
	var events []chat.Event
	add := func(kind chat.EventKind, body any) chat.Event {
		d := chat.Draft{Kind: kind, Actor: n.Creator, ClientID: chat.NewID(), At: n.CreatedAt, Body: marshal(body)}
		events = append(events, r.add(d))
		return events[len(events)-1]
	}
	enter := func(user chat.Actor, change string, role chat.Role) {
		e := add(chat.EventMember, wire.MemberBody{User: user.Wire(), Change: change, Role: string(role)})
		r.members[user.ID] = &member{user, role, e.Seq, n.CreatedAt}
	}
	add(chat.EventRoom, r.is)
	first := chat.Owner
	if n.Kind == chat.Direct {
		first = chat.Plain
	}
	if n.Creator.ID != "" { // else nobody made it, as #general
		enter(n.Creator, wire.ChangeJoined, first)
	}
	for _, other := range n.Members {
		if r.members[other.ID] == nil {
			enter(other, wire.ChangeInvited, chat.Plain)
		}
	}
	for _, other := range n.Staff {
		if r.members[other.ID] == nil {
			enter(other, wire.ChangeInvited, chat.Moderator)
		}
	}
	return m.view(r, n.Creator.ID), events, nil
}

// Since implements chat.Store.
func (m *Memory) Since(ctx context.Context, id chat.RoomID, after chat.Seq, limit int) (chat.Head, []chat.Event, error) {
	if err := m.enter(ctx, "Since"); err != nil {
		return chat.Head{}, nil, err
	}
	defer m.mu.Unlock()
	r := m.rooms[id]
	if r == nil {
		return chat.Head{}, nil, chat.NoRoom()
	}
	var events []chat.Event
	size := 0
	for _, e := range r.log {
		if e.Seq <= after {
			continue
		}
		size += len(e.Body)
		if len(events) == limit || len(events) > 0 && size > chat.MaxRead {
			break
		}
		events = append(events, e.Event)
	}
	return r.head(), events, nil
}

// Heads implements chat.Store.
func (m *Memory) Heads(ctx context.Context, ids []chat.RoomID) (map[chat.RoomID]chat.Head, error) {
	if err := m.enter(ctx, "Heads"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	heads := map[chat.RoomID]chat.Head{}
	for _, id := range ids {
		if r := m.rooms[id]; r != nil {
			heads[id] = r.head()
		}
	}
	return heads, nil
}

// Room implements chat.Store.
func (m *Memory) Room(ctx context.Context, ref string, user chat.UserID) (chat.Room, error) {
	if err := m.enter(ctx, "Room"); err != nil {
		return chat.Room{}, err
	}
	defer m.mu.Unlock()
	for _, r := range m.rooms {
		named := r.kind() == chat.Public && r.is.Name == ref
		if (string(r.id) == ref || named) && (r.kind() == chat.Public || r.members[user] != nil) {
			return m.view(r, user), nil
		}
	}
	return chat.Room{}, chat.NoRoom()
}

// RoomsOf implements chat.Store.
func (m *Memory) RoomsOf(ctx context.Context, user chat.UserID, after chat.RoomID, limit int) ([]chat.Room, error) {
	return m.list(ctx, "RoomsOf", user, limit,
		func(r *room) bool { return r.members[user] != nil && r.id > after },
		func(a, b chat.Room) int { return cmp.Compare(a.ID, b.ID) })
}

// PublicRooms implements chat.Store.
func (m *Memory) PublicRooms(ctx context.Context, user chat.UserID, after string, limit int) ([]chat.Room, error) {
	return m.list(ctx, "PublicRooms", user, limit,
		func(r *room) bool { return r.kind() == chat.Public && r.is.Name > after },
		func(a, b chat.Room) int { return cmp.Compare(a.Name, b.Name) })
}

func (m *Memory) list(ctx context.Context, method string, user chat.UserID, limit int,
	want func(*room) bool, order func(a, b chat.Room) int) ([]chat.Room, error) {
	if err := m.enter(ctx, method); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var out []chat.Room
	for _, r := range m.rooms {
		if want(r) {
			out = append(out, m.view(r, user))
		}
	}
	slices.SortFunc(out, order)
	return out[:min(limit, len(out))], nil
}

// Members implements chat.Store.
func (m *Memory) Members(ctx context.Context, id chat.RoomID, after chat.UserID, limit int) ([]chat.Member, error) {
	if err := m.enter(ctx, "Members"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var out []chat.Member
	if r := m.rooms[id]; r != nil {
		for user, in := range r.members {
			if user > after {
				out = append(out, chat.Member{User: m.user(user, in), Role: in.role, JoinedAt: in.joinedAt})
			}
		}
	}
	slices.SortFunc(out, func(a, b chat.Member) int { return cmp.Compare(a.User.ID, b.User.ID) })
	return out[:min(limit, len(out))], nil
}

// MemberIDs implements chat.Store.
func (m *Memory) MemberIDs(ctx context.Context, id chat.RoomID, limit int) ([]chat.UserID, error) {
	if err := m.enter(ctx, "MemberIDs"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var out []chat.UserID
	if r := m.rooms[id]; r != nil {
		for user := range r.members {
			if len(out) < limit {
				out = append(out, user)
			}
		}
	}
	return out, nil
}

// RoomHead implements chat.Store.
func (m *Memory) RoomHead(ctx context.Context, id chat.RoomID) (chat.Head, string, error) {
	if err := m.enter(ctx, "RoomHead"); err != nil {
		return chat.Head{}, "", err
	}
	defer m.mu.Unlock()
	r := m.rooms[id]
	if r == nil {
		return chat.Head{}, "", chat.NoRoom()
	}
	view := m.view(r, "")
	return view.Head, view.Name, nil
}

// MarkRead implements chat.Store.
func (m *Memory) MarkRead(ctx context.Context, id chat.RoomID, user chat.UserID, seq chat.Seq) (chat.Seq, error) {
	if err := m.enter(ctx, "MarkRead"); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	r := m.rooms[id]
	if r == nil || r.members[user] == nil {
		return 0, chat.NoRoom()
	}
	me := r.members[user]
	me.read = max(me.read, min(seq, r.head().Seq))
	return me.read, nil
}

func marshal(body any) []byte {
	data, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("chattest: %T: %v", body, err)) // the bodies of package wire always marshal
	}
	return data
}
