package main

import (
	"testing"
	"time"
)

// ledgerOf is a room with two followers who have joined at its beginning.
func ledgerOf(sends int) (*ledger, *follower, *follower) {
	l := &ledger{name: "room"}
	a, b := l.follow("a"), l.follow("b")
	l.joined(a, "E", 0, 0)
	l.joined(b, "E", 0, 0)
	for i := range sends {
		l.send(time.Duration(i))
	}
	return l, a, b
}

func TestLedger(t *testing.T) {
	t.Parallel()
	epoch := []byte("E")
	both := func(l *ledger, a, b *follower, seq uint64, n uint32) {
		l.read(a, epoch, seq, n, "", 0)
		l.read(b, epoch, seq, n, "", 0)
	}
	for _, tt := range []struct {
		name string
		do   func(l *ledger, a, b *follower)
		want tally
	}{
		{"all in order", func(l *ledger, a, b *follower) {
			for n := uint32(1); n <= 3; n++ {
				l.ack(n, uint64(n), 0)
				both(l, a, b, uint64(n), n)
			}
		}, tally{}},
		{"events of others between", func(l *ledger, a, b *follower) {
			both(l, a, b, 1, 0)
			both(l, a, b, 2, 1)
			l.ack(1, 2, 0)
		}, tally{}},
		{"a hole of two", func(l *ledger, a, b *follower) {
			l.read(a, epoch, 1, 1, "", 0)
			both(l, a, b, 3, 3)
		}, tally{hole: 3}},
		{"swapped", func(l *ledger, a, b *follower) {
			both(l, a, b, 1, 1)
			l.read(a, epoch, 3, 3, "", 0)
			l.read(a, epoch, 2, 2, "", 0)
			l.read(b, epoch, 2, 2, "", 0)
			l.read(b, epoch, 3, 3, "", 0)
		}, tally{hole: 1, reorder: 1}},
		{"twice", func(l *ledger, a, b *follower) {
			both(l, a, b, 1, 1)
			l.read(a, epoch, 1, 1, "", 0)
		}, tally{dup: 1}},
		{"one message at two seqs", func(l *ledger, a, b *follower) {
			both(l, a, b, 1, 1)
			both(l, a, b, 2, 1)
		}, tally{dup: 2}},
		{"two messages at one seq", func(l *ledger, a, b *follower) {
			l.read(a, epoch, 1, 1, "", 0)
			l.read(b, epoch, 1, 2, "", 0)
		}, tally{phantom: 1}},
		{"acked as another", func(l *ledger, a, b *follower) {
			both(l, a, b, 1, 1)
			l.ack(2, 1, 0)
		}, tally{phantom: 1}},
		{"never sent", func(l *ledger, a, b *follower) { both(l, a, b, 1, 4) }, tally{phantom: 2}},
		{"strange", func(l *ledger, a, b *follower) {
			l.read(a, epoch, 1, 1, "its text is not what was sent", 0)
			l.read(b, epoch, 1, 1, "", 0)
		}, tally{phantom: 1}},
		{"another epoch", func(l *ledger, a, b *follower) { l.read(a, []byte("F"), 1, 1, "", 0) }, tally{phantom: 1}},
		{"a seq out of all bounds", func(l *ledger, a, b *follower) { l.ack(1, 1<<40, 0) }, tally{phantom: 1}},
		{"before what was acked", func(l *ledger, a, b *follower) {
			l.ack(1, 2, 0)
			n := l.send(0)
			l.ack(n, 1, 0)
			both(l, a, b, 1, n)
			both(l, a, b, 2, 1)
		}, tally{reorder: 1}},
		{"never read", func(l *ledger, a, b *follower) {
			l.ack(1, 1, 0)
			l.ack(2, 2, 0)
			l.read(a, epoch, 1, 1, "", 0)
			l.settle(0)
			l.settle(0) // it is counted once
		}, tally{lost: 3}},
		{"not there", func(l *ledger, a, b *follower) {
			both(l, a, b, 1, 1)
			b.here.Store(false)
			l.read(a, epoch, 2, 2, "", 0)
			l.settle(0)
			l.joined(b, "E", 1, 0)
			l.read(b, epoch, 2, 2, "", 0)
		}, tally{}},
		{"joined further on", func(l *ledger, a, b *follower) {
			both(l, a, b, 1, 1)
			l.joined(b, "E", 3, 0)
		}, tally{hole: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, a, b := ledgerOf(3)
			tt.do(l, a, b)
			got, first := l.found()
			if got != tt.want {
				t.Errorf("found %v, want %v (%s)", got, tt.want, kindNames)
			}
			for k, n := range got {
				if (n > 0) != (first[k] != nil) {
					t.Errorf("%s %d, and the first is %+v", kind(k), n, first[k])
				}
			}
		})
	}
}

func TestLedgerTimes(t *testing.T) {
	t.Parallel()
	l, a, _ := ledgerOf(0)
	for i := range 3 * sendsPart {
		if n := l.send(time.Duration(i)); n != uint32(i+1) {
			t.Fatalf("send %d has number %d", i+1, n)
		}
	}
	if due, ok := l.ack(2*sendsPart+1, 1, 0); !ok || due != 2*sendsPart {
		t.Errorf("due %d, %v", due, ok)
	}
	if due, ok := l.read(a, []byte("E"), 1, 2*sendsPart+1, "", 0); !ok || due != 2*sendsPart {
		t.Errorf("due %d, %v", due, ok)
	}
	if _, ok := l.ack(2*sendsPart+1, 1, 0); ok {
		t.Error("an ack counts twice")
	}
	if !l.refuse(5) || l.refuse(5) {
		t.Error("a refusal does not count once")
	}
	if n := l.abandon(); n != 3*sendsPart-2 {
		t.Errorf("%d have no answer", n)
	}
	if all, most := l.behind(); all != 1 || most != 1 { // b
		t.Errorf("%d events behind, the slowest %d", all, most)
	}
}
