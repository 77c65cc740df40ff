package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func findHAProxy(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"haproxy", "/usr/sbin/haproxy", "/usr/local/sbin/haproxy"} {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	t.Fatal("haproxy is not installed: it comes with the Debian package haproxy (apt-get install haproxy)")
	return ""
}

// startBalancer runs HAProxy with the configuration of compose.yaml in front of
// three nodes (host:port) and returns its address, host:port. What differs is
// where the nodes are, and that health is asked every 100 ms.
func startBalancer(t *testing.T, addresses [3]string) string {
	t.Helper()
	config := loadCompose(t, nil).Configs["haproxy"].Content
	replace := func(old, new string) {
		t.Helper()
		if strings.Count(config, old) != 1 {
			t.Fatalf("the balancer's configuration has %q not once", old)
		}
		config = strings.Replace(config, old, new, 1)
	}
	for i, name := range nodes {
		replace(name+":8080", addresses[i])
	}
	replace("bind :8080", "bind fd@3")
	replace("\n  maxconn 20000", "\n  maxconn 1000")
	replace("check inter 1s", "check inter 100ms")
	replace("slowstart 10s", "slowstart 100ms")
	replace(" resolvers docker init-addr none", "")
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}

	// HAProxy inherits the listener, so no other process can take its port.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	inherited, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, findHAProxy(t), "-db", "-f", file)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = &log, &log, []*os.File{inherited}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was told to end
		if !strings.Contains(log.String(), "GET /") || strings.Contains(log.String(), "token=") {
			t.Error("the balancer logs no paths, or it logs query strings")
		}
		if t.Failed() {
			t.Logf("haproxy:\n%s", log.String())
		}
	})
	return listener.Addr().String()
}

// fakeNode answers with its name, echoes on sockets, and is ready or not.
type fakeNode struct {
	*httptest.Server
	ready atomic.Bool
	seen  atomic.Pointer[http.Header] // of the last request
}

func newFakeNode(t *testing.T, name string) *fakeNode {
	n := &fakeNode{}
	n.ready.Store(true)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if !n.ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /name", func(w http.ResponseWriter, r *http.Request) {
		n.seen.Store(&r.Header)
		fmt.Fprint(w, name)
	})
	mux.HandleFunc("GET /v1/socket", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		if err := c.Write(r.Context(), websocket.MessageText, []byte(name)); err != nil {
			return
		}
		for {
			kind, body, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, body) != nil {
				return
			}
		}
	})
	n.Server = httptest.NewServer(mux)
	t.Cleanup(n.Close)
	return n
}

func TestBalancer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	byName := map[string]*fakeNode{}
	var addresses [3]string
	for i, name := range nodes {
		byName[name] = newFakeNode(t, name)
		addresses[i] = byName[name].Listener.Addr().String()
	}
	balancer := startBalancer(t, addresses)
	// A connection for each request, as from different clients.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func() (status int, name string) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+balancer+"/name?token=hunter2", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", "203.0.113.66")
		req.Header.Set("X-Forwarded-Proto", "https")
		req.Header.Set("Forwarded", "for=203.0.113.66")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}

	status, name := get()
	if status != http.StatusOK {
		t.Fatalf("first request: %d", status)
	}
	header := *byName[name].seen.Load()
	for key, want := range map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "Forwarded": ""} {
		if got := strings.Join(header.Values(key), " | "); got != want {
			t.Errorf("the node got %s %q, want %q: the client's own is replaced", key, got, want)
		}
	}

	// One socket each: the node with the fewest gets the next one.
	sockets := map[string]*websocket.Conn{}
	for range nodes {
		socket, resp, err := websocket.Dial(ctx, "ws://"+balancer+"/v1/socket", nil)
		if err != nil {
			t.Fatalf("socket through the balancer: %v, %v", resp, err)
		}
		defer socket.CloseNow()
		_, name, err := socket.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		sockets[string(name)] = socket
	}
	if len(sockets) != len(nodes) {
		t.Fatalf("three sockets are on %d nodes", len(sockets))
	}

	// A node that drains gets nothing new, and keeps its socket until it ends it.
	const drained, gone = "node-2", "node-3"
	socket := sockets[drained]
	byName[drained].ready.Store(false)
	for elsewhere := 0; elsewhere < 20; elsewhere++ {
		if status, name := get(); status != http.StatusOK {
			t.Fatalf("while %s drains: %d", drained, status)
		} else if name == drained {
			elsewhere = 0 // not yet noticed; ctx bounds this
		}
	}
	if err := socket.Write(ctx, websocket.MessageText, []byte("still here")); err != nil {
		t.Errorf("the socket of %s, which drains: %v", drained, err)
	}
	if _, echo, err := socket.Read(ctx); err != nil || string(echo) != "still here" {
		t.Errorf("the socket of %s, which drains: %q, %v", drained, echo, err)
	}

	// A node that refuses connections costs nobody an answer.
	byName[gone].Close()
	for range 20 {
		if status, name := get(); status != http.StatusOK || name == gone {
			t.Fatalf("after the end of %s: %d from %q", gone, status, name)
		}
	}
}
