//go:build unix

package web_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/chattest"
	"hubbub/chat/wire"
	"hubbub/mw"
	"hubbub/web"
)

// startSink connects clients to addr.
func startSink(b *testing.B, addr string, hellos []string) {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), sinkEnv+"="+addr)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for _, h := range hellos {
		fmt.Fprintln(in, strconv.Quote(h))
	}
	in.Close()
}

// cpu is what this process has used so far.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// crowd is a node with sockets in rooms, and clients in another process.
type crowd struct {
	hub     *chat.Hub
	sockets *web.Sockets
	rooms   []chat.Room
	seq     []uint64
}

func newCrowd(b *testing.B, rooms, each int) *crowd {
	b.Helper()
	quiet := slog.New(slog.DiscardHandler)
	store := chattest.NewMemory()
	hub := chat.NewHub(store, store, chat.HubOptions{Log: quiet})
	durable := chat.NewRooms(store, store, bus.NewLocal(hub), chat.RoomsOptions{Log: quiet})
	accounts := chat.NewAccounts(store, chat.AccountOptions{HashMemory: 64, Log: quiet})
	origins, err := mw.ParseOrigins(nil, "127.0.0.1:8080")
	if err != nil {
		b.Fatal(err)
	}
	limits := mw.NewLimiter(mw.Rate{})
	c := &crowd{hub: hub}
	c.sockets = web.NewSockets(web.SocketOptions{
		Hub: hub, Rooms: durable, Accounts: accounts, Origins: origins, PerUser: limits, Log: quiet, Session: chat.SessionOptions{Log: quiet}})
	server, err := web.New(web.Options{
		Rooms: durable, Accounts: accounts, Sockets: c.sockets, Log: quiet, Registry: prometheus.NewRegistry(),
		Origins: origins, PerAddress: limits, PerUser: limits})
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	http1 := &http.Server{Handler: server.Handler()}
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { durable.Run(ctx) })
	parts.Go(func() { hub.Run(ctx) })
	parts.Go(func() { http1.Serve(listener) })
	b.Cleanup(func() {
		c.sockets.Drain()
		hub.Drain(ctx, 0)
		http1.Close()
		c.sockets.Wait()
		cancel()
		parts.Wait()
	})

	var hellos []string
	var owners []chat.User
	for r := range rooms {
		owner := chat.User{ID: chat.UserID(chat.NewID()), Name: fmt.Sprint("owner", r), DisplayName: "owner"}
		if err := store.CreateUser(ctx, owner, ""); err != nil {
			b.Fatal(err)
		}
		room, err := durable.Create(ctx, owner, chat.CreateRoom{Kind: chat.Private, Name: fmt.Sprint("room ", r)})
		if err != nil {
			b.Fatal(err)
		}
		c.rooms, c.seq, owners = append(c.rooms, room), append(c.seq, 0), append(owners, owner)
		for i := 0; i < each; i++ {
			user := owner
			if i > 0 {
				user = chat.User{ID: chat.UserID(chat.NewID()), DisplayName: "guest"}
				if err := store.CreateUser(ctx, user, ""); err != nil {
					b.Fatal(err)
				}
				if err := durable.ChangeMember(ctx, owner, string(room.ID), user.ID, wire.ChangeInvited, ""); err != nil {
					b.Fatal(err)
				}
			}
			token := chat.NewID()
			l := chat.Login{ID: chat.SessionID(chat.NewID()), User: user.ID, ExpiresAt: time.Now().Add(time.Hour).UnixMicro()}
			if err := store.CreateSession(ctx, l, chat.HashToken(token)); err != nil {
				b.Fatal(err)
			}
			join := fmt.Sprintf(`{"type":"join","id":"j","room":"%s"}`, room.ID)
			hellos = append(hellos, "GET /v1/socket HTTP/1.1\r\nHost: localhost\r\n"+upgrade+"Sec-WebSocket-Protocol: "+wire.ProtocolJSON+
				"\r\nAuthorization: Bearer "+token+"\r\n\r\n"+string(masked(fin|opText, join)))
		}
	}
	startSink(b, listener.Addr().String(), hellos)
	for until := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		// Everybody is live once a delivery reaches all of them.
		before := hub.Stats().Delivered
		for r, room := range c.rooms {
			sent, err := durable.Post(ctx, owners[r], string(room.ID), chat.Post{ClientID: chat.NewID(), Text: "all here?"})
			if err != nil {
				b.Fatal(err)
			}
			c.seq[r] = uint64(sent.Seq)
		}
		time.Sleep(10 * time.Millisecond) // what is under way
		if hub.Stats().Delivered-before == int64(rooms*each) {
			return c
		}
		if time.Now().After(until) {
			b.Fatal("the clients did not come")
		}
	}
}

var benchText = strings.Repeat("x", 128)

// deliver hands the next event of a room over, as the bus would.
func (c *crowd) deliver(r int) {
	c.seq[r]++
	room := c.rooms[r]
	frame := wire.AppendEvent(nil, wire.Event{
		Type: wire.TypeMessage, Room: string(room.ID), Epoch: string(room.Head.Epoch), Seq: c.seq[r], At: 1,
		Actor: wire.Actor{ID: "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", Name: "somebody"}, ClientID: "c-1234567",
		Body: []byte(`{"kind":"text","text":"` + benchText + `"}`),
	})
	c.hub.Deliver(bus.Event{
		Topic: bus.Topic("room/" + string(room.ID)), Kind: bus.Log, Epoch: string(room.Head.Epoch), First: c.seq[r], Frames: [][]byte{frame}})
}

// paced calls deliver b.N times at a rate, and reports what that costs.
func paced(b *testing.B, perSecond, each int, deliver func(i int), written func() int64) {
	b.ReportAllocs()
	b.ResetTimer()
	begin, start := cpu(b), time.Now()
	before := written()
	for i := range b.N {
		if ahead := time.Duration(i)*time.Second/time.Duration(perSecond) - time.Since(start); ahead > 0 {
			time.Sleep(ahead)
		}
		deliver(i)
	}
	n := written() - before
	b.StopTimer()
	time.Sleep(20 * time.Millisecond) // what is under way
	b.ReportMetric(float64((cpu(b)-begin).Microseconds())/float64(n), "cpu-µs/delivery")
	if n != int64(b.N*each) {
		b.Errorf("%d deliveries, want %d", n, b.N*each)
	}
}

// BenchmarkDeliver is what a node's process spends on a delivery, from the bus to
// the kernel of a client that reads; floor is the same number of bytes written
// with one write per socket and nothing else.
func BenchmarkDeliver(b *testing.B) {
	for _, c := range []struct{ rooms, each, perSecond int }{{1, 1000, 20}, {1, 100, 200}, {200, 5, 2000}} {
		b.Run(fmt.Sprintf("rooms=%d/each=%d", c.rooms, c.each), func(b *testing.B) {
			crowd := newCrowd(b, c.rooms, c.each)
			paced(b, c.perSecond, c.each, func(i int) { crowd.deliver(i % c.rooms) }, func() int64 { return crowd.hub.Stats().Delivered })
		})
		b.Run(fmt.Sprintf("floor=%d/each=%d", c.rooms, c.each), func(b *testing.B) {
			benchFloor(b, c.rooms, c.each, c.perSecond)
		})
	}
}

func benchFloor(b *testing.B, rooms, each, perSecond int) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	startSink(b, listener.Addr().String(), make([]string, rooms*each))
	conns := make([]net.Conn, rooms*each)
	for i := range conns {
		if conns[i], err = listener.Accept(); err != nil {
			b.Fatal(err)
		}
		defer conns[i].Close()
	}
	frame := make([]byte, 4+330)
	var n atomic.Int64
	paced(b, perSecond, each, func(i int) {
		for _, c := range conns[i%rooms*each:][:each] {
			if _, err := c.Write(frame); err != nil {
				b.Fatal(err)
			}
			n.Add(1)
		}
	}, n.Load)
}

// BenchmarkIdleSockets is what an idle socket costs in resident memory.
func BenchmarkIdleSockets(b *testing.B) {
	const sockets = 3000
	before := resident(b)
	newCrowd(b, sockets/10, 10)
	for b.Loop() {
	}
	b.ReportMetric(float64(resident(b)-before)/sockets/1024, "KiB-RSS/socket")
	runtime.GC()
	debug.FreeOSMemory()
	b.ReportMetric(float64(resident(b)-before)/sockets/1024, "KiB-RSS/socket-after-GC")
}

func resident(b *testing.B) int64 {
	s, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(s))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
