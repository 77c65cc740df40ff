package orderstest

import (
	"slices"

	"hubbub/orders/webhooks"
)

func (h hooks) replay() {
	e := h.endpoint("books")
	m := h.put("books", hookTime)
	_, err := h.s.Replay(h.Context(), "books", e.ID, m.ID, hookTime)
	h.refused(err, webhooks.StillPending())
	_, err = h.s.Replay(h.Context(), "books", e.ID, "é", hookTime)
	h.refused(err, webhooks.NoDelivery())
	at := hookTime + 30*hour
	for _, status := range []webhooks.Status{webhooks.Delivered, webhooks.Failed} {
		lost := h.one(e.ID, at)
		j := h.one(e.ID, at+hour)
		h.finished(webhooks.Outcome{Job: j, Last: delivered, Status: status}, false)
		at += 2 * hour
		d, err := h.s.Replay(h.Context(), "books", e.ID, m.ID, at)
		h.ok(err)
		want := webhooks.Delivery{
			ID: m.ID, Endpoint: e.ID, Type: m.Type, Status: webhooks.Pending, CreatedAt: hookTime, NextTry: at, Last: delivered,
		}
		h.equal(d, want)
		h.equal(h.delivery(e, m.ID), want)
		// Whoever had it before the replay has nothing to say.
		h.finished(webhooks.Outcome{Job: lost, Last: refusal, Status: webhooks.Delivered}, false)
		h.equal(h.delivery(e, m.ID), want)
		again := h.one(e.ID, at)
		h.equal(again.Attempts, 1)
		h.equal(again.Body, m.Body)
		h.equal(again.ExpiresAt, at+webhooks.GiveUpAfter.Microseconds())
		h.ok(h.s.Release(h.Context(), again, at))
	}

	h.finished(webhooks.Outcome{Job: h.one(e.ID, at), Last: delivered, Status: webhooks.Delivered}, false)
	for range 5 {
		h.put("books", hookTime)
	}
	jobs := h.claim(e.ID, at, 10)
	for i, j := range jobs[:4] {
		h.finished(webhooks.Outcome{Job: j, Last: refusal, Status: webhooks.Failed, Health: webhooks.Health{Failures: 1}}, i == 0)
	}
	for _, want := range []int{3, 1, 0} {
		n, err := h.s.ReplayFailed(h.Context(), "books", e.ID, at, 3)
		h.ok(err)
		h.equal(n, want)
	}
	h.equal(len(h.claim(e.ID, at, 10)), 4)
}

func (h hooks) pages() {
	e, other := h.endpoint("books"), h.endpoint("toys")
	h.put("toys", hookTime)
	var want []webhooks.DeliveryID
	for i := range int64(7) {
		want = append(want, h.put("books", hookTime+i*1000).ID)
	}
	slices.Reverse(want)
	var got []webhooks.DeliveryID
	below := webhooks.DeliveryID("")
	for _, n := range []int{3, 3, 1, 0} {
		page, err := h.s.Deliveries(h.Context(), "books", e.ID, below, 3)
		h.ok(err)
		h.equal(len(page), n)
		for _, d := range page {
			got = append(got, d.ID)
			below = d.ID
		}
		h.put("books", hookTime+hour) // what comes in meanwhile moves no page
	}
	h.equal(got, want)
	page, err := h.s.Deliveries(h.Context(), "toys", other.ID, "", 10)
	h.ok(err)
	h.equal(len(page), 1)
}

func (h hooks) sweep() {
	sweep := func(now int64, want int) {
		h.Helper()
		n, err := h.s.Sweep(h.Context(), now, 100)
		h.ok(err)
		h.equal(n, want)
	}
	e, gone := h.endpoint("books"), h.endpoint("toys")
	late := h.put("books", hookTime)
	early := h.put("books", hookTime)
	for range 3 {
		h.put("toys", hookTime)
	}
	sweep(hookTime+hour, 0)
	h.ok(h.s.Delete(h.Context(), "toys", gone.ID))
	n, err := h.s.Sweep(h.Context(), hookTime+hour, 2)
	h.ok(err)
	h.equal(n, 2)
	n, err = h.s.Sweep(h.Context(), hookTime+hour, 2)
	h.ok(err)
	h.equal(n, 1)
	sweep(hookTime+hour, 0)

	for _, j := range h.claim(e.ID, hookTime+hour, 10) {
		if j.ID == early.ID {
			h.finished(webhooks.Outcome{Job: j, Last: delivered, Status: webhooks.Delivered}, false)
		}
	}
	// The other one was never tried to the end; its last try still has the grace.
	over := hookTime + (webhooks.GiveUpAfter + webhooks.ExpiryGrace).Microseconds()
	sweep(over, 0)
	sweep(over+1, 1)
	d := h.delivery(e, late.ID)
	h.equal(d.Status, webhooks.Failed)
	h.equal(d.NextTry, int64(0))
	h.equal(d.Last, webhooks.Attempt{At: over + 1, Reason: webhooks.ReasonExpired})
	h.equal(len(h.claim(e.ID, over+hour, 10)), 0)

	kept := delivered.At + webhooks.KeptFor.Microseconds()
	sweep(kept, 0)
	sweep(kept+1, 1)
	h.delivery(e, late.ID)
	sweep(over+1+webhooks.KeptFor.Microseconds(), 0)
	sweep(over+2+webhooks.KeptFor.Microseconds(), 1)
	page, err := h.s.Deliveries(h.Context(), "books", e.ID, "", 10)
	h.ok(err)
	h.equal(len(page), 0)
	_, err = h.s.Replay(h.Context(), "books", e.ID, late.ID, hookTime)
	h.refused(err, webhooks.NoDelivery())

	// A replayed one is as new.
	m := h.put("books", hookTime)
	j := h.one(e.ID, hookTime)
	h.finished(webhooks.Outcome{Job: j, Last: refusal, Status: webhooks.Failed, Health: webhooks.Health{Failures: 1}}, true)
	_, err = h.s.Replay(h.Context(), "books", e.ID, m.ID, hookTime+100*hour)
	h.ok(err)
	sweep(hookTime+120*hour, 0)
}
