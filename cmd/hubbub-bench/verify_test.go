package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"
)

// quick is a run of one second against one address. The bound for 99 % is off:
// the machine of a test is busy with other tests.
func quick(url string) options {
	o := defaults()
	o.Nodes, o.Clients, o.Rooms, o.RoomSize = []string{url}, 8, 2, 6
	o.Rate, o.REST, o.Duration, o.Grace, o.P99 = 200, 0.1, time.Second, 20*time.Second, 0
	return o
}

func TestVerify(t *testing.T) {
	t.Parallel()
	n := startNode(t, t.TempDir())
	// The bugs do not meet: each has its own rooms and its own liar.
	for _, tt := range []struct {
		name string
		liar *liar
		want kind // kinds: none
		set  func(*options)
	}{
		{"a good server", &liar{}, kinds, nil},
		{"drops one event", &liar{down: dropOne}, hole, nil},
		{"swaps two", &liar{down: swapTwo}, reorder, nil},
		{"sends one twice", &liar{down: sendTwice}, dup, nil},
		{"changes a text", &liar{down: changeText}, phantom, nil},
		{"stalls", &liar{down: stall}, late, func(o *options) { o.Late = time.Second }},
		{"acks without commit", &liar{up: ackWithoutCommit}, lost, func(o *options) { o.REST = 0 }},
		{"does not answer", &liar{up: neverAnswer}, unknown, func(o *options) { o.Grace = time.Second }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.liar.node = n.url
			o := quick(startLiar(t, tt.liar))
			if tt.set != nil {
				tt.set(&o)
			}
			r, err := verify(t.Context(), o, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == kinds {
				wantKept(t, r)
				return
			}
			for name, n := range r.Counters {
				if (n > 0) != (name == tt.want.String()) {
					t.Errorf("%s %d", name, n)
				}
			}
			if r.Verdict != Broken || len(r.Faults) != 1 || r.Faults[0].Kind != tt.want.String() {
				t.Fatalf("verdict %s, faults %+v", r.Verdict, r.Faults)
			}
			if f := r.Faults[0]; tt.want != unknown && (len(f.History) == 0 || f.Reader != "" && len(f.Log) < 2) {
				t.Errorf("the fault does not show what is around it: %+v", f)
			}
		})
	}
}

func wantKept(t *testing.T, r Report) {
	t.Helper()
	for name, n := range r.Counters {
		if n != 0 {
			t.Errorf("%s %d", name, n)
		}
	}
	for _, f := range r.Faults {
		var b strings.Builder
		f.write(&b)
		t.Log(b.String())
	}
	if r.Verdict != Kept || r.Acked != r.Sent || r.Acked < 50 || r.Away != 0 {
		t.Errorf("verdict %s: sent %d, acked %d, %d away", r.Verdict, r.Sent, r.Acked, r.Away)
	}
}

// TestVerifySurvivesACrash has a node die and come back under load.
func TestVerifySurvivesACrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := startNode(t, dir)
	o := quick(n.url)
	o.Duration = 3 * time.Second
	type outcome struct {
		r   Report
		err error
	}
	done := make(chan outcome, 1)
	var lines safeBuffer
	go func() {
		r, err := verify(t.Context(), o, &lines)
		done <- outcome{r, err}
	}()
	for !strings.Contains(lines.String(), "sending") { // the first line comes after a second
		time.Sleep(10 * time.Millisecond)
	}
	n.kill()
	startNode(t, dir, "--listen", strings.TrimPrefix(n.url, "http://"))
	out := <-done
	if out.err != nil {
		t.Fatal(out.err)
	}
	wantKept(t, out.r)
	if c := out.r.Closes["1006"]; c != int64(o.Clients) || out.r.Healthy {
		t.Errorf("%d connections ended with 1006, want %d; healthy %v", c, o.Clients, out.r.Healthy)
	}
	if q := out.r.Recover; q.Count != int64(o.Clients) || out.r.Reconnect.Count != q.Count || q.P50 <= 0 {
		t.Errorf("recovered: %+v", q)
	}
}

func TestRunExitsByTheVerdict(t *testing.T) {
	t.Parallel()
	n := startNode(t, t.TempDir(), "--guests", "off", "--rate-address", "20/s:40", "--rate-session", "20/s:40")
	args := func(url string, more ...string) []string {
		return append([]string{"verify", "--nodes", url, "--clients", "4", "--rooms", "1", "--room-size", "4",
			"--rate", "40", "--duration", "1500ms", "--p99", "0"}, more...)
	}
	var out, log bytes.Buffer
	if code := run(t.Context(), args(n.url, "--json"), &out, &log); code != exitKept {
		t.Fatalf("exit %d: %s%s", code, out.String(), log.String())
	}
	var r Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.Verdict != Kept || r.Counters["lost"] != 0 || len(r.Counters) != int(kinds) {
		t.Errorf("%v: %s", err, out.String())
	}
	out.Reset()
	url := startLiar(t, &liar{node: n.url, down: dropOne})
	if code := run(t.Context(), args(url), &out, &log); code != exitBroken || !strings.Contains(out.String(), "first fault: hole") {
		t.Errorf("exit %d: %s%s", code, out.String(), log.String())
	}
	for _, bad := range [][]string{{}, {"serve"}, {"verify", "--nodes", "x"}, {"verify", "--clients", "0"}, {"verify", "more"},
		args(n.url, "--rate", "400")} {
		log.Reset()
		if code := run(t.Context(), bad, io.Discard, &log); code != exitFailed || log.Len() == 0 {
			t.Errorf("%v: exit %d, %q", bad, code, log.String())
		}
	}
	if !strings.Contains(log.String(), "--rate-session off") {
		t.Errorf("a rate above the server's limit: %q", log.String())
	}
}
