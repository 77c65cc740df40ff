package orderstest

import (
	"slices"
	"sync"

	"hubbub/orders/webhooks"
)

func (h hooks) leases() {
	e := h.endpoint("books")
	m := h.put("books", hookTime)
	h.equal(len(h.claim(e.ID, hookTime-1, 10)), 0)
	first := h.one(e.ID, hookTime)
	until := hookTime + webhooks.Lease.Microseconds()
	h.equal(len(h.claim(e.ID, until-1, 10)), 0)
	d := h.delivery(e, m.ID)
	h.equal(d.NextTry, until)
	h.equal(d.Attempts, 1)

	// Whoever had it died: it is there again, the same under another claim.
	second := h.one(e.ID, until)
	first.Attempts, first.Claim = first.Attempts+1, first.Claim+1
	h.equal(second, first)

	_, err := h.s.Enable(h.Context(), "books", e.ID, false)
	h.ok(err)
	h.equal(len(h.claim(e.ID, hookTime+hour, 10)), 0)
	_, err = h.s.Enable(h.Context(), "books", e.ID, true)
	h.ok(err)
	h.one(e.ID, hookTime+hour)
	h.ok(h.s.Delete(h.Context(), "books", e.ID))
	h.equal(len(h.claim(e.ID, hookTime+2*hour, 10)), 0)
}

func (h hooks) sequence() {
	e := h.endpoint("books")
	var want []webhooks.DeliveryID
	for i := range int64(5) {
		want = append(want, h.put("books", hookTime+(4-i)*1000).ID)
	}
	slices.Reverse(want)
	var got []webhooks.DeliveryID
	for _, n := range []int{2, 2, 2} {
		for _, j := range h.claim(e.ID, hookTime+second, n) {
			got = append(got, j.ID)
		}
	}
	slices.Sort(got[:2])
	slices.Sort(got[2:4])
	h.equal(got, want)
}

func (h hooks) release() {
	e := h.endpoint("books")
	m := h.put("books", hookTime)
	lost := h.one(e.ID, hookTime)
	j := h.one(e.ID, hookTime+hour)
	h.ok(h.s.Release(h.Context(), lost, hookTime+hour))
	h.equal(len(h.claim(e.ID, hookTime+hour, 10)), 0)
	h.ok(h.s.Release(h.Context(), j, hookTime+hour))
	d := h.delivery(e, m.ID)
	h.equal(d.Attempts, 1)
	h.equal(d.NextTry, hookTime+hour)
	j = h.one(e.ID, hookTime+hour)
	h.equal(j.Attempts, 2)
	h.equal(j.Claim, int64(3))
}

func (h hooks) whoIsDue() {
	due := func(now int64, after webhooks.EndpointID, limit int) []webhooks.EndpointID {
		h.Helper()
		list, err := h.s.Due(h.Context(), now, after, limit)
		h.ok(err)
		ids := []webhooks.EndpointID{}
		for _, d := range list {
			ids = append(ids, d.ID)
		}
		return ids
	}
	a, b, c, off := h.endpoint("a"), h.endpoint("b"), h.endpoint("c"), h.endpoint("off")
	h.endpoint("idle")
	for _, e := range []webhooks.Endpoint{a, b, c, off} {
		h.put(e.Shop, hookTime)
		h.put(e.Shop, hookTime+hour)
	}
	_, err := h.s.Enable(h.Context(), "off", off.ID, false)
	h.ok(err)
	h.equal(due(hookTime-1, "", 10), []webhooks.EndpointID{})
	h.equal(due(hookTime, "", 10), []webhooks.EndpointID{a.ID, b.ID, c.ID})
	h.equal(due(hookTime, "", 2), []webhooks.EndpointID{a.ID, b.ID})
	h.equal(due(hookTime, a.ID, 1), []webhooks.EndpointID{b.ID})
	h.finished(webhooks.Outcome{Job: h.one(a.ID, hookTime), Last: delivered, Status: webhooks.Delivered}, false)
	j := h.one(b.ID, hookTime)
	h.finished(webhooks.Outcome{Job: j, Last: refusal, Status: webhooks.Pending, NextTry: hookTime + second,
		Health: webhooks.Health{Failures: 3, ResumeAt: hookTime + 2*second}}, true)
	h.equal(due(hookTime+2*second-1, "", 10), []webhooks.EndpointID{c.ID})
	list, err := h.s.Due(h.Context(), hookTime+2*second, "", 10)
	h.ok(err)
	h.equal(list, []webhooks.Due{{ID: b.ID, Failures: 3}, {ID: c.ID}})
	h.equal(due(hookTime+hour, "", 10), []webhooks.EndpointID{a.ID, b.ID, c.ID})
	n, err := h.s.Pending(h.Context(), 100)
	h.ok(err)
	h.equal(n, 7)
	n, err = h.s.Pending(h.Context(), 3)
	h.ok(err)
	h.equal(n, 3)
}

func (h hooks) concurrency() {
	const rows, workers = 40, 8
	a, b := h.endpoint("books"), h.endpoint("books")
	for range rows {
		h.put("books", hookTime)
	}
	var mu sync.Mutex
	claims := map[string]int{}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for empty := 0; empty < 3; {
				e := []webhooks.Endpoint{a, b}[(w+empty)%2]
				jobs, err := h.s.Claim(h.Context(), e.ID, hookTime, hookTime+hour, 7)
				if err != nil {
					h.Error(err)
					return
				}
				if len(jobs) == 0 {
					empty++
					continue
				}
				for _, j := range jobs {
					mu.Lock()
					claims[string(j.Endpoint.ID+"/")+string(j.ID)]++
					mu.Unlock()
					if _, err := h.s.Finish(h.Context(), webhooks.Outcome{Job: j, Last: delivered, Status: webhooks.Delivered}); err != nil {
						h.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	// Locked rows are skipped, so a claim may come back empty too early.
	for _, e := range []webhooks.Endpoint{a, b} {
		for _, j := range h.claim(e.ID, hookTime, 1000) {
			claims[string(j.Endpoint.ID+"/")+string(j.ID)]++
		}
	}
	if len(claims) != 2*rows {
		h.Errorf("%d of %d rows were claimed", len(claims), 2*rows)
	}
	for row, n := range claims {
		if n != 1 {
			h.Errorf("%s was claimed %d times within one lease", row, n)
		}
	}
}
