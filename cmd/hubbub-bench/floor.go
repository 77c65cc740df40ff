package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"hubbub/chat/wire"
)

// floor is the least that a server of this protocol can do: it takes a message,
// gives it a number, and makes one system call per receiver with the same bytes
// for all. Nothing is stored, checked or bounded. What it costs is what the
// kernel costs; a real server is held against it.
type floor struct {
	shards  [floorShards]chan floorJob
	readers sync.WaitGroup // one per connection; added under mu while not closed

	mu     sync.Mutex
	closed bool
	rooms  map[string]*floorRoom
	next   int // shard of the next connection
}

// floorShards is how many goroutines write.
const floorShards = 2

// floorJob is bytes to write to some connections of a shard, or, without bytes,
// their end.
type floorJob struct {
	to    []*floorConn
	bytes []byte
}

type floorRoom struct {
	mu      sync.Mutex
	seq     uint64
	members [floorShards][]*floorConn // replaced, never changed
}

type floorConn struct {
	net.Conn
	write func([]byte) error // blocks until all is written; called by its shard alone
	shard int
	user  wire.Actor
	rooms []*floorRoom // owned by its reader
}

// floorEpoch is the epoch of all rooms, as long as a real one.
const floorEpoch = "FLOORFLOORFLOORFLOORFLOORF"

// serveFloor serves until the input ends, as it does when the parent process is
// gone. The first line of the output is the server's URL.
func serveFloor(in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	f := &floor{rooms: make(map[string]*floorRoom)}
	var writers sync.WaitGroup
	for i := range f.shards {
		f.shards[i] = make(chan floorJob, 1024)
		writers.Go(func() { f.writeShard(f.shards[i]) })
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, buf, err := f.accept(w, r)
		if c == nil {
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
			return
		}
		go func() {
			defer f.readers.Done()
			stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) }) // it ends the read
			defer stop()
			f.serve(c, buf)
		}()
	})}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	fmt.Fprintf(out, "http://%s\n", l.Addr())
	_, err = io.Copy(io.Discard, in)
	_ = s.Close() // only the listener is left to it
	<-served
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	cancel()
	f.readers.Wait()
	for _, shard := range f.shards {
		close(shard)
	}
	writers.Wait()
	return err
}

func (f *floor) writeShard(jobs <-chan floorJob) {
	for j := range jobs {
		for _, c := range j.to {
			if j.bytes == nil {
				_ = c.Close() // its reader has ended
			} else {
				_ = c.write(j.bytes) // the reader notices as well
			}
		}
	}
}

// accept upgrades a request; whoever its token names is the user.
func (f *floor) accept(w http.ResponseWriter, r *http.Request) (*floorConn, *bufio.Reader, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || r.URL.Path != "/v1/socket" {
		return nil, nil, fmt.Errorf("this is no hubbub, only the floor of its cost")
	}
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	c := &floorConn{Conn: conn, user: wire.Actor{ID: token, Name: token[:min(len(token), 12)]}}
	if c.write, err = rawWriter(conn); err != nil {
		return nil, nil, err
	}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, nil, conn.Close()
	}
	c.shard = f.next % floorShards
	f.next++
	f.readers.Add(1)
	f.mu.Unlock()
	hello := fmt.Appendf(nil, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
		acceptOf(r.Header.Get("Sec-WebSocket-Key")), wire.ProtocolJSON)
	f.send(c, append(hello, textFrame(wire.EncodeFrame(wire.Welcome{Node: groupFloor, User: wire.User{ID: c.user.ID}, Protocol: 1}))...))
	return c, buf.Reader, nil
}

func textFrame(payload []byte) []byte {
	return append(appendHeader(nil, opText, len(payload), false), payload...)
}

func (f *floor) send(c *floorConn, b []byte) { f.shards[c.shard] <- floorJob{[]*floorConn{c}, b} }

// serve reads a connection's commands until it ends.
func (f *floor) serve(c *floorConn, r *bufio.Reader) {
	for {
		op, payload, err := readMasked(r)
		if err != nil || op == opClose {
			break
		}
		if op != opText {
			continue
		}
		var p wire.Post
		if json.Unmarshal(payload, &p) != nil {
			break
		}
		switch p.Type {
		case "join":
			f.join(c, p.Room, p.ID)
		case "post":
			f.post(c, p)
		}
	}
	for _, rm := range c.rooms {
		rm.mu.Lock()
		rm.members[c.shard] = slices.DeleteFunc(slices.Clone(rm.members[c.shard]), func(m *floorConn) bool { return m == c })
		rm.mu.Unlock()
	}
	f.send(c, nil)
}

func (f *floor) room(id string) *floorRoom {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rooms[id] == nil {
		f.rooms[id] = &floorRoom{}
	}
	return f.rooms[id]
}

func (f *floor) join(c *floorConn, room, id string) {
	rm := f.room(room)
	rm.mu.Lock()
	defer rm.mu.Unlock()
	f.send(c, textFrame(wire.EncodeFrame(wire.Joined{ID: id, Room: room, Epoch: floorEpoch, Head: rm.seq, From: rm.seq})))
	rm.members[c.shard] = append(slices.Clip(rm.members[c.shard]), c)
	c.rooms = append(c.rooms, rm)
}

func (f *floor) post(c *floorConn, p wire.Post) {
	body, err := json.Marshal(wire.MessageBody{Kind: p.Kind, Text: p.Text})
	if err != nil {
		return // texts always can be written
	}
	now := time.Now().UnixMicro()
	rm := f.room(p.Room)
	rm.mu.Lock()
	defer rm.mu.Unlock()
	rm.seq++
	frame := textFrame(wire.AppendEvent(nil, wire.Event{
		Type: wire.TypeMessage, Room: p.Room, Epoch: floorEpoch, Seq: rm.seq, At: now, Actor: c.user, ClientID: p.ID, Body: body,
	}))
	for i, members := range rm.members {
		if len(members) > 0 {
			f.shards[i] <- floorJob{members, frame}
		}
	}
	at := wire.Micros(now)
	f.send(c, textFrame(wire.EncodeFrame(wire.Ack{ID: p.ID, Room: p.Room, Seq: rm.seq, At: &at})))
}

// readMasked reads one frame of a client.
func readMasked(r *bufio.Reader) (op byte, payload []byte, err error) {
	var head [14]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return 0, nil, err
	}
	size, more := int(head[1]&0x7f), 4
	switch size {
	case 126:
		more += 2
	case 127:
		more += 8
	}
	if _, err := io.ReadFull(r, head[2:2+more]); err != nil {
		return 0, nil, err
	}
	switch size {
	case 126:
		size = int(binary.BigEndian.Uint16(head[2:]))
	case 127:
		size = int(min(binary.BigEndian.Uint64(head[2:]), wire.MaxFrame+1))
	}
	if size > wire.MaxFrame || head[1]&0x80 == 0 {
		return 0, nil, fmt.Errorf("no frame of a client, or one of %d bytes", size)
	}
	payload = make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, err
	}
	mask := head[2+more-4 : 2+more]
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return head[0] & 0x0f, payload, nil
}
