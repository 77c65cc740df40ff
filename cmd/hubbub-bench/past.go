package main

import (
	"fmt"
	"time"
)

// past is how far the checker has come with the history.
type past struct {
	at   uint64 // the last seq that was read
	seen bitset // our sends that are in it
	lost bitset // our acked sends that are not where they should be
}

// history takes the next event of the room's log as REST gives it.
func (c *checker) history(e event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.past
	if e.epoch != c.epoch {
		c.newLogLocked(e.epoch)
	}
	if e.seq <= p.at {
		c.faultLocked(reorder, nil, e.seq, e.id, 0, fmt.Sprintf("the history gives seq %d after seq %d", e.seq, p.at))
		return
	}
	for seq := p.at + 1; seq < e.seq; seq++ {
		if seq > uint64(len(c.slots)) || !c.absentLocked(seq) {
			c.faultLocked(hole, nil, seq, "", 0, fmt.Sprintf("the history has no seq %d, but %d", seq, e.seq))
		}
	}
	p.at = e.seq
	switch {
	case e.strange != "":
	case e.n >= c.next:
		e.n, e.strange = 0, "it was never sent"
	case c.refused.has(e.n):
		e.strange = "its sender was told that it was refused and not stored"
	}
	if e.strange != "" && !c.knownStrangeLocked(e.seq) {
		c.faultLocked(phantom, nil, e.seq, e.id, 0, fmt.Sprintf("seq %d of the history: %s", e.seq, e.strange))
	}
	switch {
	case e.n == 0:
	case p.seen.has(e.n):
		c.faultLocked(dup, nil, e.seq, e.id, 0, "the history has "+e.id+" again")
	default:
		p.seen.add(e.n)
	}
	c.compareLocked(e)
}

// compareLocked holds what was told of a seq against the history.
func (c *checker) compareLocked(e event) {
	if e.seq > uint64(len(c.slots)) {
		return
	}
	if s := c.slots[e.seq-1]; s&slotKnown != 0 && s&slotNumber != e.n {
		c.differsLocked(e, s&slotNumber, s&slotAcked != 0)
	}
	for _, cl := range c.claims[e.seq] {
		if cl.n != e.n && cl.n != slotNumber {
			c.differsLocked(e, cl.n, cl.acked)
		}
	}
}

func (c *checker) differsLocked(e event, n uint32, acked bool) {
	switch {
	case acked:
		c.lostLocked(n, e.seq, fmt.Sprintf("send %d was acked as seq %d, where the history has %q", n, e.seq, e.id))
	case e.strange == "":
		c.faultLocked(phantom, nil, e.seq, e.id, 0, fmt.Sprintf("send %d was read as seq %d, where the history has %q", n, e.seq, e.id))
	}
}

// absentLocked counts what was told of a seq that the history has not; false
// means that nothing was.
func (c *checker) absentLocked(seq uint64) bool {
	s := c.slots[seq-1]
	switch n := s & slotNumber; {
	case s&slotKnown == 0:
		return false
	case s&slotAcked != 0:
		c.lostLocked(n, seq, fmt.Sprintf("send %d was acked as seq %d, which the history has not", n, seq))
	default:
		c.faultLocked(phantom, nil, seq, "", 0, fmt.Sprintf("seq %d was read, which the history has not", seq))
	}
	return true
}

// lostLocked counts an acked send as lost, once.
func (c *checker) lostLocked(n uint32, seq uint64, what string) {
	if c.past.lost.has(n) {
		return
	}
	c.past.lost.add(n)
	c.faultLocked(lost, nil, seq, c.idLocked(n), 0, what)
}

// finish judges what is left, once the whole history was fed. Must is the seq
// up to which every connected reader has had time to come.
func (c *checker) finish(must uint64, at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.past
	for seq := p.at + 1; seq <= uint64(len(c.slots)); seq++ {
		c.absentLocked(seq)
	}
	for n := uint32(1); n < c.next; n++ {
		if c.acked.has(n) && !p.seen.has(n) {
			c.lostLocked(n, 0, fmt.Sprintf("send %d was acked and is not in the history", n))
		}
	}
	for _, o := range c.overtakes {
		if !p.lost.has(o.floor.n) && !p.lost.has(o.n) {
			c.faultLocked(reorder, nil, o.seq, c.idLocked(o.n), o.at, fmt.Sprintf(
				"send %d was sent after seq %d was acked, and got seq %d", o.n, o.floor.seq, o.seq))
		}
	}
	for _, r := range c.readers {
		if r.here && r.epoch != c.epoch {
			r.cursor = 0 // it still reads a log that is no more
		}
		if r.here && r.cursor < must {
			c.skippedLocked(r, must+1, "", at)
			r.cursor = must
		}
		if n := r.missing.count(); n > 0 {
			c.tally[hole] += n
			if f := r.gap; f != nil && c.first[hole] == nil {
				c.first[hole] = f
			}
		}
	}
}

// allRead tells whether every reader is there and has come to a seq.
func (c *checker) allRead(must uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.readers {
		if !r.here || r.cursor < must {
			return false
		}
	}
	return true
}

// result is what the checker found in its room.
type result struct {
	tally  tally
	first  [kinds]*Fault
	slow   int64
	resets int64
	away   int // readers that were not there at the end
	log    uint64
}

func (c *checker) result() result {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := result{tally: c.tally, first: c.first, slow: c.slow, resets: c.resets, log: c.past.at}
	for _, reader := range c.readers {
		if !reader.here {
			r.away++
		}
	}
	return r
}
