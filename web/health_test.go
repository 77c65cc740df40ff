package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/web"
)

func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var parts []web.Part
		s := newSite(t, func(o *web.Options) {
			o.Ready = func(ctx context.Context) []web.Part {
				if _, bounded := ctx.Deadline(); !bounded {
					t.Error("the parts have all the time in the world")
				}
				return parts
			}
		})
		type health struct {
			Status string
			Parts  []struct{ Name, State string }
		}
		anyHost := func(r *http.Request) { r.Host = "10.0.0.7:8080" }
		parts = []web.Part{{Name: "sql"}, {Name: "bus", Err: errors.New("dial 192.0.2.9"), Optional: true}}
		r := s.do("", "GET /readyz", nil, anyHost).want(200)
		if h := as[health](r); h.Status != "ready" || len(h.Parts) != 2 || h.Parts[0].State != "ok" || h.Parts[1].State != "failing" {
			t.Errorf("with an optional part away: %s", r.Body)
		}
		for range 3 { // however long it lasts, it is logged once
			time.Sleep(time.Second)
			parts = []web.Part{{Name: "sql", Err: errors.New("dial 192.0.2.8")}, {Name: "bus"}}
			r = s.do("", "GET /readyz", nil).want(503)
			if h := as[health](r); h.Status != "not ready" || strings.Contains(r.Body, "192.0.2") {
				t.Errorf("with a part away: %s", r.Body)
			}
		}
		for _, line := range []string{"a part fails\" part=bus error=\"dial 192.0.2.9", "a part works again\" part=bus", "a part fails\" part=sql error=\"dial 192.0.2.8"} {
			if n := strings.Count(s.log.String(), line); n != 1 {
				t.Errorf("logged %d times: %s", n, line)
			}
		}
		s.do("", "GET /healthz", nil).want(200)

		time.Sleep(time.Second)
		parts = nil
		s.web.SetDraining(true)
		if h := as[health](s.do("", "GET /readyz", nil).want(503)); h.Status != "draining" {
			t.Errorf("draining: %+v", h)
		}
		s.do("", "GET /healthz", nil).want(200)
		s.web.SetDraining(false)
		s.do("", "GET /readyz", nil).want(200)
	})
}

// However many ask for /readyz, the parts are asked by one at a time, and once
// a second; one that has hung up spoils nothing.
func TestReadyAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := newSite(t, func(o *web.Options) {
			o.Ready = func(ctx context.Context) []web.Part {
				asked++
				select {
				case <-ctx.Done():
				case <-time.After(500 * time.Millisecond):
				}
				return []web.Part{{Name: "sql", Err: ctx.Err()}}
			}
		})
		gone, hangUp := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, hangUp)
		for round := 1; round <= 3; round++ {
			var all sync.WaitGroup
			all.Go(func() {
				s.do("", "GET /readyz", nil, func(r *http.Request) { *r = *r.WithContext(gone) })
			})
			synctest.Wait()
			for range 20 {
				all.Go(func() { s.do("", "GET /readyz", nil).want(200) })
			}
			all.Wait()
			if asked != round {
				t.Errorf("asked %d times in %d seconds", asked, round)
			}
			time.Sleep(time.Second)
		}
	})
}
