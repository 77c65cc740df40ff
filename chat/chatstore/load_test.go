package chatstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"hubbub/chat"
	"hubbub/chat/chatstore"
	"hubbub/internal/testenv"
)

// senders post to one room, each through a store of its own, and send again
// under the same id what was not acked.
type senders struct {
	room chat.RoomID
	mu   sync.Mutex
	// acked is who got which number.
	acked map[chat.Seq]string
	err   error
	done  chan struct{}
}

// start lets n senders per store post so many messages each.
func start(room chat.RoomID, by chat.Actor, n, messages int, stores ...*chatstore.Store) *senders {
	all := &senders{room: room, acked: map[chat.Seq]string{}, done: make(chan struct{})}
	var senders sync.WaitGroup
	for _, s := range stores {
		for range n {
			senders.Go(func() {
				for i := range messages {
					all.send(s, newPost(by, fmt.Sprint(i)))
				}
			})
		}
	}
	go func() {
		senders.Wait()
		close(all.done)
	}()
	return all
}

func (all *senders) send(s *chatstore.Store, d chat.Draft) {
	for deadline := time.Now().Add(30 * time.Second); ; {
		results, err := s.Append(context.Background(), all.room, []chat.Draft{d})
		if err == nil {
			err = results[0].Err
		}
		if err == nil {
			all.mu.Lock()
			defer all.mu.Unlock()
			seq := results[0].Event.Seq
			if other := all.acked[seq]; other != "" {
				all.err = fmt.Errorf("%d went to %s and to %s", seq, other, d.ClientID)
			}
			all.acked[seq] = d.ClientID
			return
		}
		if !errors.Is(err, chat.ErrUnavailable) && !errors.Is(err, chat.ErrUnknownOutcome) || time.Now().After(deadline) {
			all.mu.Lock()
			defer all.mu.Unlock()
			all.err = err
			return
		}
		time.Sleep(5 * time.Millisecond) // as a client would
	}
}

// count is how many messages were acked so far.
func (all *senders) count() int {
	all.mu.Lock()
	defer all.mu.Unlock()
	return len(all.acked)
}

// check waits for the senders, and compares what they were told to the log.
func (all *senders) check(t *testing.T, s *chatstore.Store, want int) {
	t.Helper()
	<-all.done
	if all.err != nil {
		t.Fatal(all.err)
	}
	messages := 0
	for _, e := range wholeLog(t, s, all.room) {
		if e.Kind != chat.EventMessage {
			continue
		}
		messages++
		if all.acked[e.Seq] != e.ClientID {
			t.Errorf("%d is of %s, acked was %q", e.Seq, e.ClientID, all.acked[e.Seq])
		}
	}
	if messages != want || len(all.acked) != want {
		t.Fatalf("%d messages in the log, %d acked, want %d", messages, len(all.acked), want)
	}
}

func TestTwoNodes(t *testing.T) {
	database := testenv.SharedMariaDB(t).NewDatabase(t)
	a, _ := open(t, database)
	b, _ := open(t, database)
	ada := newActor(t, a)
	start(newRoom(t, a, ada), ada, 8, 25, a, b).check(t, a, 400)
}

func TestKilledConnections(t *testing.T) {
	server := testenv.SharedMariaDB(t)
	database := server.NewDatabase(t)
	a, _ := open(t, database)
	b, _ := open(t, database)
	ada := newActor(t, a)
	all := start(newRoom(t, a, ada), ada, 4, 100, a, b)
	killed := 0
	for running := true; running; {
		select {
		case <-all.done:
			running = false
		case <-time.After(10 * time.Millisecond):
			killed += server.KillConnections(t, database)
		}
	}
	if killed < 20 {
		t.Errorf("only %d connections were killed", killed)
	}
	all.check(t, a, 800)
}

func TestServerDies(t *testing.T) {
	server := testenv.MariaDB(t)
	a, _ := open(t, server.NewDatabase(t))
	ada := newActor(t, a)
	room := newRoom(t, a, ada)
	all := start(room, ada, 8, 50, a)
	for all.count() < 100 {
		time.Sleep(time.Millisecond)
	}
	server.Kill(t)
	server.Start(t)
	all.check(t, a, 400)

	t.Run("idle connections are dead", func(t *testing.T) {
		server.Restart(t)
		for range 8 {
			results, err := a.Append(t.Context(), room, []chat.Draft{newPost(ada, "hello")})
			if err != nil || results[0].Err != nil {
				t.Fatal(results, err)
			}
		}
	})
	t.Run("read only", func(t *testing.T) {
		admin := server.Admin(t)
		set := func(value int) {
			t.Helper()
			if _, err := admin.ExecContext(t.Context(), fmt.Sprintf("SET GLOBAL read_only=%d", value)); err != nil {
				t.Fatal(err)
			}
		}
		set(1)
		_, err := a.Append(t.Context(), room, []chat.Draft{newPost(ada, "hello")})
		if e, ok := errors.AsType[*chat.Error](err); !ok || e.Code != chat.ErrUnavailable.Code || e.RetryAfter == 0 {
			t.Fatal(err)
		}
		set(0)
		if results, err := a.Append(t.Context(), room, []chat.Draft{newPost(ada, "hello")}); err != nil || results[0].Err != nil {
			t.Fatal(results, err)
		}
	})
	wholeLog(t, a, room)
}
