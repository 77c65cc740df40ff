package chatstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/chatstore"
	"hubbub/internal/testenv"
)

// TestLinearizable records what several clients do to one room through two
// nodes, and what they are told, and looks for one order of it all that a
// single log in memory could have gone through: every post takes effect once,
// between its first send and its answer, and every read sees all that was
// answered before it began. Some senders give up early, some COMMITs lose their
// reply; both send again under the same id.
func TestLinearizable(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		s, _ := open(t, sqliteURL(t))
		checkLinearizable(t, [2]*chatstore.Store{s, s}, func() {})
	})
	t.Run("mariadb", func(t *testing.T) {
		url := testenv.SharedMariaDB(t).NewDatabase(t)
		behind, through := testenv.NewProxy(t, url)
		one, _ := open(t, url)
		two, _ := open(t, through)
		checkLinearizable(t, [2]*chatstore.Store{one, two}, func() { behind.OnCommit((*testenv.Link).Send) })
	})
}

// The clients' operations and what they were told. An id has four characters.
type (
	postOp struct{ id string }
	posted struct {
		known  bool // the sender was told
		seq    int
		repeat bool
	}
	readOp  struct{ after, limit int }
	readLog struct {
		head int
		ids  string // of the events, one after the other
	}
)

// aLog is the model: its state is the ids of all events in a row.
var aLog = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		log := state.(string)
		switch in := input.(type) {
		case postOp:
			out := output.(posted)
			for i := 0; i < len(log); i += 4 {
				if log[i:i+4] == in.id {
					return !out.known || out.repeat && out.seq == i/4+1, log
				}
			}
			return !out.known || !out.repeat && out.seq == len(log)/4+1, log + in.id
		case readOp:
			out := output.(readLog)
			from := min(4*in.after, len(log))
			to := min(from+4*in.limit, len(log))
			return out.head == len(log)/4 && out.ids == log[from:to], log
		}
		return false, log
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// history collects operations.
type history struct {
	start time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation
}

// call runs one operation; an output of nil is not known and may take effect at
// any time from now on.
func (h *history) call(client int, input any, f func() any) {
	call := time.Since(h.start).Nanoseconds()
	output := f()
	back := time.Since(h.start).Nanoseconds()
	if output == nil {
		output, back = posted{}, math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: input, Call: call, Output: output, Return: back})
}

// deaf is a bus that nobody listens to.
type deaf struct{}

func (deaf) Publish(bus.Event) error { return nil }

func checkLinearizable(t *testing.T, stores [2]*chatstore.Store, trouble func()) {
	const clients, each = 8, 30
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	var nodes [2]*chat.Rooms
	for i, s := range stores {
		nodes[i] = chat.NewRooms(s, s, deaf{}, chat.RoomsOptions{Node: fmt.Sprint(i), Log: slog.New(slog.DiscardHandler)})
		running.Go(func() { nodes[i].Run(ctx) })
	}
	users := make([]chat.User, clients)
	ids := make([]chat.UserID, clients)
	for i := range users {
		users[i] = chat.User{ID: chat.UserID(chat.NewID()), DisplayName: "Ada", Guest: true}
		ids[i] = users[i].ID
		if err := stores[0].CreateUser(ctx, users[i], ""); err != nil {
			t.Fatal(err)
		}
	}
	room, err := nodes[0].Create(ctx, users[0], chat.CreateRoom{Kind: chat.Private, Name: "room", Members: ids[1:]})
	if err != nil {
		t.Fatal(err)
	}
	h := &history{start: time.Now()}
	base := int(room.Head.Seq) // the log of the model begins after the room's first events
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(c), 1))
			for i := range each {
				n := r.IntN(2)
				switch {
				case r.IntN(3) == 0:
					in := readOp{after: r.IntN(1 + clients*i/2), limit: 1 + r.IntN(50)}
					h.call(c, in, func() any {
						got, events, err := nodes[n].Events(ctx, users[c].ID, string(room.ID), chat.Seq(base+in.after), in.limit)
						if err != nil {
							t.Error(err)
						}
						out := readLog{head: int(got.Head.Seq) - base}
						for _, e := range events {
							out.ids += e.ClientID
						}
						return out
					})
				default:
					if r.IntN(10) == 0 {
						trouble()
					}
					in := postOp{fmt.Sprintf("%d%03d", c, i)}
					sends := 1 + r.IntN(10)/9                // some send again what was acked
					for told := 0; told < sends; n = 1 - n { // through the other node
						ctx, stop := ctx, func() {}
						hurried := r.IntN(10) == 0
						if hurried {
							ctx, stop = context.WithTimeout(ctx, time.Duration(r.IntN(3))*300*time.Microsecond)
						}
						h.call(c, in, func() any {
							sent, err := nodes[n].Post(ctx, users[c], string(room.ID), chat.Post{ClientID: in.id, Text: "x"})
							switch {
							case err == nil:
								told++
								return posted{known: true, seq: int(sent.Seq) - base, repeat: sent.Repeat}
							case errors.Is(err, chat.ErrUnknownOutcome), errors.Is(err, context.DeadlineExceeded):
								return nil
							case errors.Is(err, chat.ErrUnavailable) && hurried:
								return nil // its time was over while a connection was made
							}
							t.Error(err)
							told = sends
							return nil
						})
						stop()
					}
				}
			}
		})
	}
	all.Wait()
	unknown, repeats := 0, 0
	for _, o := range h.ops {
		if out, ok := o.Output.(posted); ok && !out.known {
			unknown++
		} else if out.repeat {
			repeats++
		}
	}
	began := time.Now()
	result := porcupine.CheckOperationsTimeout(aLog, h.ops, 30*time.Second)
	t.Logf("%d operations in %v, %d without an answer, %d repeated: %s in %v",
		len(h.ops), began.Sub(h.start), unknown, repeats, result, time.Since(began))
	if result != porcupine.Ok {
		t.Error("no order of the operations explains the answers")
	}
	if unknown == 0 || repeats == 0 {
		t.Error("everything was answered at once: the test shows less than it should")
	}
}
