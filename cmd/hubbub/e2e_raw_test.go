package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"hubbub/chat/wire"
)

// rawSocket shakes hands and gives the bare connection, to say what no library says.
func rawSocket(t *testing.T, addr string, p person) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /v1/socket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\nAuthorization: Bearer %s\r\n\r\n",
		addr, wire.ProtocolJSON, p.Token)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", resp, err)
	}
	return conn, r
}

// ends waits until the server has ended the connection.
func ends(t *testing.T, conn net.Conn, r io.Reader, within time.Duration) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	_, err := io.Copy(io.Discard, r)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		t.Errorf("the connection is still open after %v", within)
	}
}

// RFC 6455, 5.1: a server closes on a frame that is not masked; and whatever
// else is no frame frees the connection, and its place, too.
func TestFramesThatAreNone(t *testing.T) {
	t.Parallel()
	n := startNode(t, append([]string{"--data=" + t.TempDir()}, unlimited...)...)
	ada := signUp(t, n.Addr(), "Ada")
	const mask = "\x00\x00\x00\x00"
	for what, bytes := range map[string]string{
		"not masked":                  "\x81\x02{}",
		"reserved bits":               "\xf1\x82" + mask + "{}",
		"unknown opcode":              "\x83\x82" + mask + "{}",
		"continuation of nothing":     "\x80\x82" + mask + "{}",
		"a second message within one": "\x01\x81" + mask + "{" + "\x81\x81" + mask + "}",
		"a ping in pieces":            "\x09\x80" + mask,
		"a long ping":                 "\x89\xfe\x00\x80" + mask + strings.Repeat("x", 128),
		"a length beyond all":         "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + mask,
		"a negative length":           "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff" + mask,
		"HTTP":                        "GET / HTTP/1.1\r\n\r\n",
	} {
		conn, r := rawSocket(t, n.Addr(), ada)
		if _, err := io.WriteString(conn, bytes); err != nil {
			t.Fatal(err)
		}
		t.Run(what, func(t *testing.T) { ends(t, conn, r, 12*time.Second) })
	}
	eventually(t, patience, "all places are free", func() bool { return n.sockets.Open() == 0 })
}

// What costs its sender next to nothing is taken no faster than a link allows,
// and holds up nobody else: empty fragments of a message, which the limit of a
// message's size does not count. Pings, which want an answer each, end the socket.
func TestFloodOfSmallFrames(t *testing.T) {
	n := startNode(t, append([]string{"--data=" + t.TempDir()}, unlimited...)...)
	ada := signUp(t, n.Addr(), "Ada")
	// What the kernel holds counts as sent; so it may hold only a little. The
	// listener's sockets inherit this.
	raw, err := n.public.(*net.TCPListener).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			err = errors.Join(err, syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 32<<10))
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	const mask = "\x00\x00\x00\x00"
	for what, c := range map[string]struct {
		begin, frame string
		ended        bool // at once, that is
	}{
		"empty fragments": {"\x01\x80" + mask, "\x00\x80" + mask, false},
		"pings":           {"", "\x89\xfd" + mask + strings.Repeat("x", 125), true},
	} {
		t.Run(what, func(t *testing.T) {
			conn, r := rawSocket(t, n.Addr(), ada)
			if err := conn.(*net.TCPConn).SetWriteBuffer(32 << 10); err != nil {
				t.Fatal(err)
			}
			go io.Copy(io.Discard, r) // the pongs, until the connection ends
			if _, err := io.WriteString(conn, c.begin); err != nil {
				t.Fatal(err)
			}
			frames := []byte(strings.Repeat(c.frame, 4096/len(c.frame)))
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start, sent, took, ended := time.Now(), 0, time.Duration(0), false
			for took < 1500*time.Millisecond && !ended {
				if err := conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
					t.Fatal(err)
				}
				size, err := conn.Write(frames)
				timeout, ok := err.(net.Error)
				ended = err != nil && !(ok && timeout.Timeout())
				// The rest of a frame that was cut off comes first.
				frames = append(frames[size:len(frames):len(frames)], frames[:size]...)
				sent += size
				took = time.Since(start)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if ended != c.ended {
				t.Errorf("ended: %v, want %v", ended, c.ended)
			}
			if limit := int((took.Seconds() + 1.5) * (1 << 20)); sent > limit {
				t.Errorf("%d bytes were taken in %v, want at most %d", sent, took, limit)
			}
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
			start = time.Now()
			other := ada.connect(t, n.Addr())
			other.send(cmd{"type": "ping", "id": "x"})
			other.reply("x")
			if took := time.Since(start); took > time.Second {
				t.Errorf("another socket waited %v", took)
			}
			t.Logf("%d frames in %v", sent/len(c.frame), took)
		})
	}
}
