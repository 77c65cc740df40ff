package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/chattest"
	"hubbub/chat/wire"
)

// TestReadersModel runs random histories of one room on two nodes: everything
// that is published waits until the history delivers it, late, twice, in
// another order, or never; readers come from any cursor, stall, leave and come
// back; the store answers late or not at all; a member is put out and let in
// again. Whatever happens, a reader sees cursor+1, cursor+2, … each once, and
// all of it once things are well again.
func TestReadersModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			m := newModel(t)
			t.Repeat(map[string]func(*rapid.T){
				"post":        m.post,
				"deliver":     m.deliver,
				"deliver two": m.deliver,
				"lose":        m.lose,
				"connect":     m.connect,
				"join":        m.join,
				"leave":       m.leave,
				"hang up":     m.hangUp,
				"stall":       m.stall,
				"member":      m.member,
				"store":       m.trouble,
				"wait":        m.wait,
				"missed":      m.missed,
				"":            m.check,
			})
			m.end(t)
		})
	})
}

// model is a room, what its two nodes have not heard yet, and who reads it.
type model struct {
	ctx        context.Context
	store      *lateStore
	nodes      [2]*modelNode
	room       chat.Room
	alice, bob chat.User
	readers    []*modelReader
	sends      int
	bobOut     chat.Seq // the event that put bob out; 0 while he is a member
	wg         sync.WaitGroup
}

type modelNode struct {
	hub    *chat.Hub
	rooms  *chat.Rooms // what the sessions ask, with the store's trouble
	writes *chat.Rooms // through which the history writes, without

	mu       sync.Mutex
	inFlight []bus.Event
}

// lateStore reads at once and answers late, or fails.
type lateStore struct {
	*chattest.Memory
	mu    sync.Mutex
	delay time.Duration
	err   error
}

func (s *lateStore) trouble() error {
	s.mu.Lock()
	delay, err := s.delay, s.err
	s.mu.Unlock()
	time.Sleep(delay)
	return err
}

func (s *lateStore) Since(ctx context.Context, room chat.RoomID, after chat.Seq, limit int) (chat.Head, []chat.Event, error) {
	head, events, err := s.Memory.Since(ctx, room, after, limit)
	return head, events, errors.Join(err, s.trouble())
}

func (s *lateStore) Heads(ctx context.Context, rooms []chat.RoomID) (map[chat.RoomID]chat.Head, error) {
	heads, err := s.Memory.Heads(ctx, rooms)
	return heads, errors.Join(err, s.trouble())
}

func (s *lateStore) RoomHead(ctx context.Context, room chat.RoomID) (chat.Head, string, error) {
	head, name, err := s.Memory.RoomHead(ctx, room)
	return head, name, errors.Join(err, s.trouble())
}

func (s *lateStore) MemberIDs(ctx context.Context, room chat.RoomID, limit int) ([]chat.UserID, error) {
	users, err := s.Memory.MemberIDs(ctx, room, limit)
	return users, errors.Join(err, s.trouble())
}

func (s *lateStore) Room(ctx context.Context, ref string, user chat.UserID) (chat.Room, error) {
	room, err := s.Memory.Room(ctx, ref, user)
	return room, errors.Join(err, s.trouble())
}

// Publish leaves an event for every node.
func (m *model) Publish(e bus.Event) error {
	for _, n := range m.nodes {
		n.mu.Lock()
		n.inFlight = append(n.inFlight, e)
		n.mu.Unlock()
	}
	return nil
}

func newModel(t *rapid.T) *model {
	ctx, cancel := context.WithCancel(context.Background())
	m := &model{ctx: ctx, store: &lateStore{Memory: chattest.NewMemory()}}
	quiet := slog.New(slog.DiscardHandler)
	for i := range m.nodes {
		n := &modelNode{hub: chat.NewHub(m.store, m.store, chat.HubOptions{Log: quiet})}
		o := chat.RoomsOptions{Node: fmt.Sprint("node-", i), Log: quiet}
		n.rooms = chat.NewRooms(m.store, m.store, m, o)
		n.writes = chat.NewRooms(m.store.Memory, m.store, m, o)
		m.nodes[i] = n
		m.wg.Go(func() { n.rooms.Run(ctx) })
		m.wg.Go(func() { n.writes.Run(ctx) })
		m.wg.Go(func() { n.hub.Run(ctx) })
	}
	t.Cleanup(func() {
		for _, r := range m.readers {
			r.conn.CloseNow()
		}
		cancel()
		m.wg.Wait()
	})
	for _, u := range []*chat.User{&m.alice, &m.bob} {
		*u = chat.User{ID: chat.UserID(chat.NewID()), DisplayName: "x", Guest: true}
		m.must(t, m.store.CreateUser(ctx, *u, ""))
	}
	var err error
	m.room, err = m.nodes[0].writes.Create(ctx, m.alice, chat.CreateRoom{Kind: chat.Public, Name: "tea", Members: []chat.UserID{m.bob.ID}})
	m.must(t, err)
	return m
}

func (m *model) must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

func (m *model) node(t *rapid.T) *modelNode { return m.nodes[rapid.IntRange(0, 1).Draw(t, "node")] }

func (m *model) head(t *rapid.T) chat.Seq {
	head, _, err := m.store.Memory.RoomHead(m.ctx, m.room.ID)
	m.must(t, err)
	return head.Seq
}

// post stores some messages at once, so that they may share a batch.
func (m *model) post(t *rapid.T) {
	n := m.node(t)
	size := rapid.SampledFrom([]int{1, 100, 3000}).Draw(t, "size")
	var wg sync.WaitGroup
	for range rapid.SampledFrom([]int{1, 1, 3, 40}).Draw(t, "messages") {
		m.sends++
		p := chat.Post{ClientID: fmt.Sprint(m.sends), Text: strings.Repeat("x", size)}
		wg.Go(func() {
			if _, err := n.writes.Post(m.ctx, m.alice, string(m.room.ID), p); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// take picks an event that a node has not heard of, and perhaps leaves a copy.
func (m *model) take(t *rapid.T) (*modelNode, bus.Event) {
	n := m.node(t)
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.inFlight) == 0 {
		t.Skip("nothing in flight")
	}
	i := 0
	if rapid.Bool().Draw(t, "out of order") {
		i = rapid.IntRange(0, len(n.inFlight)-1).Draw(t, "event")
	}
	e := n.inFlight[i]
	if !rapid.Bool().Draw(t, "twice") {
		n.inFlight = append(n.inFlight[:i], n.inFlight[i+1:]...)
	}
	return n, e
}

func (m *model) deliver(t *rapid.T) {
	n, e := m.take(t)
	n.hub.Deliver(e)
}

func (m *model) lose(t *rapid.T) { m.take(t) }

func (m *model) missed(t *rapid.T) { m.node(t).hub.Missed(0) }

func (m *model) wait(t *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{
		time.Millisecond, 50 * time.Millisecond, 110 * time.Millisecond, 1300 * time.Millisecond, 3 * time.Minute,
	}).Draw(t, "time"))
}

func (m *model) trouble(t *rapid.T) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.store.delay = rapid.SampledFrom([]time.Duration{0, 30 * time.Millisecond, 400 * time.Millisecond}).Draw(t, "delay")
	m.store.err = nil
	if rapid.IntRange(0, 3).Draw(t, "away") == 0 {
		m.store.err = errors.New("the store is away")
	}
}

// member puts bob out, or lets him in.
func (m *model) member(t *rapid.T) {
	change := wire.ChangeKicked
	if m.bobOut != 0 {
		change = wire.ChangeInvited
	}
	m.must(t, m.node(t).writes.ChangeMember(m.ctx, m.alice, string(m.room.ID), m.bob.ID, change, ""))
	m.bobOut = 0
	if change == wire.ChangeKicked {
		m.bobOut = m.head(t)
	}
}

// end mends everything and waits: then everybody has everything.
func (m *model) end(t *rapid.T) {
	m.store.mu.Lock()
	m.store.delay, m.store.err = 0, nil
	m.store.mu.Unlock()
	for _, r := range m.readers {
		r.conn.stall(false)
	}
	time.Sleep(10 * time.Second)
	m.check(t)
	head := m.head(t)
	for i, r := range m.readers {
		if len(r.asked) > 0 && !r.dead {
			t.Errorf("reader %d waits for the answers of %v", i, r.asked)
		}
		if r.joined && r.next != head+1 {
			t.Errorf("reader %d heard %s, and the log goes to %d", i, strings.Join(r.past, ", "), head)
		}
	}
	var log []chat.Event
	for chat.Seq(len(log)) < head {
		_, page, err := m.store.Memory.Since(m.ctx, m.room.ID, chat.Seq(len(log)), 1<<20)
		m.must(t, err)
		log = append(log, page...)
	}
	for i, r := range m.readers {
		for seq, id := range r.seen {
			if log[seq-1].ClientID != id {
				t.Errorf("reader %d got %q as %d, it is %q", i, id, seq, log[seq-1].ClientID)
			}
		}
	}
}

// modelReader is one socket and what it may get next.
type modelReader struct {
	user   chat.User
	conn   *modelConn
	joined bool
	next   chat.Seq
	asked  map[string]*uint64 // joins without an answer, by id: their cursor
	seen   map[chat.Seq]string
	dead   bool
	past   []string // all frames, in short
}

func (m *model) connect(t *rapid.T) {
	if len(m.readers) >= 6 {
		t.Skip("enough readers")
	}
	n := m.node(t)
	r := &modelReader{user: m.alice, conn: newModelConn(), asked: map[string]*uint64{}, seen: map[chat.Seq]string{}}
	if rapid.Bool().Draw(t, "bob") {
		r.user = m.bob
	}
	codec, err := wire.ForProtocol(wire.ProtocolJSON)
	m.must(t, err)
	id := chat.Identity{User: r.user, Session: chat.Login{ID: chat.SessionID(chat.NewID()), User: r.user.ID, ExpiresAt: time.Now().Add(time.Hour).UnixMicro()}}
	m.must(t, m.store.CreateSession(m.ctx, id.Session, chat.HashToken(chat.NewID())))
	s := chat.NewSession(n.hub, n.rooms, noAuth{}, r.conn, codec, id, chat.SessionOptions{
		Log: slog.New(slog.DiscardHandler), Queue: rapid.SampledFrom([]int{600, 4000, 64 << 10}).Draw(t, "queue"),
	})
	m.wg.Go(func() { s.Run(m.ctx) })
	m.readers = append(m.readers, r)
	m.ask(t, r)
}

func (m *model) reader(t *rapid.T) *modelReader {
	var alive []*modelReader
	for _, r := range m.readers {
		if !r.dead {
			alive = append(alive, r)
		}
	}
	if len(alive) == 0 {
		t.Skip("nobody reads")
	}
	return alive[rapid.IntRange(0, len(alive)-1).Draw(t, "reader")]
}

func (m *model) join(t *rapid.T) { m.ask(t, m.reader(t)) }

func (m *model) ask(t *rapid.T, r *modelReader) {
	m.sends++
	id := fmt.Sprint("j", m.sends)
	join := cmd{"type": "join", "id": id, "room": string(m.room.ID), "epoch": string(m.room.Head.Epoch)}
	r.asked[id] = nil
	if rapid.IntRange(0, 3).Draw(t, "from the end") > 0 {
		since := rapid.Uint64Range(0, uint64(m.head(t))).Draw(t, "since")
		r.asked[id], join["since"] = &since, since
	}
	r.conn.say(join)
}

func (m *model) leave(t *rapid.T) {
	m.reader(t).conn.say(cmd{"type": "leave", "id": "l", "room": string(m.room.ID)})
}

func (m *model) hangUp(t *rapid.T) { m.reader(t).conn.CloseNow() }

func (m *model) stall(t *rapid.T) { m.reader(t).conn.stall(rapid.Bool().Draw(t, "stalled")) }

// check lets everything run that can, and looks at what every reader got.
func (m *model) check(t *rapid.T) {
	synctest.Wait()
	for i, r := range m.readers {
		if r.dead {
			continue
		}
		frames, gone := r.conn.heard()
		for _, f := range frames {
			if why := m.hear(r, f); why != "" {
				t.Fatalf("reader %d after %s: %s: %.300s", i, strings.Join(r.past, ", "), why, f)
			}
		}
		if gone {
			r.dead, r.joined = true, false
		}
	}
}

func (m *model) hear(r *modelReader, data []byte) (fault string) {
	var f struct {
		Type, ID, Code string
		From           uint64
		Seq            chat.Seq
		ClientID       string `json:"client_id"`
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return err.Error()
	}
	since, asked := r.asked[f.ID]
	r.past = append(r.past, fmt.Sprint(f.Type, " ", f.ID, f.Seq))
	switch f.Type {
	case "welcome", "ping", "membership":
	case "joined":
		if !asked || since != nil && *since != f.From {
			return "not what was asked for"
		}
		delete(r.asked, f.ID)
		r.joined, r.next = true, chat.Seq(f.From)+1
	case "left":
		if f.ID == "" && r.user.ID != m.bob.ID {
			return "nobody put this user out"
		}
		r.joined = false
	case "error":
		if r.user.ID != m.bob.ID && f.Code != "internal" {
			return "refused"
		}
		delete(r.asked, f.ID)
		r.joined = false
	case "message", "member", "room":
		switch {
		case !r.joined:
			return "an event of a room that is not joined"
		case f.Seq != r.next:
			return "not the next one"
		case r.user.ID == m.bob.ID && m.bobOut != 0 && f.Seq > m.bobOut:
			return fmt.Sprint("bob was put out at ", m.bobOut)
		}
		r.next++
		r.seen[f.Seq] = f.ClientID
	default:
		return "nobody asked for this"
	}
	return ""
}
