package main

import (
	"fmt"
	"slices"
	"time"
)

// reader is one client's place in one room's log.
type reader struct {
	name    string
	here    bool   // joined now
	epoch   string // of the log it reads, "" before the first join
	cursor  uint64 // the highest seq that it got
	head    uint64 // where the log stood at its last join: what is above came live
	missing spans  // below cursor, not got yet
	gap     *Fault // how the first gap looked
	trail   trail
}

// cursorOf is from where a reader goes on: what the client's join asks for.
func (c *checker) cursorOf(who int) (since uint64, epoch string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.readers[who]
	return r.cursor, r.epoch
}

// joined says that the server lets a reader read on after from, and that the
// log has head events now. True means that there is nothing to catch up with.
func (c *checker) joined(who int, epoch string, from, head uint64, at time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.readers[who]
	if r.epoch != "" && r.epoch != epoch {
		c.faultLocked(phantom, r, from, "", at, fmt.Sprintf(
			"%s joined epoch %s after epoch %s without a reset", r.name, epoch, r.epoch))
		r.cursor, r.missing = from, nil
	}
	if c.epoch != epoch {
		c.newLogLocked(epoch)
	}
	r.here, r.epoch, r.head = true, epoch, head
	c.head = max(c.head, head)
	if from > r.cursor {
		c.skippedLocked(r, from+1, "", at)
		r.cursor = from
	}
	return r.cursor >= r.head
}

// newLogLocked begins the log's next life: what was said of the old one's
// numbers means nothing any more. Acked messages must be in it all the same.
func (c *checker) newLogLocked(epoch string) {
	if c.epoch != "" {
		c.slots, c.claims, c.kept, c.head, c.top = nil, make(map[uint64][]claim), 0, 0, place{}
		c.overtakes = nil
		for _, s := range c.open {
			s.floor = place{}
		}
	}
	c.epoch = epoch
}

// away says that a reader's connection or stream is gone.
func (c *checker) away(who int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readers[who].here = false
}

// forget says that the server told a reader to begin anew.
func (c *checker) forget(who int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resets++
	r := c.readers[who]
	r.here, r.epoch, r.cursor, r.missing, r.gap = false, "", 0, nil, nil
}

// read says that a reader got an event. True means that it has all that was
// in the log when it joined.
func (c *checker) read(who int, e event, at time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.readers[who]
	r.trail.add(Entry{Seq: e.seq, ID: e.id, At: at.Seconds()})
	if e.epoch != r.epoch {
		c.faultLocked(phantom, r, e.seq, e.id, at, fmt.Sprintf("%s reads epoch %q and got an event of %q", r.name, r.epoch, e.epoch))
		return false
	}
	switch {
	case e.seq == r.cursor+1:
		r.cursor = e.seq
	case e.seq > r.cursor+maxJump:
		// A number nobody can have reached: placeLocked counts it.
	case e.seq > r.cursor:
		c.skippedLocked(r, e.seq, e.id, at)
		r.cursor = e.seq
	case r.missing.remove(e.seq):
		c.faultLocked(reorder, r, e.seq, e.id, at, fmt.Sprintf("%s got seq %d after seq %d", r.name, e.seq, r.cursor))
	default:
		c.faultLocked(dup, r, e.seq, e.id, at, fmt.Sprintf("%s got seq %d again", r.name, e.seq))
		return r.cursor >= r.head
	}
	switch {
	case e.strange != "":
		c.strangeLocked(r, e, at)
		return r.cursor >= r.head
	case e.n >= c.next:
		e.strange = "it was never sent"
		c.strangeLocked(r, e, at)
		return r.cursor >= r.head
	}
	c.placeLocked(e.seq, e.n, slotRead, e.id, at)
	if e.n != 0 && e.seq > r.head {
		c.deliveredLocked(r, e, at)
	}
	return r.cursor >= r.head
}

// strangeLocked counts an event that nobody sent, once however many get it: its
// slot then says that something else stands there.
func (c *checker) strangeLocked(r *reader, e event, at time.Duration) {
	if c.knownStrangeLocked(e.seq) {
		return
	}
	if c.kept < maxKept {
		c.claims[e.seq] = append(c.claims[e.seq], claim{n: slotNumber})
		c.kept++
	}
	c.faultLocked(phantom, r, e.seq, e.id, at, fmt.Sprintf("seq %d: %s", e.seq, e.strange))
}

func (c *checker) knownStrangeLocked(seq uint64) bool {
	return slices.Contains(c.claims[seq], claim{n: slotNumber})
}

// deliveredLocked holds a live event against the bounds of time. One that was
// committed before the reader joined is not live, and takes as long as the
// reader was away.
func (c *checker) deliveredLocked(r *reader, e event, at time.Duration) {
	s := c.open[e.n]
	if s == nil { // settled longer ago than times are kept
		c.faultLocked(late, r, e.seq, e.id, at, fmt.Sprintf("%s got %s more than %v after its ack", r.name, e.id, 3*c.bounds.late))
		return
	}
	delay := time.Duration(0)
	if s.acked > 0 {
		delay = at - s.acked
	}
	c.times.delivery.add(at - s.sent)
	c.times.delay.add(delay)
	if c.bounds.healthy > 0 && delay > c.bounds.healthy {
		c.slow++
	}
	if delay > c.bounds.late {
		c.faultLocked(late, r, e.seq, e.id, at, fmt.Sprintf("%s got %s %v after its ack", r.name, e.id, delay.Round(time.Millisecond)))
	}
}

// skippedLocked notes that a reader did not get the numbers up to, not
// including, next. They may still come; then they came out of order.
func (c *checker) skippedLocked(r *reader, next uint64, id string, at time.Duration) {
	first := r.cursor + 1
	if r.gap == nil && c.first[hole] == nil {
		r.gap = &Fault{Kind: hole.String(), Room: c.name, Reader: r.name, Seq: first, ID: id, At: at.Seconds(),
			What: fmt.Sprintf("%s never got seq %d, and next got seq %d", r.name, first, next)}
		r.trail.attach(r.gap)
	}
	if len(r.missing) < maxKept {
		r.missing.add(first, next-1)
		return
	}
	c.tally[hole] += int64(next - first)
}
