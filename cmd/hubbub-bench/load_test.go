package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// quickLoad is a load of half a second against one address.
func quickLoad(scene, url string) loadOptions {
	o := loadDefaults(scene)
	o.Nodes, o.Clients, o.Rooms, o.RoomSize, o.Readers = []string{url}, 8, 2, 6, 0
	o.Rate, o.Warm, o.Duration, o.Grace = 200, 100*time.Millisecond, 500*time.Millisecond, 20*time.Second
	return o
}

func TestLoad(t *testing.T) {
	t.Parallel()
	n := startNode(t, t.TempDir())
	for _, tt := range []struct {
		name string
		liar *liar
		want []kind // what may be counted, the first of which must be
	}{
		{"a good server", &liar{}, nil},
		{"drops one event", &liar{down: dropOne}, []kind{hole}},
		{"swaps two", &liar{down: swapTwo}, []kind{reorder, hole}},
		{"sends one twice", &liar{down: sendTwice}, []kind{dup}},
		{"changes a text", &liar{down: changeText}, []kind{phantom}},
		{"acks without commit", &liar{up: ackWithoutCommit}, []kind{phantom, lost, dup, reorder}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.liar.node = n.url
			r, err := runLoad(t.Context(), quickLoad(sceneFanout, startLiar(t, tt.liar)), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			for k := range kinds {
				if n := r.Counters[k.String()]; n > 0 && !slices.Contains(tt.want, k) || n == 0 && len(tt.want) > 0 && tt.want[0] == k {
					t.Errorf("%s %d", k, n)
				}
			}
			if broken := r.Verdict == Broken; broken != (len(tt.want) > 0) || broken != (len(r.Faults) > 0) {
				t.Errorf("verdict %s, faults %+v", r.Verdict, r.Faults)
			}
			if ph := r.Phases[0]; ph.Served != (tt.want == nil) || ph.time(toReader).Count == 0 {
				t.Errorf("served %t (%s), sent %d, read %d", ph.Served, ph.Unserved, ph.Sent, ph.Units)
			}
		})
	}
}

// Each scenario does what it says, against a good server.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for scene, check := range map[string]func(t *testing.T, o *loadOptions, p Phase){
		sceneIdle: func(t *testing.T, o *loadOptions, p Phase) {
			if len(p.Figures) != 4 || p.Sent != 0 {
				t.Error("no memory is told")
			}
		},
		sceneRooms: func(t *testing.T, o *loadOptions, p Phase) {
			if n := p.time(toAck).Count; n == 0 || p.time(toReader).Count != 6*n || len(p.Costs) != 2 {
				t.Error("too little is told")
			}
		},
		sceneHotroom: func(t *testing.T, o *loadOptions, p Phase) {
			if n := p.time(toAck).Count; n == 0 || p.Unit != "message" || p.time(toReader).Count != 2*n {
				t.Error("not two read, or the unit is not the message")
			}
		},
		sceneHistory: func(t *testing.T, o *loadOptions, p Phase) {
			if p.Unit != "page" || p.time(toPage).Count == 0 || p.figure("events of the log") < 60 {
				t.Error("no pages")
			}
		},
		sceneResume: func(t *testing.T, o *loadOptions, p Phase) {
			if p.Units != 2*5*60 || p.time(toBack).Count != 2*5 {
				t.Error("not everybody read everything")
			}
		},
		sceneStorm: func(t *testing.T, o *loadOptions, p Phase) {
			if p.Units != 2*5 || p.time(toWelcome).Count != 2*5 || p.time(toBack).Count != 2*5 || p.figure("events read") != 2*5*60 {
				t.Error("not everybody came back")
			}
		},
	} {
		t.Run(scene, func(t *testing.T) {
			t.Parallel()
			n := startNode(t, t.TempDir())
			o := quickLoad(scene, n.url)
			o.Clients, o.Groups = 12, []group{{groupNode, []int{n.cmd.Process.Pid}}}
			switch scene {
			case sceneIdle:
				o.Rooms, o.RoomSize = 0, 1
			case sceneHotroom:
				o.Rooms, o.Readers = 1, 2
			case sceneHistory, sceneResume, sceneStorm:
				o.Readers, o.Events, o.Page = 5, 60, 20
			}
			if err := o.checkLoad(); err != nil {
				t.Fatal(err)
			}
			o.Runs = 2
			r, err := runLoad(t.Context(), o, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if r.Verdict != Kept || len(r.Phases) != 2 {
				t.Fatalf("verdict %s, faults %+v", r.Verdict, r.Faults)
			}
			checkPage(t, &r)
			for _, p := range r.Phases {
				if !p.Served {
					t.Errorf("not served: %s", p.Unserved)
				}
				if check(t, &o, p); t.Failed() {
					t.Fatalf("sent %d, answered %d, units %d, times %v, figures %v", p.Sent, p.Answered, p.Units, len(p.Times), p.Figures)
				}
			}
		})
	}
}

func TestRamp(t *testing.T) {
	t.Parallel()
	o := quickLoad(sceneFanout, startNode(t, t.TempDir()).url)
	o.Ramp, o.P99, o.Duration = true, time.Microsecond, 100*time.Millisecond
	r, err := runLoad(t.Context(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	// No server is that fast, so every step fails, each twice.
	if s := r.Saturation; r.Verdict != Kept || s == nil || s.Rate != 0 || len(s.Steps) < 4 || s.Steps[0].Unserved == "" {
		t.Errorf("verdict %s, a ramp %t of %d steps", r.Verdict, s != nil, len(s.Steps))
	}
}

// A server that does not answer has broken nothing that a load can tell, but
// has not served what was due.
func TestLoadWithoutAnswer(t *testing.T) {
	t.Parallel()
	o := quickLoad(sceneRooms, startLiar(t, &liar{node: startNode(t, t.TempDir()).url, up: neverAnswer}))
	o.Grace = time.Second
	r, err := runLoad(t.Context(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if ph := r.Phases[0]; r.Verdict != Kept || ph.Served || ph.Unanswered == 0 {
		t.Errorf("verdict %s, served %t, %d had no answer", r.Verdict, ph.Served, ph.Unanswered)
	}
}

// Clients that are thrown out spoil the measurement, and come back for the next
// one to what they missed.
func TestLoadComesBack(t *testing.T) {
	t.Parallel()
	n := startNode(t, t.TempDir())
	c := layCable(t, strings.TrimPrefix(n.url, "http://"))
	o := quickLoad(sceneFanout, n.url)
	o.Nodes, o.Runs = []string{n.url, "http://" + c.Addr()}, 2
	o.Duration = 2 * time.Second
	var progress safeBuffer
	cut := make(chan int)
	go func() {
		for !strings.Contains(progress.String(), "nodes 1 at") && t.Context().Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cut <- c.Cut()
	}()
	r, err := runLoad(t.Context(), o, &progress)
	if n := <-cut; err != nil || n < 4 { // those of the set-up may be among them
		t.Fatalf("%d connections were cut: %v", n, err)
	}
	first, second := r.Phases[0], r.Phases[1]
	if r.Verdict != Kept || first.Served || !strings.Contains(first.Unserved, "1006") || !second.Served || r.Ends["1006"] < 4 {
		t.Errorf("verdict %s, faults %+v, first %q, second %q, ends %v", r.Verdict, r.Faults, first.Unserved, second.Unserved, r.Ends)
	}
}

// Whoever is tired of waiting gets what was measured so far.
func TestLoadIsEnded(t *testing.T) {
	t.Parallel()
	o := quickLoad(sceneFanout, startNode(t, t.TempDir()).url)
	o.Duration, o.Runs, o.Ramp = time.Minute, 3, true
	ctx, cancel := context.WithCancel(t.Context())
	var progress safeBuffer
	go func() {
		defer cancel()
		for !strings.Contains(progress.String(), "nodes 1 at") && t.Context().Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
	}()
	r, err := runLoad(ctx, o, &progress)
	if err != nil || r.Verdict != Kept || len(r.Phases) != 1 || r.Phases[0].Served || r.Saturation != nil {
		t.Errorf("error %v, verdict %s, %d phases", err, r.Verdict, len(r.Phases))
	}
}

// A load that the server's own limits forbid is refused before it begins.
func TestLoadWithinLimits(t *testing.T) {
	t.Parallel()
	o := quickLoad(sceneFanout, startNode(t, t.TempDir(), "--rate-session=20/s:40").url)
	if _, err := runLoad(t.Context(), o, io.Discard); err == nil || !strings.Contains(err.Error(), "--rate-session off") {
		t.Errorf("error %v", err)
	}
}

// inProcessFloor is a floor in this process, whose cost is told as that of this
// process.
func inProcessFloor(t *testing.T) func() (*floorChild, error) {
	return func() (*floorChild, error) {
		in, stop := io.Pipe()
		out, line := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- serveFloor(in, line) }()
		buf := make([]byte, 100)
		n, err := out.Read(buf)
		return &floorChild{url: strings.TrimSpace(string(buf[:n])), pid: os.Getpid(), stop: func() {
			stop.Close()
			if err := <-done; err != nil {
				t.Errorf("floor: %v", err)
			}
		}}, err
	}
}

func TestLoadWithFloor(t *testing.T) {
	t.Parallel()
	n := startNode(t, t.TempDir())
	o := quickLoad(sceneFanout, n.url)
	o.Floor, o.Runs, o.startFloor = true, 2, inProcessFloor(t)
	o.Groups = []group{{groupNode, []int{n.cmd.Process.Pid}}}
	r, err := runLoad(t.Context(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, ph := range r.Phases {
		targets = append(targets, ph.Target)
		if !ph.Served || ph.time(toAck).Count == 0 || ph.time(toReader).Count != 6*ph.time(toAck).Count {
			t.Errorf("not served (%s), or %d units of %d messages", ph.Unserved, ph.Units, ph.Answered)
		}
	}
	if r.Verdict != Kept || !slices.Equal(targets, []string{"floor", "nodes", "floor", "nodes"}) {
		t.Errorf("verdict %s, phases of %v", r.Verdict, targets)
	}
	var b bytes.Buffer
	if err := r.writeJSON(&b); err != nil {
		t.Fatal(err)
	}
	var again LoadReport
	if err := json.Unmarshal(b.Bytes(), &again); err != nil || len(again.Phases) != 4 {
		t.Errorf("the JSON does not come back: %v", err)
	}
	if err := r.write(&b); err != nil {
		t.Error(err)
	}
}

func TestLoadArguments(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                                   "name a scenario",
		"fan":                                "no scenario",
		"fanout --rate 0":                    "--rate",
		"fanout --pids node":                 "node=123",
		"fanout --pids node=x":               "not the id",
		"fanout --pids generator=1":          "there already",
		"fanout --pids node=1 --pids node=2": "twice",
		"fanout --floor":                     "--pids",
		"fanout --nodes https://a.example":   "http only",
		"fanout --runs 0":                    "--runs",
		"fanout --readers 1001":              "--readers",
		"fanout --ramp --ramp-from -1":       "--ramp-from",
		"fanout --ramp --p99 0":              "--p99",
		"idle --clients 9999999":             "ulimit",
		"resume --readers 0":                 "writers",
		"history --page 201":                 "--page",
		"history --events 10 --page 10":      "--page",
		"idle --ramp":                        "not with idle",
		"storm --events 0":                   "--events",
		"fanout extra":                       "not a flag",
	} {
		if _, err := parseLoad(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one about %s", args, err, want)
		}
	}
	o, err := parseLoad(strings.Fields("rooms --nodes http://a:1/,http://b:2 --pids node=1,2"), io.Discard)
	if err != nil || o.Clients != 1000 || o.Rooms != 200 || o.Nodes[0] != "http://a:1" || len(o.Groups[0].pids) != 2 {
		t.Errorf("%v %+v", err, o)
	}
}
