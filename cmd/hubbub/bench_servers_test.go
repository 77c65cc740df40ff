package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/time/rate"

	"hubbub/chat"
	"hubbub/internal/sqldb"
	"hubbub/orders"
)

// asPeer is the variable that makes the test binary one of the servers that
// hubbub is compared with: "bare" or "tutorial"; or "talking", a node with a chat
// of its own. They take hubbub's settings from the environment.
const asPeer = "TEST_AS_PEER"

// bePeer serves until it is killed.
func bePeer() {
	cfg, err := ParseConfig(nil, hubbubOnly(os.Environ()), os.Stdout)
	if err != nil {
		panic(err)
	}
	var h http.Handler
	switch os.Getenv(asPeer) {
	case "bare":
		h = bareHandler(cfg)
	case "tutorial":
		h = tutorialHandler(cfg)
	case "talking":
		talk(cfg)
		return
	}
	panic(http.ListenAndServe(cfg.Listen, h))
}

func hubbubOnly(environ []string) (own []string) {
	for _, e := range environ {
		if strings.HasPrefix(e, "HUBBUB_") {
			own = append(own, e)
		}
	}
	return own
}

// bareHandler is net/http with the statement that orderstore holds, on the same
// kind of pool, and nothing else: no middleware, no log, no sign-in.
func bareHandler(cfg Config) http.Handler {
	db, err := sqldb.Open(cfg.SQL, sqldb.Options{MaxOpen: cfg.SQLOpen})
	if err != nil {
		panic(err)
	}
	held, err := db.Read.Prepare("SELECT id, customer_id, version, doc FROM orders WHERE id=?")
	if err != nil {
		panic(err)
	}
	m := http.NewServeMux()
	m.HandleFunc("GET /v1/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, ok := orders.ID(r.PathValue("id")).Binary()
		if !ok {
			http.NotFound(w, r)
			return
		}
		var key, customer, doc []byte
		var version int64
		if err := held.QueryRow(id[:]).Scan(&key, &customer, &version, &doc); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(doc)))
		w.Write(doc)
	})
	return m
}

// tutorialHandler is what introductions show: the driver's defaults, a query by
// user, Fprintf, and a counter under a mutex.
func tutorialHandler(cfg Config) http.Handler {
	db, err := sql.Open("mysql", tutorialDSN(cfg.SQL))
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	served := map[string]int{}
	m := http.NewServeMux()
	m.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		served[r.URL.Path]++
		mu.Unlock()
		rows, err := db.QueryContext(r.Context(), "SELECT * FROM orders WHERE customer_id = ?", r.URL.Query().Get("user_id"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer rows.Close()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "[")
		for rows.Next() {
			var id, customer, shop, number, status, doc string
			var version int64
			if err := rows.Scan(&id, &customer, &shop, &number, &status, &version, &doc); err != nil {
				return
			}
			fmt.Fprintf(w, `{"number":%q,"status":%q,"version":%d,"order":%s}`, number, status, version, doc)
		}
		fmt.Fprintf(w, "]\n")
	})
	return m
}

func tutorialDSN(url string) string {
	rest := strings.TrimPrefix(url, "mysql://")
	user, rest, _ := strings.Cut(rest, ":")
	password, rest, _ := strings.Cut(rest, "@")
	address, name, _ := strings.Cut(rest, "/")
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = user, password, "tcp", address, name
	return c.FormatDSN()
}

// chatRate is how many messages a second a talking node stores.
const chatRate = 5000

// talk is a node whose own chat is busy, from one SIGUSR1 to the next: 256 senders
// post 100 bytes each to fifty rooms.
func talk(cfg Config) {
	ctx := context.Background()
	n, err := newNode(ctx, cfg, newLogger(cfg, os.Stderr))
	if err != nil {
		panic(err)
	}
	go n.Run(ctx)
	who, _, err := n.accounts.SignUp(ctx, "talker"+strings.ToLower(chat.NewID()[:8]), "correct horse battery", "Talker", "", "")
	if err != nil {
		panic(err)
	}
	var rooms []string
	for i := range 50 {
		r, err := n.rooms.Create(ctx, who.User, chat.CreateRoom{Kind: chat.Private, Name: fmt.Sprint("room ", i)})
		if err != nil {
			panic(err)
		}
		rooms = append(rooms, string(r.ID))
	}
	pace := rate.NewLimiter(0, 256)
	toggle := make(chan os.Signal, 1)
	signal.Notify(toggle, syscall.SIGUSR1)
	go func() {
		for range toggle {
			if pace.Limit() == 0 {
				pace.SetLimit(chatRate)
			} else {
				pace.SetLimit(0)
			}
		}
	}()
	text := strings.Repeat("x", 100)
	var wg sync.WaitGroup
	for s := range 256 {
		wg.Go(func() {
			for i := 0; ; i++ {
				for !pace.Allow() {
					time.Sleep(time.Millisecond)
				}
				if _, err := n.rooms.Post(ctx, who.User, rooms[s%50], chat.Post{ClientID: fmt.Sprint(s, ".", i), Text: text}); err != nil {
					slog.Error("post", "error", err)
				}
			}
		})
	}
	wg.Wait()
}

// peer is a server process whose use of the processor is known.
type peer struct {
	addr string
	pid  int
}

// startPeer starts the test binary as a server: "node", or what bePeer serves.
func startPeer(b *testing.B, kind string, settings ...string) peer {
	b.Helper()
	program, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	p := peer{addr: deadPort(b)}
	cmd := exec.Command(program)
	cmd.Env = append([]string{
		asPeer + "=" + kind, "HUBBUB_LISTEN=" + p.addr, "HUBBUB_ADMIN=off", "HUBBUB_LOG_FORMAT=json",
		"HUBBUB_RATE_KEY=1000000/s:1000000", // limited, and never reached
	}, settings...)
	if kind == "node" {
		cmd.Env[0] = asNode + "=1"
	}
	cmd.Stdout, cmd.Stderr = null, null // a log is written all the same
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		stdin.Close()
	})
	p.pid = cmd.Process.Pid
	eventually(b, 2*patience, kind+" listens", func() bool {
		c, err := dialer().Dial("tcp", p.addr)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	return p
}

// cpu is the processor time that a process has used.
func cpu(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100)
}
