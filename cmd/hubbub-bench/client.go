package main

import (
	"context"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// seat is a client's place in one room.
type seat struct {
	room  int    // index of the room
	id    string // of the room
	who   int    // the client's index among the room's readers
	check *checker
}

// client is one user with one socket at a time. It keeps the protocol's rules:
// full jitter, the told delay, resume by seq and epoch, and no return after
// 4400, 4401, 4403 and 4409.
type client struct {
	*bench
	index  int
	acct   account
	seats  []*seat
	byRoom map[string]*seat // by the room's id
	out    *outbox

	ready     chan struct{} // closed when it reads all its rooms for the first time
	readyOnce sync.Once

	// Owned by run and what it calls.
	lostAt time.Duration // when it noticed that the last connection was gone, 0: none was
}

// ending is how a connection ended, or why there was none.
type ending struct {
	code     int    // close code, 0 without one
	why      string // what is counted
	welcomed bool
	never    bool          // do not come back
	told     time.Duration // delay that the server told, -1: none
	at       time.Duration // when the client noticed
	heard    time.Duration // when it last heard of the server
}

// run keeps the client connected until ctx ends.
func (c *client) run(ctx context.Context) {
	restartUntil := time.Duration(0)
	for try, node := 0, c.index; ; try, node = try+1, node+1 {
		e := c.connect(ctx, node)
		if ctx.Err() != nil {
			return
		}
		if c.sending.Load() || e.why != "http 429" { // a full set-up waits its turn
			c.closes.add(e.why)
		}
		for _, s := range c.seats {
			s.check.away(s.who)
		}
		c.resent.Add(int64(c.out.cut()))
		if e.welcomed {
			try = 0
			c.lostAt = e.at
			c.detect.add(e.at - e.heard)
		}
		if e.never {
			c.stopped.Add(1)
			return
		}
		if e.code == closeRestart {
			restartUntil = c.now() + restartWithin
		}
		wait := backoff(rand.Float64(), try)
		if c.now() < restartUntil {
			wait = min(wait, time.Duration(rand.Float64()*float64(restartMost)))
		}
		if e.told >= 0 {
			wait = e.told
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

// restartWithin is how long after a planned restart the short delays hold.
const restartWithin = 10 * time.Second

const (
	closeRestart = 1012
	closeTooMany = 4429
)

// neverAgain are the close codes after which a client does not return by itself.
var neverAgain = []int{4400, 4401, 4403, 4409}

var digits = regexp.MustCompile(`\d+`)

// closed describes the end of a connection that had a close code.
func closed(code int, reason string) ending {
	e := ending{code: code, why: strconv.Itoa(code), told: -1, never: slices.Contains(neverAgain, code)}
	if code == closeTooMany {
		if ms, err := strconv.Atoi(digits.FindString(reason)); err == nil {
			e.told = time.Duration(ms) * time.Millisecond
		}
	}
	return e
}

// caughtUp is called when the client reads all its rooms and has all that was
// in them.
func (c *client) caughtUp() {
	c.readyOnce.Do(func() { close(c.ready) })
	if c.lostAt > 0 {
		c.recover.add(c.now() - c.lostAt)
		c.lostAt = 0
	}
}

// resolve carries the answer to a message to the checker, or tries again.
func (c *client) resolve(p *post, a answer) {
	if wait, again := c.settle(p, a); again && !c.out.again(p, wait) {
		c.leave(p)
	}
}
