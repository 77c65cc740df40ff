package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hubbub/chat/wire"
)

// liar stands in front of a good server and gives one injected bug to what
// passes. Each bug strikes once.
type liar struct {
	node string
	// down changes a message from the server, of one connection: what it returns
	// is sent instead. up does so with a message of the client; reply goes back
	// to it at once.
	down func(l *link, frame []byte) [][]byte
	up   func(l *link, frame []byte) (forward bool, reply []byte)

	mu     sync.Mutex
	struck bool
}

// link is one connection through the liar.
type link struct {
	*liar
	heads  map[string]uint64 // the highest seq that passed, by room
	held   []byte            // a message kept back
	heldIn string            // its room
}

// strike says once that it is time for the bug.
func (l *liar) strike(now bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.struck || !now {
		return false
	}
	l.struck = true
	return true
}

// startLiar gives the URL of a liar in front of a node.
func startLiar(t testing.TB, l *liar) string {
	t.Helper()
	target, err := url.Parse(l.node)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	var sockets sync.WaitGroup
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/socket" {
			proxy.ServeHTTP(w, r)
			return
		}
		sockets.Add(1)
		defer sockets.Done()
		if err := l.serve(w, r); err != nil {
			t.Errorf("liar: %v", err)
		}
	}))
	t.Cleanup(func() {
		s.Close()
		sockets.Wait()
	})
	return s.URL
}

func (l *liar) serve(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(l.node, "http")+"/v1/socket", &websocket.DialOptions{
		HTTPHeader:   http.Header{"Authorization": r.Header["Authorization"]},
		Subprotocols: []string{wire.ProtocolJSON},
	})
	if err != nil {
		return err
	}
	defer server.CloseNow()
	server.SetReadLimit(maxMessage)
	client, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{wire.ProtocolJSON}})
	if err != nil {
		return err
	}
	defer client.CloseNow()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	k := &link{liar: l, heads: make(map[string]uint64)}
	var mu sync.Mutex // of k
	wg.Go(func() {
		defer client.CloseNow()
		for {
			_, frame, err := server.Read(ctx)
			if err != nil {
				return
			}
			mu.Lock()
			out := k.fromServer(frame)
			mu.Unlock()
			for _, f := range out {
				if client.Write(ctx, websocket.MessageText, f) != nil {
					return
				}
			}
		}
	})
	for {
		_, frame, err := client.Read(ctx)
		if err != nil {
			return nil
		}
		forward, reply := true, []byte(nil)
		if l.up != nil {
			mu.Lock()
			forward, reply = l.up(k, frame)
			mu.Unlock()
		}
		if reply != nil && client.Write(ctx, websocket.MessageText, reply) != nil {
			return nil
		}
		if forward && server.Write(ctx, websocket.MessageText, frame) != nil {
			return nil
		}
	}
}

func (k *link) fromServer(frame []byte) [][]byte {
	if typeOf(frame) == wire.TypeMessage {
		if e, err := wire.ParseEvent(frame); err == nil {
			k.heads[e.Room] = max(k.heads[e.Room], e.Seq)
			if k.down != nil {
				return k.down(k, frame)
			}
		}
	}
	return [][]byte{frame}
}

func seqOf(frame []byte) uint64 {
	e, err := wire.ParseEvent(frame)
	if err != nil {
		panic(fmt.Sprintf("%v: %s", err, frame))
	}
	return e.Seq
}

// somewhere is a seq in the middle of a short run, at which bugs strike.
const somewhere = 25

// The bugs.

func dropOne(l *link, frame []byte) [][]byte {
	if l.strike(seqOf(frame) > somewhere) {
		return nil
	}
	return [][]byte{frame}
}

func swapTwo(l *link, frame []byte) [][]byte {
	e, err := wire.ParseEvent(frame)
	switch {
	case err != nil:
		panic(err)
	case l.held != nil && e.Room == l.heldIn:
		first := l.held
		l.held = nil
		return [][]byte{frame, first}
	case l.strike(e.Seq > somewhere):
		l.held, l.heldIn = frame, e.Room
		return nil
	}
	return [][]byte{frame}
}

func sendTwice(l *link, frame []byte) [][]byte {
	if l.strike(seqOf(frame) > somewhere) {
		return [][]byte{frame, frame}
	}
	return [][]byte{frame}
}

func changeText(l *link, frame []byte) [][]byte {
	if l.strike(seqOf(frame) > somewhere) {
		frame = bytes.Replace(frame, []byte(`"text":"`), []byte(`"text":"not `), 1)
	}
	return [][]byte{frame}
}

func stall(l *link, frame []byte) [][]byte {
	if l.strike(seqOf(frame) > somewhere) {
		time.Sleep(1700 * time.Millisecond)
	}
	return [][]byte{frame}
}

func ackWithoutCommit(l *link, frame []byte) (bool, []byte) {
	var p wire.Post
	if typeOf(frame) != "post" || json.Unmarshal(frame, &p) != nil || !l.strike(l.heads[p.Room] > somewhere) {
		return true, nil
	}
	return false, wire.EncodeFrame(wire.Ack{ID: p.ID, Room: p.Room, Seq: l.heads[p.Room] + 5})
}

func neverAnswer(l *link, frame []byte) (bool, []byte) {
	var p wire.Post
	return typeOf(frame) != "post" || json.Unmarshal(frame, &p) != nil || !l.strike(l.heads[p.Room] > somewhere), nil
}
