package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"hubbub/chat/wire"
)

// CreateRoom is what the maker of a room chooses.
type CreateRoom struct {
	Kind    RoomKind
	Name    string
	Topic   string
	Members []UserID
}

// MaxFirstMembers is how many others a new room may start with.
const MaxFirstMembers = 100

// General is the name of the public room that every deployment starts with.
const General = "general"

// EnsureGeneral makes the room that newcomers find, if it is not there. Several
// nodes may call it at once.
func (r *Rooms) EnsureGeneral(ctx context.Context) error {
	_, err := r.store.Room(ctx, General, System.ID)
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	_, events, err := r.store.CreateRoom(ctx, NewRoom{
		ID: RoomID(NewID()), Epoch: Epoch(NewID()), Kind: Public, Name: General,
		Topic: "Everybody is here", CreatedAt: r.now().UnixMicro(),
	})
	if errors.Is(err, ErrConflict) {
		return nil // another node was faster
	}
	if err != nil {
		return fmt.Errorf("make #%s: %w", General, err)
	}
	r.tell(events)
	return nil
}

// Create makes a room with the caller as its owner. A direct room with one
// other member is the same room whoever asks for it, and however often.
func (r *Rooms) Create(ctx context.Context, who User, c CreateRoom) (Room, error) {
	n := NewRoom{
		ID: RoomID(NewID()), Epoch: Epoch(NewID()), Kind: c.Kind,
		Creator: who.Actor(), CreatedAt: r.now().UnixMicro(),
	}
	var err error
	switch c.Kind {
	case Public, Private:
		if n.Name, err = CleanRoomName(c.Kind, c.Name); err != nil {
			return Room{}, err
		}
	case Direct:
		if len(c.Members) != 1 || c.Members[0] == who.ID {
			return Room{}, Invalid("members", "a direct room is with exactly one other user")
		}
		pair := []string{string(who.ID), string(c.Members[0])}
		slices.Sort(pair)
		n.DirectKey = pair[0] + ":" + pair[1]
	default:
		return Room{}, Invalid("kind", "must be public, private or direct")
	}
	if n.Topic, err = CleanTopic(c.Topic); err != nil {
		return Room{}, err
	}
	if n.Members, err = r.actors(ctx, who.ID, c.Members); err != nil {
		return Room{}, err
	}
	room, events, err := r.store.CreateRoom(ctx, n)
	if err != nil {
		return Room{}, err
	}
	r.tell(events)
	return room, nil
}

// actors looks up who is to be in a new room, without the maker and repeats.
func (r *Rooms) actors(ctx context.Context, maker UserID, ids []UserID) ([]Actor, error) {
	if len(ids) > MaxFirstMembers {
		return nil, Invalid("members", fmt.Sprintf("at most %d may be named at once", MaxFirstMembers))
	}
	var out []Actor
	seen := map[UserID]bool{maker: true}
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		u, _, err := r.users.UserByID(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return nil, Invalid("members", "there is no such user")
		}
		if err != nil {
			return nil, err
		}
		out = append(out, u.Actor())
	}
	return out, nil
}

// Join puts the caller into a public room. Joining twice is fine.
func (r *Rooms) Join(ctx context.Context, who User, ref string) (Room, error) {
	room, err := r.store.Room(ctx, ref, who.ID)
	if err != nil || room.IsMember() {
		return room, err
	}
	role := Plain
	if room.Name == General && room.Kind == Public && !who.Guest {
		role = Owner // if nobody is: the room that nobody made belongs to the first account
	}
	err = r.changeMember(ctx, who.Actor(), room.ID, MemberChange{User: who.Actor(), Change: wire.ChangeJoined, Role: role})
	if err != nil && !errors.Is(err, ErrConflict) {
		return Room{}, err
	}
	return r.store.Room(ctx, string(room.ID), who.ID)
}

// ChangeMember invites, kicks or promotes another user, or lets the caller
// leave; change is one of wire.ChangeJoined and its neighbours, and the comment
// of [MemberChange] says who may.
func (r *Rooms) ChangeMember(ctx context.Context, who User, ref string, user UserID, change string, role Role) error {
	switch role {
	case "":
		role = Plain
	case Owner, Moderator, Plain:
	default:
		return Invalid("role", "must be owner, moderator or member")
	}
	if change == wire.ChangeJoined {
		role = Plain
	}
	room, err := r.store.Room(ctx, ref, who.ID)
	if err != nil {
		return err
	}
	target := who
	if user != who.ID {
		if target, _, err = r.users.UserByID(ctx, user); err != nil {
			return err
		}
	}
	return r.changeMember(ctx, who.Actor(), room.ID, MemberChange{User: target.Actor(), Change: change, Role: role})
}

func (r *Rooms) changeMember(ctx context.Context, by Actor, room RoomID, c MemberChange) error {
	b := wire.MemberBody{User: c.User.Wire(), Change: c.Change}
	if c.Change != wire.ChangeLeft && c.Change != wire.ChangeKicked {
		b.Role = string(c.Role)
	}
	_, err := r.append(ctx, room, Draft{Kind: EventMember, Actor: by, Member: &c, Body: body(b)})
	return err
}

// Change renames a room or gives it a topic.
func (r *Rooms) Change(ctx context.Context, who User, ref string, c RoomChange) (Room, error) {
	room, err := r.store.Room(ctx, ref, who.ID)
	if err != nil {
		return Room{}, err
	}
	if c.Name != nil {
		name, err := CleanRoomName(room.Kind, *c.Name)
		if err != nil {
			return Room{}, err
		}
		c.Name = &name
	}
	if c.Topic != nil {
		topic, err := CleanTopic(*c.Topic)
		if err != nil {
			return Room{}, err
		}
		c.Topic = &topic
	}
	// The store writes the body: only under the lock it is known what the room is
	// called otherwise. This one stands for the request in the hash.
	if _, err := r.append(ctx, room.ID, Draft{Kind: EventRoom, Actor: who.Actor(), Room: &c, Body: roomRequest(c)}); err != nil {
		return Room{}, err
	}
	return r.store.Room(ctx, string(room.ID), who.ID)
}

// Find gives a room as the caller sees it: by id, or a public one by name.
func (r *Rooms) Find(ctx context.Context, who UserID, ref string) (Room, error) {
	return r.store.Room(ctx, ref, who)
}

// member resolves a room that the user is in, or was in a moment ago: whoever
// calls it goes on to ask the store, which knows. With errJoinFirst it tells
// which public room it is.
func (r *Rooms) member(ctx context.Context, who UserID, ref string) (RoomID, error) {
	// Only of ids: a name may be another room's by now.
	if room, ok := r.admitted.get(who, ref, r.now()); ok {
		return room, nil
	}
	room, err := r.store.Room(ctx, ref, who)
	if err != nil {
		return "", err
	}
	if !room.IsMember() {
		return room.ID, errJoinFirst
	}
	if IsID(ref) {
		r.admitted.put(who, ref, room.ID, r.now())
	}
	return room.ID, nil
}

// sendTo resolves the room of a send, for those too who are no members, or may
// not even know of a private room any more: what they sent while they were has
// its number for ever, and the store refuses the rest.
func (r *Rooms) sendTo(ctx context.Context, who UserID, ref string) (RoomID, error) {
	room, err := r.member(ctx, who, ref)
	switch {
	case errors.Is(err, errJoinFirst):
		return room, nil
	case errors.Is(err, ErrNotFound) && IsID(ref):
		_, _, err = r.store.RoomHead(ctx, RoomID(ref))
		return RoomID(ref), err
	}
	return room, err
}

var errJoinFirst = Refuse(ErrForbidden, "join the room first")

// Mine lists the caller's rooms by id, Public all public rooms by name.
func (r *Rooms) Mine(ctx context.Context, who UserID, after RoomID, limit int) ([]Room, error) {
	return r.store.RoomsOf(ctx, who, after, limit)
}

// Public lists all public rooms by name above the cursor.
func (r *Rooms) Public(ctx context.Context, who UserID, after string, limit int) ([]Room, error) {
	return r.store.PublicRooms(ctx, who, after, limit)
}

// Members lists who is in a room that the caller may see.
func (r *Rooms) Members(ctx context.Context, who UserID, ref string, after UserID, limit int) ([]Member, error) {
	room, err := r.store.Room(ctx, ref, who)
	if err != nil {
		return nil, err
	}
	return r.store.Members(ctx, room.ID, after, limit)
}

// History reads messages as they are now; more says that the page does not end
// the log in the direction asked for. Public rooms can be read before joining.
func (r *Rooms) History(ctx context.Context, who UserID, ref string, rg Range) (room Room, page []Message, more bool, err error) {
	if room, err = r.store.Room(ctx, ref, who); err != nil {
		return Room{}, nil, false, err
	}
	page, more, err = r.store.Messages(ctx, room.ID, rg)
	return room, page, more, err
}

// Events reads the log: what a resume would replay.
func (r *Rooms) Events(ctx context.Context, who UserID, ref string, after Seq, limit int) (Room, []Event, error) {
	room, err := r.store.Room(ctx, ref, who)
	if err != nil {
		return Room{}, nil, err
	}
	head, events, err := r.store.Since(ctx, room.ID, after, limit)
	room.Head = head
	return room, events, err
}

// roomRequest writes what was asked for of a room, for the draft's hash.
func roomRequest(c RoomChange) []byte {
	return body(struct{ Name, Topic *string }{c.Name, c.Topic})
}
