package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/redis/go-redis/v9"

	"hubbub/bus"
	"hubbub/chat/chatstore"
	"hubbub/chat/wire"
	"hubbub/internal/testenv"
)

// journey is what the steps of TestPathOfAMessage share.
type journey struct {
	a, b  *node // two nodes over one database and one Redis
	redis *testenv.RedisServer
	db    *sql.DB // the nodes' database, over a connection of its own
	store *chatstore.Store
	heard chan bus.Event // what a third node hears of logs

	alice, bob, zoe   person // Alice and Bob are members of room, Zoe is not
	room              string
	onA, onB, alsoOnB *socket // Alice's socket on a, Bob's two on b; all read room
	lines             *socket // Bob's on b, in the text format
}

func newPath(t *testing.T) *journey {
	p := &journey{redis: testenv.Redis(t)}
	server := testenv.SharedMariaDB(t)
	url := server.NewDatabase(t)
	args := append([]string{"--sql=" + url, "--redis=" + p.redis.URL()}, unlimited...)
	p.a = startNode(t, append(args, "--node=a")...)
	p.b = startNode(t, append(args, "--node=b")...)

	p.db = server.Admin(t)
	p.db.SetMaxOpenConns(1) // so that USE holds for all statements
	if _, err := p.db.ExecContext(t.Context(), "USE "+url[strings.LastIndex(url, "/")+1:]); err != nil {
		t.Fatal(err)
	}
	pool, err := p.a.pools.SQL(url)
	if err != nil {
		t.Fatal(err)
	}
	p.store = chatstore.New(pool, discard())
	p.listen(t)

	p.alice, p.bob, p.zoe = signUp(t, p.a.Addr(), "Alice"), signUp(t, p.b.Addr(), "Bob"), signUp(t, p.a.Addr(), "Zoe")
	p.room = p.alice.newRoom(t, p.a.Addr(), "public")
	p.bob.enter(t, p.b.Addr(), p.room)
	eventually(t, patience, "both nodes hear the bus", func() bool { return p.a.bus.Healthy() && p.b.bus.Healthy() })

	p.onA = p.alice.connect(t, p.a.Addr())
	p.onB = p.bob.connect(t, p.b.Addr())
	p.alsoOnB = p.bob.connect(t, p.b.Addr())
	p.lines = dial(t, p.b.Addr(), dialing{token: p.bob.Token, protocol: wire.ProtocolText})
	for _, s := range []*socket{p.onA, p.onB, p.alsoOnB} {
		s.join(p.room)
	}
	p.lines.raw(websocket.MessageText, []byte("/join "+p.room))
	p.lines.line("-- joined")
	return p
}

// listen is a node that only hears.
func (p *journey) listen(t *testing.T) {
	key, err := p.store.Secret(t.Context(), "bus")
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: p.redis.Addr(), ContextTimeoutEnabled: true})
	p.heard = make(chan bus.Event, 10_000)
	third, err := bus.NewRedis([]redis.UniversalClient{client}, p, "third", discard(), bus.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- third.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, client.Close()); err != nil {
			t.Error(err)
		}
	})
	eventually(t, patience, "the third node hears the bus", third.Healthy)
}

// Deliver and Missed make the journey a receiver.
func (p *journey) Deliver(e bus.Event) {
	if e.Kind == bus.Log {
		p.heard <- e
	}
}

func (p *journey) Missed(int) {}

// head is the number of the last event that is stored.
func (p *journey) head(t *testing.T) uint64 { return p.alice.room(t, p.a.Addr(), p.room).Head }

// row reads a message where it is stored, past the nodes.
func (p *journey) row(t *testing.T, clientID string) (seq uint64, found bool) {
	t.Helper()
	err := p.db.QueryRowContext(t.Context(), "SELECT seq FROM events WHERE room_id = ? AND client_id = ?", p.room, clientID).Scan(&seq)
	if err != nil && err != sql.ErrNoRows {
		t.Fatal(err)
	}
	return seq, err == nil
}

// locked runs f while somebody else holds the lock on the room's row, so that
// no batch can get to its COMMIT.
func (p *journey) locked(t *testing.T, f func()) {
	t.Helper()
	tx, err := p.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var seq uint64
	if err := tx.QueryRowContext(t.Context(), "SELECT last_seq FROM rooms WHERE id = ? FOR UPDATE", p.room).Scan(&seq); err != nil {
		t.Fatal(err)
	}
	f()
}

// travelled takes the next event of the room from the bus.
func (p *journey) travelled(t *testing.T) bus.Event {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-p.heard:
			if string(e.Topic) == "room/"+p.room {
				return e
			}
		case <-deadline:
			t.Fatal("no event came over the bus")
		}
	}
}

// quiet takes everything that is on its way, so that a step begins with nothing
// behind it.
func (p *journey) quiet(t *testing.T) {
	t.Helper()
	id := "quiet-" + t.Name()[len("TestPathOfAMessage/"):][:1]
	p.onA.said(p.room, id, "quiet")
	for _, s := range []*socket{p.onA, p.onB, p.alsoOnB} {
		if _, err := s.find(patience, func(f frame) bool { return f.isLog() && f.ClientID == id }); err != nil {
			t.Fatal(err)
		}
	}
	p.lines.line("Alice: quiet")
	for {
		e := p.travelled(t)
		for _, f := range e.Frames {
			if bytes.Contains(f, []byte(`"client_id":"`+id+`"`)) {
				return
			}
		}
	}
}
