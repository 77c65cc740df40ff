package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"hubbub/chat/wire"
)

const (
	dialTime   = 10 * time.Second // to connect and be welcomed
	writeTime  = 10 * time.Second // of one frame
	answerTime = 20 * time.Second // of a command; the server gives one 15 s
	maxMessage = 1 << 20          // bytes of a frame from the server
)

// conn is one connection of a client. The goroutine that calls read owns it;
// one more writes.
type conn struct {
	*client
	ws    *websocket.Conn
	heard atomic.Int64 // time since the run began
	told  time.Duration
	why   atomic.Pointer[string] // why the client itself ended it

	mu     sync.Mutex
	joins  map[string]*seat // by the id of the join command
	asked  []*seat          // rooms to join
	since  time.Duration    // when the oldest unanswered join was written, 0: none
	behind map[*seat]bool   // rooms that are not read up to where the log stood
	wake   chan struct{}    // never closed; a token: there may be rooms to join
}

// connect serves one connection until it ends.
func (c *client) connect(ctx context.Context, node int) ending {
	k := &conn{client: c, told: -1, joins: make(map[string]*seat), behind: make(map[*seat]bool), wake: make(chan struct{}, 1)}
	if e, ok := k.dial(ctx, node); !ok {
		return e
	}
	defer k.ws.CloseNow()
	w, err := k.welcome(ctx)
	if err != nil {
		return k.ended(err, false)
	}
	if c.lostAt > 0 {
		c.reconnect.add(c.now() - c.lostAt)
	}
	c.welcomed(w)
	for _, s := range c.seats {
		k.asked = append(k.asked, s)
		k.behind[s] = true
	}
	limit := rate.NewLimiter(rate.Inf, 0)
	if w.Limits.RatePerS > 0 {
		// A little below the limit, since the server's clock is not ours.
		limit = rate.NewLimiter(rate.Limit(w.Limits.RatePerS*0.95), max(1, w.Limits.RateBurst*3/4))
	}
	over, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { k.write(over, limit, silence(w)) })
	err = k.read(ctx)
	if ctx.Err() != nil {
		k.ws.Close(websocket.StatusNormalClosure, "")
	}
	stop()
	wg.Wait()
	return k.ended(err, true)
}

func silence(w wire.Welcome) time.Duration {
	if w.Limits.SilenceS <= 0 {
		return 45 * time.Second
	}
	return time.Duration(w.Limits.SilenceS) * time.Second
}

// dial opens the socket; false: it was refused or failed.
func (k *conn) dial(ctx context.Context, node int) (ending, bool) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	base := k.o.Nodes[node%len(k.o.Nodes)]
	ws, resp, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(base, "http")+"/v1/socket", &websocket.DialOptions{
		HTTPHeader:   http.Header{"Authorization": {"Bearer " + k.acct.token}},
		Subprotocols: []string{wire.ProtocolJSON},
		OnPingReceived: func(context.Context, []byte) bool {
			k.hear()
			return true
		},
	})
	if err == nil {
		k.ws = ws
		ws.SetReadLimit(maxMessage)
		k.hear()
		return ending{}, true
	}
	e := ending{why: "no connection", told: -1, at: k.now()}
	if resp != nil {
		status := resp.StatusCode
		if status == http.StatusTooManyRequests {
			k.rest.limited.Add(1)
		}
		e.why = fmt.Sprintf("http %d", status)
		if after := retryAfter(resp.Header); after > 0 {
			// All who were refused at once must not come back at once.
			e.told = after + time.Duration(rand.Float64()*float64(after))
		}
		e.never = status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden
	}
	return e, false
}

func (k *conn) hear() { k.heard.Store(int64(k.now())) }

func (k *conn) welcome(ctx context.Context) (w wire.Welcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	_, data, err := k.ws.Read(ctx)
	if err != nil {
		return w, err
	}
	k.hear()
	if typeOf(data) != w.FrameType() {
		return w, fmt.Errorf("the first frame is %q", typeOf(data))
	}
	return w, json.Unmarshal(data, &w)
}

// ended tells how the connection ended.
func (k *conn) ended(err error, welcomed bool) ending {
	e := ending{why: "1006", told: -1}
	var ce websocket.CloseError
	if errors.As(err, &ce) {
		e = closed(int(ce.Code), ce.Reason)
	} else if why := k.why.Load(); why != nil {
		e.why = *why
	}
	if k.told >= 0 {
		e.told = k.told
	}
	e.welcomed, e.at, e.heard = welcomed, k.now(), time.Duration(k.heard.Load())
	return e
}

// cut ends the connection from this side.
func (k *conn) cut(why string) {
	k.why.CompareAndSwap(nil, &why)
	k.ws.CloseNow()
}

// write sends joins and messages as fast as the server allows, and watches for
// a server that has gone silent.
func (k *conn) write(ctx context.Context, limit *rate.Limiter, silent time.Duration) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for {
			frame := k.next()
			if frame == nil {
				break
			}
			if limit.Wait(ctx) != nil {
				return
			}
			if err := k.send(ctx, frame()); err != nil {
				k.cut("1006")
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
		case <-k.out.wake:
		case <-tick.C:
			now := k.now()
			k.mu.Lock()
			joining := k.since
			k.mu.Unlock()
			switch {
			case now-time.Duration(k.heard.Load()) > silent:
				k.cut("silent")
				return
			case k.out.stuck(now, answerTime), joining > 0 && now-joining > answerTime:
				k.cut("no answer")
				return
			}
		}
	}
}

// next gives what makes the next frame, when its turn has come; nil: there is
// nothing to send.
func (k *conn) next() func() wire.Command {
	k.mu.Lock()
	joining := len(k.asked) > 0
	k.mu.Unlock()
	switch {
	case joining:
		return k.join
	case k.out.queued():
		return k.post
	}
	return nil
}

func (k *conn) join() wire.Command {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.asked[0]
	k.asked = k.asked[1:]
	id := fmt.Sprintf("join-%d-%d", s.room, k.commands.Add(1))
	k.joins[id] = s
	if k.since == 0 {
		k.since = k.now()
	}
	since, epoch := s.check.cursorOf(s.who)
	return &wire.Join{Header: wire.Header{Type: "join", ID: id}, Room: s.id, Since: &since, Epoch: epoch}
}

func (k *conn) post() wire.Command {
	p := k.out.take(k.now())
	if p == nil {
		return nil
	}
	return k.begin(p)
}

func (k *conn) send(ctx context.Context, cmd wire.Command) error {
	if cmd == nil {
		return nil
	}
	b, err := json.Marshal(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	return k.ws.Write(ctx, websocket.MessageText, b)
}
