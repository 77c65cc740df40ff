package chat

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hubbub/bus"
	"hubbub/chat/wire"
)

// deaf is a connection that takes everything.
type deaf struct{ Conn }

func (deaf) TryWrite([][]byte) ([][]byte, error) { return nil, nil }
func (deaf) Heard() time.Time                    { return time.Now() }

func BenchmarkQueue(b *testing.B) {
	q, frame := newQueue(0), make([]byte, 330)
	b.ReportAllocs()
	for b.Loop() {
		if _, mine := q.push(frame); !mine {
			b.Fatal("not idle")
		}
		w, _ := q.take(nil)
		q.take(w.frames)
	}
}

// BenchmarkTopic is a delivery from the bus to the writes of all readers, without
// these.
func BenchmarkTopic(b *testing.B) {
	codec, err := wire.ForProtocol(wire.ProtocolJSON)
	if err != nil {
		b.Fatal(err)
	}
	for _, readers := range []int{5, 16, 1000} {
		b.Run(fmt.Sprint("readers=", readers), func(b *testing.B) {
			h := NewHub(nil, nil, HubOptions{Log: slog.New(slog.DiscardHandler)})
			room := RoomID(NewID())
			for range readers {
				s := NewSession(h, nil, nil, deaf{}, codec, Identity{}, SessionOptions{})
				s.life = context.Background()
				sub := h.enter(room, s)
				sub.topic.opened(Head{Epoch: "E"})
				sub.start(0, 0)
			}
			e := bus.Event{Topic: roomTopic(room), Kind: bus.Log, Epoch: "E", Frames: [][]byte{[]byte(`{"type":"message",` + strings.Repeat(" ", 300) + "}")}}
			b.ReportAllocs()
			for b.Loop() {
				e.First++
				h.Deliver(e)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*readers), "ns/delivery")
		})
	}
}
