package web

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"hubbub/chat"
	"hubbub/chat/wire"
)

const (
	// messageTime is how long a message may take from its first byte to its last.
	messageTime = 10 * time.Second
	// lingerTime is how long a socket stays for a peer that stood still, to read
	// why it was left.
	lingerTime = 30 * time.Second
)

// socket is a WebSocket as a session sees it: the library shakes hands, reads,
// and sends control frames; messages go out through the link.
type socket struct {
	ws   *websocket.Conn
	link *link
	log  *slog.Logger
	user chat.UserID // whose it is, once that is known; owned by who serves it
	// waved is set when a peer that stands still was told so: it may yet wake up,
	// so the connection is kept for linger.
	waved atomic.Bool
	// ended is the code of the first good-bye, negative if it was the client's; 0
	// while there was none.
	ended atomic.Int32
}

// upgrade shakes hands; if that leaves it without ws, the request was answered.
func (c *socket) upgrade(w http.ResponseWriter, r *http.Request) {
	grip := &grip{ResponseWriter: w}
	// The library keeps the two functions, which must not keep the request.
	ws, err := websocket.Accept(grip, r, &websocket.AcceptOptions{
		Subprotocols:       wire.Protocols(),
		InsecureSkipVerify: true, // the origin was checked, against more than the Host
		CompressionMode:    websocket.CompressionDisabled,
		OnPingReceived:     func(context.Context, []byte) bool { return c.link.control() },
		OnPongReceived:     func(context.Context, []byte) { c.link.control() },
	})
	if err != nil {
		grip.answer(r)
		return
	}
	c.ws, c.link = ws, grip.link
	ws.SetReadLimit(wire.MaxFrame)
}

func (c *socket) Wait() error { return c.link.wait() }

// Read gives the next text message, or none when it has met control frames alone.
// CloseNow ends it, and nothing else: for a context that could end, the library
// would start and stop a watch per frame, however empty.
func (c *socket) Read(context.Context) ([]byte, error) {
	c.link.listen.Store(true)
	typ, r, err := c.ws.Reader(context.Background())
	c.link.listen.Store(false)
	switch {
	case errors.Is(err, errIdle):
		return nil, nil
	case err != nil:
		if code := websocket.CloseStatus(err); code > 0 {
			c.ended.CompareAndSwap(0, -int32(code))
		}
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

func (c *socket) TryWrite(frames [][]byte) ([][]byte, error) { return c.link.try(frames) }
func (c *socket) Write(frames [][]byte) error                { return c.link.write(frames) }
func (c *socket) Heard() time.Time                           { return c.link.heardAt() }

func (c *socket) Close(code int, reason string) error {
	c.ended.CompareAndSwap(0, int32(code))
	if !c.link.stalled() {
		c.link.leaveReading()
		return c.ws.Close(websocket.StatusCode(code), reason)
	}
	if err := c.link.farewell(closeFrame(code, reason)); err != nil {
		return err
	}
	c.waved.Store(true)
	return c.link.SetReadDeadline(time.Now()) // lets the reader go
}

// CloseNow closes the network connection first: while the library waits in
// Close for the peer's answer, its own CloseNow waits too.
func (c *socket) CloseNow() error {
	if c.waved.Load() {
		return nil
	}
	return c.free()
}

// linger reads, when the session is over, what a peer says that was waved
// good-bye: a connection closed upon unread bytes is reset, and then the peer
// would not come to read the close frame. It ends early when the node drains.
func (c *socket) linger(drained context.Context) {
	if !c.waved.Load() || c.link.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	defer context.AfterFunc(drained, c.link.abort)()
	_, _ = io.Copy(io.Discard, c.link) // whatever ends it
}

// free closes the connection, whatever else is under way.
func (c *socket) free() error {
	c.link.abort()
	return c.ws.CloseNow()
}

// closed tells who said good-bye first, and with what code; see
// [SocketOptions.Closed].
func (c *socket) closed() (by, code string) {
	switch n := int(c.ended.Load()); {
	case n > 0:
		return "server", strconv.Itoa(n)
	case n == 0:
		return "nobody", ""
	case slices.Contains(clientCodes, -n):
		return "client", strconv.Itoa(-n)
	}
	return "client", "other"
}

// clientCodes are those that clients close with, as a rule (RFC 6455, 7.4.1): a
// client that thinks up its own makes no metric of each.
var clientCodes = []int{1000, 1001, 1002, 1003, 1005, 1007, 1009, 1011}

// closeFrame makes a close frame (RFC 6455, 5.5.1); the reason has 123 bytes at most.
func closeFrame(code int, reason string) []byte {
	b := append(make([]byte, 0, 4+len(reason)), 0x88, byte(2+len(reason)))
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	return append(b, reason...)
}
