package chattest

import (
	"context"
	"iter"
	"slices"

	"hubbub/chat"
	"hubbub/chat/wire"
)

// Append implements chat.Store. Each draft is decided and stored before the
// next one is looked at.
func (m *Memory) Append(ctx context.Context, id chat.RoomID, drafts []chat.Draft) ([]chat.Result, error) {
	if err := m.enter(ctx, "Append"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	r := m.rooms[id]
	if r == nil {
		return nil, chat.NoRoom()
	}
	results := make([]chat.Result, len(drafts))
	for i, d := range drafts {
		if old, ok := r.find(d.Actor.ID, d.ClientID); ok {
			results[i] = chat.Result{Event: old.Event, Repeat: true}
			if old.hash != d.Hash {
				results[i] = chat.Result{Err: chat.Refuse(chat.ErrConflict, "the id was used for something else")}
			}
			continue
		}
		body, err := m.change(r, d)
		if err != nil {
			results[i].Err = err
			continue
		}
		d.Body = body
		results[i].Event = r.add(d)
	}
	return results, nil
}

// AppendAll implements chat.Store: it leaves no room alone.
func (m *Memory) AppendAll(ctx context.Context, batches []chat.Batch) []chat.Outcome {
	out := make([]chat.Outcome, len(batches))
	for i, b := range batches {
		out[i].Results, out[i].Err = m.Append(ctx, b.Room, b.Drafts)
	}
	return out
}

func (r *room) find(actor chat.UserID, clientID string) (entry, bool) {
	for _, e := range r.log {
		if e.Actor.ID == actor && e.ClientID == clientID {
			return e, true
		}
	}
	return entry{}, false
}

// change makes the draft's change to the room, its members or its messages and
// gives the body of the event that the caller then adds, or says why not.
func (m *Memory) change(r *room, d chat.Draft) ([]byte, error) {
	role := r.role(d.Actor.ID)
	if err := d.Admit(r.kind(), role); err != nil {
		return nil, err
	}
	switch d.Kind {
	case chat.EventMessage:
		if d.Target != 0 && !r.hasMessage(d.Target) {
			return nil, chat.Invalid("reply_to", "there is no such message")
		}
		return d.Body, nil
	case chat.EventMember:
		return r.changeMember(d, role)
	case chat.EventRoom:
		is := r.is
		if err := d.Room.Apply(role, &is); err != nil {
			return nil, err
		}
		for _, other := range m.rooms {
			if other != r && other.kind() == chat.Public && r.kind() == chat.Public && other.is.Name == is.Name {
				return nil, chat.Refuse(chat.ErrConflict, "the name is taken")
			}
		}
		r.is = is
		return marshal(is), nil
	}
	return d.Body, r.changeMessage(d, role)
}

func (r *room) hasMessage(seq chat.Seq) bool {
	return seq >= 1 && seq <= r.head().Seq && r.log[seq-1].Kind == chat.EventMessage
}

func (r *room) changeMember(d chat.Draft, byRole chat.Role) ([]byte, error) {
	owners := 0
	for _, in := range r.members {
		if in.role == chat.Owner {
			owners++
		}
	}
	c := *d.Member
	now, err := c.Apply(r.kind(), d.Actor.ID, byRole, r.role(c.User.ID), owners)
	if err != nil {
		return nil, err
	}
	if in := r.members[c.User.ID]; now == "" {
		delete(r.members, c.User.ID)
	} else if in != nil {
		in.role = now
	} else {
		r.members[c.User.ID] = &member{c.User, now, r.head().Seq + 1, d.At}
	}
	return marshal(wire.MemberBody{User: c.User.Wire(), Change: c.Change, Role: string(now)}), nil
}

func (r *room) changeMessage(d chat.Draft, role chat.Role) error {
	if !r.hasMessage(d.Target) {
		return chat.NoMessage()
	}
	var rev chat.Revision
	if old := r.revisions[d.Target]; old != nil {
		rev = clone(*old)
	}
	author := r.log[d.Target-1].Actor.ID
	if err := rev.Apply(d, r.head().Seq+1, author, r.kind(), role); err != nil {
		return err
	}
	r.revisions[d.Target] = &rev
	if d.Kind != chat.EventDeleted {
		return nil
	}
	for _, seq := range append([]chat.Seq{d.Target}, rev.Edits...) {
		e := &r.log[seq-1]
		body, err := chat.Erased(e.Kind, e.Body)
		if err != nil {
			return err
		}
		e.Body = body
	}
	return nil
}

// clone copies what Apply changes in place.
func clone(r chat.Revision) chat.Revision {
	r.Edits = slices.Clone(r.Edits)
	r.Reactions = slices.Clone(r.Reactions)
	for i := range r.Reactions {
		r.Reactions[i].Users = slices.Clone(r.Reactions[i].Users)
	}
	return r
}

// Messages implements chat.Store.
func (m *Memory) Messages(ctx context.Context, id chat.RoomID, q chat.Range) ([]chat.Message, bool, error) {
	if err := m.enter(ctx, "Messages"); err != nil {
		return nil, false, err
	}
	defer m.mu.Unlock()
	var all []chat.Message
	if r := m.rooms[id]; r != nil {
		for _, e := range r.log {
			if e.Kind != chat.EventMessage {
				continue
			}
			var rev chat.Revision
			if got := r.revisions[e.Seq]; got != nil {
				rev = clone(*got)
			}
			msg, err := rev.Message(e.Event)
			if err != nil {
				return nil, false, err
			}
			all = append(all, msg)
		}
	}
	from, at, to := window(all, q)
	from, to = at-fit(slices.Backward(all[from:at]), q), at+fit(slices.All(all[at:to]), q)
	switch {
	case q.Around != 0:
		return all[from:to], from > 0 || to < len(all), nil
	case q.After != 0:
		return all[from:to], to < len(all), nil
	}
	return all[from:to], from > 0, nil
}

// fit counts the messages that a page has room for on one side.
func fit(side iter.Seq2[int, chat.Message], q chat.Range) (n int) {
	room := chat.MaxRead
	if q.Around != 0 {
		room /= 2
	}
	for _, m := range side {
		room -= m.Size()
		if n > 0 && room < 0 {
			break
		}
		n++
	}
	return n
}

// window is the part of all that the range asks for, and at what place in it.
func window(all []chat.Message, q chat.Range) (from, at, to int) {
	// upTo counts the messages up to and including a seq.
	upTo := func(seq chat.Seq) int {
		n := 0
		for n < len(all) && all[n].Seq <= seq {
			n++
		}
		return n
	}
	switch {
	case q.Before != 0:
		to = upTo(q.Before - 1)
		return max(0, to-q.Limit), to, to
	case q.After != 0:
		from = upTo(q.After)
		return from, from, min(len(all), from+q.Limit)
	case q.Around != 0:
		at = upTo(q.Around)
		newer := q.Limit / 2
		return max(0, at-(q.Limit-newer)), at, min(len(all), at+newer)
	}
	return max(0, len(all)-q.Limit), len(all), len(all)
}
