package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"hubbub/chat/wire"
)

func timeFaults() []fault {
	return []fault{{
		name: "clocks a day ahead and behind",
		fleet: fleetOptions{Env: func(i int) []string {
			return [][]string{{"HUBBUBFAULT_CLOCK=24h"}, {"HUBBUBFAULT_CLOCK=-24h"}, nil}[i]
		}},
		strike: func(a *attack) {
			acct := a.guest(a.nodes[1], "somebody") // signed in a day ago
			room := a.room(a.nodes[0], acct)
			r := newREST(a.urls())
			defer r.close()
			for i := range 3 * len(a.nodes) {
				in := map[string]string{"client_id": fmt.Sprint("day", i), "text": "hello"}
				if err := r.call(a.t.Context(), i, http.MethodPost, "/v1/rooms/"+room+"/messages", acct.token, in, nil); err != nil {
					a.errorf("a post: %v", err)
				}
			}
			time.Sleep(a.lasts(3*time.Second, 15*time.Second))
			var ids []string
			first, last := time.Time{}, time.Time{}
			err := r.readLog(context.Background(), 0, room, acct.token, func(f wire.EventFrame) {
				if f.ClientID == "" || f.Type != "message" {
					return
				}
				ids = append(ids, f.ClientID)
				at := f.At.Time
				if first.IsZero() || at.Before(first) {
					first = at
				}
				if at.After(last) {
					last = at
				}
			})
			if err != nil {
				a.t.Fatal(err)
			}
			for i, id := range ids {
				if id != fmt.Sprint("day", i) {
					a.errorf("message %d is %s: the order is not that of the sends", i, id)
				}
			}
			a.note["messages"], a.note["apart_h"] = float64(len(ids)), last.Sub(first).Hours()
		},
		proof: func(a *attack, r *Report) string {
			if a.note["messages"] != float64(3*len(a.nodes)) || a.note["apart_h"] < 47 {
				return fmt.Sprintf("%v messages whose times are %.1f h apart", a.note["messages"], a.note["apart_h"])
			}
			return ""
		},
	}}
}
