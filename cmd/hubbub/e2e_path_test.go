package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/wire"
)

// TestPathOfAMessage follows a message over two nodes, with a step for each
// number of the list in the package documentation of chat.
func TestPathOfAMessage(t *testing.T) {
	p := newPath(t)
	for _, step := range []struct {
		name string
		run  func(*journey, *testing.T)
	}{
		{"1 the socket is accepted", (*journey).accepted},
		{"2 the session reads and decodes", (*journey).decoded},
		{"3 post checks", (*journey).checked},
		{"4 a batch is one transaction", (*journey).batched},
		{"5 ack and publish come after COMMIT", (*journey).committed},
		{"6 the bus reaches every node", (*journey).published},
		{"7 the topic puts events in order", (*journey).ordered},
		{"8 the bytes are encoded once", (*journey).encoded},
		{"9 a slow reader reads on", (*journey).readsOn},
	} {
		if !t.Run(step.name, func(t *testing.T) {
			for _, s := range []*socket{p.onA, p.onB, p.alsoOnB, p.lines} {
				s.t = t
			}
			step.run(p, t)
		}) {
			break // a step stands on those before it
		}
	}
}

// 1: Host and Origin checked, user known, codec chosen by subprotocol.
func (p *journey) accepted(t *testing.T) {
	for what, c := range map[string]struct {
		o      dialing
		status int
	}{
		"foreign origin":      {dialing{token: p.alice.Token, header: http.Header{"Origin": {"https://evil.example"}}}, 403},
		"forged host":         {dialing{token: p.alice.Token, host: "evil.example"}, 403},
		"unknown token":       {dialing{token: p.alice.Token[:len(p.alice.Token)-4] + "AAAA"}, 401},
		"unknown subprotocol": {dialing{token: p.alice.Token, protocol: "chat.v9"}, 400},
	} {
		ws, resp, err := open(t.Context(), p.a.Addr(), c.o)
		if err == nil {
			ws.CloseNow()
		}
		if err == nil || resp == nil || resp.StatusCode != c.status {
			t.Errorf("%s: %v, %v; want %d", what, resp, err, c.status)
		}
	}
	s := dial(t, p.b.Addr(), dialing{token: p.alice.Token})
	if f := s.want("welcome"); f.Node != "b" || f.User.ID != p.alice.ID || f.Degraded || s.ws.Subprotocol() != wire.ProtocolJSON {
		t.Errorf("%s: %s", s.ws.Subprotocol(), f.raw)
	}
	s = dial(t, p.b.Addr(), dialing{token: p.alice.Token, protocol: wire.ProtocolText})
	s.line("-- welcome, Alice; this is b")
	s = dial(t, p.b.Addr(), dialing{protocol: "none"}) // who is it? the first line says
	s.raw(websocket.MessageText, []byte("/auth "+p.alice.ticket(t, p.a.Addr())))
	s.line("-- welcome, Alice; this is b")
}

// 2: one frame is one command, decoded by the codec; what is no command is
// answered and changes nothing.
func (p *journey) decoded(t *testing.T) {
	p.onA.send(cmd{"type": "ping", "id": "p1"})
	if f := p.onA.reply("p1"); f.Type != "pong" {
		t.Errorf("ping: %s", f.raw)
	}
	p.onA.send(cmd{"type": "shout", "id": "p2"})
	if f := p.onA.reply("p2"); f.Type != "error" || f.Code != "bad_request" {
		t.Errorf("unknown type: %s", f.raw)
	}
	p.lines.raw(websocket.MessageText, []byte("/shout"))
	p.lines.line("unknown command")
	p.onA.send(cmd{"type": "ping", "id": "p3"})
	if f := p.onA.reply("p3"); f.Type != "pong" {
		t.Errorf("ping after a bad frame: %s", f.raw)
	}
}

// 3: member? allowed? valid? What is refused is not stored.
func (p *journey) checked(t *testing.T) {
	before := p.head(t)
	zoe := p.zoe.connect(t, p.b.Addr())
	zoe.post(p.room, "z1", "let me in")
	if f := zoe.reply("z1"); f.Code != "forbidden" {
		t.Errorf("post of one who is no member: %s", f.raw)
	}
	private := p.alice.newRoom(t, p.a.Addr(), "private")
	zoe.post(private, "z2", "let me in")
	known := zoe.reply("z2")
	zoe.post(chat.NewID(), "z3", "let me in")
	if absent := zoe.reply("z3"); known.Code != "not_found" || known.Detail != absent.Detail {
		t.Errorf("a private room shows: %s, and one that is not there: %s", known.raw, absent.raw)
	}
	p.onA.post(p.room, "a1", "")
	if f := p.onA.reply("a1"); f.Code != "invalid" || len(f.Errors) != 1 || f.Errors[0].Field != "text" {
		t.Errorf("an empty text: %s", f.raw)
	}
	if after := p.head(t); after != before {
		t.Errorf("what was refused moved the head from %d to %d", before, after)
	}
}

// 4: what queued up while the last commit ran is the next batch; a repeated
// client id gets its old number.
func (p *journey) batched(t *testing.T) {
	const senders = 20
	p.quiet(t)
	before, batches := p.head(t), p.a.rooms.Stats().Batches
	sockets := make([]*socket, senders)
	for i := range sockets {
		sockets[i] = p.alice.connect(t, p.a.Addr())
	}
	p.locked(t, func() {
		for i, s := range sockets {
			s.post(p.room, fmt.Sprint("batch-", i), "together")
		}
		// Each session waits for its own post, so a ping would be answered if the
		// post were not queued yet; none may be answered.
		for i, s := range sockets {
			s.send(cmd{"type": "ping", "id": "p"})
			s.silent(50*time.Millisecond/senders, fmt.Sprint("an answer to sender ", i), func(f frame) bool { return true })
		}
	})
	var seqs []uint64
	for i, s := range sockets {
		seqs = append(seqs, s.ack(fmt.Sprint("batch-", i)).Seq)
	}
	slices.Sort(seqs)
	for i, seq := range seqs {
		if want := before + 1 + uint64(i); seq != want {
			t.Fatalf("number %d of the batch is %d, want %d: %v", i, seq, want, seqs)
		}
	}
	if n := p.a.rooms.Stats().Batches - batches; n > 3 {
		t.Errorf("%d messages that waited took %d transactions, want 2", senders, n)
	}
	again := sockets[0].said(p.room, "batch-0", "together")
	if seq, _ := p.row(t, "batch-0"); !again.Repeat || again.Seq != seq || p.head(t) != before+senders {
		t.Errorf("the same id again: %s; it is number %d, and the head %d", again.raw, seq, p.head(t))
	}
}

// 5: no ack and no event before COMMIT; with the ack, the row is there.
func (p *journey) committed(t *testing.T) {
	p.quiet(t)
	p.locked(t, func() {
		p.onA.post(p.room, "c1", "committed")
		p.onA.silent(200*time.Millisecond, "the sender hears of it before COMMIT", func(f frame) bool { return f.ID == "c1" || f.ClientID == "c1" })
		p.onB.silent(0, "a reader hears of it before COMMIT", func(f frame) bool { return f.ClientID == "c1" })
	})
	ack := p.onA.ack("c1")
	if seq, found := p.row(t, "c1"); !found || seq != ack.Seq {
		t.Errorf("acked as %d, stored: %v as %d", ack.Seq, found, seq)
	}
	for i := range 50 {
		id := fmt.Sprint("c-", i)
		ack := p.onA.said(p.room, id, "committed")
		if seq, found := p.row(t, id); !found || seq != ack.Seq {
			t.Fatalf("%s was acked as %d, stored: %v as %d", id, ack.Seq, found, seq)
		}
	}
	from := ack.Seq
	for range 51 { // published in the order of the numbers
		e := p.travelled(t)
		if e.First != from {
			t.Fatalf("number %d was published, want %d", e.First, from)
		}
		from += uint64(len(e.Frames))
		if from == ack.Seq+51 {
			break
		}
	}
}

// 6: one path to every node, the sender's too, and no short cut.
func (p *journey) published(t *testing.T) {
	p.quiet(t)
	fills := func() int64 { return p.a.hub.Stats().Fills + p.b.hub.Stats().Fills }
	before := fills()
	ack := p.onA.said(p.room, "m1", "over the bus")
	e := p.travelled(t)
	if e.First != ack.Seq || e.Node != "a" {
		t.Errorf("on the bus: number %d from %q, want %d from a", e.First, e.Node, ack.Seq)
	}
	for _, s := range []*socket{p.onA, p.onB} {
		if f := s.message("m1"); f.Seq != ack.Seq {
			t.Errorf("delivered as %d, acked as %d", f.Seq, ack.Seq)
		}
	}
	if n := fills() - before; n != 0 {
		t.Errorf("%d reads of the store for an event that came over the bus", n)
	}

	// Without Redis the ack comes all the same, and both nodes find the event in
	// the store: the sender's too, so it did not tell itself.
	beforeA, beforeB := p.a.hub.Stats().Fills, p.b.hub.Stats().Fills
	p.redis.Pause(t)
	start := time.Now()
	p.onA.said(p.room, "m2", "without the bus")
	if took := time.Since(start); took > time.Second {
		t.Errorf("the ack waited %v for Redis", took)
	}
	p.onA.message("m2")
	p.onB.message("m2")
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("found after %v, want at most 3 s", took)
	}
	if a, b := p.a.hub.Stats().Fills-beforeA, p.b.hub.Stats().Fills-beforeB; a == 0 || b == 0 {
		t.Errorf("without the bus the nodes read %d and %d times; want both to", a, b)
	}
	p.redis.Continue(t)
	eventually(t, patience, "both nodes hear the bus again", func() bool { return p.a.bus.Healthy() && p.b.bus.Healthy() })
	for _, s := range []*socket{p.onA, p.onB} {
		s.silent(200*time.Millisecond, "what was found came again", func(f frame) bool { return f.ClientID == "m2" })
	}
}

// losing publishes but for the first so many events.
type losing struct {
	next  chat.Publisher
	first int
}

func (l *losing) Publish(e bus.Event) error {
	if e.Kind == bus.Log {
		if l.first--; l.first >= 0 {
			return nil
		}
	}
	return l.next.Publish(e)
}

// 7: known: dropped; next: delivered; ahead: held, and the gap read once per
// node; a lost last event: found by the head check.
func (p *journey) ordered(t *testing.T) {
	p.quiet(t)
	ack := p.onA.said(p.room, "o1", "in order")
	e := p.travelled(t)
	first := p.onB.message("o1")

	repeats := p.b.hub.Stats().Repeats
	if err := p.a.bus.Publish(e); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the repeated event came to b", func() bool { return p.b.hub.Stats().Repeats > repeats })

	// Somebody tells of a number that is not in the log: a hint, no more.
	forged := e
	forged.First += 3
	if err := p.a.bus.Publish(forged); err != nil {
		t.Fatal(err)
	}
	p.onB.silent(300*time.Millisecond, "an event that is not in the log", func(f frame) bool { return f.isLog() })

	// A node that loses what it publishes, the first event or all.
	alice := chat.User{ID: chat.UserID(p.alice.ID), DisplayName: "Alice"}
	post := func(pub chat.Publisher, ids ...string) {
		t.Helper()
		rooms := chat.NewRooms(p.store, p.store, pub, chat.RoomsOptions{Node: "losing", Log: discard()})
		for _, id := range ids {
			if _, err := rooms.Post(t.Context(), alice, p.room, chat.Post{ClientID: id, Text: "lost"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	start, before := time.Now(), p.b.hub.Stats()
	post(&losing{p.a.bus, 1}, "o2", "o3")
	for i, id := range []string{"o2", "o3"} {
		for _, s := range []*socket{p.onB, p.alsoOnB} {
			f, err := s.find(patience, func(f frame) bool { return f.isLog() && f.Seq > first.Seq })
			if err != nil || f.ClientID != id || f.Seq != ack.Seq+1+uint64(i) {
				t.Fatalf("after a gap: %s, %v; want %s", f.raw, err, id)
			}
		}
	}
	if after := p.b.hub.Stats(); after.Fills != before.Fills+1 || after.Held == before.Held {
		t.Errorf("a gap for two readers: %d held, %d reads; want some and 1", after.Held-before.Held, after.Fills-before.Fills)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("a gap took %v", took)
	}
	start = time.Now()
	post(&losing{p.a.bus, 9}, "o4")
	p.onB.message("o4")
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("a lost last event was found after %v", took)
	}
}

// 8: every reader gets the bytes that the publishing node made.
func (p *journey) encoded(t *testing.T) {
	p.quiet(t)
	p.onA.said(p.room, "e1", "the <same> bytes\u2028")
	e := p.travelled(t)
	for _, s := range []*socket{p.onA, p.onB, p.alsoOnB} {
		if f := s.message("e1"); f.raw != string(e.Frames[0]) {
			t.Errorf("got      %s\nthe bus  %s", f.raw, e.Frames[0])
		}
	}
	p.lines.line("Alice: the <same> bytes")
	if f := p.alice.log(t, p.a.Addr(), p.room); f[len(f)-1].ClientID != "e1" {
		t.Errorf("the log ends with %q", f[len(f)-1].ClientID)
	}
}

// 9: a session that cannot keep up loses its place in the live stream, not
// messages, and slows nobody.
func (p *journey) readsOn(t *testing.T) {
	p.quiet(t)
	from := p.head(t)
	slow := dial(t, p.b.Addr(), dialing{token: p.alice.Token, small: true, asleep: true})
	slow.send(cmd{"type": "join", "id": "j", "room": p.room, "since": from})
	eventually(t, patience, "the slow socket is open", func() bool { return p.b.sockets.Open() >= 4 })
	fell := p.b.hub.Stats().FellBehind
	text := strings.Repeat("x", 15_000)
	const messages = 60
	for i := range messages {
		id := fmt.Sprint("slow-", i)
		start := time.Now()
		p.onA.said(p.room, id, text)
		p.onB.message(id)
		if took := time.Since(start); took > time.Second {
			t.Fatalf("message %d took %v while another reader was slow", i, took)
		}
	}
	if p.b.hub.Stats().FellBehind == fell {
		t.Errorf("%d bytes fit into the queue of a socket that is not read", messages*len(text))
	}
	slow.wakeUp()
	for i := range messages {
		if f := slow.message(fmt.Sprint("slow-", i)); f.Seq != from+1+uint64(i) {
			t.Fatalf("message %d has the number %d, want %d", i, f.Seq, from+1+uint64(i))
		}
	}
}
