package sqldb_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/internal/sqldb"
)

// TestOutageIsLoggedOnce holds that an outage is two lines, and a refusal none.
func TestOutageIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var o sqldb.Outage
		note := func(err error, down bool) { o.Note(t.Context(), log, "that write", err, down) }
		away, refused := errors.New("no connection"), errors.New("no such room")
		for range 3 {
			note(nil, false)
			note(refused, false)
		}
		if out.Len() > 0 {
			t.Errorf("nothing was away: %s", &out)
		}
		for range 100 { // it answers every other call
			note(away, true)
			note(nil, false)
			time.Sleep(10 * time.Millisecond)
		}
		if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "no connection") {
			t.Errorf("during the outage: %s", text)
		}
		out.Reset()
		time.Sleep(2 * time.Second)
		note(nil, false)
		note(nil, false)
		if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "failed=100") {
			t.Errorf("after it: %s", text)
		}
	})
}
