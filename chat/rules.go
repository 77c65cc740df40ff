package chat

import "hubbub/chat/wire"

// The rules of a room. They are pure: a store calls them under the room's lock
// with what it read there, so a decision never rests on an old role.

// Admit decides whether an actor with that role ("" when not a member) may act
// in a room of that kind at all. Who may not know of the room gets ErrNotFound.
func (d Draft) Admit(kind RoomKind, role Role) error {
	switch {
	case role != "", d.Member != nil && d.Member.Server:
		return nil
	case kind != Public:
		return errNoRoom
	case d.Kind == EventMember && d.Member != nil && d.Member.Change == wire.ChangeJoined:
		return nil
	}
	return Refuse(ErrForbidden, "join the room first")
}

// Apply decides the change by an actor with the role byRole and gives the role
// that c.User has after it, "" when out of the room. Old is the role before,
// owners the number of owners in the room.
func (c MemberChange) Apply(kind RoomKind, by UserID, byRole, old Role, owners int) (Role, error) {
	role := c.Role
	if role == "" {
		role = Plain
	}
	if role != Owner && role != Moderator && role != Plain {
		return "", Invalid("role", "one of owner, moderator, member")
	}
	self := c.User.ID == by
	if c.Server {
		return c.carryOut(old, role)
	}
	switch c.Change {
	case wire.ChangeJoined:
		return c.join(kind, self, old, role, owners)
	case wire.ChangeInvited:
		return c.invite(kind, byRole, old, role)
	case wire.ChangeLeft:
		return c.leave(kind, self, old)
	case wire.ChangeKicked:
		return c.kick(kind, self, byRole, old)
	case wire.ChangeRole:
		return c.promote(byRole, old, role, owners)
	}
	return "", Invalid("change", "unknown")
}

// carryOut makes a change that was decided elsewhere.
func (c MemberChange) carryOut(old, role Role) (Role, error) {
	switch {
	case c.Change == wire.ChangeJoined && old == "":
		return role, nil
	case c.Change == wire.ChangeJoined:
		return "", Refuse(ErrConflict, "already a member")
	case c.Change == wire.ChangeLeft && old != "":
		return "", nil
	case c.Change == wire.ChangeLeft:
		return "", errNoUser
	}
	return "", Invalid("change", "is not one that the server makes by itself")
}

func (c MemberChange) join(kind RoomKind, self bool, old, role Role, owners int) (Role, error) {
	switch {
	case !self:
		return "", Refuse(ErrForbidden, "one joins for oneself; invite others")
	case old != "":
		return "", Refuse(ErrConflict, "already a member")
	case kind != Public:
		return "", errNoRoom
	case role == Owner && owners == 0:
		return Owner, nil
	}
	return Plain, nil
}

func (c MemberChange) invite(kind RoomKind, by, old, role Role) (Role, error) {
	switch {
	case kind == Direct:
		return "", Refuse(ErrForbidden, "a direct room has two members")
	case kind == Order:
		return "", Refuse(ErrForbidden, "nobody is invited to the room of an order; support comes in by opening it")
	case kind == Public && !by.Moderates():
		return "", Refuse(ErrForbidden, "moderators invite to a public room")
	case role != Plain && by != Owner:
		return "", Refuse(ErrForbidden, "owners give roles")
	case old != "":
		return "", Refuse(ErrConflict, "already a member")
	}
	return role, nil
}

func (c MemberChange) leave(kind RoomKind, self bool, old Role) (Role, error) {
	switch {
	case !self:
		return "", Refuse(ErrForbidden, "one leaves for oneself")
	case kind == Direct:
		return "", Refuse(ErrForbidden, "nobody leaves a direct room")
	case kind == Order && !old.Moderates():
		return "", Refuse(ErrForbidden, "the customer stays in the room of an order")
	}
	return "", nil
}

func (c MemberChange) kick(kind RoomKind, self bool, by, old Role) (Role, error) {
	switch {
	case kind == Order:
		return "", Refuse(ErrForbidden, "nobody is put out of the room of an order")
	case !by.Moderates():
		return "", Refuse(ErrForbidden, "moderators kick members")
	case self:
		return "", Refuse(ErrForbidden, "nobody kicks oneself; leave the room")
	case old == "":
		return "", errNoUser
	case old == Owner && by != Owner:
		return "", Refuse(ErrForbidden, "owners kick owners")
	}
	return "", nil
}

func (c MemberChange) promote(by, old, role Role, owners int) (Role, error) {
	switch {
	case by != Owner:
		return "", Refuse(ErrForbidden, "owners give roles")
	case old == "":
		return "", errNoUser
	case old == Owner && role != Owner && owners < 2:
		return "", Refuse(ErrConflict, "the last owner keeps the role")
	}
	return role, nil
}

// Apply makes the change by an actor with that role to what the room is called.
// Whether a public name is free is for the store to find out.
func (c RoomChange) Apply(by Role, room *wire.RoomBody) error {
	switch {
	case room.Kind == string(Direct):
		return Refuse(ErrForbidden, "a direct room has no name or topic")
	case room.Kind == string(Order):
		return Refuse(ErrForbidden, "the room of an order is called after the order")
	case !by.Moderates():
		return Refuse(ErrForbidden, "moderators rename the room and set its topic")
	}
	if c.Name != nil {
		room.Name = *c.Name
	}
	if c.Topic != nil {
		room.Topic = *c.Topic
	}
	return nil
}
