package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hubbub/chat/wire"
)

// peer is a user of a test with one socket, which reads and notes what matters
// to it: presence, the end of the socket. It sends nothing by itself.
type peer struct {
	account
	t      testing.TB
	ws     *websocket.Conn
	frames chan []byte // what came; closed at the end of the socket
	online []string    // the last presence told
	state  string
}

// guest makes a user on a node.
func (f *fleet) guest(n *fleetNode, name string) account {
	f.t.Helper()
	r := newREST([]string{"http://" + n.Addr()})
	defer r.close()
	acct, err := makeAccount(f.t.Context(), r, name, 0, "guests")
	if err != nil {
		f.t.Fatal(err)
	}
	return acct
}

// room makes a private room of users on a node and gives its id.
func (f *fleet) room(n *fleetNode, users ...account) string {
	f.t.Helper()
	r := newREST([]string{"http://" + n.Addr()})
	defer r.close()
	members := make([]int, len(users))
	for i := range users {
		members[i] = i
	}
	id, err := makeRoom(f.t.Context(), r, "a room", users, members)
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

// connect opens a socket on a node; it is closed at the test's end.
func (f *fleet) connect(n *fleetNode, acct account) *peer {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), dialTime)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+n.Addr()+"/v1/socket", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + acct.token}}, Subprotocols: []string{wire.ProtocolJSON},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	p := &peer{account: acct, t: f.t, ws: ws, frames: make(chan []byte, 256)}
	read, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(p.frames)
		for {
			_, data, err := ws.Read(read)
			if err != nil {
				return
			}
			select {
			case p.frames <- data:
			case <-read.Done():
				return
			}
		}
	}()
	f.t.Cleanup(func() {
		stop()
		ws.CloseNow()
		<-done
	})
	return p
}

// send sends one command.
func (p *peer) send(c wire.Command) {
	p.t.Helper()
	b, err := json.Marshal(c)
	if err == nil {
		ctx, cancel := context.WithTimeout(p.t.Context(), writeTime)
		defer cancel()
		err = p.ws.Write(ctx, websocket.MessageText, b)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// watch asks who is in a room.
func (p *peer) watch(room string) {
	p.t.Helper()
	p.send(&wire.Presence{Header: wire.Header{Type: "presence", ID: "watch"}, Rooms: []string{room}})
}

// sees waits until presence is told as the state and, when that is "known", as
// exactly these users; it gives how long that took.
func (p *peer) sees(within time.Duration, state string, users ...account) time.Duration {
	p.t.Helper()
	return p.await(within, false, state, users)
}

// seesNext is sees, and nobody is told anything but "unknown" before that.
func (p *peer) seesNext(within time.Duration, state string, users ...account) time.Duration {
	p.t.Helper()
	return p.await(within, true, state, users)
}

func (p *peer) await(within time.Duration, next bool, state string, users []account) time.Duration {
	p.t.Helper()
	var want []string
	for _, u := range users {
		want = append(want, u.user.ID)
	}
	slices.Sort(want)
	start, over := time.Now(), time.After(within)
	for {
		if p.state == state && (state != "known" || slices.Equal(p.online, want)) {
			return time.Since(start)
		}
		if next && p.state == "known" {
			p.t.Fatalf("presence is said to be %s, want %s %s", strings.Join(p.online, " "), state, strings.Join(want, " "))
		}
		select {
		case frame, ok := <-p.frames:
			if !ok {
				p.t.Fatal("the watcher's socket has ended")
			}
			p.look(frame)
		case <-over:
			p.t.Fatalf("not within %v: presence is %s %s, want %s %s", within, p.state, strings.Join(p.online, " "), state, strings.Join(want, " "))
		}
	}
}

// look notes a presence frame.
func (p *peer) look(frame []byte) {
	var now wire.PresenceNow
	if typeOf(frame) != now.FrameType() || json.Unmarshal(frame, &now) != nil || len(now.Rooms) != 1 {
		return
	}
	p.state, p.online = now.Rooms[0].State, slices.Sorted(slices.Values(now.Rooms[0].Online))
}
