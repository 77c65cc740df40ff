package chattest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubbub/chat"
)

// likeMemory does the same random things to the store and to a Memory, and
// looks at both in every way. The seed in the name of what fails finds it again.
func (w world) likeMemory() {
	for seed := range uint64(12) {
		w.run(fmt.Sprint("seed ", seed), func(w world) {
			m := model{world: w, memory: NewMemory(), rand: rand.New(rand.NewPCG(seed, 1))}
			m.start()
			for range 12 {
				m.step()
			}
			m.compare()
		})
	}
}

type model struct {
	world
	memory *Memory
	rand   *rand.Rand
	people []chat.Actor
	room   chat.NewRoom
	sent   []chat.Draft
}

func (m *model) start() {
	m.people = m.users("Ada", "Bob", "Cat", "Dan")
	for _, p := range m.people {
		m.ok(m.memory.CreateUser(m.Context(), chat.User{ID: p.ID, DisplayName: p.Name, Guest: true, CreatedAt: now}, ""))
	}
	kind := pick(m, chat.Public, chat.Private, chat.Direct)
	others := m.people[1:3]
	if kind == chat.Direct {
		others = others[:1]
	}
	m.room = newRoom(kind, m.people[0], others...)
	for _, s := range []Stores{m.s, m.memory} {
		_, _, err := s.CreateRoom(m.Context(), m.room)
		m.ok(err)
	}
}

func pick[T any](m *model, from ...T) T { return from[m.rand.IntN(len(from))] }

// step appends a batch of some drafts, old ones among them.
func (m *model) step() {
	var drafts []chat.Draft
	for range 1 + m.rand.IntN(8) {
		d := m.draft()
		if len(m.sent) > 0 && m.rand.IntN(5) == 0 {
			d = pick(m, m.sent...)
			if m.rand.IntN(4) == 0 {
				d.Hash[0]++
			}
		}
		drafts = append(drafts, d)
		m.sent = append(m.sent, d)
	}
	got, err := m.s.Append(m.Context(), m.room.ID, drafts)
	m.ok(err)
	want, err := m.memory.Append(m.Context(), m.room.ID, drafts)
	m.ok(err)
	for i, d := range drafts {
		if got[i].Err != nil || want[i].Err != nil {
			var a, b *chat.Error
			if !errors.As(got[i].Err, &a) || !errors.As(want[i].Err, &b) || a.Code != b.Code || a.Text != b.Text {
				m.Fatalf("%s by %s: %v, in memory %v", d.Kind, d.Actor.Name, got[i].Err, want[i].Err)
			}
			continue
		}
		if got[i].Repeat != want[i].Repeat || got[i].Event.Seq != want[i].Event.Seq {
			m.Fatalf("%s by %s: %d (%v), in memory %d (%v)", d.Kind, d.Actor.Name,
				got[i].Event.Seq, got[i].Repeat, want[i].Event.Seq, want[i].Repeat)
		}
	}
	reader, to := pick(m, m.people...), chat.Seq(m.rand.IntN(60))
	gotSeq, gotErr := m.s.MarkRead(m.Context(), m.room.ID, reader.ID, to)
	wantSeq, wantErr := m.memory.MarkRead(m.Context(), m.room.ID, reader.ID, to)
	if gotSeq != wantSeq || (gotErr == nil) != (wantErr == nil) {
		m.Fatalf("read to %d: %d %v, in memory %d %v", to, gotSeq, gotErr, wantSeq, wantErr)
	}
}

func (m *model) draft() chat.Draft {
	by, other := pick(m, m.people...), pick(m, m.people...)
	seq := chat.Seq(m.rand.IntN(len(m.sent) + 6))
	topic := fmt.Sprint("topic ", m.rand.IntN(100))
	switch m.rand.IntN(12) {
	case 0, 1, 2:
		return post(by, strings.Repeat(fmt.Sprint("text ", m.rand.IntN(1000)), pick(m, 1, 1, 2500)))
	case 3:
		return reply(by, seq, "an answer")
	case 4, 5:
		return edit(by, seq, fmt.Sprint("edit ", m.rand.IntN(1000)))
	case 6:
		return erase(by, seq)
	case 7, 8:
		return react(by, seq, pick(m, "👍", "🎉", "x"), m.rand.IntN(3) == 0)
	case 9:
		return pin(by, seq, m.rand.IntN(3) == 0)
	case 10:
		return rename(by, nil, &topic)
	}
	what := pick(m, "joined", "invited", "left", "kicked", "role")
	if what == "joined" || what == "left" {
		other = by
	}
	return change(by, what, other, pick(m, chat.Owner, chat.Moderator, chat.Plain, ""))
}

// wholeBodies compares long bodies at once: looked at byte by byte, they took most
// of the suite's time.
var wholeBodies = cmp.Comparer(bytes.Equal)

func (m *model) compare() {
	same := func(what string, look func(s Stores) (any, error)) {
		m.Helper()
		got, err := look(m.s)
		want, wantErr := look(m.memory)
		if (err == nil) != (wantErr == nil) {
			m.Fatalf("%s: %v, in memory %v", what, err, wantErr)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), wholeBodies); diff != "" {
			m.Fatalf("%s: memory has -, the store has +\n%s", what, diff)
		}
	}
	ctx, id := m.Context(), m.room.ID
	same("log", func(s Stores) (any, error) {
		head, events, err := s.Since(ctx, id, 0, 1000)
		for i := range events {
			if int(events[i].Seq) <= 2+len(m.room.Members) {
				events[i].ClientID = "" // of the store's own making
			}
		}
		return []any{head, events}, err
	})
	same("members", func(s Stores) (any, error) { return s.Members(ctx, id, "", 100) })
	for _, p := range m.people {
		same("room", func(s Stores) (any, error) { return s.Room(ctx, string(id), p.ID) })
		same("rooms", func(s Stores) (any, error) { return s.RoomsOf(ctx, p.ID, "", 100) })
	}
	for range 20 {
		at, limit := chat.Seq(m.rand.IntN(60)), 1+m.rand.IntN(20)
		r := pick(m, chat.Range{}, chat.Range{Before: at}, chat.Range{After: at}, chat.Range{Around: at})
		r.Limit = limit
		same(fmt.Sprintf("messages %+v", r), func(s Stores) (any, error) {
			page, more, err := s.Messages(ctx, id, r)
			return []any{page, more}, err
		})
	}
}
