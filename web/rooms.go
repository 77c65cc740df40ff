package web

import (
	"context"
	"errors"

	"hubbub/chat"
	"hubbub/chat/wire"
)

// RoomRef names a room.
type RoomRef struct {
	Room string `path:"room" doc:"The id of a room, or the name of a public one." example:"general"`
}

type createRoomInput struct {
	Body struct {
		Kind    string   `json:"kind" enum:"public,private,direct" example:"public"`
		Name    string   `json:"name,omitempty" example:"book-club" doc:"Public: 1 to 64 of a-z, 0-9, '_' and '-', unique. Private: any line of 1 to 64 characters. Direct: none."`
		Topic   string   `json:"topic,omitempty" example:"One book a month" doc:"At most 500 characters."`
		Members []string `json:"members,omitempty" doc:"Others to be in it from the start: ids, or @ and the sign-in name. Direct: exactly one."`
	} `nameHint:"NewRoom"`
}

type createRoomOutput struct {
	Location string `header:"Location" doc:"Where the room is."`
	Body     wire.Room
}

func (s *Server) createRoom(ctx context.Context, in *createRoomInput) (*createRoomOutput, error) {
	members, err := s.findMembers(ctx, in.Body.Members)
	if err != nil {
		return nil, err
	}
	room, err := s.o.Rooms.Create(ctx, Caller(ctx).User, chat.CreateRoom{
		Kind: chat.RoomKind(in.Body.Kind), Name: in.Body.Name, Topic: in.Body.Topic, Members: members,
	})
	if err != nil {
		return nil, err
	}
	return &createRoomOutput{Location: "/v1/rooms/" + string(room.ID), Body: room.Wire()}, nil
}

type listRoomsInput struct {
	Scope string `query:"scope" enum:"mine,public" default:"mine" doc:"mine: the caller's rooms by id, with head, read_seq and unread. public: all public rooms by name."`
	Paging
}

func (s *Server) listRooms(ctx context.Context, in *listRoomsInput) (*output[page[wire.Room]], error) {
	after, err := readCursor(in.Scope, in.Cursor)
	if err != nil {
		return nil, err
	}
	if in.Scope == "public" {
		rooms, err := s.o.Rooms.Public(ctx, Caller(ctx).User.ID, after, in.Limit)
		if err != nil {
			return nil, err
		}
		return listOf(in.Scope, in.Limit, rooms, chat.Room.Wire, func(r chat.Room) string { return r.Name }), nil
	}
	rooms, err := s.o.Rooms.Mine(ctx, Caller(ctx).User.ID, chat.RoomID(after), in.Limit)
	if err != nil {
		return nil, err
	}
	return listOf(in.Scope, in.Limit, rooms, chat.Room.Wire, func(r chat.Room) string { return string(r.ID) }), nil
}

func (s *Server) room(ctx context.Context, in *RoomRef) (*output[wire.Room], error) {
	return roomOutput(s.o.Rooms.Find(ctx, Caller(ctx).User.ID, in.Room))
}

func roomOutput(r chat.Room, err error) (*output[wire.Room], error) {
	if err != nil {
		return nil, err
	}
	return &output[wire.Room]{Body: r.Wire()}, nil
}

type changeRoomInput struct {
	RoomRef
	Body struct {
		Name  *string `json:"name,omitempty" example:"reading-club"`
		Topic *string `json:"topic,omitempty" example:"Two books a month"`
	} `nameHint:"ChangeRoom"`
}

func (s *Server) changeRoom(ctx context.Context, in *changeRoomInput) (*output[wire.Room], error) {
	if in.Body.Name == nil && in.Body.Topic == nil {
		return s.room(ctx, &in.RoomRef)
	}
	return roomOutput(s.o.Rooms.Change(ctx, Caller(ctx).User, in.Room,
		chat.RoomChange{Name: in.Body.Name, Topic: in.Body.Topic}))
}

type listMembersInput struct {
	RoomRef
	Paging
}

func (s *Server) listMembers(ctx context.Context, in *listMembersInput) (*output[page[wire.Member]], error) {
	after, err := readCursor("members", in.Cursor)
	if err != nil {
		return nil, err
	}
	members, err := s.o.Rooms.Members(ctx, Caller(ctx).User.ID, in.Room, chat.UserID(after), in.Limit)
	if err != nil {
		return nil, err
	}
	return listOf("members", in.Limit, members, chat.Member.Wire,
		func(m chat.Member) string { return string(m.User.ID) }), nil
}

// MemberRef names a member of a room.
type MemberRef struct {
	RoomRef
	User string `path:"user" doc:"The id of a user, @ and the sign-in name, or me." example:"me"`
}

type putMemberInput struct {
	MemberRef
	Body *struct {
		Role string `json:"role,omitempty" enum:"owner,moderator,member" doc:"Owners give roles. Left out: member for who is new, no change for who is not."`
	} `nameHint:"Membership"`
}

// putMember lets the caller join, or invites or promotes somebody else. Doing
// it twice is the same as once.
func (s *Server) putMember(ctx context.Context, in *putMemberInput) (*output[wire.Room], error) {
	caller := Caller(ctx).User
	id, err := s.member(ctx, in.User)
	if err != nil {
		return nil, err
	}
	role := chat.Role("")
	if in.Body != nil {
		role = chat.Role(in.Body.Role)
	}
	switch {
	case id == caller.ID && role == "":
		return roomOutput(s.o.Rooms.Join(ctx, caller, in.Room))
	case id == caller.ID:
		err = s.o.Rooms.ChangeMember(ctx, caller, in.Room, id, wire.ChangeRole, role)
	default:
		err = s.o.Rooms.ChangeMember(ctx, caller, in.Room, id, wire.ChangeInvited, role)
		if errors.Is(err, chat.ErrConflict) { // a member already
			err = nil
			if role != "" {
				err = s.o.Rooms.ChangeMember(ctx, caller, in.Room, id, wire.ChangeRole, role)
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return s.room(ctx, &in.RoomRef)
}

func (s *Server) deleteMember(ctx context.Context, in *MemberRef) (*none, error) {
	caller := Caller(ctx).User
	id, err := s.member(ctx, in.User)
	if err != nil {
		return nil, err
	}
	change := wire.ChangeKicked
	if id == caller.ID {
		change = wire.ChangeLeft
	}
	return nil, s.o.Rooms.ChangeMember(ctx, caller, in.Room, id, change, "")
}

// member finds the user that {user} names. An id is taken as it is, since
// Rooms looks it up.
func (s *Server) member(ctx context.Context, ref string) (chat.UserID, error) {
	switch {
	case ref == "me":
		return Caller(ctx).User.ID, nil
	case len(ref) > 0 && ref[0] == '@':
		u, err := s.findUser(ctx, ref)
		return u.ID, err
	}
	return chat.UserID(ref), nil
}
