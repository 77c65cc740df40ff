package orderstest

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"hubbub/orders"
)

func (w world) lookups() {
	ada, bob := w.customer(), w.customer()
	all := map[orders.ID]orders.Stored{}
	var ids []orders.ID
	for i := range 101 {
		o := newOrder(ada)
		if i%10 == 0 {
			o.CustomerID = bob
		}
		all[o.ID] = w.place(o).Stored
		ids = append(ids, o.ID)
	}
	check := func(ids []orders.ID, customer string) {
		w.Helper()
		want := map[orders.ID]orders.Stored{}
		for _, id := range ids {
			if o, ok := all[id]; ok && (customer == "" || o.Customer == customer) {
				want[id] = o
			}
		}
		found, err := w.s.Lookup(w.Context(), ids, customer)
		w.ok(err)
		got := map[orders.ID]orders.Stored{}
		for _, o := range found {
			got[o.ID] = o
		}
		if len(got) != len(found) {
			w.Fatalf("%d ids found %d orders more than once", len(ids), len(found)-len(got))
		}
		w.same(want, got)
	}
	for _, customer := range []string{"", ada, bob, "nobody", ada + " "} {
		for _, n := range []int{0, 1, 2, 4, 5, 19, 20, 21, 99, orders.MaxLookup} {
			check(ids[:n], customer)
		}
		absent := []orders.ID{newOrder(ada).ID, "", "x", ids[0] + " "}
		check(absent, customer)
		check(slices.Concat(absent, ids[:3], ids[:3], absent), customer)
	}
}

// filters compares a list with what plain loops find, for all combinations of
// filters.
func (w world) filters() {
	ada, bob := w.customer(), w.customer()
	day := time.UnixMicro(now)
	var all []orders.Order // the oldest first
	for i := range 12 {
		o := newOrder([]string{ada, bob}[i%2])
		o.ID = orders.NewID(day.Add(time.Duration(i/2) * time.Millisecond)) // two of one time
		path := []orders.Status{orders.Paid, orders.Packed, orders.Shipped}[:i%4]
		w.moved(o, path...)
		_, o = w.order(o.ID)
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b orders.Order) int { return strings.Compare(string(b.ID), string(a.ID)) })
	floor := func(ms time.Duration) orders.ID { return orders.FloorID(day.Add(ms * time.Millisecond).UnixMilli()) }
	for _, customer := range []string{ada, "nobody", ada + " "} {
		for _, status := range []orders.Status{"", orders.Pending, orders.Paid, orders.Shipped, orders.Refunded} {
			for _, number := range []string{"", all[3].Number, all[4].Number, "none"} {
				for _, from := range []orders.ID{"", floor(2), all[5].ID} {
					for _, below := range []orders.ID{"", floor(0), all[2].ID} {
						for _, limit := range []int{4, 100} {
							f := orders.Filter{Customer: customer, Status: status, Number: number, From: from, Below: below, Limit: limit}
							var want []orders.ID
							for _, o := range all {
								if o.CustomerID == customer && (status == "" || o.Status == status) && (number == "" || o.Number == number) &&
									o.ID >= from && (below == "" || o.ID < below) && len(want) < limit {
									want = append(want, o.ID)
								}
							}
							w.same(want, w.list(f))
						}
					}
				}
			}
		}
	}
	// Without a customer the orders of other tests are between them.
	for _, f := range []orders.Filter{
		{Limit: 100}, {Status: orders.Shipped, Limit: 100}, {Number: all[3].Number, Limit: 100}, {From: floor(0), Below: floor(100), Limit: 100},
	} {
		page, err := w.s.List(w.Context(), f)
		w.ok(err)
		if len(page) == 0 || !slices.IsSortedFunc(page, func(a, b orders.Stored) int { return strings.Compare(string(b.ID), string(a.ID)) }) {
			w.Fatalf("%d orders, or not in order, of %+v", len(page), f)
		}
		for _, stored := range page {
			o, err := orders.Parse(stored.Doc)
			w.ok(err)
			if f.Status != "" && o.Status != f.Status || f.Number != "" && o.Number != f.Number || o.ID != stored.ID ||
				o.CustomerID != stored.Customer || o.Version != stored.Version {
				w.Fatalf("%+v found %+v", f, o)
			}
		}
	}
}

// list reads one page.
func (w world) list(f orders.Filter) (ids []orders.ID) {
	w.Helper()
	page, err := w.s.List(w.Context(), f)
	w.ok(err)
	for _, o := range page {
		ids = append(ids, o.ID)
	}
	return ids
}

// pages shows that whoever pages through a list sees each order once that was
// there when the first page was read, though others come in and change meanwhile.
func (w world) pages() {
	ada := w.customer()
	var want []orders.ID
	at := time.UnixMicro(now)
	placeOne := func() orders.ID {
		at = at.Add(time.Millisecond)
		o := newOrder(ada)
		o.ID = orders.NewID(at)
		w.place(o)
		return o.ID
	}
	for range 25 {
		want = append(want, placeOne())
	}
	slices.Reverse(want)
	var got []orders.ID
	f := orders.Filter{Customer: ada, Limit: 7}
	for page := w.list(f); len(page) > 0; page = w.list(f) {
		got = append(got, page...)
		f.Below = page[len(page)-1]
		placeOne()
		w.change(step(page[0], orders.Paid))
	}
	w.same(want, got)
}

func (w world) history() {
	o := newOrder(w.customer())
	w.moved(o, orders.Paid, orders.Packed, orders.Shipped, orders.Delivered, orders.Returned, orders.Refunded)
	all := w.events(o.ID)
	if len(all) != 7 {
		w.Fatalf("%d events", len(all))
	}
	for _, part := range []struct {
		after uint64
		limit int
		want  []orders.Event
	}{
		{0, 3, all[:3]}, {3, 3, all[3:6]}, {6, 3, all[6:]}, {7, 3, nil}, {100, 3, nil}, {1<<64 - 1, 3, nil}, {2, 100, all[2:]},
	} {
		got, err := w.s.History(w.Context(), o.ID, "", part.after, part.limit)
		w.ok(err)
		w.same(slices.Concat(part.want), slices.Concat(got))
	}
}

func (w world) logs() {
	ada, bob, nobody := w.customer(), w.customer(), rand.Text()
	for _, path := range [][]orders.Status{{orders.Paid, orders.Packed}, {orders.Cancelled}, {}} {
		w.moved(newOrder(ada), path...)
	}
	all := w.log(ada)
	if len(all) != 6 {
		w.Fatalf("%d events", len(all))
	}
	for after := range uint64(9) {
		for _, limit := range []int{4, 100} {
			head, got, err := w.s.Since(w.Context(), ada, after, limit)
			w.ok(err)
			w.same(orders.Head{Epoch: w.s.Epoch(), Seq: 6}, head)
			from := min(int(after), 6)
			w.same(slices.Concat(all[from:min(from+limit, 6)]), slices.Concat(got)) // nil and empty are one
		}
	}
	if _, got, err := w.s.Since(w.Context(), ada, 1<<64-1, 10); err != nil || len(got) > 0 {
		w.Fatalf("after the end of all logs: %v, %v", got, err)
	}
	w.log(bob)
	w.log(nobody)
	heads, err := w.s.Heads(w.Context(), []string{ada, bob, nobody, ada, ada + " "})
	w.ok(err)
	empty := orders.Head{Epoch: w.s.Epoch()}
	w.same(map[string]orders.Head{ada: {Epoch: w.s.Epoch(), Seq: 6}, bob: empty, nobody: empty, ada + " ": empty}, heads)
	many := []string{ada}
	for range 1200 {
		many = append(many, rand.Text())
	}
	if heads, err := w.s.Heads(w.Context(), many); err != nil || len(heads) != len(many) || heads[ada].Seq != 6 {
		w.Fatalf("%d heads of %d: %v", len(heads), len(many), err)
	}
	if heads, err := w.s.Heads(w.Context(), nil); err != nil || len(heads) > 0 {
		w.Fatalf("heads of nobody: %v, %v", heads, err)
	}
}
