package chat

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"hubbub/bus"
	"hubbub/chat/wire"
)

// Publisher tells all nodes, this one too, what was committed. It never waits;
// what it loses is found again by number.
type Publisher interface {
	Publish(bus.Event) error
}

// Users looks users up, to invite them and to write their names into events.
type Users interface {
	UserByID(ctx context.Context, id UserID) (User, string, error)
	Staff(ctx context.Context, role UserRole, limit int) ([]User, error)
}

// Rooms is the durable half of the chat: it checks what is asked, hands it to
// the room's writer and reads rooms, members and history. All methods may be
// called from any goroutine; errors are *Error or internal.
type Rooms struct {
	// Static after construction.
	store Store
	users Users
	pub   Publisher
	log   *slog.Logger
	node  string
	now   func() time.Time

	appender *appender
	admitted admission
}

// RoomsOptions are the settings of [NewRooms]; the zero value of a field is its default.
type RoomsOptions struct {
	Node string
	Log  *slog.Logger
	Now  func() time.Time
	// Committers is how many transactions for several rooms may be open (default
	// 2), Batches how many for one room alone (default 16): each takes one SQL
	// connection.
	Committers, Batches int
	// Queue is how many drafts may wait per room (default 1024).
	Queue int
	// Probe is called where a client's send is carried out ([PointSend]), where a
	// batch has been committed and nobody was told ([PointCommitted]), and where
	// its senders were told and nobody else ([PointAcked]): for fault tests, which
	// panic at the first and end the process at the others. May be nil.
	Probe func(point string)
	// Timed is told of each transaction: how many drafts it was for, and what it
	// took. It must not block. May be nil.
	Timed func(drafts int, took time.Duration)
}

// NewRooms makes the durable half; Run must run while it is used.
func NewRooms(store Store, users Users, pub Publisher, o RoomsOptions) *Rooms {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Rooms{store: store, users: users, pub: pub, log: o.Log, node: o.Node, now: o.Now}
	if o.Probe == nil {
		o.Probe = func(string) {}
	}
	if o.Timed == nil {
		o.Timed = func(int, time.Duration) {}
	}
	r.appender = newAppender(store, r.tell, o)
	return r
}

// Run waits for ctx to end, then refuses new drafts, lets the open batches
// finish, and returns when the last writer is gone.
func (r *Rooms) Run(ctx context.Context) error {
	<-ctx.Done()
	r.appender.close()
	return nil
}

// Stats tells what the writers did.
func (r *Rooms) Stats() AppendStats { return r.appender.stats() }

// Sent says where something was stored.
type Sent struct {
	Room   RoomID
	Seq    Seq
	At     int64 // microseconds since 1970
	Repeat bool  // it had been stored before, under the same client id
}

// Post is what somebody says. Kind is wire.KindText when empty.
type Post struct {
	ClientID   string
	Kind, Text string
	ReplyTo    Seq
}

// Edit is the new text of one's own message.
type Edit struct {
	ClientID   string
	Seq        Seq
	Kind, Text string
}

// Action is what is done to a message other than editing: deleting, reacting
// (Emoji), pinning. Removed takes a reaction or a pin back.
type Action struct {
	ClientID string
	Seq      Seq
	Emoji    string
	Removed  bool
}

// Post says something in a room. It returns after COMMIT; the error
// ErrUnknownOutcome means: send the same client id again.
func (r *Rooms) Post(ctx context.Context, who User, ref string, p Post) (Sent, error) {
	if p.Kind == "" {
		p.Kind = wire.KindText
	}
	if err := checkMessage(p.Kind, p.Text); err != nil {
		return Sent{}, err
	}
	return r.send(ctx, who, ref, Draft{
		Kind: EventMessage, ClientID: p.ClientID, Target: p.ReplyTo,
		Body: body(wire.MessageBody{Kind: p.Kind, Text: p.Text, ReplyTo: uint64(p.ReplyTo)}),
	})
}

// Edit replaces the text of the caller's own message.
func (r *Rooms) Edit(ctx context.Context, who User, ref string, e Edit) (Sent, error) {
	if e.Kind == "" {
		e.Kind = wire.KindText
	}
	if err := checkMessage(e.Kind, e.Text); err != nil {
		return Sent{}, err
	}
	return r.send(ctx, who, ref, Draft{
		Kind: EventEdited, ClientID: e.ClientID, Target: e.Seq, Text: e.Text, TextKind: e.Kind,
		Body: body(wire.EditedBody{Target: uint64(e.Seq), Kind: e.Kind, Text: e.Text}),
	})
}

// Delete erases a message: the caller's own, or anybody's for a moderator.
func (r *Rooms) Delete(ctx context.Context, who User, ref string, a Action) (Sent, error) {
	return r.send(ctx, who, ref, Draft{
		Kind: EventDeleted, ClientID: a.ClientID, Target: a.Seq,
		Body: body(wire.TargetBody{Target: uint64(a.Seq)}),
	})
}

// React sets a reaction or takes it back.
func (r *Rooms) React(ctx context.Context, who User, ref string, a Action) (Sent, error) {
	return r.send(ctx, who, ref, Draft{
		Kind: EventReacted, ClientID: a.ClientID, Target: a.Seq, Emoji: a.Emoji, Removed: a.Removed,
		Body: body(wire.ReactedBody{Target: uint64(a.Seq), Emoji: a.Emoji, Removed: a.Removed}),
	})
}

// Pin pins a message or unpins it.
func (r *Rooms) Pin(ctx context.Context, who User, ref string, a Action) (Sent, error) {
	return r.send(ctx, who, ref, Draft{
		Kind: EventPinned, ClientID: a.ClientID, Target: a.Seq, Removed: a.Removed,
		Body: body(wire.TargetBody{Target: uint64(a.Seq), Removed: a.Removed}),
	})
}

// send resolves the room and waits until the draft is committed. Whether the
// actor may do it is decided by the store under the room's lock, where a kick
// cannot slip in between; here only the room's existence is settled, so that
// nobody starts writers for rooms that are not there.
func (r *Rooms) send(ctx context.Context, who User, ref string, d Draft) (Sent, error) {
	if !wire.ValidID(d.ClientID) {
		return Sent{}, Invalid("client_id", fmt.Sprintf("must be 1 to %d printable ASCII characters", wire.MaxID))
	}
	room, err := r.sendTo(ctx, who.ID, ref)
	if err != nil {
		return Sent{}, err
	}
	d.Actor = who.Actor()
	r.appender.probe(PointSend)
	res, err := r.append(ctx, room, d)
	if err != nil {
		r.admitted.drop(who.ID, ref)
		return Sent{}, err
	}
	return Sent{Room: room, Seq: res.Event.Seq, At: res.Event.At, Repeat: res.Repeat}, nil
}

// append completes a draft and waits for its batch.
func (r *Rooms) append(ctx context.Context, room RoomID, d Draft) (Result, error) {
	d.At = r.now().UnixMicro()
	if d.ClientID == "" {
		// What the server makes itself needs an id too, to be found after a COMMIT
		// whose outcome was not heard.
		d.ClientID = rand.Text()
	}
	d.Hash = sha256.Sum256(append([]byte(d.Kind+"\x00"), d.Body...))
	res, err := r.appender.submit(ctx, room, d)
	if err != nil {
		return Result{}, err
	}
	return res, res.Err
}

// tell publishes what a batch committed, in the order of its numbers. Loss is
// no error here: the head check finds it.
func (r *Rooms) tell(events []Event) {
	now := r.now().UnixMicro()
	for _, e := range pack(events, r.node, now) {
		if err := r.pub.Publish(e); err != nil && !errors.Is(err, bus.ErrFull) {
			r.log.Error("publish", "topic", e.Topic, "seq", e.First, "error", err)
		}
	}
	for _, e := range events {
		if e.Kind == EventMember {
			r.tellMember(e)
		}
	}
}

// tellMember lets the sockets of the user that a "member" event is about know
// that their list of rooms changed.
func (r *Rooms) tellMember(e Event) {
	var b wire.MemberBody
	if err := json.Unmarshal(e.Body, &b); err != nil {
		r.log.Error("member event without a body", "room", e.Room, "seq", e.Seq, "error", err)
		return
	}
	r.whisper(UserID(b.User.ID), wire.Membership{Room: string(e.Room), Change: b.Change})
}

// whisper sends a frame without a number to all sockets of one user.
func (r *Rooms) whisper(user UserID, f wire.Frame) {
	r.ephemeral(userTopic(user), f)
}

func (r *Rooms) ephemeral(t bus.Topic, f wire.Frame) {
	err := r.pub.Publish(bus.Event{
		Topic: t, Kind: bus.Ephemeral, Node: r.node, At: r.now().UnixMicro(),
		Frames: [][]byte{wire.EncodeFrame(f)},
	})
	if err != nil && !errors.Is(err, bus.ErrFull) {
		r.log.Error("publish", "topic", t, "error", err)
	}
}

// Typing tells the others in the room that the user is writing. The caller has
// made sure that the user is in the room, and limits the rate.
func (r *Rooms) Typing(who User, room RoomID) {
	r.ephemeral(roomTopic(room), wire.TypingNow{Room: string(room), User: who.Actor().Wire()})
}

// MarkRead moves the caller's read marker, never back, and tells the caller's
// other devices.
func (r *Rooms) MarkRead(ctx context.Context, who UserID, ref string, seq Seq) (Seq, error) {
	room, err := r.member(ctx, who, ref)
	if err != nil {
		return 0, err
	}
	at, err := r.store.MarkRead(ctx, room, who, seq)
	if err != nil {
		return 0, err
	}
	r.whisper(who, wire.ReadTo{Room: string(room), Seq: uint64(at)})
	return at, nil
}

// body writes an event's own fields; they hold nothing that cannot be written.
func body(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("chat: %T: %v", v, err))
	}
	return b
}

func checkMessage(kind, text string) error {
	err := wire.CheckMessage(kind, text)
	if d, ok := errors.AsType[*wire.DecodeError](err); ok {
		return &Error{Code: d.Code, Field: d.Field, Text: d.Detail}
	}
	return err
}
