package chattest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/wire"
)

// Stores is what the suite tests.
type Stores interface {
	chat.Store
	chat.AccountStore
	// Say appends a system message, in a transaction of its own.
	Say(ctx context.Context, room chat.RoomID, clientID, text string, at int64) (bus.Event, error)
}

// Suite tests that a store keeps the contracts of chat.Store and
// chat.AccountStore. Open makes a store, which the tests share; it may hold
// other rooms and users already.
func Suite(t *testing.T, open func(t *testing.T) Stores) {
	s := open(t)
	for _, part := range []struct {
		name string
		test func(w world)
	}{
		{"rooms", world.rooms},
		{"direct rooms", world.directRooms},
		{"rooms of orders", world.orderRooms},
		{"lists", world.lists},
		{"append", world.append},
		{"append to several rooms", world.several},
		{"idempotency", world.idempotency},
		{"concurrency", world.concurrency},
		{"members", world.members},
		{"who may change members", world.memberMatrix},
		{"renaming", world.renaming},
		{"edits", world.edits},
		{"deletes", world.deletes},
		{"reactions", world.reactions},
		{"pins", world.pins},
		{"what the server says", world.systemMessages},
		{"pages", world.pages},
		{"bytes of a read", world.bytesOfRead},
		{"reading", world.reading},
		{"text", world.text},
		{"users", world.accounts},
		{"roles", world.roles},
		{"disabled users", world.disabled},
		{"passwords", world.passwords},
		{"sessions", world.sessions},
		{"tickets", world.tickets},
		{"sweep", world.sweep},
		{"like memory", world.likeMemory},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(world{T: t, s: s}) })
	}
}

// world is one test with a store and the verbs of a chat. What fails ends the
// test, so the verbs return no errors; those that start with try do.
type world struct {
	*testing.T
	s Stores
}

func (w world) run(name string, f func(w world)) {
	w.Helper()
	w.Run(name, func(t *testing.T) { f(world{T: t, s: w.s}) })
}

// now is the time of all that happens in the suite.
const now = int64(1_790_000_000_123_456)

func (w world) user(name string) chat.Actor {
	w.Helper()
	u := chat.User{ID: chat.UserID(chat.NewID()), DisplayName: name, Guest: true, CreatedAt: now}
	w.ok(w.s.CreateUser(w.Context(), u, ""))
	return u.Actor()
}

func (w world) users(names ...string) []chat.Actor {
	w.Helper()
	var all []chat.Actor
	for _, name := range names {
		all = append(all, w.user(name))
	}
	return all
}

// freeName is a name that no room or user has.
func freeName() string { return "n" + strings.ToLower(chat.NewID()) }

func newRoom(kind chat.RoomKind, creator chat.Actor, others ...chat.Actor) chat.NewRoom {
	n := chat.NewRoom{
		ID: chat.RoomID(chat.NewID()), Epoch: chat.Epoch(chat.NewID()), Kind: kind,
		Topic: "all and sundry", Creator: creator, Members: others, CreatedAt: now,
	}
	if kind == chat.Direct {
		n.Topic = ""
		n.DirectKey = string(min(creator.ID, others[0].ID) + ":" + max(creator.ID, others[0].ID))
	} else {
		n.Name = freeName()
	}
	return n
}

func (w world) room(kind chat.RoomKind, creator chat.Actor, others ...chat.Actor) chat.RoomID {
	w.Helper()
	room, _, err := w.s.CreateRoom(w.Context(), newRoom(kind, creator, others...))
	w.ok(err)
	return room.ID
}

// The drafts, as Rooms makes them, each with a new client id.

func post(by chat.Actor, text string) chat.Draft {
	return hashed(chat.Draft{Kind: chat.EventMessage, Actor: by, Body: marshal(wire.MessageBody{Kind: wire.KindText, Text: text})})
}

func reply(by chat.Actor, to chat.Seq, text string) chat.Draft {
	return hashed(chat.Draft{
		Kind: chat.EventMessage, Actor: by, Target: to,
		Body: marshal(wire.MessageBody{Kind: wire.KindText, Text: text, ReplyTo: uint64(to)}),
	})
}

func edit(by chat.Actor, seq chat.Seq, text string) chat.Draft {
	return hashed(chat.Draft{
		Kind: chat.EventEdited, Actor: by, Target: seq, Text: text, TextKind: wire.KindMarkdown,
		Body: marshal(wire.EditedBody{Target: uint64(seq), Kind: wire.KindMarkdown, Text: text}),
	})
}

func erase(by chat.Actor, seq chat.Seq) chat.Draft {
	return hashed(chat.Draft{Kind: chat.EventDeleted, Actor: by, Target: seq, Body: marshal(wire.TargetBody{Target: uint64(seq)})})
}

func react(by chat.Actor, seq chat.Seq, emoji string, removed bool) chat.Draft {
	return hashed(chat.Draft{
		Kind: chat.EventReacted, Actor: by, Target: seq, Emoji: emoji, Removed: removed,
		Body: marshal(wire.ReactedBody{Target: uint64(seq), Emoji: emoji, Removed: removed}),
	})
}

func pin(by chat.Actor, seq chat.Seq, removed bool) chat.Draft {
	return hashed(chat.Draft{
		Kind: chat.EventPinned, Actor: by, Target: seq, Removed: removed,
		Body: marshal(wire.TargetBody{Target: uint64(seq), Removed: removed}),
	})
}

func change(by chat.Actor, what string, user chat.Actor, role chat.Role) chat.Draft {
	return hashed(chat.Draft{
		Kind: chat.EventMember, Actor: by, Member: &chat.MemberChange{User: user, Change: what, Role: role},
		Body: marshal(wire.MemberBody{User: user.Wire(), Change: what, Role: string(role)}),
	})
}

func rename(by chat.Actor, name, topic *string) chat.Draft {
	return hashed(chat.Draft{
		Kind: chat.EventRoom, Actor: by, Room: &chat.RoomChange{Name: name, Topic: topic},
		Body: marshal(map[string]*string{"name": name, "topic": topic}),
	})
}

func hashed(d chat.Draft) chat.Draft {
	d.ClientID, d.At = chat.NewID(), now
	d.Hash = sha256.Sum256(append([]byte(d.Kind), d.Body...))
	return d
}

// try appends drafts.
func (w world) try(room chat.RoomID, drafts ...chat.Draft) []chat.Result {
	w.Helper()
	results, err := w.s.Append(w.Context(), room, drafts)
	w.ok(err)
	if len(results) != len(drafts) {
		w.Fatalf("%d results for %d drafts", len(results), len(drafts))
	}
	return results
}

// do appends drafts that must be accepted and gives the last one's seq.
func (w world) do(room chat.RoomID, drafts ...chat.Draft) chat.Seq {
	w.Helper()
	var last chat.Seq
	for i, r := range w.try(room, drafts...) {
		if r.Err != nil || r.Repeat {
			w.Fatalf("draft %d (%s): repeat %v, error %v", i, drafts[i].Kind, r.Repeat, r.Err)
		}
		last = r.Event.Seq
	}
	return last
}

// refused appends a draft that must be refused, and that leaves no trace.
func (w world) refused(want error, room chat.RoomID, d chat.Draft) {
	w.Helper()
	before := w.log(room)
	w.is(w.try(room, d)[0].Err, want)
	if after := w.log(room); len(after) != len(before) {
		w.Fatalf("a refused %s is in the log", d.Kind)
	}
}

// log reads a room's whole log and checks that it has no hole.
func (w world) log(room chat.RoomID) []chat.Event {
	w.Helper()
	var events []chat.Event
	head, page, err := w.s.Since(w.Context(), room, 0, 1<<20)
	for ; err == nil && len(page) > 0; head, page, err = w.s.Since(w.Context(), room, chat.Seq(len(events)), 1<<20) {
		events = append(events, page...)
	}
	w.ok(err)
	for i, e := range events {
		if e.Seq != chat.Seq(i+1) || e.Room != room || e.Epoch != head.Epoch {
			w.Fatalf("event %d of %s is %s/%s/%d", i+1, room, e.Room, e.Epoch, e.Seq)
		}
	}
	if int(head.Seq) != len(events) {
		w.Fatalf("the head is %d, the log has %d events", head.Seq, len(events))
	}
	return events
}

// see is the room as the user sees it.
func (w world) see(room chat.RoomID, user chat.Actor) chat.Room {
	w.Helper()
	r, err := w.s.Room(w.Context(), string(room), user.ID)
	w.ok(err)
	return r
}

// message is a message as it is now.
func (w world) message(room chat.RoomID, seq chat.Seq) chat.Message {
	w.Helper()
	page, _, err := w.s.Messages(w.Context(), room, chat.Range{Around: seq, Limit: 1})
	w.ok(err)
	if len(page) != 1 || page[0].Seq != seq {
		w.Fatalf("message %d: got %v", seq, page)
	}
	return page[0]
}

func (w world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// is checks the code of an error, and its text if want has one.
func (w world) is(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Fatalf("error %v, want %v", err, want)
	}
}

func equal[T comparable](w world, what string, got, want T) {
	w.Helper()
	if got != want {
		w.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// body reads an event's body.
func body[T any](w world, e chat.Event) T {
	w.Helper()
	var b T
	if err := json.Unmarshal(e.Body, &b); err != nil {
		w.Fatalf("body %s: %v", e.Body, err)
	}
	return b
}
