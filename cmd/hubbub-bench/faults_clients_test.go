package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"hubbub/chat/wire"
)

// clientFaults are what clients do wrong, or too much of.
func clientFaults() []fault {
	return []fault{
		{
			name:   "each send three times in parallel",
			strike: sendThrice,
			proof: func(a *attack, r *Report) string {
				if a.note["repeats"] == 0 || a.note["refused"] == 0 {
					return fmt.Sprintf("%v repeats were answered, %v other uses of an id refused", a.note["repeats"], a.note["refused"])
				}
				return ""
			},
		},
		{
			name:   "no more files",
			fleet:  fleetOptions{Files: 1200},
			strike: noMoreFiles,
			proof: func(a *attack, r *Report) string {
				if a.note["opened"] < 800 || a.note["refused"] < 50 {
					return fmt.Sprintf("%v sockets were opened, %v refused", a.note["opened"], a.note["refused"])
				}
				return ""
			},
			judge: func(a *attack, r *Report) {
				for why, n := range r.Closes {
					a.errorf("%d connections that were open ended with %s", n, why)
				}
			},
		},
		{
			name:   "readers that stop or crawl",
			load:   func(a *attack) { a.load.Rate = 30 },
			strike: slowReaders,
			proof: func(a *attack, r *Report) string {
				if a.note["fell_behind"] < slow || a.note["kernel_kb"] == 0 {
					return fmt.Sprintf("%v readers fell behind, the kernel held %v kB for them", a.note["fell_behind"], a.note["kernel_kb"])
				}
				return ""
			},
		},
		stalledReaders(),
		{
			name:   "clients that vanish without a word",
			long:   true,
			strike: vanish,
			proof: func(a *attack, r *Report) string {
				if a.note["offline_s"] < 20 {
					return fmt.Sprintf("offline after %v s: the end of a connection was seen", a.note["offline_s"])
				}
				return ""
			},
		},
	}
}

// vanishWithin is when who vanished is offline: a peer is silent for 45 s, and
// presence is told a moment later.
const vanishWithin = 45*time.Second + 5*time.Second

// vanish lets two clients vanish, whose connections stay open: one that reads a
// quiet room, and one whom more and more is written to.
func vanish(a *attack) {
	node, other := a.nodes[0], a.nodes[1]
	for _, busy := range []bool{false, true} {
		watcher, watched := a.guest(other, "watcher"), a.guest(other, "watched")
		room, noisy := a.room(other, watcher, watched), a.room(other, watched)
		w := a.connect(other, watcher)
		w.watch(room)
		l := a.listen(node, watched, noisy, 0)
		w.sees(5*time.Second, "known", watcher, watched)
		open := node.metric("hubbub_sockets_open")
		stop := func() {}
		if busy {
			stop = a.chatter(other, watched, noisy, 100, 6000)
		}
		l.tap.pace(-1)
		took := w.sees(vanishWithin, "known", watcher)
		stop()
		a.note["offline_s"] = max(a.note["offline_s"], took.Seconds())
		if now := node.metric("hubbub_sockets_open"); now >= open {
			a.errorf("%v sockets are open, %v before", now, open)
		}
	}
}

// sendThrice posts everything to all three nodes at the same time.
func sendThrice(a *attack) {
	acct := a.guest(a.nodes[0], "somebody")
	room := a.room(a.nodes[0], acct)
	path := "/v1/rooms/" + room + "/messages"
	r := newREST(a.urls())
	defer r.close()
	type sent struct {
		Seq uint64 `json:"seq"`
	}
	repeats := a.metric("hubbub_http_requests_total", `method="POST"`, `status="200"`)
	seqs := make(map[string]uint64)
	for start := time.Now(); time.Since(start) < a.lasts(3*time.Second, 15*time.Second); {
		id := fmt.Sprint("thrice-", len(seqs))
		var answers [3]sent
		var errs [3]error
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				errs[i] = r.insist(a.t.Context(), i, http.MethodPost, path, acct.token, map[string]string{"client_id": id, "text": id}, &answers[i])
			})
		}
		wg.Wait()
		if err := errors.Join(errs[:]...); err != nil {
			a.errorf("%s: %v", id, err)
		}
		if answers[0].Seq == 0 || answers[0] != answers[1] || answers[0] != answers[2] {
			a.errorf("%s has the numbers %v", id, answers)
		}
		seqs[id] = answers[0].Seq
		var refusal *problem
		err := r.call(a.t.Context(), len(seqs), http.MethodPost, path, acct.token, map[string]string{"client_id": id, "text": "other"}, nil)
		if !errors.As(err, &refusal) || refusal.Status != http.StatusConflict {
			a.errorf("another text with the id %s: %v, want 409", id, err)
			continue
		}
		a.note["refused"]++
	}
	a.note["repeats"] = a.metric("hubbub_http_requests_total", `method="POST"`, `status="200"`) - repeats

	p := a.connect(a.nodes[2], acct)
	p.send(&wire.Post{Header: wire.Header{Type: "post", ID: "thrice-0"}, Room: room, Text: "other"})
	for {
		var e wire.Error
		if frame, ok := <-p.frames; !ok {
			a.t.Fatal("the socket ended")
		} else if typeOf(frame) != e.FrameType() {
			continue
		} else if err := json.Unmarshal(frame, &e); err != nil || e.Code != "conflict" {
			a.errorf("another text with the same id, over a socket: %s", frame)
		}
		break
	}

	stored := make(map[string]int)
	err := r.readLog(a.t.Context(), 0, room, acct.token, func(f wire.EventFrame) {
		if f.Type == "message" {
			stored[f.ClientID]++
			if f.Seq != seqs[f.ClientID] || f.Text != f.ClientID {
				a.errorf("event %d is %s %q, acked as %d", f.Seq, f.ClientID, f.Text, seqs[f.ClientID])
			}
		}
	})
	if err != nil {
		a.t.Fatal(err)
	}
	for id := range seqs {
		if stored[id] != 1 {
			a.errorf("%s is stored %d times", id, stored[id])
		}
	}
	a.note["sends"] = float64(len(seqs))
}

// noMoreFiles opens sockets on one node until it takes no more, and then some.
func noMoreFiles(a *attack) {
	n := a.nodes[0]
	const tries, each = 1200, 40 // sockets, and those of one user, who may have 50
	var accts []account
	for i := range tries / each {
		accts = append(accts, a.guest(n, fmt.Sprint("guest ", i)))
	}
	p := a.people(30)
	var mu sync.Mutex
	var open []*websocket.Conn
	defer func() {
		for _, ws := range open {
			ws.CloseNow()
		}
	}()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	dial := func(acct account) (*websocket.Conn, *http.Response, error) {
		ctx, cancel := context.WithTimeout(a.t.Context(), dialTime)
		defer cancel()
		return websocket.Dial(ctx, "ws://"+n.Addr()+"/v1/socket", &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: transport},
			HTTPHeader: http.Header{"Authorization": {"Bearer " + acct.token}},
		})
	}
	work := make(chan account, tries)
	for i := range tries {
		work <- accts[i/each]
	}
	close(work)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for acct := range work {
				ws, resp, err := dial(acct)
				mu.Lock()
				switch {
				case err == nil:
					open = append(open, ws)
				case resp != nil && resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
					a.note["refused"]++
				default:
					a.t.Errorf("a socket was not opened: %v", err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	a.note["opened"] = float64(len(open))
	for range 20 {
		if status, failing := n.ready(); status != http.StatusOK || len(failing) > 0 {
			a.errorf("the full node is not ready: %d, failing %v", status, failing)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if files, most := n.metric("process_open_fds"), n.metric("process_max_fds"); files > 1200-100 || most != 1200 {
		a.errorf("the node has %v of %v files open: too few are left", files, most)
	}
	p.leave(5*time.Second, tries*5)
	for _, ws := range open {
		ws.CloseNow()
	}
	open = nil
	a.recovered(5*time.Second, "a socket can be opened again", func() bool {
		ws, _, err := dial(accts[0])
		if err != nil {
			return false
		}
		open = append(open, ws)
		return true
	})
}
