package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// event is one entry of a room's log as the checker sees it, from a reader's
// socket or from the history.
type event struct {
	epoch string
	seq   uint64
	id    string // the client id, whoever sent it
	n     uint32 // the number of our send, 0 for what is not one of our messages
	// strange says why it can be nothing that was sent ("" if it can).
	strange string
}

// bounds are the times that the checker holds the server to (promise G8).
type bounds struct {
	late    time.Duration // from the ack to a connected reader, for every message
	healthy time.Duration // the same for 99 of 100 while nothing fails; 0: not checked
}

// timings are measured over all rooms.
type timings struct {
	ack      *latency // from the time a send was due to its ack
	delivery *latency // from the time a send was due to a connected reader
	delay    *latency // from the ack to a connected reader; 0 when it came first
}

func newTimings() *timings { return &timings{newLatency(), newLatency(), newLatency()} }

// The state of one seq: the number of our send there (0: something else), and
// who said so.
const (
	slotNumber = 1<<29 - 1
	slotRead   = 1 << 29
	slotAcked  = 1 << 30
	slotKnown  = 1 << 31

	maxSends = slotNumber - 1 // per room; slotNumber itself is what nobody sent
	maxJump  = 1 << 20        // a number so far above the others is refused, not stored
	maxKept  = 4096           // contradictions and gaps that are kept apart, per room or reader
)

// claim says that somebody was told of send n at a seq where another one was
// told of something else.
type claim struct {
	n     uint32
	acked bool // by an ack; else by an event
}

// checker judges one room. It is fed what writers and readers saw in any order
// of the two, then the room's history in ascending order, then asked. It knows
// no network and no clock: times are given, as time since the run began.
//
// What it keeps is four bytes per event of the log, four bits per send, and
// more only for what is in doubt: sends without an answer or settled a moment
// ago, gaps, contradictions.
type checker struct {
	name   string
	bounds bounds
	times  *timings

	mu        sync.Mutex
	epoch     string
	next      uint32 // the number of the next send; the first is 1
	top       place  // the highest that was acked
	head      uint64 // the highest seq that anybody told of
	open      map[uint32]*send
	settled   []settledSend
	acked     bitset
	refused   bitset
	slots     []uint32
	claims    map[uint64][]claim
	kept      int // claims held
	overtakes []overtake
	readers   []*reader
	tally     tally
	slow      int64 // deliveries over bounds.healthy
	first     [kinds]*Fault
	resets    int64

	past past
}

// send is one message on its way.
type send struct {
	id    string
	sent  time.Duration // when it was due
	acked time.Duration // 0 while it is not
	floor place         // the highest acked before it was sent
}

// place is a send at a seq.
type place struct {
	seq uint64
	n   uint32
}

// overtake is a send that was numbered before floor, which had been acked when
// it was sent. It is a fault if that ack was true, which the history tells.
type overtake struct {
	place
	floor place
	at    time.Duration
}

// settledSend is one whose times are kept a while for late readers.
type settledSend struct {
	n  uint32
	at time.Duration
}

func newChecker(name string, readers []string, b bounds, t *timings) *checker {
	c := &checker{
		name: name, bounds: b, times: t, next: 1,
		open: make(map[uint32]*send), claims: make(map[uint64][]claim),
	}
	for _, r := range readers {
		c.readers = append(c.readers, &reader{name: r})
	}
	return c
}

// number gives the next send its number; the caller makes the client id of it.
// 0 means that the room has had as many as it can count.
func (c *checker) number() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next > maxSends {
		return 0
	}
	c.next++
	return c.next - 1
}

// sent says that a send was due at a time and is on its way.
func (c *checker) sent(n uint32, id string, due time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[n] = &send{id: id, sent: due}
}

// begun says that the first attempt of a send goes out now: what was acked
// until here must stand before it (promise G1).
func (c *checker) begun(n uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.open[n]; s != nil {
		s.floor = c.top
	}
}

// ack says that the server stored send n at seq.
func (c *checker) ack(n uint32, seq uint64, at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.open[n]; s != nil && s.acked == 0 {
		s.acked = max(at, 1)
		c.times.ack.add(at - s.sent)
		c.settleLocked(n, at)
		if seq <= s.floor.seq && len(c.overtakes) < maxKept {
			c.overtakes = append(c.overtakes, overtake{place{seq, n}, s.floor, at})
		}
	}
	c.acked.add(n)
	if seq > c.top.seq {
		c.top = place{seq, n}
	}
	c.placeLocked(seq, n, slotAcked, c.idLocked(n), at)
}

// refuse says that the server refused send n for good and nothing was stored.
func (c *checker) refuse(n uint32, at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused.add(n)
	c.settleLocked(n, at)
}

// giveUp says that send n never got a final answer.
func (c *checker) giveUp(n uint32, at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faultLocked(unknown, nil, 0, c.idLocked(n), at, "no final answer to "+c.idLocked(n)+" after all retries")
	c.settleLocked(n, at)
}

// settleLocked forgets the times of sends that were settled long ago.
func (c *checker) settleLocked(n uint32, at time.Duration) {
	c.settled = append(c.settled, settledSend{n, at})
	for len(c.settled) > 0 && at-c.settled[0].at > 3*c.bounds.late {
		delete(c.open, c.settled[0].n)
		c.settled = c.settled[1:]
	}
}

func (c *checker) idLocked(n uint32) string {
	if s := c.open[n]; s != nil {
		return s.id
	}
	return fmt.Sprintf("send %d", n)
}

// placeLocked notes that somebody was told of send n (0: of something that is
// none) at seq.
func (c *checker) placeLocked(seq uint64, n, flag uint32, id string, at time.Duration) {
	if seq == 0 || seq > uint64(len(c.slots))+maxJump {
		k := phantom
		if flag == slotAcked {
			k = lost
		}
		c.faultLocked(k, nil, seq, id, at, fmt.Sprintf("seq %d is out of all bounds, the log has some %d", seq, len(c.slots)))
		return
	}
	for uint64(len(c.slots)) < seq {
		c.slots = append(c.slots, 0)
	}
	c.head = max(c.head, seq)
	s := &c.slots[seq-1]
	switch {
	case *s == 0:
		*s = n | flag | slotKnown
	case *s&slotNumber == n:
		*s |= flag
	default:
		cl := claim{n, flag == slotAcked}
		if slices.Contains(c.claims[seq], cl) {
			return
		}
		if c.kept < maxKept {
			c.claims[seq] = append(c.claims[seq], cl)
			c.kept++
			return
		}
		// So many contradictions cannot be kept until the history is known; that
		// there is one is a fault in itself.
		c.faultLocked(phantom, nil, seq, id, at, "two different messages were told of one seq")
	}
}

// faultLocked counts a fault, and keeps the first of its kind.
func (c *checker) faultLocked(k kind, r *reader, seq uint64, id string, at time.Duration, what string) {
	c.tally[k]++
	if c.first[k] != nil {
		return
	}
	f := &Fault{Kind: k.String(), Room: c.name, Seq: seq, ID: id, At: at.Seconds(), What: what}
	if r != nil {
		f.Reader = r.name
		r.trail.attach(f)
	}
	c.first[k] = f
}

// state is what the progress line shows of a room.
type state struct {
	tally tally
	lag   uint64 // events that the slowest connected reader is behind
	doubt int    // sends without a final answer
}

func (c *checker) state() state {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := state{tally: c.tally, doubt: len(c.open) - len(c.settled)}
	for _, r := range c.readers {
		s.tally[hole] += r.missing.count()
		if r.here && c.head > r.cursor {
			s.lag = max(s.lag, c.head-r.cursor)
		}
	}
	return s
}
