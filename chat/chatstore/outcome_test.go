package chatstore_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"hubbub/chat"
	"hubbub/chat/chatstore"
	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
)

func newActor(t testing.TB, s *chatstore.Store) chat.Actor {
	t.Helper()
	u := chat.User{ID: chat.UserID(chat.NewID()), DisplayName: "Ada", Guest: true}
	if err := s.CreateUser(t.Context(), u, ""); err != nil {
		t.Fatal(err)
	}
	return u.Actor()
}

func newRoom(t testing.TB, s *chatstore.Store, creator chat.Actor, others ...chat.Actor) chat.RoomID {
	t.Helper()
	n := chat.NewRoom{
		ID: chat.RoomID(chat.NewID()), Epoch: chat.Epoch(chat.NewID()), Kind: chat.Private, Name: "room",
		Creator: creator, Members: others,
	}
	if _, _, err := s.CreateRoom(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return n.ID
}

func newPost(by chat.Actor, text string) chat.Draft {
	body := []byte(fmt.Sprintf(`{"kind":"text","text":%q}`, text))
	return chat.Draft{Kind: chat.EventMessage, Actor: by, ClientID: chat.NewID(), Hash: sha256.Sum256(body), Body: body}
}

// wholeLog reads a room's log and checks that it has no hole.
func wholeLog(t testing.TB, s *chatstore.Store, room chat.RoomID) []chat.Event {
	t.Helper()
	head, events, err := s.Since(t.Context(), room, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		if e.Seq != chat.Seq(i+1) {
			t.Fatalf("event %d has the number %d", i+1, e.Seq)
		}
	}
	if int(head.Seq) != len(events) {
		t.Fatalf("the head is %d, the log has %d events", head.Seq, len(events))
	}
	return events
}

// Whatever becomes of a COMMIT, the answer is the one of a COMMIT that was
// answered, and what was sent is stored once.
func TestCommitFails(t *testing.T) {
	server := testenv.SharedMariaDB(t)
	behind, through := testenv.NewProxy(t, server.NewDatabase(t))
	s, _ := open(t, through)
	ada := newActor(t, s)
	const inFlight = 300 * time.Millisecond
	for name, act := range map[string]func(*testenv.Link){
		"committed, reply lost": (*testenv.Link).Send,
		"rolled back":           func(*testenv.Link) {},
		"committed in flight":   func(l *testenv.Link) { time.Sleep(inFlight); l.Send() },
		"rolled back, late":     func(l *testenv.Link) { time.Sleep(inFlight) },
		"the server is away for a while": func(l *testenv.Link) {
			l.Send()
			behind.SetDown(true)
			time.Sleep(inFlight)
			behind.SetDown(false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			room := newRoom(t, s, ada)
			bob := newActor(t, s)
			old := newPost(ada, "old")
			if _, err := s.Append(t.Context(), room, []chat.Draft{old}); err != nil {
				t.Fatal(err)
			}
			behind.OnCommit(act)
			drafts := []chat.Draft{
				newPost(ada, "one"), old, newPost(bob, "not a member"), newPost(ada, "two"),
				{Kind: chat.EventMember, Actor: ada, ClientID: "in", Member: &chat.MemberChange{User: bob, Change: "invited"}},
			}
			drafts = append(drafts, drafts[0])
			results, err := s.Append(t.Context(), room, drafts)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []struct {
				seq    chat.Seq
				repeat bool
			}{{4, false}, {3, true}, {0, false}, {5, false}, {6, false}, {4, true}} {
				r := results[i]
				if r.Event.Seq != want.seq || r.Repeat != want.repeat || (r.Err != nil) != (want.seq == 0) {
					t.Errorf("draft %d: seq %d, repeat %v, error %v", i, r.Event.Seq, r.Repeat, r.Err)
				}
			}
			if n := len(wholeLog(t, s, room)); n != 6 {
				t.Errorf("%d events", n)
			}
			if r, err := s.Room(t.Context(), string(room), bob.ID); err != nil || r.Role != chat.Plain {
				t.Errorf("the invited user is %q: %v", r.Role, err)
			}
		})
	}
	t.Run("create room", func(t *testing.T) {
		behind.OnCommit((*testenv.Link).Send)
		n := chat.NewRoom{ID: chat.RoomID(chat.NewID()), Epoch: chat.Epoch(chat.NewID()), Kind: chat.Public, Name: "general", Creator: ada}
		room, events, err := s.CreateRoom(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if room.ID != n.ID || len(events) != 2 || len(wholeLog(t, s, n.ID)) != 2 {
			t.Fatalf("room %v, events %v", room, events)
		}
	})
	t.Run("create user", func(t *testing.T) {
		behind.OnCommit((*testenv.Link).Send)
		if err := s.CreateUser(t.Context(), chat.User{ID: chat.UserID(chat.NewID()), Name: "bob"}, "hash"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("end session", func(t *testing.T) {
		session := chat.Login{ID: chat.SessionID(chat.NewID()), User: ada.ID, ExpiresAt: 1}
		behind.OnCommit((*testenv.Link).Send)
		if err := s.CreateSession(t.Context(), session, chat.HashToken("x")); err != nil {
			t.Fatal(err)
		}
		behind.OnCommit((*testenv.Link).Send)
		if err := s.EndSession(t.Context(), ada.ID, session.ID); err != nil {
			t.Fatal(err)
		}
	})
}

// When nobody can be asked what became of a COMMIT, the answer says so.
func TestOutcomeUnknown(t *testing.T) {
	server := testenv.SharedMariaDB(t)
	behind, through := testenv.NewProxy(t, server.NewDatabase(t))
	s, _ := openWith(t, through, sqldb.Options{OutcomeTime: 500 * time.Millisecond})
	ada := newActor(t, s)
	room := newRoom(t, s, ada)
	old := newPost(ada, "old")
	if _, err := s.Append(t.Context(), room, []chat.Draft{old}); err != nil {
		t.Fatal(err)
	}
	behind.OnCommit(func(l *testenv.Link) { // the run that finds out what was stored before
		l.Send()
		behind.OnCommit(func(l *testenv.Link) {
			l.Send()
			behind.SetDown(true)
		})
	})
	news := newPost(ada, "news")
	results, err := s.Append(t.Context(), room, []chat.Draft{old, news, news})
	if err != nil {
		t.Fatal(err)
	}
	if !results[0].Repeat || results[0].Err != nil {
		t.Errorf("what was stored before: %+v", results[0])
	}
	for _, r := range results[1:] {
		if e, ok := errors.AsType[*chat.Error](r.Err); !ok || e.Code != chat.ErrUnknownOutcome.Code || e.RetryAfter == 0 {
			t.Errorf("error %v, want %v", r.Err, chat.ErrUnknownOutcome)
		}
	}
	_, err = s.Append(t.Context(), room, []chat.Draft{newPost(ada, "while it is away")})
	if e, ok := errors.AsType[*chat.Error](err); !ok || e.Code != chat.ErrUnavailable.Code || e.RetryAfter == 0 {
		t.Errorf("while the server is away: %v", err)
	}
	if _, err := s.Room(t.Context(), string(room), ada.ID); !errors.Is(err, chat.ErrUnavailable) {
		t.Errorf("reading while the server is away: %v", err)
	}
	behind.SetDown(false)
	results, err = s.Append(t.Context(), room, []chat.Draft{news})
	if err != nil || results[0].Err != nil || !results[0].Repeat || results[0].Event.Seq != 4 {
		t.Errorf("sent again: %+v, %v", results, err)
	}
	wholeLog(t, s, room)
}

// A sender who leaves does not stop what was begun.
func TestAppendOutlivesCaller(t *testing.T) {
	s, _ := open(t, sqliteURL(t))
	ada := newActor(t, s)
	room := newRoom(t, s, ada)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	results, err := s.Append(ctx, room, []chat.Draft{newPost(ada, "bye")})
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
	wholeLog(t, s, room)
}
