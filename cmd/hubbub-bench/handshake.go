package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"hubbub/chat/wire"
)

// refusedUpgrade is an HTTP answer in place of a WebSocket.
type refusedUpgrade struct {
	status int
	after  time.Duration // to wait before the next try, 0: not told
}

func (r *refusedUpgrade) Error() string { return fmt.Sprintf("http %d", r.status) }

// perSource is how many sockets begin at one loopback address: the system has
// some 28 000 ports for each, and those of the last run may not be free yet.
const perSource = 10_000

// sourceOf gives the address that client i connects from; nil: whichever the
// system takes. A node on the loopback may be reached from all of 127.0.0.0/8.
func sourceOf(host string, i int) net.Addr {
	ip := net.ParseIP(host)
	if ip == nil || ip.To4() == nil || !ip.IsLoopback() || i < perSource {
		return nil
	}
	i /= perSource
	return &net.TCPAddr{IP: net.IPv4(127, 1, byte(i>>8), byte(i))}
}

// upgrade opens a WebSocket for client i by hand, so that what reads it may be
// chosen: the connection, and what was read beyond the handshake.
func upgrade(ctx context.Context, node, query, token string, i int) (net.Conn, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	u, err := url.Parse(node)
	if err != nil {
		return nil, nil, err
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "80")
	}
	d := net.Dialer{LocalAddr: sourceOf(u.Hostname(), i)}
	conn, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, nil, err
	}
	rest, err := shakeHands(ctx, conn, u.Host, query, token)
	if err != nil {
		_ = conn.Close() // it has failed already
		return nil, nil, err
	}
	return conn, rest, nil
}

func shakeHands(ctx context.Context, conn net.Conn, host, query, token string) (rest []byte, err error) {
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	key := base64.StdEncoding.EncodeToString([]byte(rand.Text()[:16]))
	if _, err := fmt.Fprintf(conn, "GET /v1/socket%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\nAuthorization: Bearer %s\r\n\r\n",
		query, host, key, wire.ProtocolJSON, token); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		return nil, &refusedUpgrade{resp.StatusCode, retryAfter(resp.Header)}
	case resp.Header.Get("Sec-WebSocket-Accept") != acceptOf(key), !strings.EqualFold(resp.Header.Get("Upgrade"), "websocket"):
		return nil, fmt.Errorf("%s does not answer as a WebSocket", host)
	case resp.Header.Get("Sec-WebSocket-Protocol") != wire.ProtocolJSON:
		return nil, fmt.Errorf("%s speaks %q, not %s", host, resp.Header.Get("Sec-WebSocket-Protocol"), wire.ProtocolJSON)
	}
	rest = make([]byte, r.Buffered())
	if _, err := r.Read(rest); len(rest) > 0 && err != nil {
		return nil, err
	}
	return rest, conn.SetDeadline(time.Time{})
}

// acceptOf is the answer to a handshake's key (RFC 6455, 4.2.2).
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
