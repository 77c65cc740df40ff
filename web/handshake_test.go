package web_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"hubbub/chat/wire"
)

// TestHandshake says the first words of RFC 6455, 4.2 in every way. What is
// refused is answered with a problem document, as by any other route.
func TestHandshake(t *testing.T) {
	t.Parallel()
	s := newSocketSite(t)
	addr := s.listen(t)
	const get = "GET /v1/socket HTTP/1.1\r\n"
	const host = "Host: localhost\r\n"
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	without := func(name string) string {
		var kept strings.Builder
		for line := range strings.Lines(upgrade) {
			if !strings.HasPrefix(line, name+":") {
				kept.WriteString(line)
			}
		}
		return kept.String()
	}
	with := func(lines ...string) string { return get + host + upgrade + strings.Join(lines, "\r\n") + "\r\n" }
	bearer := "Authorization: Bearer " + s.token
	cookie := "Cookie: hubbub=" + s.token
	for _, r := range []struct {
		name, request string
		status        int
		header        string // "Name: value" of the answer; "Name:" if it must not be there
	}{
		{"as in the RFC", with(), 101, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		{"lower case", get + strings.ToLower(host) + "connection: upgrade\r\nupgrade: WebSocket\r\nsec-websocket-version: 13\r\n" +
			"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 101, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		{"Connection with a list", get + host + without("Connection") + "Connection: keep-alive, Upgrade\r\n", 101, "Upgrade: websocket"},
		{"compression offered", with("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"), 101, "Sec-WebSocket-Extensions:"},

		{"no subprotocol", with(), 101, "Sec-WebSocket-Protocol:"},
		{"a subprotocol", with("Sec-WebSocket-Protocol: " + wire.ProtocolText), 101, "Sec-WebSocket-Protocol: " + wire.ProtocolText},
		{"several subprotocols", with("Sec-WebSocket-Protocol: x, " + wire.ProtocolText + ", " + wire.ProtocolJSON), 101, "Sec-WebSocket-Protocol: " + wire.ProtocolJSON},
		{"subprotocols in several lines", with("Sec-WebSocket-Protocol: x", "Sec-WebSocket-Protocol: "+wire.ProtocolJSON), 101, "Sec-WebSocket-Protocol: " + wire.ProtocolJSON},
		{"an unknown subprotocol", with("Sec-WebSocket-Protocol: hubbub.v2.json"), 400, ""},

		{"no key", get + host + without("Sec-WebSocket-Key"), 400, ""},
		{"two keys", with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400, ""},
		{"a key of 15 bytes", get + host + without("Sec-WebSocket-Key") + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n", 400, ""},
		{"a key that is no base64", get + host + without("Sec-WebSocket-Key") + "Sec-WebSocket-Key: !\r\n", 400, ""},
		{"no version", get + host + without("Sec-WebSocket-Version"), 426, "Sec-WebSocket-Version: 13"},
		{"version 8", get + host + without("Sec-WebSocket-Version") + "Sec-WebSocket-Version: 8\r\n", 426, "Sec-WebSocket-Version: 13"},
		{"no Upgrade", get + host + without("Upgrade"), 426, "Upgrade: websocket"},
		{"another Upgrade", get + host + without("Upgrade") + "Upgrade: h2c\r\n", 426, "Upgrade: websocket"},
		{"no Connection", get + host + without("Connection"), 426, "Upgrade: websocket"},
		{"HTTP/1.0", "GET /v1/socket HTTP/1.0\r\n" + host + upgrade, 426, ""},
		{"POST", "POST /v1/socket HTTP/1.1\r\n" + host + upgrade + "Content-Length: 0\r\n", 405, ""},

		{"a token", with(bearer), 101, ""},
		{"a wrong token", with("Authorization: Bearer wrong"), 401, "WWW-Authenticate: Bearer"},
		{"a token in the URL", "GET /v1/socket?token=" + s.token + " HTTP/1.1\r\n" + host + upgrade, 400, ""},

		{"no Host", get + upgrade, 400, ""},
		{"two Hosts", with("Host: localhost"), 400, ""},
		{"a forged Host", get + "Host: evil.example\r\n" + upgrade, 403, ""},
		{"a forged Host with its own Origin", get + "Host: evil.example\r\nOrigin: http://evil.example\r\n" + upgrade, 403, ""},
		{"our name as a part of it", get + "Host: localhost.evil.example\r\n" + upgrade, 403, ""},
		{"an address", get + "Host: 192.0.2.7\r\n" + upgrade, 101, ""},
		{"the page itself", with("Origin: http://localhost", cookie), 101, ""},
		{"an allowed Origin", with("Origin: https://chat.example.org", cookie), 101, ""},
		{"a cookie without Origin", with(cookie), 403, ""},
		{"Origin null", with("Origin: null", cookie), 403, ""},
		{"an empty Origin", with("Origin: ", cookie), 403, ""},
		{"a foreign Origin", with("Origin: https://evil.example", cookie), 403, ""},
		{"a foreign Origin with a token", with("Origin: https://evil.example", bearer), 403, ""},
		{"another scheme", with("Origin: https://localhost", cookie), 403, ""},
		{"another port", with("Origin: http://localhost:"+port, cookie), 403, ""},
		{"a user in the Origin", with("Origin: http://ann@localhost", cookie), 403, ""},
		{"our name as the user", with("Origin: http://localhost@evil.example", cookie), 403, ""},
		{"our name as a part of the Origin", with("Origin: https://chat.example.org.evil.example", cookie), 403, ""},
		{"a path in the Origin", with("Origin: http://localhost/", cookie), 403, ""},
		{"two Origins", with("Origin: http://localhost", "Origin: http://localhost", cookie), 403, ""},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			conn := dialTCP(t, addr)
			defer conn.Close()
			if _, err := io.WriteString(conn, r.request+"\r\n"); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != r.status {
				t.Errorf("status %d, want %d", res.StatusCode, r.status)
			}
			if name, value, _ := strings.Cut(r.header, ":"); name != "" {
				if got := strings.Join(res.Header.Values(name), " | "); got != strings.TrimSpace(value) {
					t.Errorf("%s is %q, want %q", name, got, strings.TrimSpace(value))
				}
			}
			// net/http itself refuses a request without one Host.
			if ct := res.Header.Get("Content-Type"); res.StatusCode != 101 && ct != "application/problem+json" && !strings.Contains(r.name, "Host") {
				t.Errorf("refused with %s", ct)
			}
		})
	}
}

// A frame may come with the request, in the same packet.
func TestEarlyFrame(t *testing.T) {
	t.Parallel()
	s := newSocketSite(t)
	p := s.dialSocket(t, dialTCP(t, s.listen(t)), masked(fin|opText, ping1)...)
	p.hear([]string{"pong", "1"})
}

// What a GET announces as its body is no frame of its sender: a proxy that
// believes in the body would send it along.
func TestHandshakeWithBody(t *testing.T) {
	t.Parallel()
	s := newSocketSite(t)
	addr := s.listen(t)
	body := string(masked(fin|opText, ping1))
	for name, head := range map[string]string{
		"a length": "Content-Length: 30\r\n\r\n" + body,
		"chunks":   "Transfer-Encoding: chunked\r\n\r\n1e\r\n" + body + "\r\n0\r\n\r\n",
	} {
		conn := dialTCP(t, addr)
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /v1/socket HTTP/1.1\r\nHost: localhost\r\n"+upgrade+
			"Sec-WebSocket-Protocol: "+wire.ProtocolJSON+"\r\nAuthorization: Bearer "+s.token+"\r\n"+head); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		res.Body.Close()
		if res.StatusCode != 400 {
			t.Errorf("%s: status %d, want 400", name, res.StatusCode)
		}
	}
}
