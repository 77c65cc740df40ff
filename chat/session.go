package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"hubbub/chat/wire"
)

// Conn is one client's connection, whatever carries it.
type Conn interface {
	// Wait returns when there is something to read, or may be: until then it needs
	// little stack. Read gives the next message, or nil if it has to wait again.
	// They are called by one goroutine at a time.
	Wait() error
	Read(ctx context.Context) ([]byte, error)
	// TryWrite sends each frame as a message of its own, in one go, as far as that
	// needs no waiting. The rest, of which a part may be sent, is for Write, before
	// any other frame. [PingFrame] asks the peer for a sign of life. TryWrite and
	// Write are called by one goroutine at a time, and keep nothing of their
	// argument.
	TryWrite(frames [][]byte) (rest [][]byte, err error)
	// Write does the same and waits. The error is [ErrStalled] when the peer has
	// taken nothing for too long.
	Write(frames [][]byte) error
	// Heard is when the peer was last heard of.
	Heard() time.Time
	// Close says good-bye with a code, and waits a few seconds for the answer.
	// After ErrStalled it waits for nothing.
	Close(code int, reason string) error
	// CloseNow frees the connection; it may be called at any time, and again.
	CloseNow() error
}

// ErrStalled is what [Conn.Write] returns for a peer that takes nothing.
var ErrStalled = errors.New("chat: the peer has taken nothing for too long")

// PingFrame is the empty frame, which is no message.
var PingFrame = []byte{}

// Handler carries one command out. Web wraps links around [Session.Handle]
// (recover, log, limit); an error is answered to the client by the session.
type Handler func(ctx context.Context, s *Session, cmd wire.Command) error

// Authenticator finds out who a client is.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (Identity, error)
	Redeem(ctx context.Context, ticket string) (Identity, error)
}

// SessionOptions are the settings of sessions.
type SessionOptions struct {
	Node string
	// Heartbeat is the time between pings (default 20 s, with jitter); Silence ends
	// a peer that was not heard of for so long (default 45 s); Hello is how long
	// an unknown peer has to say who it is (default 10 s).
	Heartbeat, Silence, Hello time.Duration
	// Queue caps the outbound queue in bytes (default [QueueBytes]).
	Queue int
	// CommandTime bounds one command (default 15 s).
	CommandTime time.Duration
	Limits      wire.Limits
	Log         *slog.Logger
	Now         func() time.Time
	// Degraded tells whether the node hears the others only late.
	Degraded func() bool
	// Presence tells who is online; nil: the command is not supported.
	Presence *Presence
	// Known is told who the client is when it did not come with credentials; an
	// error ends the socket. Called by the goroutine of Run; may be nil.
	Known func(Identity) *CloseError
	// Wrap puts links around the handling of a command; nil for none.
	Wrap func(Handler) Handler
}

func (o SessionOptions) withDefaults() SessionOptions {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.Heartbeat, 20*time.Second)
	def(&o.Silence, 45*time.Second)
	def(&o.Hello, 10*time.Second)
	def(&o.CommandTime, 15*time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Degraded == nil {
		o.Degraded = func() bool { return false }
	}
	if o.Known == nil {
		o.Known = func(Identity) *CloseError { return nil }
	}
	if o.Wrap == nil {
		o.Wrap = func(h Handler) Handler { return h }
	}
	return o
}

// Session is one connected client; reader.go and writer.go have its two halves.
type Session struct {
	// Static after construction.
	hub    *Hub
	rooms  *Rooms
	auth   Authenticator
	conn   Conn
	codec  wire.Codec
	queue  *queue
	opts   SessionOptions
	handle Handler

	life context.Context // of Run; set before anything is queued

	next        *Session // in a list of sessions to be written to; owned by the writer
	slot, place int      // in the wheel of heartbeats; guarded by pulse.mu

	// Owned by the reader.
	joined []*subscription
	typed  map[RoomID]time.Time // when typing was last told; made when it is
	bad    []time.Time          // the last bad frames

	away atomic.Bool // as the client said last

	mu sync.Mutex
	id Identity // changed by an auth command only
}

// NewSession makes a session for a connection; id is zero when the client has
// not said yet who it is.
func NewSession(hub *Hub, rooms *Rooms, auth Authenticator, conn Conn, codec wire.Codec, id Identity, o SessionOptions) *Session {
	o = o.withDefaults()
	s := &Session{
		hub: hub, rooms: rooms, auth: auth, conn: conn, codec: codec, opts: o, id: id,
		queue: newQueue(o.Queue),
	}
	s.handle = o.Wrap(func(ctx context.Context, s *Session, cmd wire.Command) error { return s.Handle(ctx, cmd) })
	return s
}

// Identity is who the client is; zero before it said so.
func (s *Session) Identity() Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

// User is the client's user.
func (s *Session) User() User { return s.Identity().User }

// errOver ends the read loop after the writer was told how to end.
var errOver = errors.New("chat: session over")

// hello waits for the auth command of a client that came without credentials.
func (s *Session) hello(ctx context.Context) error {
	// End, because a Read that is given up closes the connection without a word.
	late := time.AfterFunc(s.opts.Hello, func() { s.End(CloseSignIn, "nobody said who this is") })
	defer late.Stop()
	stop := context.AfterFunc(s.hub.drained, func() { s.End(CloseRestart, "restart") })
	defer stop()
	var data []byte
	for err := error(nil); data == nil; {
		if data, err = s.conn.Read(ctx); err != nil {
			return s.readError(err)
		}
	}
	if !utf8.Valid(data) {
		return s.over(CloseBadText, "not UTF-8")
	}
	cmd, err := s.codec.Decode(data)
	auth, ok := cmd.(*wire.Auth)
	if err != nil || !ok {
		return s.over(CloseSignIn, "the first frame must be auth")
	}
	id, err := s.identify(ctx, auth)
	if err != nil {
		s.refuse(auth.ID, err)
		return s.over(CloseSignIn, "sign in again")
	}
	if ce := s.opts.Known(id); ce != nil {
		return s.over(ce.Code, ce.Reason)
	}
	s.mu.Lock()
	s.id = id
	s.mu.Unlock()
	return nil
}

func (s *Session) identify(ctx context.Context, a *wire.Auth) (Identity, error) {
	switch {
	case a.Ticket != "" && a.Token != "":
		return Identity{}, Refuse(ErrBadRequest, "give a ticket or a token, not both")
	case a.Ticket != "":
		return s.auth.Redeem(ctx, a.Ticket)
	default:
		return s.auth.Authenticate(ctx, a.Token)
	}
}

func (s *Session) welcome() error {
	return s.reply(wire.Welcome{
		Node: s.opts.Node, User: s.User().Wire(), Protocol: 1,
		HeartbeatS: int(s.opts.Heartbeat / time.Second), Limits: s.opts.Limits,
		ServerTime: wire.Micros(s.opts.Now().UnixMicro()), Degraded: s.opts.Degraded(),
	})
}

// CloseError is what Conn.Read returns for a fault that has a close code: the
// session passes it on to the peer.
type CloseError struct {
	Code   int
	Reason string
}

func (e *CloseError) Error() string { return fmt.Sprintf("close %d: %s", e.Code, e.Reason) }

func (s *Session) readError(err error) error {
	var ce *CloseError
	if errors.As(err, &ce) {
		return s.over(ce.Code, ce.Reason)
	}
	if s.queue.ending() {
		return errOver
	}
	return err
}

// Bad frames: the third within the window ends the socket.
const (
	badWindow = 10 * time.Second
	badFrames = 3
)

// frame carries one message of the client out. An error ends the session.
func (s *Session) frame(ctx context.Context, data []byte) error {
	if !utf8.Valid(data) {
		return s.over(CloseBadText, "not UTF-8")
	}
	cmd, err := s.codec.Decode(data)
	if d, ok := errors.AsType[*wire.DecodeError](err); ok {
		cmd = &wire.Broken{Header: wire.Header{Type: "broken", ID: d.ID}, Err: d}
	} else if err != nil {
		return err
	}
	if cmd == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.CommandTime)
	defer cancel()
	err = s.handle(ctx, s, cmd)
	var ce *CloseError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errOver), errors.Is(err, errGone):
		return err
	case errors.As(err, &ce):
		return s.over(ce.Code, ce.Reason)
	}
	return s.refuse(cmd.CommandID(), err)
}

// badFrame tells what is wrong with a message.
func (s *Session) badFrame(d *wire.DecodeError) error {
	f := wire.Error{ID: d.ID, Code: d.Code, Detail: d.Detail}
	if d.Field != "" {
		f.Errors = []wire.FieldError{{Field: d.Field, Detail: d.Detail}}
		f.Detail = d.Field + " " + d.Detail
	}
	if err := s.reply(f); err != nil {
		return err
	}
	if d.Code != ErrBadRequest.Code {
		return nil
	}
	now := s.opts.Now()
	for len(s.bad) > 0 && now.Sub(s.bad[0]) > badWindow {
		s.bad = s.bad[1:]
	}
	if s.bad = append(s.bad, now); len(s.bad) >= badFrames {
		return s.over(CloseBadFrame, "bad frames")
	}
	return nil
}

// refuse answers an error: what may be shown is, everything else is "internal".
func (s *Session) refuse(id string, err error) error {
	f := wire.Error{ID: id}
	var e *Error
	if errors.As(err, &e) {
		f.Code, f.Detail, f.RetryAfterMS = e.Code, e.Text, e.RetryAfter.Milliseconds()
		if e.Field != "" {
			f.Errors = []wire.FieldError{{Field: e.Field, Detail: e.Text}}
			f.Detail = e.Field + " " + e.Text
		}
		if e.Cause != nil {
			level := slog.LevelWarn
			if errors.Is(e, ErrUnavailable) { // the store tells of an outage once
				level = slog.LevelDebug
			}
			s.opts.Log.Log(context.Background(), level, "command refused", "user", s.User().ID, "code", e.Code, "error", err)
		}
	} else {
		s.opts.Log.Error("command failed", "user", s.User().ID, "error", err)
		f.Code, f.Detail = ErrInternal.Code, "something went wrong on our side"
	}
	return s.reply(f)
}

// reply queues an answer and waits for room, for at most the time that a stuck
// writer is given.
func (s *Session) reply(f wire.Frame) error {
	b := s.codec.Frame(f)
	if b == nil {
		return nil
	}
	mine, err := s.queue.reply(b)
	if mine {
		s.flush()
	}
	return err
}

// push queues a frame that nobody asked for; when it does not fit it is lost.
func (s *Session) push(f wire.Frame) {
	if b := s.codec.Frame(f); b != nil {
		_, mine := s.queue.push(b)
		s.start(mine)
	}
}

func (s *Session) pushLast(f wire.Frame) {
	if b := s.codec.Frame(f); b != nil {
		_, mine := s.queue.pushLast(b)
		s.start(mine)
	}
}

// encode turns frames of the JSON format into the session's own.
func (s *Session) encode(frames [][]byte) [][]byte {
	if s.codec.Format() == wire.FormatJSON {
		return frames
	}
	out := make([][]byte, 0, len(frames))
	for _, f := range frames {
		if b := s.codec.Event(f); b != nil {
			out = append(out, b)
		}
	}
	return out
}

// lost tells the client that a room's stream has ended; called with the topic's
// lock held, so it only queues.
func (s *Session) lost(room RoomID, reason string) {
	s.pushLast(wire.Left{Room: string(room), Reason: reason})
}

// reset tells the client to forget what it has of a room; as lost.
func (s *Session) reset(room RoomID, h Head, reason string) {
	s.pushLast(wire.Reset{Room: string(room), Epoch: string(h.Epoch), Head: uint64(h.Seq), Reason: reason})
}

// endTime is how long the end of a session may take: a peer that does not read
// must not keep what it is not to have.
const endTime = 5 * time.Second

// End lets the session end with a close code after what is queued. It may be
// called from anywhere.
func (s *Session) End(code int, reason string) {
	s.start(s.queue.end(code, reason))
	time.AfterFunc(endTime, s.cut)
}

// over ends the session from its own reader.
func (s *Session) over(code int, reason string) error {
	s.End(code, reason)
	return errOver
}

// cut frees the connection at once.
func (s *Session) cut() { s.conn.CloseNow() }
