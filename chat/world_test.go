package chat_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/chattest"
	"hubbub/chat/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type cmd = map[string]any

// world is a deployment in one process: nodes over one store in memory and one
// bus, which a test may make lossy.
type world struct {
	t      *testing.T
	store  *chattest.Memory
	orders *orderLog
	nodes  []*node
	ctx    context.Context
	wg     sync.WaitGroup

	mu    sync.Mutex
	fault func(bus.Event) []bus.Event // nil: every event arrives as it is
}

type node struct {
	world *world
	hub   *chat.Hub
	rooms *chat.Rooms
	opts  chat.SessionOptions
}

func newWorld(t *testing.T, n int, o chat.RoomsOptions) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{t: t, store: chattest.NewMemory(), orders: newOrderLog(), ctx: ctx}
	quiet := slog.New(slog.DiscardHandler)
	o.Log = quiet
	for i := range n {
		nd := &node{world: w, hub: chat.NewHub(chat.WithOrders(w.store, w.orders), w.store, chat.HubOptions{Log: quiet})}
		o.Node = fmt.Sprintf("node-%d", i+1)
		nd.rooms = chat.NewRooms(w.store, w.store, w, o)
		nd.opts = chat.SessionOptions{Node: o.Node, Log: quiet}
		w.nodes = append(w.nodes, nd)
		w.wg.Go(func() { nd.rooms.Run(ctx) })
		w.wg.Go(func() { nd.hub.Run(ctx) })
	}
	t.Cleanup(func() {
		cancel()
		w.wg.Wait()
	})
	return w
}

// Publish hands the event to every node in turn, as one goroutine per topic
// would: the lock keeps the order.
func (w *world) Publish(e bus.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	events := []bus.Event{e}
	if w.fault != nil {
		events = w.fault(e)
	}
	for _, e := range events {
		for _, n := range w.nodes {
			n.hub.Deliver(e)
		}
	}
	return nil
}

func (w *world) breakBus(f func(bus.Event) []bus.Event) {
	w.mu.Lock()
	w.fault = f
	w.mu.Unlock()
}

// user makes an account with one login.
func (w *world) user(name string) chat.Identity {
	w.t.Helper()
	u := chat.User{ID: chat.UserID(chat.NewID()), Name: name, DisplayName: name}
	if err := w.store.CreateUser(w.ctx, u, ""); err != nil {
		w.t.Fatal(err)
	}
	l := chat.Login{ID: chat.SessionID(chat.NewID()), User: u.ID, ExpiresAt: time.Now().Add(time.Hour).UnixMicro()}
	if err := w.store.CreateSession(w.ctx, l, chat.HashToken(chat.NewID())); err != nil {
		w.t.Fatal(err)
	}
	return chat.Identity{User: u, Session: l}
}

// room makes a public room with these members, the first one its owner.
func (w *world) room(name string, members ...chat.Identity) chat.Room {
	w.t.Helper()
	r := w.nodes[0].rooms
	room, err := r.Create(w.ctx, members[0].User, chat.CreateRoom{Kind: chat.Public, Name: name})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range members[1:] {
		if room, err = r.Join(w.ctx, m.User, string(room.ID)); err != nil {
			w.t.Fatal(err)
		}
	}
	return room
}

// noAuth stands where nobody signs in on the socket.
type noAuth struct{}

func (noAuth) Authenticate(context.Context, string) (chat.Identity, error) {
	return chat.Identity{}, chat.Refuse(chat.ErrUnauthenticated, "sign in again")
}
func (noAuth) Redeem(context.Context, string) (chat.Identity, error) {
	return chat.Identity{}, chat.Refuse(chat.ErrUnauthenticated, "sign in again")
}

// connect opens a socket for the user and reads its welcome.
func (n *node) connect(id chat.Identity) *chattest.Client {
	n.world.t.Helper()
	c := n.dial(id)
	if f := c.Expect("welcome"); f.Str("node") != n.opts.Node {
		n.world.t.Fatalf("welcome from %q, want %q", f.Str("node"), n.opts.Node)
	}
	return c
}

func (n *node) dial(id chat.Identity) *chattest.Client {
	n.world.t.Helper()
	codec, err := wire.ForProtocol(wire.ProtocolJSON)
	if err != nil {
		n.world.t.Fatal(err)
	}
	pipe, client := chattest.NewPipe(n.world.t, id.User.Name)
	s := chat.NewSession(n.hub, n.rooms, noAuth{}, pipe, codec, id, n.opts)
	n.world.wg.Go(func() { s.Run(n.world.ctx) })
	n.world.t.Cleanup(client.Leave)
	return client
}

// join joins a room and gives the "joined" frame.
func join(c *chattest.Client, room chat.Room, more cmd) chattest.Frame {
	frame := cmd{"type": "join", "id": "j", "room": string(room.ID)}
	for k, v := range more {
		frame[k] = v
	}
	c.Send(frame)
	return c.Expect("joined")
}

func post(c *chattest.Client, room chat.Room, id, text string) {
	c.Send(cmd{"type": "post", "id": id, "room": string(room.ID), "text": text})
}

// flakyLeases fail on demand. What fails may be carried out later all the same:
// a server that stands still does so when it goes on.
type flakyLeases struct {
	*chat.LocalLeases
	mu   sync.Mutex
	err  error
	late []func()
}

func (l *flakyLeases) fail(err error) {
	l.mu.Lock()
	l.err = err
	l.mu.Unlock()
}

// goOn carries out what had no answer, on leases that have all run out.
func (l *flakyLeases) goOn(nodes ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range nodes {
		_ = l.LocalLeases.Drop(context.Background(), n) // never fails
	}
	for _, f := range l.late {
		f()
	}
	l.err, l.late = nil, nil
}

func (l *flakyLeases) Renew(ctx context.Context, node string, put map[chat.UserID]chat.Status, remove []chat.UserID) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		l.late = append(l.late, func() { _, _ = l.LocalLeases.Renew(ctx, node, put, remove) })
		return false, l.err
	}
	return l.LocalLeases.Renew(ctx, node, put, remove)
}

func (l *flakyLeases) Statuses(ctx context.Context, users []chat.UserID) (map[chat.UserID]chat.Status, error) {
	l.mu.Lock()
	err := l.err
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return l.LocalLeases.Statuses(ctx, users)
}
