package main

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hubbub/internal/testenv"
)

// TestShareMetrics holds how the pool is shared out, and that it can be seen.
func TestShareMetrics(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, sql, open                                     string
		chatReads, chatWrites, orderReads, orderWrites, all string
	}{
		{"server", testenv.SharedMariaDB(t).NewDatabase(t), "50", "9", "13", "11", "12", "50"},
		{"few connections", testenv.SharedMariaDB(t).NewDatabase(t), "3", "1", "1", "1", "1", "3"},
		{"embedded", "sqlite:" + filepath.Join(t.TempDir(), "hubbub.db"), "50", "4", "1", "4", "1", "1"},
	} {
		n := startNode(t, "--sql="+tt.sql, "--sql-open="+tt.open)
		w := httptest.NewRecorder()
		n.server.AdminHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		for _, want := range []string{
			`hubbub_sql_share_limit{kind="read",use="chat"} ` + tt.chatReads, `hubbub_sql_share_limit{kind="write",use="chat"} ` + tt.chatWrites,
			`hubbub_sql_share_limit{kind="read",use="orders"} ` + tt.orderReads, `hubbub_sql_share_limit{kind="write",use="orders"} ` + tt.orderWrites,
			`hubbub_sql_share_in_use{kind="read",use="orders"} 0`, `hubbub_sql_share_refused_total{kind="write",use="orders"} 0`,
			`hubbub_sql_share_waits_total{kind="read",use="chat"} `, `hubbub_sql_share_wait_seconds_total{kind="read",use="chat"} `,
			`go_sql_max_open_connections{db_name="write"} ` + tt.all, `go_sql_wait_duration_seconds_total{db_name="write"} `,
		} {
			if !strings.Contains(w.Body.String(), "\n"+want) {
				t.Errorf("%s: no %s in the metrics", tt.name, want)
			}
		}
	}
}

// TestLiveMetrics holds what shows how a node does: transactions, queues, and how
// sockets end.
func TestLiveMetrics(t *testing.T) {
	t.Parallel()
	n := startNode(t, "--sql=sqlite:"+filepath.Join(t.TempDir(), "hubbub.db"))
	metrics := func() string {
		w := httptest.NewRecorder()
		n.server.AdminHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	ann := signUp(t, n.Addr(), "Ann")
	room := ann.newRoom(t, n.Addr(), "private")
	polite, rude, gone := ann.connect(t, n.Addr()), ann.connect(t, n.Addr()), ann.connect(t, n.Addr())
	polite.said(room, "1", "hello")
	if err := polite.ws.Close(1000, ""); err != nil {
		t.Error(err)
	}
	for range 3 {
		rude.raw(websocket.MessageText, []byte("{"))
	}
	if code, _ := rude.closed(5 * time.Second); code != 4400 {
		t.Errorf("closed with %d", code)
	}
	if err := gone.ws.CloseNow(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		`hubbub_sockets_closed_total{by="client",code="1000"} 1`,
		`hubbub_sockets_closed_total{by="server",code="4400"} 1`,
		`hubbub_sockets_closed_total{by="nobody",code=""} 1`,
		`hubbub_batch_drafts_bucket{le="1"} 1`, `hubbub_commit_seconds_count 1`, `hubbub_drafts_unknown_total 0`,
		`hubbub_queued_bytes 0`, `hubbub_sessions_lagging 0`,
	} {
		eventually(t, 5*time.Second, want, func() bool { return strings.Contains(metrics(), "\n"+want+"\n") })
	}
}
