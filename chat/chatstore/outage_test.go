package chatstore

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/chat"
)

// TestOutageIsLoggedOnce holds that an outage is two lines, and a refusal none.
func TestOutageIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var o outage
		away := chat.Later(chat.ErrUnavailable, "", retryAfter, errors.New("no connection"))
		for range 3 {
			o.note(t.Context(), log, "that write", nil)
			o.note(t.Context(), log, "that write", chat.NoRoom())
		}
		if out.Len() > 0 {
			t.Errorf("nothing was away: %s", &out)
		}
		for range 100 { // it answers every other call
			o.note(t.Context(), log, "that write", away)
			o.note(t.Context(), log, "that write", nil)
			time.Sleep(10 * time.Millisecond)
		}
		if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "no connection") {
			t.Errorf("during the outage: %s", text)
		}
		out.Reset()
		time.Sleep(calmTime)
		o.note(t.Context(), log, "that write", nil)
		o.note(t.Context(), log, "that write", nil)
		if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "failed=100") {
			t.Errorf("after it: %s", text)
		}
	})
}
