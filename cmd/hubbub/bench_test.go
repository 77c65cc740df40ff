package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/chatstore"
	"hubbub/internal/testenv"
)

// benchRooms opens a store and the durable half over it, without sockets.
func benchRooms(b *testing.B, url string) (*chat.Rooms, *chatstore.Store) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(slog.DiscardHandler)
	p := newPools(50, log)
	db, err := p.SQL(url)
	if err != nil {
		b.Fatal(err)
	}
	if err := chatstore.Migrate(ctx, db); err != nil {
		b.Fatal(err)
	}
	store := chatstore.New(db, log)
	hub := chat.NewHub(store, store, chat.HubOptions{Log: log})
	rooms := chat.NewRooms(store, store, bus.NewLocal(hub), chat.RoomsOptions{Node: "bench", Log: log, Batches: 25})
	var wg sync.WaitGroup
	wg.Go(func() { rooms.Run(ctx) })
	b.Cleanup(func() {
		cancel()
		wg.Wait()
		if err := p.Close(); err != nil {
			b.Error(err)
		}
	})
	return rooms, store
}

// BenchmarkPost is messages acked per second: 256 senders that wait for each
// ack, 100-byte texts, through one room and through fifty.
func BenchmarkPost(b *testing.B) {
	urls := map[string]func(b *testing.B) string{
		"sqlite":  func(b *testing.B) string { return "sqlite:" + filepath.Join(b.TempDir(), "hubbub.db") },
		"mariadb": func(b *testing.B) string { return testenv.SharedMariaDB(b).NewDatabase(b) },
	}
	for _, engine := range []string{"sqlite", "mariadb"} {
		for _, n := range []int{1, 50} {
			b.Run(fmt.Sprintf("%s/rooms=%d", engine, n), func(b *testing.B) {
				rooms, store := benchRooms(b, urls[engine](b))
				ctx := b.Context()
				who := chat.User{ID: chat.UserID(chat.NewID()), Name: "bench", DisplayName: "bench"}
				if err := store.CreateUser(ctx, who, ""); err != nil {
					b.Fatal(err)
				}
				ids := make([]string, n)
				for i := range ids {
					r, err := rooms.Create(ctx, who, chat.CreateRoom{Kind: chat.Private, Name: fmt.Sprint("room ", i)})
					if err != nil {
						b.Fatal(err)
					}
					ids[i] = string(r.ID)
				}
				benchSenders(b, rooms, who, ids)
			})
		}
	}
}

func benchSenders(b *testing.B, rooms *chat.Rooms, who chat.User, ids []string) {
	const senders = 256
	text := strings.Repeat("x", 100)
	var next atomic.Int64
	before := rooms.Stats()
	var mu sync.Mutex
	all := hdr.New(1, int64(time.Minute/time.Microsecond), 3)
	var wg sync.WaitGroup
	b.ResetTimer()
	start := time.Now()
	for s := range senders {
		wg.Go(func() {
			own := hdr.New(1, int64(time.Minute/time.Microsecond), 3)
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				t := time.Now()
				p := chat.Post{ClientID: fmt.Sprintf("%d-%d", s, i), Text: text}
				if _, err := rooms.Post(b.Context(), who, ids[int(i)%len(ids)], p); err != nil {
					b.Error(err)
					return
				}
				own.RecordValue(time.Since(t).Microseconds())
			}
			mu.Lock()
			all.Merge(own)
			mu.Unlock()
		})
	}
	wg.Wait()
	b.StopTimer()
	after := rooms.Stats()
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "acks/s")
	b.ReportMetric(float64(after.Drafts-before.Drafts)/float64(after.Batches-before.Batches), "drafts/batch")
	b.ReportMetric(float64(all.ValueAtQuantile(50))/1000, "p50-ms")
	b.ReportMetric(float64(all.ValueAtQuantile(99))/1000, "p99-ms")
}

// BenchmarkDelivery is the time from a send on one node to its arrival at a
// reader on another one, at 200 messages per second, over real servers.
func BenchmarkDelivery(b *testing.B) {
	settings := append([]string{
		"--sql=" + testenv.SharedMariaDB(b).NewDatabase(b), "--redis=" + testenv.SharedRedis(b).URL()}, unlimited...)
	near := startNode(b, append(settings, "--node=near")...)
	far := startNode(b, append(settings, "--node=far")...)
	alice, bob := signUp(b, near.Addr(), "alice"), signUp(b, far.Addr(), "bob")
	room := alice.newRoom(b, near.Addr(), "public")
	bob.enter(b, far.Addr(), room)
	from, to := alice.connect(b, near.Addr()), bob.connect(b, far.Addr())
	to.join(room)

	times := hdr.New(1, int64(time.Minute/time.Microsecond), 3)
	tick := time.NewTicker(time.Second / 200)
	defer tick.Stop()
	for i := range b.N {
		<-tick.C
		id := fmt.Sprint("d", i)
		start := time.Now()
		from.post(room, id, "hello")
		to.message(id)
		if err := times.RecordValue(time.Since(start).Microseconds()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(times.ValueAtQuantile(50))/1000, "p50-ms")
	b.ReportMetric(float64(times.ValueAtQuantile(99))/1000, "p99-ms")
}
