package main

import (
	"fmt"
	"strings"
	"time"
)

// panics are faults at points that only a node built for it has: what the panic
// is in ends, and nothing else.
func panics() []fault {
	return []fault{
		{
			name: "panics in requests and frames",
			fleet: fleetOptions{Env: func(i int) []string {
				return []string{"HUBBUBFAULT_PANIC=send:30"}
			}},
			// The panic comes before anything is stored, so the answers are final.
			load:   func(a *attack) { a.load.REST, a.load.Rate = 0.4, 200 },
			strike: func(a *attack) { time.Sleep(a.lasts(3*time.Second, 20*time.Second)) },
			proof: func(a *attack, r *Report) string {
				a.note["requests"], a.note["frames"] = a.metric("hubbub_http_panics_total"), a.metric("hubbub_frame_panics_total")
				if a.note["requests"] == 0 || a.note["frames"] == 0 {
					return fmt.Sprintf("%v panics in requests, %v in frames", a.note["requests"], a.note["frames"])
				}
				return ""
			},
			judge: func(a *attack, r *Report) {
				// Each ends the one request or socket it is in.
				if got, want := r.Statuses["500"], int64(a.metric("hubbub_http_panics_total")); got != want {
					a.errorf("%d answers 500, %d requests panicked", got, want)
				}
				if got, want := r.Closes["1011"], int64(a.metric("hubbub_frame_panics_total")); got != want {
					a.errorf("%d sockets closed with 1011, %d frames panicked", got, want)
				}
				contained(a, r, `"msg":"panic"`, `"msg":"panic in a frame"`)
			},
		},
		{
			name: "panics while events are delivered",
			fleet: fleetOptions{Env: func(i int) []string {
				return []string{"HUBBUBFAULT_PANIC=deliver:60"}
			}},
			strike: func(a *attack) { time.Sleep(a.lasts(3*time.Second, 20*time.Second)) },
			proof: func(a *attack, r *Report) string {
				a.note["events"], a.note["fills"] = a.metric("hubbub_topic_panics_total"), a.metric("hubbub_gap_fills_total")
				if a.note["events"] < 3 || a.note["fills"] == 0 {
					return fmt.Sprintf("%v panics, %v gaps filled", a.note["events"], a.note["fills"])
				}
				return ""
			},
			judge: func(a *attack, r *Report) {
				if r.Closes["1011"] == 0 {
					a.errorf("no socket was closed with 1011")
				}
				contained(a, r, `"msg":"panic in a topic"`)
			},
		},
	}
}

// contained holds that the nodes lived on, and logged the panics with a stack.
func contained(a *attack, r *Report, lines ...string) {
	for _, n := range a.nodes {
		if n.Ended() {
			a.errorf("%s has ended", n.name)
		}
	}
	for code, n := range r.Closes {
		if code != "1011" {
			a.errorf("%d connections ended with %s", n, code)
		}
	}
	for _, line := range lines {
		found := false
		for _, n := range a.nodes {
			for entry := range strings.Lines(n.Log()) {
				found = found || strings.Contains(entry, line) && strings.Contains(entry, "fault: at ") && strings.Contains(entry, "chat.(*")
			}
		}
		if !found {
			a.errorf("no line of a log has %s with a stack", line)
		}
	}
}
