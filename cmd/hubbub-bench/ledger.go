package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// ledger holds one room's log against what its writers were told and its
// followers read, while a load runs. It asks what the checker asks, but for what
// only the history can answer, at some tens of nanoseconds each: a fast wrong
// server must be found at its speed.
//
// It keeps 36 bytes per message sent. Any goroutine may use it.
type ledger struct {
	name  string // the room's id
	index int    // of the room among the run's rooms

	mu        sync.Mutex
	epoch     string
	sends     [][]send1 // by number from 1 on, in parts of sendsPart
	count     uint32    // of sends
	slots     []uint32  // by seq from 1 on: the send that stands there, slotNumber for what is none of ours, 0 for not known
	acked     uint64    // the highest seq of an ack
	top       uint64    // the highest seq that anybody was told of
	followers []*follower
	tally     tally
	first     [kinds]*Fault
}

// send1 is one message.
type send1 struct {
	due   time.Duration
	floor uint64 // the highest acked seq when it was sent: it must get a higher one
	seq   uint64 // 0: not told yet
	done  bool   // it has its answer
}

// sendsPart bounds what has to be copied when a room's sends grow.
const sendsPart = 4096

// follower is one socket that follows a room. It outlives its connections.
type follower struct {
	room   *ledger
	name   string
	cursor atomic.Uint64 // the highest seq that it got
	here   atomic.Bool   // it has joined

	// Owned by the poller's goroutine.
	goal   uint64 // where the log stood at its last join
	behind bool   // it has not come there yet

	// Guarded by room.mu.
	began bool // it has joined once
	holed bool // it has missed an event that may still come
}

func (l *ledger) follow(name string) *follower {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &follower{room: l, name: name}
	l.followers = append(l.followers, f)
	return f
}

// send gives the next message its number, from 1 on; 0: the room has had as
// many as it can count.
func (l *ledger) send(due time.Duration) uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == maxSends {
		return 0
	}
	if l.count%sendsPart == 0 {
		l.sends = append(l.sends, make([]send1, 0, sendsPart))
	}
	last := &l.sends[len(l.sends)-1]
	*last = append(*last, send1{due: due, floor: l.acked})
	l.count++
	return l.count
}

// sentLocked gives a send by its number; nil: there is none.
func (l *ledger) sentLocked(n uint32) *send1 {
	if n == 0 || n > l.count {
		return nil
	}
	return &l.sends[(n-1)/sendsPart][(n-1)%sendsPart]
}

// ack says that the server stored send n at seq. It gives when the send was
// due; false: the send is not known, or had its answer.
func (l *ledger) ack(n uint32, seq uint64, at time.Duration) (due time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sentLocked(n)
	if s == nil || s.done {
		return 0, false
	}
	s.done = true
	if seq <= s.floor {
		l.faultLocked(reorder, nil, seq, n, at, fmt.Sprintf("send %d was sent after seq %d was acked, and got seq %d", n, s.floor, seq))
	}
	l.acked = max(l.acked, seq)
	l.placeLocked(n, seq, at)
	return s.due, true
}

// refuse says that send n has an answer and is not stored.
func (l *ledger) refuse(n uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sentLocked(n)
	if s == nil || s.done {
		return false
	}
	s.done = true
	return true
}

// abandon counts the sends that have no answer, and waits for none any more.
func (l *ledger) abandon() (n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.sends {
		for j := range l.sends[i] {
			if s := &l.sends[i][j]; !s.done {
				s.done = true
				n++
			}
		}
	}
	return n
}

// place is from where a follower goes on: the epoch is "" before its first join.
func (l *ledger) place(f *follower) (epoch string, cursor uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !f.began {
		return "", 0
	}
	return l.epoch, f.cursor.Load()
}

// joined says that the server lets a follower read on after from.
func (l *ledger) joined(f *follower, epoch string, from uint64, at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch == "" {
		l.epoch = epoch
	}
	if l.epoch != epoch {
		l.faultLocked(phantom, f, from, 0, at, fmt.Sprintf("%s joined epoch %s of a room with epoch %s", f.name, epoch, l.epoch))
	}
	if was := f.cursor.Load(); f.began && was != from {
		l.skippedLocked(f, was, from+1, at)
	}
	f.began = true
	l.top = max(l.top, from)
	f.cursor.Store(from)
	f.here.Store(true)
}

// read says that a follower got an event: send n, or 0 for what is no message of
// ours. Strange says why nobody can have sent it, "" if somebody can. It gives
// when the send was due; false: there is no time to take of it.
func (l *ledger) read(f *follower, epoch []byte, seq uint64, n uint32, strange string, at time.Duration) (due time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if string(epoch) != l.epoch {
		l.faultLocked(phantom, f, seq, n, at, fmt.Sprintf("%s reads epoch %q and got an event of %q", f.name, l.epoch, epoch))
		return 0, false
	}
	switch cursor := f.cursor.Load(); {
	case seq == cursor+1:
		f.cursor.Store(seq)
	case seq > cursor:
		l.skippedLocked(f, cursor, seq, at)
		f.cursor.Store(seq)
	case f.holed:
		l.faultLocked(reorder, f, seq, n, at, fmt.Sprintf("%s got seq %d after seq %d", f.name, seq, cursor))
	default:
		l.faultLocked(dup, f, seq, n, at, fmt.Sprintf("%s got seq %d again, or late", f.name, seq))
		return 0, false
	}
	if strange != "" {
		l.faultLocked(phantom, f, seq, n, at, fmt.Sprintf("seq %d: %s", seq, strange))
		return 0, false
	}
	if n == 0 {
		l.placeLocked(slotNumber, seq, at)
		return 0, false
	}
	s := l.sentLocked(n)
	if s == nil {
		l.faultLocked(phantom, f, seq, n, at, fmt.Sprintf("seq %d is send %d, which was never sent", seq, n))
		return 0, false
	}
	return s.due, l.placeLocked(n, seq, at)
}

func (l *ledger) skippedLocked(f *follower, cursor, next uint64, at time.Duration) {
	f.holed = true
	l.faultLocked(hole, f, cursor+1, 0, at, fmt.Sprintf("%s got seq %d after seq %d", f.name, next, cursor))
	if missing := int64(next - cursor - 1); next > cursor && missing > 1 {
		l.tally[hole] += missing - 1
	}
}

// placeLocked notes that somebody was told of send n at seq, and compares it
// with what others were told.
func (l *ledger) placeLocked(n uint32, seq uint64, at time.Duration) bool {
	if seq == 0 || seq > uint64(len(l.slots))+maxJump {
		l.faultLocked(phantom, nil, seq, n, at, fmt.Sprintf("seq %d is out of all bounds, the log has some %d", seq, len(l.slots)))
		return false
	}
	for uint64(len(l.slots)) < seq {
		l.slots = append(l.slots, 0)
	}
	l.top = max(l.top, seq)
	if was := l.slots[seq-1]; was != 0 && was != n {
		l.faultLocked(phantom, nil, seq, n, at, fmt.Sprintf("seq %d is send %d for one and send %d for another", seq, was, n))
		return false
	}
	l.slots[seq-1] = n
	s := l.sentLocked(n)
	switch {
	case s == nil:
	case s.seq == 0:
		s.seq = seq
	case s.seq != seq:
		l.faultLocked(dup, nil, seq, n, at, fmt.Sprintf("send %d stands at seq %d and at seq %d", n, s.seq, seq))
		return false
	}
	return true
}

func (l *ledger) faultLocked(k kind, f *follower, seq uint64, n uint32, at time.Duration, what string) {
	l.tally[k]++
	if l.first[k] == nil {
		l.first[k] = &Fault{Kind: k.String(), Room: l.name, Seq: seq, At: at.Seconds(), What: what}
		if f != nil {
			l.first[k].Reader = f.name
		}
	}
}

// length is the highest seq that anybody was told of.
func (l *ledger) length() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.top
}

// posted is how many messages were sent.
func (l *ledger) posted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.count)
}

// fault counts what somebody else found to be wrong in this room.
func (l *ledger) fault(k kind, seq uint64, at time.Duration, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faultLocked(k, nil, seq, 0, at, what)
}

// behind is how many events the followers who are there have not got yet of
// those that anybody was told of, and how many the slowest of them.
func (l *ledger) behind() (all, most uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.followers {
		if c := f.cursor.Load(); f.here.Load() && c < l.top {
			all += l.top - c
			most = max(most, l.top-c)
		}
	}
	return all, most
}

// settle counts what followers never got as lost. They get no second chance:
// what still comes is told of as a duplicate.
func (l *ledger) settle(at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.followers {
		c := f.cursor.Load()
		if !f.here.Load() || c >= l.top {
			continue
		}
		l.faultLocked(lost, f, c+1, 0, at, fmt.Sprintf("%s never got seq %d, the log has %d", f.name, c+1, l.top))
		l.tally[lost] += int64(l.top-c) - 1
		f.cursor.Store(l.top)
	}
}

// found gives what was found so far.
func (l *ledger) found() (tally, [kinds]*Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tally, l.first
}
