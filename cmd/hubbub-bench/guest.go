package main

import (
	"bytes"
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
	waiting atomic.Int64         // commands without an answer
	sock    atomic.Pointer[socket]
	due     atomic.Int64 // when it was to come back
	leaving atomic.Bool  // it hangs up

	// Owned by the poller's goroutine.
	isReady  bool
	joining  int // rooms whose joined has not come
	catching int // rooms not read up to where the log stood at the join
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
			g.refusals.add(r.Error())
			if r.status < 500 && r.status != 429 {
				return fmt.Errorf("client %d: %w", g.index, err)
			}
			// All who were refused at once must not come back at once.
			wait = max(wait, r.after+time.Duration(rand.Float64()*float64(r.after)))
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

// hangUp ends the connection from this side, without a word.
func (g *guest) hangUp() {
	g.leaving.Store(true)
	g.sock.Load().hangUp()
}

// ended is called when the connection is gone.
func (g *guest) ended(_ *socket, why string) {
	if !g.leaving.Swap(false) {
		g.ends.add(why)
	}
	g.away()
	g.waiting.Store(0)
}

// away notes that the guest follows nothing.
func (g *guest) away() {
	if g.isReady {
		g.isReady = false
		g.ready.Add(-1)
	}
	for _, f := range g.follows {
		f.here.Store(false)
		f.behind = false
	}
	g.joining, g.catching = len(g.follows), 0
}

// frame takes a message from the server. Events and acks are nearly all of
// them, and are read without an allocation; an event that is the last one again,
// as it is for all but the first reader of a room, is not read at all.
func (g *guest) frame(s *socket, data []byte, at time.Duration) {
	if l := &g.last; l.room != nil && bytes.Equal(l.data, data) {
		if fo := g.follows[l.room.name]; fo != nil {
			g.event(fo, l.epoch, l.seq, l.n, "", at)
			return
		}
	}
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
			g.event(fo, f.epoch, f.seq, 0, "", at)
		}
	case "page":
		g.page(data, at)
	case "welcome":
		g.take(handle(data, func(w wire.Welcome) { g.welcomed(s, w, at) }))
	case "joined":
		g.take(handle(data, func(j wire.Joined) { g.joined(j, at) }))
	case "left":
		g.left(f)
	case "error":
		g.refused(f)
	case "reset":
		g.refusals.add("reset")
	}
}

func (g *guest) take(err error) {
	if err != nil {
		g.refusals.add("bad frame")
	}
}

// message takes a message of a room. Data is its frame.
func (g *guest) message(f flatFrame, data []byte, at time.Duration) {
	fo := g.follows[string(f.room)]
	if fo == nil {
		g.strays.Add(1)
		return
	}
	n, strange := g.mint.recogniseFlat(fo.room.index, f), ""
	if n != 0 {
		g.last.set(data, fo.room, f, n)
	} else {
		// Something is wrong with it, or it is only written in another way.
		full, err := wire.ParseEvent(data)
		e := g.mint.recognise(fo.room.index, full)
		if n, strange = e.n, e.strange; err != nil {
			strange = err.Error()
		}
	}
	g.event(fo, f.epoch, f.seq, n, strange, at)
}

// event takes an event of a room: send n, or 0 for what is no message.
func (g *guest) event(fo *follower, epoch []byte, seq uint64, n uint32, strange string, at time.Duration) {
	due, ok := fo.room.read(fo, epoch, seq, n, strange, at)
	m := g.meter.Load()
	if n != 0 {
		m.units.Add(1)
	}
	if ok && !fo.behind {
		m.time(toReader, due, at)
	}
	if fo.behind && fo.cursor.Load() >= fo.goal {
		fo.behind = false
		g.catching--
		g.reached(at)
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
		m.answered.Add(1)
		m.time(toAck, due, at)
	}
}

func (g *guest) refused(f flatFrame) {
	g.refusals.add(string(f.code))
	room, _, n, ok := parseID(g.mint, f.id)
	if ok && room < len(g.rooms) && g.rooms[room].refuse(n) || bytes.HasPrefix(f.id, []byte(pagePrefix)) {
		g.waiting.Add(-1)
		g.meter.Load().refused.Add(1)
	}
}

// welcomed joins all rooms.
func (g *guest) welcomed(s *socket, w wire.Welcome, at time.Duration) {
	g.welcome(w)
	g.meter.Load().time(toWelcome, time.Duration(g.due.Load()), at)
	g.away()
	g.take(s.write(g.joins()))
	g.reached(at)
}

// Ids of commands that have an answer for the crowd itself.
const (
	joinPrefix  = "join-"
	leavePrefix = "leave-"
)

// joins are the commands to follow all rooms, from where the guest left them.
func (g *guest) joins() []byte {
	var out []byte
	for id, f := range g.follows {
		j := wire.Join{Header: wire.Header{Type: "join", ID: joinPrefix + strconv.Itoa(f.room.index)}, Room: id}
		if epoch, cursor := f.room.place(f); epoch != "" {
			j.Since, j.Epoch = &cursor, epoch
		}
		out = g.appendCommand(out, j)
	}
	return out
}

// leaves are the commands to follow no room.
func (g *guest) leaves() []byte {
	var out []byte
	for id, f := range g.follows {
		out = g.appendCommand(out, wire.Leave{Header: wire.Header{Type: "leave", ID: leavePrefix + strconv.Itoa(f.room.index)}, Room: id})
	}
	return out
}

func (g *guest) appendCommand(dst []byte, c wire.Command) []byte {
	b, err := json.Marshal(c)
	g.take(err)
	return appendClientFrame(dst, opText, b)
}

func (g *guest) joined(j wire.Joined, at time.Duration) {
	f := g.follows[j.Room]
	if f == nil || !strings.HasPrefix(j.ID, joinPrefix) {
		return
	}
	f.room.joined(f, j.Epoch, j.From, at)
	if f.goal = j.Head; j.Head > j.From {
		f.behind = true
		g.catching++
	}
	g.joining--
	g.reached(at)
}

func (g *guest) left(f flatFrame) {
	if !bytes.HasPrefix(f.id, []byte(leavePrefix)) { // the server has thrown it out
		g.refusals.add("left")
	}
	g.away()
}

// reached notes that a guest follows all its rooms and has read what was there.
func (g *guest) reached(at time.Duration) {
	if g.joining == 0 && g.catching == 0 && !g.isReady {
		g.isReady = true
		g.ready.Add(1)
		g.meter.Load().time(toBack, time.Duration(g.due.Load()), at)
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
