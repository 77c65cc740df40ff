package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"hubbub/chat/wire"
)

// guest is one client of a load: a user with one socket at a time. It is as
// light as a client can be, and so no model of one: that is [client].
type guest struct {
	*crowd
	index   int
	acct    account
	follows map[string]*follower // by the room's id
	waiting atomic.Int64         // messages without an answer
	sock    atomic.Pointer[socket]

	// Owned by the poller's goroutine while there is a socket.
	joining int  // rooms whose joined has not come
	isReady bool // it follows all its rooms
}

func (g *guest) connected() bool {
	s := g.sock.Load()
	return s != nil && s.open()
}

// insist connects, at one node after the other, as often as it takes.
func (g *guest) insist(ctx context.Context) error {
	for try := 0; ; try++ {
		err := g.dial(ctx, try)
		if err == nil {
			return nil
		}
		wait := backoff(rand.Float64(), try)
		if r, ok := errors.AsType[*refusedUpgrade](err); ok {
			if r.status < 500 && r.status != 429 {
				return fmt.Errorf("client %d: %w", g.index, err)
			}
			wait = max(wait, r.after)
		}
		if !sleep(ctx, wait) {
			return fmt.Errorf("client %d could not connect: %w; %s", g.index, err, limitsHint)
		}
	}
}

// dial makes one attempt to connect.
func (g *guest) dial(ctx context.Context, try int) error {
	query := ""
	if g.sock.Load() != nil {
		query = "?resume=1"
	}
	conn, rest, err := upgrade(ctx, g.nodes[(g.index+try)%len(g.nodes)], query, g.acct.token, g.index)
	if err != nil {
		return err
	}
	defer conn.Close() // the socket has its own descriptor
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return errors.New("this connection has no descriptor")
	}
	s, err := g.poller.add(sc, rest, g)
	if err != nil {
		return err
	}
	g.sock.Store(s)
	return nil
}

// ended is called when the connection is gone.
func (g *guest) ended(_ *socket, why string) {
	g.ends.add(why)
	if g.isReady {
		g.isReady = false
		g.ready.Add(-1)
	}
	for _, f := range g.follows {
		f.here.Store(false)
	}
	g.waiting.Store(0)
}

// frame takes a message from the server. Events and acks are nearly all of
// them, and are read without an allocation.
func (g *guest) frame(s *socket, data []byte, at time.Duration) {
	f, ok := scan(data)
	if !ok {
		g.refusals.add("no JSON")
		return
	}
	switch string(f.typ) {
	case wire.TypeMessage:
		g.message(f, data, at)
	case "ack":
		g.acked(f, at)
	case wire.TypeEdited, wire.TypeDeleted, wire.TypeReacted, wire.TypePinned, wire.TypeMember, wire.TypeRoom:
		if fo := g.follows[string(f.room)]; fo != nil {
			fo.room.read(fo, f.epoch, f.seq, 0, "", at)
		}
	case "welcome":
		g.take(handle(data, func(w wire.Welcome) { g.welcomed(s, w) }))
	case "joined":
		g.take(handle(data, func(j wire.Joined) { g.joined(j, at) }))
	case "error":
		g.refused(f)
	case "reset", "left":
		g.refusals.add(string(f.typ))
	}
}

func (g *guest) take(err error) {
	if err != nil {
		g.refusals.add("bad frame")
	}
}

func (g *guest) message(f flatFrame, data []byte, at time.Duration) {
	fo := g.follows[string(f.room)]
	if fo == nil {
		g.strays.Add(1)
		return
	}
	n, strange := g.mint.recogniseFlat(fo.room.index, f), ""
	if n == 0 {
		// Something is wrong with it, or it is only written in another way.
		full, err := wire.ParseEvent(data)
		e := g.mint.recognise(fo.room.index, full)
		if n, strange = e.n, e.strange; err != nil {
			strange = err.Error()
		}
	}
	due, ok := fo.room.read(fo, f.epoch, f.seq, n, strange, at)
	m := g.meter.Load()
	m.delivered.Add(1)
	if ok && due >= m.since() {
		m.delivery.add(at - due)
	}
}

func (g *guest) acked(f flatFrame, at time.Duration) {
	room, _, n, ok := parseID(g.mint, f.id)
	if !ok || room >= len(g.rooms) {
		return
	}
	if due, ok := g.rooms[room].ack(n, f.seq, at); ok {
		g.waiting.Add(-1)
		m := g.meter.Load()
		m.acked.Add(1)
		if due >= m.since() {
			m.ack.add(at - due)
		}
	}
}

func (g *guest) refused(f flatFrame) {
	g.refusals.add(string(f.code))
	room, _, n, ok := parseID(g.mint, f.id)
	if ok && room < len(g.rooms) && g.rooms[room].refuse(n) {
		g.waiting.Add(-1)
		g.meter.Load().refused.Add(1)
	}
}

// welcomed joins all rooms.
func (g *guest) welcomed(s *socket, w wire.Welcome) {
	g.welcome(w)
	g.joining = len(g.follows)
	var out []byte
	for id, f := range g.follows {
		j := wire.Join{Header: wire.Header{Type: "join", ID: joinPrefix + strconv.Itoa(f.room.index)}, Room: id}
		if epoch, cursor := f.room.place(f); epoch != "" {
			j.Since, j.Epoch = &cursor, epoch
		}
		b, err := json.Marshal(j)
		g.take(err)
		out = appendClientFrame(out, opText, b)
	}
	if len(out) > 0 {
		g.take(s.write(out))
	}
	g.reached()
}

const joinPrefix = "join-"

func (g *guest) joined(j wire.Joined, at time.Duration) {
	f := g.follows[j.Room]
	if f == nil || !strings.HasPrefix(j.ID, joinPrefix) {
		return
	}
	f.room.joined(f, j.Epoch, j.From, at)
	g.joining--
	g.reached()
}

func (g *guest) reached() {
	if g.joining == 0 && !g.isReady {
		g.isReady = true
		g.ready.Add(1)
	}
}

// appendPost writes the frame of message n of a room. What stands in it needs no
// escapes.
func (g *guest) appendPost(dst []byte, l *ledger, n uint32) []byte {
	id := g.mint.id(l.index, g.index, n)
	dst = append(dst, `{"type":"post","id":"`...)
	dst = append(dst, id...)
	dst = append(dst, `","room":"`...)
	dst = append(dst, l.name...)
	dst = append(dst, `","kind":"text","text":"`...)
	dst = g.mint.appendText(dst, id, n)
	return append(dst, `"}`...)
}
