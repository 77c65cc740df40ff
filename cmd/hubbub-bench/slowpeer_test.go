package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hubbub/chat/wire"
)

// tap is a client's end of a connection, which reads as slowly as it is told.
type tap struct {
	net.Conn
	gone chan struct{} // closed by Close
	once sync.Once

	mu      sync.Mutex
	every   time.Duration // between single bytes; 0: as fast as it goes; below 0: not at all
	changed chan struct{} // closed when every changes
}

// smallBuffer is what the kernel keeps for a tap that is not read, in bytes.
const smallBuffer = 4 << 10

// openTap connects with a small receive buffer.
func openTap(ctx context.Context, network, addr string) (*tap, error) {
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, smallBuffer)
		})
		if err != nil {
			return err
		}
		return failed
	}}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &tap{Conn: conn, gone: make(chan struct{}), changed: make(chan struct{})}, nil
}

func (t *tap) pace(every time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.every = every
	deadline := time.Time{}
	if every < 0 { // the read that waits now takes nothing either
		deadline = time.Unix(1, 0)
	}
	_ = t.Conn.SetReadDeadline(deadline) // a closed connection reads nothing
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *tap) Read(p []byte) (int, error) {
	for {
		t.mu.Lock()
		every, changed := t.every, t.changed
		t.mu.Unlock()
		if every == 0 {
			n, err := t.Conn.Read(p)
			if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
				continue
			}
			return n, err
		}
		var next <-chan time.Time
		if every > 0 {
			next = time.After(every)
		}
		select {
		case <-next:
			return t.Conn.Read(p[:1])
		case <-changed:
		case <-t.gone:
			return 0, io.ErrClosedPipe
		}
	}
}

func (t *tap) Close() error {
	t.once.Do(func() { close(t.gone) })
	return t.Conn.Close()
}

// listener reads one room over a tap and keeps count.
type listener struct {
	t    testing.TB
	tap  *tap
	ws   *websocket.Conn
	done chan struct{} // closed when the socket has ended

	mu   sync.Mutex
	last uint64          // seq
	odd  []uint64        // what did not follow the one before
	took []time.Duration // of the messages since the last lap, from their making on
}

// listen opens a socket that reads a room from seq since on; it is closed with
// the test.
func (f *fleet) listen(n *fleetNode, acct account, room string, since uint64) *listener {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), dialTime)
	defer cancel()
	l := &listener{t: f.t, done: make(chan struct{}), last: since}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
		l.tap, err = openTap(ctx, network, addr)
		return l.tap, err
	}}
	ws, _, err := websocket.Dial(ctx, "ws://"+n.Addr()+"/v1/socket", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport},
		HTTPHeader: http.Header{"Authorization": {"Bearer " + acct.token}}, Subprotocols: []string{wire.ProtocolJSON},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ws.SetReadLimit(maxMessage)
	l.ws = ws
	f.t.Cleanup(func() {
		ws.CloseNow()
		<-l.done
	})
	go func() {
		defer close(l.done)
		for {
			_, data, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			l.take(data)
		}
	}()
	b, err := json.Marshal(&wire.Join{Header: wire.Header{Type: "join", ID: "j"}, Room: room, Since: &since})
	if err == nil {
		err = ws.Write(ctx, websocket.MessageText, b)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return l
}

// take notes an event of the log. The text of a message begins with the time
// at which it was made.
func (l *listener) take(data []byte) {
	var f wire.EventFrame
	if json.Unmarshal(data, &f) != nil || f.Seq == 0 || f.Epoch == "" || f.Type == "joined" || f.Type == "ack" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.Seq != l.last+1 {
		l.odd = append(l.odd, f.Seq)
	}
	l.last = f.Seq
	made, _, _ := strings.Cut(f.Text, " ")
	if n, err := strconv.ParseInt(made, 10, 64); err == nil {
		l.took = append(l.took, time.Since(time.Unix(0, n)))
	}
}

func (l *listener) head() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// lap gives how long the messages took since the last lap.
func (l *listener) lap() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	took := l.took
	l.took = nil
	return took
}

func (l *listener) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}
