package web_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/chattest"
	"hubbub/chat/wire"
	"hubbub/web"
)

// socketSite is a server with real sockets: a store in memory and a bus within
// the process. Ann has the room "tea".
type socketSite struct {
	*site
	sockets *web.Sockets
	token   string // ann's
}

func newSocketSite(t *testing.T) *socketSite {
	t.Helper()
	out := &socketSite{}
	store := chattest.NewMemory()
	quiet := slog.New(slog.DiscardHandler)
	out.site = newSite(t, func(o *web.Options) {
		hub := chat.NewHub(store, store, chat.HubOptions{Log: quiet})
		o.Rooms = chat.NewRooms(store, store, bus.NewLocal(hub), chat.RoomsOptions{Node: "n1", Log: quiet})
		o.Accounts = chat.NewAccounts(store, chat.AccountOptions{HashMemory: 64, Log: quiet})
		out.sockets = web.NewSockets(web.SocketOptions{
			Hub: hub, Rooms: o.Rooms, Accounts: o.Accounts, Origins: o.Origins, PerUser: o.PerUser, Log: o.Log,
			Session:  chat.SessionOptions{Node: "n1"},
			Panicked: func() { t.Error("a frame made the server panic") },
		})
		o.Sockets = out.sockets
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 2)
		go func() { done <- o.Rooms.Run(ctx) }()
		go func() { done <- hub.Run(ctx) }()
		t.Cleanup(func() {
			out.sockets.Drain()
			hub.Drain(ctx, 0)
			out.sockets.Wait()
			cancel()
			<-done
			<-done
		})
	})
	out.token = out.signUp("ann").Token
	out.room(out.token, "public", "tea")
	return out
}

// listen serves the site on a port of its own and gives the address.
func (s *socketSite) listen(t *testing.T) string {
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// The upgrade request of RFC 6455, 1.3, without a Host.
const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// peer is the client's end of a connection, without any library in between.
type peer struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

// dialSocket shakes hands as ann and reads the welcome. Further bytes go out
// together with the request.
func (s *socketSite) dialSocket(t *testing.T, conn net.Conn, further ...byte) *peer {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	p := &peer{t: t, conn: conn, r: bufio.NewReader(conn)}
	p.write(append([]byte("GET /v1/socket HTTP/1.1\r\nHost: localhost\r\n"+upgrade+
		"Sec-WebSocket-Protocol: "+wire.ProtocolJSON+"\r\nAuthorization: Bearer "+s.token+"\r\n\r\n"), further...))
	res, err := http.ReadResponse(p.r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", res, err)
	}
	if got := p.next(); got != "welcome" {
		t.Fatalf("first came %s", got)
	}
	return p
}

func dialTCP(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// write sends in the background, so that a server that does not read to the
// end, as it need not, holds nobody up.
func (p *peer) write(b []byte) {
	go func() { _, _ = p.conn.Write(b) }()
}

// patience is how long a peer waits for the server: longer than the 5 s that
// the server may wait for an answer to its own close frame.
const patience = 6 * time.Second

// next reads one frame and tells in short what it is; "end" when the server
// has freed the connection, and "silence" when nothing came. It holds the
// server to what RFC 6455 asks of its frames: whole, not masked, lengths as
// short as can be.
func (p *peer) next() string {
	p.t.Helper()
	if err := p.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	op, payload, err := p.frame()
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "silence"
	case err != nil:
		return "end"
	}
	switch op {
	case opText:
		var f struct{ Type, ID, Code string }
		if err := json.Unmarshal(payload, &f); err != nil {
			p.t.Errorf("text %q: %v", payload, err)
		}
		return strings.TrimRight(f.Type+" "+f.ID+f.Code, " ")
	case opPong:
		return fmt.Sprintf("PONG %q", payload)
	case opClose:
		switch len(payload) {
		case 0:
			return "CLOSE"
		case 1:
			return "CLOSE with one byte"
		}
		return fmt.Sprint("CLOSE ", binary.BigEndian.Uint16(payload))
	}
	return fmt.Sprintf("opcode %d %q", op, payload)
}

func (p *peer) frame() (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		return 0, nil, err
	}
	if head[0]&0xf0 != 0x80 || head[1]&0x80 != 0 {
		p.t.Errorf("the server's frame begins with %x", head)
	}
	n, least := uint64(head[1]), uint64(0)
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(p.r, b[:])
		n, least = uint64(binary.BigEndian.Uint16(b[:])), 126
	case 127:
		var b [8]byte
		_, err = io.ReadFull(p.r, b[:])
		n, least = binary.BigEndian.Uint64(b[:]), 1<<16
	}
	if err != nil {
		return 0, nil, err
	}
	if n < least || n > 1<<20 {
		p.t.Errorf("the server's frame says that it has %d bytes", n)
		return 0, nil, io.ErrUnexpectedEOF
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(p.r, payload)
	return head[0] & 0xf, payload, err
}

// Opcodes of RFC 6455, 5.2, and the bit for the last fragment.
const (
	opMore, opText, opBinary, opClose, opPing, opPong = 0, 1, 2, 8, 9, 10

	fin = 0x80
)

// masked makes a client's frame of a first byte and a payload.
func masked(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(b, mask(payload)...)
}

// mask gives a key and the payload under it.
func mask(payload string) []byte {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b := key[:]
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

// closing makes a close frame with a code and a reason.
func closing(code uint16, reason string) []byte {
	return masked(fin|opClose, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}
