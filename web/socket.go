package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"hubbub/chat"
	"hubbub/chat/wire"
	"hubbub/mw"
)

// SocketOptions are what [NewSockets] needs.
type SocketOptions struct {
	Hub      *chat.Hub
	Rooms    *chat.Rooms
	Accounts chat.Authenticator
	Session  chat.SessionOptions
	Origins  *mw.Origins
	Log      *slog.Logger
	// Max is how many sockets may be open at once; above it new ones get 503.
	Max int
	// RateSockets limits how fast sockets are opened, so that everybody coming
	// back at once is a queue and not a fall.
	RateSockets mw.Rate
	// RateSession limits the commands of one socket, PerUser those of one user.
	RateSession mw.Rate
	PerUser     *mw.Limiter
	// Panicked counts panics.
	Panicked func()
}

// Sockets turns requests into sessions: GET /v1/socket. It counts them, since
// the HTTP server neither closes nor awaits hijacked connections
// (golang/go#17721).
type Sockets struct {
	o     SocketOptions
	doors *rate.Limiter

	mu       sync.Mutex
	open     int
	users    map[chat.UserID]int // sockets of each; no zeros
	draining bool
	wg       sync.WaitGroup
}

// NewSockets makes the handler.
func NewSockets(o SocketOptions) *Sockets {
	s := &Sockets{o: o, doors: o.RateSockets.Limiter(), users: make(map[chat.UserID]int)}
	s.o.Session.Limits = wire.Limits{
		Frame: wire.MaxFrame, Text: wire.MaxText, Depth: wire.MaxDepth, ID: wire.MaxID,
		Joins: wire.MaxJoins, Page: wire.MaxPage, Presence: wire.MaxPresence, SilenceS: 45, RateBurst: o.RateSession.Burst,
	}
	if o.RateSession.Events > 0 {
		s.o.Session.Limits.RatePerS = float64(o.RateSession.Events) / o.RateSession.Per.Seconds()
	}
	return s
}

// Drain refuses further sockets; the hub closes those that are open.
func (s *Sockets) Drain() {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
}

// Wait returns when the last session has ended; call it after Drain.
func (s *Sockets) Wait() { s.wg.Wait() }

// Open is how many sockets are open now.
func (s *Sockets) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// MaxUserSockets is how many sockets one user may have open on one node: tabs
// and devices, and not a way to take all places of [SocketOptions].
const MaxUserSockets = 50

// retryUser is what somebody with too many sockets is told: dead ones are found
// out after 45 s.
const retryUser = 30 * time.Second

// retryDoor is the least delay told to a client that found no place; each gets
// one of its own, up to twice as long.
const retryDoor = 2 * time.Second

// enter takes one of the places, or says why there is none. A client that comes
// back (?resume=1) goes before one that is new: half of the burst is kept for
// those who were in the middle of something.
func (s *Sockets) enter(resume bool) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	fresh := !resume && s.doors.Limit() != rate.Inf
	switch {
	case s.draining:
		return "this server is stopping", false
	case s.o.Max > 0 && s.open >= s.o.Max:
		return "this server has as many sockets as it can carry", false
	case fresh && s.doors.TokensAt(now) < float64(s.doors.Burst())/2, !s.doors.AllowN(now, 1):
		return "too many clients come at once", false
	}
	s.open++
	s.wg.Add(1)
	return "", true
}

// count notes in mine whose socket it is, unless the user has too many.
func (s *Sockets) count(user chat.UserID, mine *chat.UserID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[user] >= MaxUserSockets {
		return false
	}
	s.users[user]++
	*mine = user
	return true
}

// exit gives the place back; user is empty where nobody said who it is.
func (s *Sockets) exit(user chat.UserID) {
	s.mu.Lock()
	s.open--
	if s.users[user]--; s.users[user] <= 0 {
		delete(s.users, user)
	}
	s.mu.Unlock()
	s.wg.Done()
}

// ServeHTTP checks everything that can be refused while this still is HTTP,
// then blocks in the session until the client has gone.
func (s *Sockets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why, ok := s.enter(r.URL.Query().Get("resume") == "1"); !ok {
		mw.WriteProblem(w, r, http.StatusServiceUnavailable, "unavailable", why, retryDoor+rand.N(retryDoor))
		return
	}
	var user chat.UserID // whose socket it is, once that is known
	defer func() { s.exit(user) }()
	if !s.o.Origins.AllowOrigin(r) {
		mw.WriteProblem(w, r, http.StatusForbidden, "forbidden", "this origin may not open sockets here", 0)
		return
	}
	if offered := protocols(r); len(offered) > 0 && !slices.ContainsFunc(offered, supported) {
		mw.WriteProblem(w, r, http.StatusBadRequest, "bad_request",
			"no such subprotocol; supported: "+strings.Join(wire.Protocols(), ", "), 0)
		return
	}
	if r.ContentLength != 0 {
		// Its bytes would be read as frames.
		mw.WriteProblem(w, r, http.StatusBadRequest, "bad_request", "a request for a socket has no body", 0)
		return
	}
	if p, _ := mw.PrincipalFrom(r.Context()); p.Key {
		mw.WriteProblem(w, r, http.StatusForbidden, "forbidden", "sockets are not for keys", 0)
		return
	}
	id := Caller(r.Context())
	if id.User.ID == "" && hasCredentials(r) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		mw.WriteProblem(w, r, http.StatusUnauthorized, "unauthenticated", "sign in again", 0)
		return
	}
	if id.User.ID != "" && !s.count(id.User.ID, &user) {
		mw.WriteProblem(w, r, http.StatusTooManyRequests, "rate_limited",
			fmt.Sprintf("you have %d sockets open here already", MaxUserSockets), retryUser)
		return
	}
	grip := &grip{ResponseWriter: w}
	ws, err := websocket.Accept(grip, r, &websocket.AcceptOptions{
		Subprotocols:       wire.Protocols(),
		InsecureSkipVerify: true, // the origin was checked above, against more than the Host
		CompressionMode:    websocket.CompressionDisabled,
		OnPingReceived:     func(context.Context, []byte) bool { return grip.link.control() },
		OnPongReceived:     func(context.Context, []byte) { grip.link.control() },
	})
	if err != nil {
		grip.answer(r)
		return
	}
	conn := &socket{ws: ws, link: grip.link}
	defer conn.CloseNow()
	ws.SetReadLimit(wire.MaxFrame)
	codec, err := wire.ForProtocol(ws.Subprotocol())
	if err != nil {
		s.o.Log.Error("subprotocol", "error", err)
		return
	}
	// The request's context says nothing of a hijacked connection; the session
	// ends with its read loop.
	ctx := context.WithoutCancel(r.Context())
	log := s.o.Log.With("request_id", mw.RequestID(ctx))
	o := s.o.Session
	o.Log, o.Wrap = log, frameLinks(s.o, log)
	o.Known = func(id chat.Identity) *chat.CloseError { // on this goroutine
		mw.LogUser(ctx, string(id.User.ID))
		if !s.count(id.User.ID, &user) {
			return &chat.CloseError{Code: chat.CloseTooMany, Reason: fmt.Sprintf("retry_after_ms=%d", retryUser.Milliseconds())}
		}
		return nil
	}
	err = chat.NewSession(s.o.Hub, s.o.Rooms, s.o.Accounts, conn, codec, id, o).Run(ctx)
	log.Debug("socket closed", "user", user, "error", err)
}

// protocols lists the subprotocols that the client offers.
func protocols(r *http.Request) []string {
	var out []string
	for _, h := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(h, ",") {
			if p = strings.TrimSpace(p); p != "" {
				out = append(out, p)
			}
		}
	}
	return out
}

func supported(p string) bool { return slices.Contains(wire.Protocols(), p) }

// hasCredentials tells a client with wrong or old credentials, which is
// refused, from one that will say who it is in its first frame.
func hasCredentials(r *http.Request) bool {
	if r.Header.Get("Authorization") != "" {
		return true
	}
	_, err := r.Cookie(mw.SessionCookie(r.Context()))
	return err == nil
}

// messageTime is how long a message may take from its first byte to its last.
const messageTime = 10 * time.Second

// socket is a WebSocket as a session sees it.
type socket struct {
	ws   *websocket.Conn
	link *link
}

// Read gives the next text message. CloseNow ends it, and nothing else: for a
// context that could end, the library would start and stop a watch per frame,
// however empty.
func (c *socket) Read(context.Context) ([]byte, error) {
	typ, r, err := c.ws.Reader(context.Background())
	if err != nil {
		return nil, err
	}
	if typ != websocket.MessageText {
		return nil, &chat.CloseError{Code: chat.CloseUnsupported, Reason: "text messages only"}
	}
	// A message that never ends, or never goes on, costs its sender the socket.
	timer := time.AfterFunc(messageTime, func() { c.ws.CloseNow() })
	defer timer.Stop()
	return readMessage(r)
}

// Write sends every frame as one message, all of them in one write to the
// network.
func (c *socket) Write(frames [][]byte) error {
	c.link.cork()
	var err error
	for _, f := range frames {
		// Background: a deadline per message costs a context and a timer each; the
		// link sets one on the network connection.
		if err = c.ws.Write(context.Background(), websocket.MessageText, f); err != nil {
			err = fmt.Errorf("write: %w", err)
			break
		}
	}
	return errors.Join(err, c.link.uncork())
}

func (c *socket) Ping() error      { return c.link.ping() }
func (c *socket) Heard() time.Time { return c.link.heardAt() }

func (c *socket) Close(code int, reason string) error {
	return c.ws.Close(websocket.StatusCode(code), reason)
}

// CloseNow closes the network connection first: while the library waits in
// Close for the peer's answer, its own CloseNow waits too.
func (c *socket) CloseNow() error {
	c.link.Conn.Close()
	return c.ws.CloseNow()
}
