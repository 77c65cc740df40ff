package web

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

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
	// Closed counts sockets that ended: by is who said good-bye first (server,
	// client or nobody), and code is one of those of PROTOCOL.md, "other", or "" where
	// nobody did. May be nil.
	Closed func(by, code string)
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

	drained context.Context // ends with Drain
	drain   context.CancelFunc
}

// NewSockets makes the handler.
func NewSockets(o SocketOptions) *Sockets {
	if o.Closed == nil {
		o.Closed = func(string, string) {}
	}
	s := &Sockets{o: o, doors: o.RateSockets.Limiter(), users: make(map[chat.UserID]int)}
	s.drained, s.drain = context.WithCancel(context.Background())
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
	s.drain()
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

// ServeHTTP checks everything that can be refused while this still is HTTP, and
// returns when the socket is open: what net/http keeps for a request, and the
// stack that came with it, are more than an idle socket needs.
func (s *Sockets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why, ok := s.enter(r.URL.Query().Get("resume") == "1"); !ok {
		mw.WriteProblem(w, r, http.StatusServiceUnavailable, "unavailable", why, retryDoor+rand.N(retryDoor))
		return
	}
	conn, served := &socket{}, false
	defer func() { // also of a panic, which the chain answers
		if !served {
			s.exit(conn.user)
		}
	}()
	id := s.accept(conn, w, r)
	if conn.ws == nil {
		return
	}
	conn.log = s.o.Log.With("request_id", mw.RequestID(r.Context()))
	session, err := s.session(conn, id)
	if err != nil {
		conn.log.Error("subprotocol", "error", err)
		conn.free()
		return
	}
	served = true
	go s.serve(conn, session)
}

// accept makes conn the socket of a request; it has no ws if the request got
// another answer.
func (s *Sockets) accept(conn *socket, w http.ResponseWriter, r *http.Request) chat.Identity {
	id := Caller(r.Context())
	switch offered := protocols(r); {
	case !s.o.Origins.AllowOrigin(r):
		mw.WriteProblem(w, r, http.StatusForbidden, "forbidden", "this origin may not open sockets here", 0)
	case len(offered) > 0 && !slices.ContainsFunc(offered, supported):
		mw.WriteProblem(w, r, http.StatusBadRequest, "bad_request",
			"no such subprotocol; supported: "+strings.Join(wire.Protocols(), ", "), 0)
	case r.ContentLength != 0:
		// Its bytes would be read as frames.
		mw.WriteProblem(w, r, http.StatusBadRequest, "bad_request", "a request for a socket has no body", 0)
	case byKey(r):
		mw.WriteProblem(w, r, http.StatusForbidden, "forbidden", "sockets are not for keys", 0)
	case id.User.ID == "" && hasCredentials(r):
		w.Header().Set("WWW-Authenticate", "Bearer")
		mw.WriteProblem(w, r, http.StatusUnauthorized, "unauthenticated", "sign in again", 0)
	case id.User.ID != "" && !s.count(id.User.ID, &conn.user):
		mw.WriteProblem(w, r, http.StatusTooManyRequests, "rate_limited",
			fmt.Sprintf("you have %d sockets open here already", MaxUserSockets), retryUser)
	default:
		conn.upgrade(w, r)
	}
	return id
}

func (s *Sockets) session(conn *socket, id chat.Identity) (*chat.Session, error) {
	codec, err := wire.ForProtocol(conn.ws.Subprotocol())
	if err != nil {
		return nil, err
	}
	o := s.o.Session
	o.Log, o.Wrap = conn.log, frameLinks(s.o, conn.log)
	o.Known = func(id chat.Identity) *chat.CloseError {
		if !s.count(id.User.ID, &conn.user) {
			return &chat.CloseError{Code: chat.CloseTooMany, Reason: fmt.Sprintf("retry_after_ms=%d", retryUser.Milliseconds())}
		}
		return nil
	}
	return chat.NewSession(s.o.Hub, s.o.Rooms, s.o.Accounts, conn, codec, id, o), nil
}

// serve runs the session of an open socket, on a goroutine of its own that
// [Sockets.Wait] waits for. Nothing of the request lives on in it, not even its
// context.
func (s *Sockets) serve(conn *socket, session *chat.Session) {
	defer s.left(conn)
	start := time.Now()
	err := session.Run(context.Background())
	by, code := conn.closed()
	s.o.Closed(by, code)
	conn.log.Info("socket closed", "user", conn.user, "duration", time.Since(start), "by", by, "code", code, "error", err)
	conn.linger(s.drained)
}

// left frees the socket and gives its place back; a panic ends no more than that.
func (s *Sockets) left(conn *socket) {
	if p := recover(); p != nil {
		s.o.Panicked()
		conn.log.Error("panic in a socket", "user", conn.user, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
	conn.free()
	s.exit(conn.user)
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

// byKey tells programs with an API key, which has no user, from people.
func byKey(r *http.Request) bool {
	p, _ := mw.PrincipalFrom(r.Context())
	return p.Key
}

// hasCredentials tells a client with wrong or old credentials, which is
// refused, from one that will say who it is in its first frame.
func hasCredentials(r *http.Request) bool {
	if r.Header.Get("Authorization") != "" {
		return true
	}
	_, err := r.Cookie(mw.SessionCookie(r.Context()))
	return err == nil
}
