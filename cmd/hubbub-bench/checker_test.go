package main

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

const (
	testEpoch = "E"
	tick      = 10 * time.Millisecond
)

// tape is a whole run of one room with two readers: what was sent, answered,
// read and found in the history. The zero of n is an event that is no message.
type tape struct {
	sends   uint32
	before  func(*checker)         // after the sends
	acks    []ev                   // in this order, one tick each
	reads   [2][]ev                // each reader's log, after all acks
	between map[int]func(*checker) // called before the reader's n-th event of reader 1
	after   func(*checker)         // after the reads
	history []ev
	must    uint64
}

// ev is send n at seq.
type ev struct {
	seq     uint64
	n       uint32
	strange string
}

func (e ev) event() event {
	id := ""
	if e.n != 0 {
		id = fmt.Sprintf("run.0.0.%d", e.n)
	}
	return event{epoch: testEpoch, seq: e.seq, n: e.n, id: id, strange: e.strange}
}

// logOf is the room's first event and then the sends, from seq 2 on.
func logOf(sends ...uint32) []ev {
	list := []ev{{seq: 1}}
	for i, n := range sends {
		list = append(list, ev{seq: uint64(i) + 2, n: n})
	}
	return list
}

// goodTape is six messages that all went well.
func goodTape() *tape {
	all := func() []ev { return logOf(1, 2, 3, 4, 5, 6) }
	return &tape{sends: 6, acks: all()[1:], reads: [2][]ev{all(), all()}, history: all(), must: 7}
}

func without(list []ev, seq uint64) []ev {
	var out []ev
	for _, e := range list {
		if e.seq != seq {
			out = append(out, e)
		}
	}
	return out
}

func (tp *tape) play() *checker {
	c := newChecker("room", []string{"ada", "bob"}, bounds{late: 3 * time.Second, healthy: 250 * time.Millisecond}, newTimings())
	at := time.Duration(0)
	next := func() time.Duration { at += tick; return at }
	for who := range tp.reads {
		c.joined(who, testEpoch, 0, 0, next())
	}
	for range tp.sends {
		n := c.number()
		c.sent(n, fmt.Sprintf("run.0.0.%d", n), next())
		c.begun(n)
	}
	if tp.before != nil {
		tp.before(c)
	}
	for _, a := range tp.acks {
		c.ack(a.n, a.seq, next())
	}
	for who, log := range tp.reads {
		for i, e := range log {
			if do := tp.between[i]; do != nil && who == 1 {
				do(c)
			}
			c.read(who, e.event(), next())
		}
	}
	if tp.after != nil {
		tp.after(c)
	}
	for _, e := range tp.history {
		c.history(e.event())
	}
	c.finish(tp.must, next())
	return c
}

// TestCheckerNamesTheFault feeds runs with one fault each; the checker counts
// that one and no other.
func TestCheckerNamesTheFault(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(tp *tape)
		want kind
		n    int64
		seq  uint64
		what string
	}{
		{"lost: acked, and another stands there", func(tp *tape) {
			tp.reads[0], tp.reads[1], tp.history = logOf(1, 2, 4, 5, 6), logOf(1, 2, 4, 5, 6), logOf(1, 2, 4, 5, 6)
			tp.acks = append(logOf(1, 2, 4, 5, 6)[1:], ev{seq: 4, n: 3})
			tp.must = 6
		}, lost, 1, 4, "acked as seq 4"},
		{"lost: acked, and the log ends before it", func(tp *tape) {
			tp.reads[0], tp.reads[1], tp.history = logOf(1, 2, 3, 4, 5), logOf(1, 2, 3, 4, 5), logOf(1, 2, 3, 4, 5)
			tp.must = 6
		}, lost, 1, 7, "which the history has not"},
		{"lost: acked and read, then gone", func(tp *tape) { tp.history = without(tp.history, 4) }, lost, 1, 4, "which the history has not"},
		{"lost: acked twice with two numbers", func(tp *tape) { tp.acks = append(tp.acks, ev{seq: 6, n: 3}) }, lost, 1, 6, "acked as seq 6"},
		{"lost: acked with a number out of all bounds", func(tp *tape) { tp.acks[5].seq = 1 << 53 }, lost, 1, 1 << 53, "out of all bounds"},
		{"dup: a reader gets it twice", func(tp *tape) { tp.reads[1] = append(tp.reads[1], ev{seq: 5, n: 4}) }, dup, 1, 5, "bob got seq 5 again"},
		{"dup: it is stored twice", func(tp *tape) {
			again := ev{seq: 8, n: 4}
			tp.reads[0], tp.reads[1], tp.history = append(tp.reads[0], again), append(tp.reads[1], again), append(tp.history, again)
		}, dup, 1, 8, "again"},
		{"hole: a reader misses one", func(tp *tape) { tp.reads[1] = without(tp.reads[1], 4) }, hole, 1, 4, "bob never got seq 4"},
		{"hole: a reader misses the last two", func(tp *tape) { tp.reads[1] = tp.reads[1][:5] }, hole, 2, 6, "bob never got seq 6"},
		{"hole: a resume begins too late", func(tp *tape) {
			tp.reads[1] = append(logOf(1, 2, 3, 4, 5, 6)[:3:3], tp.reads[1][5:]...)
			tp.between = map[int]func(*checker){3: func(c *checker) { c.away(1); c.joined(1, testEpoch, 5, 7, time.Second) }}
		}, hole, 2, 4, "bob never got seq 4"},
		{"hole: the history skips a number", func(tp *tape) {
			for _, log := range [][]ev{tp.acks[3:], tp.reads[0][4:], tp.reads[1][4:], tp.history[4:]} {
				for i := range log {
					log[i].seq++
				}
			}
			tp.must = 8
			// Readers that skip it too have a hole each: here nobody reads.
			tp.reads = [2][]ev{}
			tp.after = func(c *checker) { c.away(0); c.away(1) }
		}, hole, 1, 5, "the history has no seq 5"},
		{"reorder: two change places", func(tp *tape) {
			tp.reads[1][3], tp.reads[1][4] = tp.reads[1][4], tp.reads[1][3]
		}, reorder, 1, 4, "bob got seq 4 after seq 5"},
		{"reorder: sent after an ack, numbered before it", func(tp *tape) {
			tp.before = func(c *checker) {
				c.ack(6, 7, time.Second)
				c.begun(3)
			}
			tp.acks = tp.acks[:5]
		}, reorder, 1, 4, "was sent after seq 7 was acked"},
		{"phantom: read, and never stored", func(tp *tape) {
			tp.sends = 7
			tp.reads[1] = append(tp.reads[1], ev{seq: 8, n: 7})
			tp.after = func(c *checker) { c.refuse(7, time.Second) }
		}, phantom, 1, 8, "which the history has not"},
		{"phantom: read by all, and never sent", func(tp *tape) {
			forged := ev{seq: 8, n: 99}
			tp.reads[0], tp.reads[1] = append(tp.reads[0], forged), append(tp.reads[1], forged)
		}, phantom, 1, 8, "never sent"},
		{"phantom: refused, and stored", func(tp *tape) {
			tp.sends = 7
			tp.before = func(c *checker) { c.refuse(7, time.Second) }
			stored := ev{seq: 8, n: 7}
			tp.reads[0], tp.reads[1], tp.history = append(tp.reads[0], stored), append(tp.reads[1], stored), append(tp.history, stored)
		}, phantom, 1, 8, "refused and not stored"},
		{"phantom: changed on its way to one reader", func(tp *tape) { tp.reads[0][3].strange = "it is changed" }, phantom, 1, 4, "changed"},
		{"phantom: changed where it is stored", func(tp *tape) {
			for _, log := range [][]ev{tp.reads[0], tp.reads[1], tp.history} {
				log[3].strange = "it is changed"
			}
		}, phantom, 1, 4, "changed"},
		{"phantom: of another log", func(tp *tape) {
			tp.after = func(c *checker) { c.read(0, event{epoch: "old", seq: 8, n: 1}, time.Second) }
		}, phantom, 1, 8, `an event of "old"`},
		{"unknown: no final answer", func(tp *tape) {
			tp.sends = 7
			tp.after = func(c *checker) { c.giveUp(7, time.Second) }
		}, unknown, 1, 0, "no final answer to run.0.0.7"},
		{"late: a live event comes 4 s after its ack", func(tp *tape) {
			tp.reads[1] = tp.reads[1][:6]
			tp.after = func(c *checker) { c.read(1, ev{seq: 7, n: 6}.event(), 4*time.Second+14*tick) }
		}, late, 1, 7, "bob got run.0.0.6 4s after its ack"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tp := goodTape()
			tt.do(tp)
			r := tp.play().result()
			want := tally{}
			want[tt.want] = tt.n
			if r.tally != want {
				t.Errorf("counted %v, want %v (%v)", r.tally, want, kindNames)
			}
			f := r.first[tt.want]
			if f == nil || f.Kind != tt.want.String() || f.Seq != tt.seq || !strings.Contains(f.What, tt.what) {
				t.Errorf("first %v is %+v, want seq %d and %q", tt.want, f, tt.seq, tt.what)
			}
		})
	}
}

// TestCheckerAllows has what looks odd and is no fault.
func TestCheckerAllows(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(tp *tape)
	}{
		{"all well", func(*tape) {}},
		{"an ack that comes after the event", func(tp *tape) {
			last := tp.acks[5]
			tp.acks = tp.acks[:5]
			tp.after = func(c *checker) { c.ack(last.n, last.seq, 9*time.Second) }
		}},
		{"the same ack twice", func(tp *tape) { tp.acks = append(tp.acks, tp.acks[2]) }},
		{"a resume", func(tp *tape) {
			tp.between = map[int]func(*checker){3: func(c *checker) { c.away(1); c.joined(1, testEpoch, 3, 7, time.Hour) }}
		}},
		{"a resume that takes an hour", func(tp *tape) {
			tail := tp.reads[1][3:]
			tp.reads[1] = tp.reads[1][:3]
			tp.after = func(c *checker) {
				c.away(1)
				c.joined(1, testEpoch, 3, 7, time.Hour)
				for _, e := range tail {
					c.read(1, e.event(), time.Hour)
				}
			}
		}},
		{"a reset, and everything again", func(tp *tape) {
			tp.after = func(c *checker) {
				c.forget(1)
				c.joined(1, testEpoch, 0, 7, time.Second)
				for _, e := range logOf(1, 2, 3, 4, 5, 6) {
					c.read(1, e.event(), time.Second)
				}
			}
		}},
		{"a reader that is away at the end", func(tp *tape) {
			tp.reads[1] = tp.reads[1][:3]
			tp.after = func(c *checker) { c.away(1) }
		}},
		{"stored, though its sender was never told", func(tp *tape) { tp.acks = tp.acks[:5] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tp := goodTape()
			tt.do(tp)
			if r := tp.play().result(); r.tally != (tally{}) {
				t.Errorf("counted %v (%v), first %+v", r.tally, kindNames, r.first)
			}
		})
	}
}

// TestCheckerFollowsARestoredLog has a log that begins a new life without its
// last two messages: they were acked, so they are lost, and nothing else is.
func TestCheckerFollowsARestoredLog(t *testing.T) {
	tp := goodTape()
	tp.history, tp.must = nil, 0
	tp.after = func(c *checker) {
		for who := range 2 {
			c.forget(who)
			c.joined(who, "E2", 0, 5, time.Second)
		}
		for _, e := range logOf(1, 2, 3, 4) {
			v := e.event()
			v.epoch = "E2"
			c.read(0, v, time.Second)
			c.read(1, v, time.Second)
			c.history(v)
		}
	}
	r := tp.play().result()
	if want := (tally{lost: 2}); r.tally != want || r.resets != 2 {
		t.Errorf("counted %v, %d resets; want %v and 2", r.tally, r.resets, want)
	}
}

func TestFaultShowsItsSurroundings(t *testing.T) {
	tp := goodTape()
	tp.reads[1] = append(append(logOf(1, 2, 3)[:4:4], ev{seq: 3, n: 2}), tp.reads[1][4:]...)
	f := tp.play().result().first[dup]
	var seqs []uint64
	for _, e := range f.Log {
		seqs = append(seqs, e.Seq)
	}
	if want := "[1 2 3 4 3 5 6 7]"; fmt.Sprint(seqs) != want || f.Reader != "bob" {
		t.Errorf("%s got %v, want %v", f.Reader, seqs, want)
	}
	var b strings.Builder
	f.write(&b)
	if !strings.Contains(b.String(), ">        3  run.0.0.2") {
		t.Errorf("the fault is not marked:\n%s", b.String())
	}
}

// TestCheckerMemory has the package's word on memory: a million messages that
// went well leave four bytes and a few bits each.
func TestCheckerMemory(t *testing.T) {
	const messages, readers = 1_000_000, 3
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	was := heap()
	c := newChecker("room", make([]string, readers), bounds{late: time.Second}, newTimings())
	for who := range readers {
		c.joined(who, testEpoch, 0, 0, 1)
	}
	for i := range messages {
		at := time.Duration(i) * time.Millisecond
		n := c.number()
		c.sent(n, "id", at)
		c.begun(n)
		c.ack(n, uint64(n), at)
		for who := range readers {
			c.read(who, event{epoch: testEpoch, seq: uint64(n), n: n, id: "id"}, at)
		}
	}
	if grown := heap() - was; grown > 12<<20 {
		t.Errorf("%d messages hold %d KiB", messages, grown>>10)
	}
	for n := range uint32(messages) {
		c.history(event{epoch: testEpoch, seq: uint64(n) + 1, n: n + 1, id: "id"})
	}
	c.finish(messages, time.Hour)
	if r := c.result(); r.tally != (tally{}) {
		t.Errorf("counted %v, first %+v", r.tally, r.first)
	}
}

func TestSpans(t *testing.T) {
	var s spans
	s.add(3, 7)
	s.add(10, 10)
	for _, step := range []struct {
		remove uint64
		ok     bool
		want   string
	}{
		{2, false, "[{3 7} {10 10}]"},
		{5, true, "[{3 4} {6 7} {10 10}]"},
		{5, false, "[{3 4} {6 7} {10 10}]"},
		{3, true, "[{4 4} {6 7} {10 10}]"},
		{7, true, "[{4 4} {6 6} {10 10}]"},
		{10, true, "[{4 4} {6 6}]"},
		{4, true, "[{6 6}]"},
		{11, false, "[{6 6}]"},
		{6, true, "[]"},
	} {
		if ok := s.remove(step.remove); ok != step.ok || fmt.Sprint(s) != step.want {
			t.Fatalf("remove(%d) = %v, left %v; want %v and %s", step.remove, ok, s, step.ok, step.want)
		}
	}
}
