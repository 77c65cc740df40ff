package main

import (
	"fmt"
	"io"
	"time"
)

// kind is one of the seven ways to break a promise.
type kind int

const (
	lost kind = iota
	dup
	hole
	reorder
	phantom
	unknown
	late
	kinds
)

var kindNames = [kinds]string{"lost", "dup", "hole", "reorder", "phantom", "unknown", "late"}

func (k kind) String() string { return kindNames[k] }

// tally counts faults by kind.
type tally [kinds]int64

func (t *tally) add(o tally) {
	for k, n := range o {
		t[k] += n
	}
}

// Entry is one line of a log, as a fault shows it.
type Entry struct {
	Seq uint64  `json:"seq"`
	ID  string  `json:"client_id"`
	At  float64 `json:"at_s,omitempty"` // seconds since the run began, for what a reader got
}

// Fault is one broken promise with what stood around it. Of each kind and room
// the first is kept.
type Fault struct {
	Kind   string  `json:"kind"`
	Room   string  `json:"room"`
	Reader string  `json:"reader,omitempty"` // who read it, "" when it is about the history or a sender
	Seq    uint64  `json:"seq,omitempty"`
	ID     string  `json:"client_id,omitempty"`
	At     float64 `json:"at_s"` // seconds since the run began
	What   string  `json:"what"`
	// Log is what the reader got just before and after, History the room's log
	// around Seq as REST gave it.
	Log     []Entry `json:"log,omitempty"`
	History []Entry `json:"history,omitempty"`
}

const (
	before = 6 // entries shown before a fault
	after  = 4 // and after it
)

// trail is the last entries that a reader got, oldest first, and the faults
// that still want the next ones.
type trail struct {
	last    []Entry
	waiting []*Fault
	left    []int // entries that waiting[i] still wants
}

func (t *trail) add(e Entry) {
	if t.last = append(t.last, e); len(t.last) > before {
		t.last = t.last[1:]
	}
	kept := 0
	for i, f := range t.waiting {
		f.Log = append(f.Log, e)
		if t.left[i]--; t.left[i] > 0 {
			t.waiting[kept], t.left[kept] = f, t.left[i]
			kept++
		}
	}
	t.waiting, t.left = t.waiting[:kept], t.left[:kept]
}

// attach gives a fault the entries before it, and later those after it.
func (t *trail) attach(f *Fault) {
	f.Log = append([]Entry(nil), t.last...)
	t.waiting, t.left = append(t.waiting, f), append(t.left, after)
}

// write explains a fault to a person.
func (f *Fault) write(w io.Writer) {
	fmt.Fprintf(w, "%s in room %s, %s into the run: %s\n", f.Kind, f.Room, seconds(f.At), f.What)
	show := func(title string, list []Entry) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(w, "  %s\n", title)
		for _, e := range list {
			mark, at := " ", ""
			if e.Seq == f.Seq {
				mark = ">"
			}
			if e.At > 0 {
				at = seconds(e.At)
			}
			fmt.Fprintf(w, "  %s %8d  %-20s %s\n", mark, e.Seq, orDash(e.ID), at)
		}
	}
	show("what "+f.Reader+" got (seq, client id, when):", f.Log)
	show("what the history has there:", f.History)
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Microsecond).String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
