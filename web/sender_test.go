package web

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubbub/chat"
)

// openSocket gives both ends of a WebSocket over TCP, with small buffers: the
// server's as a session sees it, the client's without any library.
func openSocket(t *testing.T) (*socket, *net.TCPConn, *bufio.Reader) {
	t.Helper()
	opened := make(chan *socket, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &socket{}
		s.upgrade(w, r)
		opened <- s
	}))
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client := conn.(*net.TCPConn)
	t.Cleanup(func() { client.Close() })
	if err := client.SetReadBuffer(32 << 10); err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(client)
	if _, err := http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	s := <-opened
	t.Cleanup(func() { s.free() })
	return s, client, r
}

// serverFrame reads one frame and holds it to RFC 6455: whole, not masked, of a
// known kind, its length as short as can be.
func serverFrame(r *bufio.Reader) (op byte, payload []byte, err error) {
	var head [10]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return 0, nil, err
	}
	if first := head[0]; first != 0x81 && first != 0x88 && first != 0x89 && first != 0x8a {
		return 0, nil, fmt.Errorf("a frame begins with %x", head[:2])
	}
	op = head[0] & 0x0f
	n, least := uint64(head[1]), uint64(0)
	switch n {
	case 126:
		_, err = io.ReadFull(r, head[:2])
		n, least = uint64(binary.BigEndian.Uint16(head[:])), 126
	case 127:
		_, err = io.ReadFull(r, head[:8])
		n, least = binary.BigEndian.Uint64(head[:]), 1<<16
	}
	if err == nil && (n < least || n > 1<<20) {
		err = fmt.Errorf("a frame of %d bytes", n)
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(r, payload)
	return op, payload, err
}

// clientFrame makes a masked frame whose key is zero.
func clientFrame(op byte, payload string) []byte {
	return append([]byte{0x80 | op, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

// testFrame is a frame of the session that says how it goes on: its number, its
// length, and one letter to its end.
func testFrame(n, size int) []byte {
	head := fmt.Sprintf("%d/%d/", n, size)
	return append([]byte(head), strings.Repeat(string(rune('a'+n%26)), max(0, size-len(head)))...)
}

// TestFramesNeverMix is the condition under which the library and the session may
// share a connection. Here the session sends without and with waiting, frames of
// every way to write a length, while the library answers pings, and at the end
// says good-bye, to a peer that reads by fits and starts. The peer must read
// whole frames: those of the session in order and unhurt, the answers to its
// pings, one close frame, and nothing after it.
func TestFramesNeverMix(t *testing.T) {
	t.Parallel()
	sizes := []int{10, 125, 126, 127, 600, 4092, 4096, 32757, 32758, 32759, 65535, 65536, 70000}
	var tried, waited atomic.Int64
	for range 6 {
		t.Run("", func(t *testing.T) {
			s, client, r := openSocket(t)
			end := time.Now().Add(time.Second)
			var all sync.WaitGroup
			defer func() { client.Close(); s.free(); all.Wait() }()
			all.Go(func() { // the session's reader, on which the library answers
				for {
					err := s.Wait()
					if err == nil {
						_, err = s.Read(t.Context())
					}
					if err != nil {
						return
					}
				}
			})
			all.Go(func() { // its writer
				for n := 0; time.Now().Before(end); {
					var frames [][]byte
					for range 1 + rand.IntN(4) {
						frames = append(frames, testFrame(n, sizes[rand.IntN(len(sizes))]))
						n++
					}
					if rand.IntN(8) == 0 {
						frames = append(frames, chat.PingFrame)
					}
					rest, err := s.TryWrite(frames)
					tried.Add(int64(len(frames) - len(rest)))
					if err == nil && len(rest) > 0 {
						waited.Add(int64(len(rest)))
						err = s.Write(rest)
					}
					if err != nil {
						t.Errorf("frame %d: %v", n, err)
						return
					}
				}
				if err := s.Close(chat.CloseRestart, "restart"); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			all.Go(func() { // the peer's pings
				for n := 0; time.Now().Before(end.Add(-100 * time.Millisecond)); n++ {
					if _, err := client.Write(clientFrame(9, fmt.Sprint("ping ", n))); err != nil {
						t.Errorf("ping: %v", err)
					}
					time.Sleep(20 * time.Millisecond) // honest, and often
				}
			})
			next, pongs := 0, 0
			for {
				if rand.IntN(50) == 0 {
					time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
				}
				op, p, err := serverFrame(r)
				if err != nil {
					t.Fatalf("after frame %d: %v", next, err)
				}
				switch op {
				case 1:
					var n, size int
					if _, err := fmt.Sscanf(string(p[:min(20, len(p))]), "%d/%d/", &n, &size); err != nil || n != next || string(p) != string(testFrame(n, size)) {
						t.Fatalf("want frame %d, got %.40q (%v)", next, p, err)
					}
					next++
				case 10:
					pongs++
				case 8:
					if code := binary.BigEndian.Uint16(p); code != chat.CloseRestart {
						t.Errorf("closed with %d", code)
					}
					if _, err := client.Write(clientFrame(8, string(p[:2]))); err != nil {
						t.Error(err)
					}
					if more, _ := io.ReadAll(r); len(more) > 0 {
						t.Errorf("after the close frame came %.40q", more)
					}
					if pongs == 0 || next == 0 {
						t.Errorf("%d frames and %d pongs: nothing was shown", next, pongs)
					}
					return
				}
			}
		})
	}
	if tried.Load() == 0 || waited.Load() == 0 {
		t.Errorf("%d frames went at once, %d waited: one way was not tested", tried.Load(), waited.Load())
	}
}

// TestWhoStandsStillIsToldWhy fills a connection until nothing moves, and holds
// that the peer, once it wakes up, reads every frame that was begun, then 4408.
func TestWhoStandsStillIsToldWhy(t *testing.T) {
	for _, size := range []int{100, 5000, 70000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			s, client, r := openSocket(t)
			reading := make(chan error, 1)
			go func() { reading <- s.Wait() }()
			began := 0
			for n := 0; ; n++ {
				rest, err := s.TryWrite([][]byte{testFrame(n, size)})
				if err != nil {
					t.Fatal(err)
				}
				began = n
				if len(rest) > 0 {
					s.link.mu.Lock() // 30 s later
					s.link.giveUpLocked(outgoing{frames: rest, part: s.link.part})
					s.link.mu.Unlock()
					break
				}
			}
			if err := s.Close(chat.CloseStalled, "no progress"); err != nil {
				t.Fatal(err)
			}
			if err := <-reading; err == nil {
				t.Error("the reader was not let go")
			}
			over := make(chan struct{})
			go func() { s.CloseNow(); s.linger(t.Context()); s.free(); close(over) }()
			if _, err := client.Write(clientFrame(9, "I am awake")); err != nil {
				t.Fatal(err)
			}
			last := -1
			for {
				op, p, err := serverFrame(r)
				if err != nil {
					t.Fatalf("after frame %d of %d: %v", last, began, err)
				}
				if op == 8 {
					if code := binary.BigEndian.Uint16(p); code != chat.CloseStalled || last < began-1 {
						t.Errorf("after frame %d of %d: closed with %d", last, began, code)
					}
					break
				}
				if last++; string(p) != string(testFrame(last, size)) {
					t.Fatalf("want frame %d, got %.40q", last, p)
				}
			}
			client.Close()
			<-over
		})
	}
}

// A heartbeat is not kept waiting for: once the pong is read, the reader is back
// where it needs little stack, and a good-bye is answered from there.
func TestWaitAfterAPong(t *testing.T) {
	s, client, r := openSocket(t)
	for range 3 {
		if _, err := client.Write(clientFrame(10, "")); err != nil {
			t.Fatal(err)
		}
		if err := s.Wait(); err != nil {
			t.Fatal(err)
		}
		if p, err := s.Read(t.Context()); p != nil || err != nil {
			t.Fatalf("read %q, %v of a pong", p, err)
		}
	}
	// A message behind a pong is not missed, nor is one that comes in halves.
	text := clientFrame(1, "hello")
	for _, part := range [][]byte{append(clientFrame(10, ""), text[:3]...), text[3:]} {
		if _, err := client.Write(part); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	var got []byte
	for got == nil {
		err := s.Wait()
		if err == nil {
			got, err = s.Read(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if string(got) != "hello" {
		t.Errorf("read %q", got)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for s.Wait() == nil {
			if _, err := s.Read(t.Context()); err != nil {
				return
			}
		}
	}()
	closed := make(chan error, 1)
	go func() { closed <- s.Close(chat.CloseRestart, "restart") }()
	op, p, err := serverFrame(r)
	if err != nil || op != 8 {
		t.Fatalf("opcode %d, %v", op, err)
	}
	if _, err := client.Write(clientFrame(8, string(p[:2]))); err != nil {
		t.Fatal(err)
	}
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	<-over
}
