package chatstore_test

import (
	"errors"
	"testing"
	"time"

	"hubbub/chat"
	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
)

// A room that somebody holds is passed over at once, and holds up no other.
func TestAppendAllWaitsForNobody(t *testing.T) {
	s, db := open(t, testenv.SharedMariaDB(t).NewDatabase(t))
	ada := newActor(t, s)
	held, free := newRoom(t, s, ada), newRoom(t, s, ada)
	tx, err := db.Write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec("UPDATE rooms SET topic='mine' WHERE id=?", held); err != nil {
		t.Fatal(err)
	}
	out := s.AppendAll(t.Context(), []chat.Batch{
		{Room: held, Drafts: []chat.Draft{newPost(ada, "later")}},
		{Room: free, Drafts: []chat.Draft{newPost(ada, "now")}},
	})
	if !out[0].Held || out[1].Held || out[1].Alone || out[1].Err != nil || out[1].Results[0].Event.Seq != 3 {
		t.Errorf("got %+v", out)
	}
	if out := s.AppendAll(t.Context(), []chat.Batch{{Room: held, Drafts: []chat.Draft{newPost(ada, "later")}}}); !out[0].Held {
		t.Errorf("got %+v", out)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if n := len(wholeLog(t, s, held)); n != 2 {
		t.Errorf("%d events in the room that was passed over, want 2", n)
	}
}

// Whatever becomes of a COMMIT for several rooms, each of them has its answer.
func TestCommitForSeveralFails(t *testing.T) {
	server := testenv.SharedMariaDB(t)
	behind, through := testenv.NewProxy(t, server.NewDatabase(t))
	s, _ := open(t, through)
	ada, bob := newActor(t, s), newActor(t, s)
	for name, act := range map[string]func(*testenv.Link){
		"committed, reply lost": (*testenv.Link).Send,
		"rolled back":           func(*testenv.Link) {},
		"committed in flight":   func(l *testenv.Link) { time.Sleep(300 * time.Millisecond); l.Send() },
	} {
		t.Run(name, func(t *testing.T) {
			tea, coffee := newRoom(t, s, ada), newRoom(t, s, ada)
			behind.OnCommit(act)
			out := s.AppendAll(t.Context(), []chat.Batch{
				{Room: tea, Drafts: []chat.Draft{newPost(ada, "one"), newPost(bob, "no member"), newPost(ada, "two")}},
				{Room: coffee, Drafts: []chat.Draft{newPost(ada, "three")}},
			})
			for i, o := range out {
				if o.Held || o.Alone || o.Err != nil {
					t.Fatalf("room %d: %+v", i, o)
				}
				want := chat.Seq(3)
				for _, r := range o.Results {
					if errors.Is(r.Err, chat.ErrNotFound) {
						continue
					}
					if r.Err != nil || r.Repeat || r.Event.Seq != want {
						t.Errorf("room %d: %+v, want %d", i, r, want)
					}
					want++
				}
			}
			if a, b := len(wholeLog(t, s, tea)), len(wholeLog(t, s, coffee)); a != 4 || b != 3 {
				t.Errorf("%d and %d events", a, b)
			}
		})
	}
	t.Run("unknown", func(t *testing.T) {
		s, _ := openWith(t, through, sqldb.Options{OutcomeTime: 500 * time.Millisecond})
		tea, coffee := newRoom(t, s, ada), newRoom(t, s, ada)
		behind.OnCommit(func(l *testenv.Link) {
			l.Send()
			behind.SetDown(true)
		})
		out := s.AppendAll(t.Context(), []chat.Batch{
			{Room: tea, Drafts: []chat.Draft{newPost(ada, "one")}}, {Room: coffee, Drafts: []chat.Draft{newPost(ada, "two")}}})
		for i, o := range out {
			if o.Held || o.Alone || o.Err != nil || !errors.Is(o.Results[0].Err, chat.ErrUnknownOutcome) {
				t.Errorf("room %d: %+v", i, o)
			}
		}
		behind.SetDown(false)
	})
}
