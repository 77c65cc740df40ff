package orders_test

import (
	"slices"
	"testing"
	"time"

	"hubbub/orders"
)

func ids(page []orders.Stored) (out []orders.ID) {
	for _, o := range page {
		out = append(out, o.ID)
	}
	return out
}

func TestLookup(t *testing.T) {
	w := newWorld(t)
	mine := []orders.ID{w.placed(), w.placed(), w.placed()}
	absent := []orders.ID{orders.NewID(w.clock()), "x"}
	asked := []orders.ID{mine[2], absent[0], mine[0], mine[2], absent[1]}
	for caller, want := range map[*orders.Caller][2][]orders.ID{
		&ada:     {{mine[2], mine[0], mine[2]}, absent},
		&support: {{mine[2], mine[0], mine[2]}, absent},
		&bob:     {nil, asked},
	} {
		found, missing, err := w.Lookup(t.Context(), *caller, asked)
		w.ok(err)
		w.same(want, [2][]orders.ID{ids(found), missing})
	}
	for _, n := range []int{0, orders.MaxLookup + 1} {
		_, _, err := w.Lookup(t.Context(), ada, slices.Repeat(mine[:1], n))
		if e := w.is(err, orders.ErrInvalid); e.Fields[0].Field != "/ids" {
			t.Errorf("%d ids: %+v", n, e.Fields)
		}
	}
	found, _, err := w.Lookup(t.Context(), ada, slices.Repeat(mine[:1], orders.MaxLookup))
	if err != nil || len(found) != orders.MaxLookup {
		t.Errorf("%d found, %v", len(found), err)
	}
}

func TestList(t *testing.T) {
	w := newWorld(t)
	var all []orders.Order // the newest first
	for range 5 {
		all = append(all, w.order(w.placed()))
	}
	slices.Reverse(all)
	d := draft()
	d.CustomerID = "bob"
	other, err := w.Place(t.Context(), shop, newKey(), d)
	w.ok(err)
	at := func(o orders.Order) time.Time { return time.UnixMicro(o.CreatedAt) }
	for name, c := range map[string]struct {
		caller orders.Caller
		query  orders.Query
		from   int // of all
		to     int
		more   bool
	}{
		"own":                  {ada, orders.Query{Limit: 10}, 0, 5, false},
		"a page":               {ada, orders.Query{Limit: 2}, 0, 2, true},
		"the next":             {ada, orders.Query{Limit: 2, Cursor: all[1].ID}, 2, 4, true},
		"the last":             {ada, orders.Query{Limit: 2, Cursor: all[3].ID}, 4, 5, false},
		"as long as a page":    {ada, orders.Query{Limit: 5}, 0, 5, false},
		"own by name":          {ada, orders.Query{Limit: 10, Customer: "ada"}, 0, 5, false},
		"somebody else's":      {ada, orders.Query{Limit: 10, Customer: "bob"}, 0, 0, false},
		"a customer's":         {support, orders.Query{Limit: 10, Customer: "ada"}, 0, 5, false},
		"at or after":          {ada, orders.Query{Limit: 10, After: at(all[2])}, 0, 3, false},
		"before":               {ada, orders.Query{Limit: 10, Before: at(all[2])}, 3, 5, false},
		"between":              {ada, orders.Query{Limit: 10, After: at(all[3]), Before: at(all[1])}, 2, 4, false},
		"before, next page":    {ada, orders.Query{Limit: 10, Before: at(all[0]), Cursor: all[2].ID}, 3, 5, false},
		"cursor after the end": {ada, orders.Query{Limit: 10, Before: at(all[3]), Cursor: all[0].ID}, 4, 5, false},
		"long ago":             {ada, orders.Query{Limit: 10, Before: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)}, 0, 0, false},
		"since long ago":       {ada, orders.Query{Limit: 10, After: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)}, 0, 5, false},
		"status":               {ada, orders.Query{Limit: 10, Status: orders.Pending}, 0, 5, false},
		"other status":         {ada, orders.Query{Limit: 10, Status: orders.Paid}, 0, 0, false},
		"number":               {support, orders.Query{Limit: 10, Number: all[3].Number}, 3, 4, false},
	} {
		page, more, err := w.List(t.Context(), c.caller, c.query)
		w.ok(err)
		var want []orders.ID
		for _, o := range all[c.from:c.to] {
			want = append(want, o.ID)
		}
		if got := ids(page); !slices.Equal(got, want) || more != c.more {
			t.Errorf("%s: %v, more %v; want %v", name, got, more, want)
		}
	}
	page, _, err := w.List(t.Context(), shop, orders.Query{Limit: 1})
	if err != nil || len(page) != 1 || page[0].ID != other.ID {
		t.Errorf("everybody's: %v, %v", page, err)
	}
	for field, q := range map[string]orders.Query{"limit": {}, "status": {Limit: 1, Status: "lost"}} {
		_, _, err := w.List(t.Context(), shop, q)
		if e := w.is(err, orders.ErrInvalid); e.Fields[0].Field != field {
			t.Errorf("%+v: %+v", q, e.Fields)
		}
	}
	for _, limit := range []int{-1, 0, orders.MaxPage + 1} {
		_, _, err := w.List(t.Context(), shop, orders.Query{Limit: limit})
		w.is(err, orders.ErrInvalid)
	}
}

func TestHistory(t *testing.T) {
	w := newWorld(t)
	id := w.at(orders.Packed)
	for after := range uint64(4) {
		events, err := w.History(t.Context(), ada, id, after, 2)
		w.ok(err)
		if len(events) != min(2, 3-int(after)) || len(events) > 0 && events[0].Version != after+1 {
			t.Errorf("after %d: %+v", after, events)
		}
	}
	for _, limit := range []int{-1, 0, orders.MaxHistory + 1} {
		_, err := w.History(t.Context(), ada, id, 0, limit)
		w.is(err, orders.ErrInvalid)
	}
}
