package main

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

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
