package orderstest

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hubbub/orders"
)

// likeMemory carries random calls out on the store and on a Memory, and compares
// what both say. Numbers of orders and epochs are random, so they are left out.
func (w world) likeMemory() {
	rapid.Check(w.T, func(t *rapid.T) {
		m := NewMemory()
		customers := []string{w.customer(), w.customer()}
		for _, c := range customers {
			if err := m.OpenLog(w.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		keys := []orders.Key{newKey(), newKey(), newKey()}
		ids := []orders.ID{newOrder("").ID} // the first is never placed
		pick := func(t *rapid.T) orders.ID { return rapid.SampledFrom(ids).Draw(t, "id") }
		whose := func(t *rapid.T) string {
			return rapid.SampledFrom(append([]string{""}, customers...)).Draw(t, "customer")
		}
		key := func(t *rapid.T) orders.Key {
			k := rapid.SampledFrom(keys).Draw(t, "key")
			if i := rapid.IntRange(0, 9).Draw(t, "new key"); i > 2 {
				k = newKey()
			} else {
				k.Fingerprint[0] += byte(i / 2)
			}
			return k
		}
		compare := func(t *rapid.T, mine, theirs any, err, want error) {
			t.Helper()
			if code(err) != code(want) {
				t.Fatalf("error %v, want %v", err, want)
			}
			if diff := gocmp.Diff(theirs, mine); diff != "" {
				t.Fatalf("memory has -, the store has +\n%s", diff)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"place": func(t *rapid.T) {
				o := newOrder(rapid.SampledFrom(customers).Draw(t, "customer"))
				p := placing(o)
				p.Key = key(t)
				got, err := w.s.Place(w.Context(), p)
				want, wantErr := m.Place(w.Context(), p)
				compare(t, told(got), told(want), err, wantErr)
				if err == nil && !got.Replayed {
					ids = append(ids, o.ID)
				}
			},
			"step": func(t *rapid.T) {
				c := step(pick(t), rapid.SampledFrom(orders.Statuses).Draw(t, "to"))
				c.Customer = whose(t)
				k := key(t)
				if c.Key = &k; rapid.Bool().Draw(t, "no key") {
					c.Key = nil
				}
				got, err := w.s.Change(w.Context(), c)
				want, wantErr := m.Change(w.Context(), c)
				compare(t, told(got), told(want), err, wantErr)
			},
			"list": func(t *rapid.T) {
				f := orders.Filter{
					Customer: rapid.SampledFrom(customers).Draw(t, "customer"),
					Status:   rapid.SampledFrom(append([]orders.Status{""}, orders.Statuses...)).Draw(t, "status"),
					Below:    rapid.SampledFrom(append([]orders.ID{""}, ids...)).Draw(t, "below"),
					Limit:    rapid.IntRange(1, 5).Draw(t, "limit"),
				}
				got, err := w.s.List(w.Context(), f)
				want, wantErr := m.List(w.Context(), f)
				compare(t, versions(got), versions(want), err, wantErr)
			},
			"look-up": func(t *rapid.T) {
				some := rapid.SliceOfN(rapid.SampledFrom(ids), 0, 6).Draw(t, "ids")
				customer := whose(t)
				got, err := w.s.Lookup(w.Context(), some, customer)
				want, wantErr := m.Lookup(w.Context(), some, customer)
				byID := func(a, b orders.Stored) int { return strings.Compare(string(a.ID), string(b.ID)) }
				slices.SortFunc(got, byID)
				slices.SortFunc(want, byID)
				compare(t, versions(got), versions(want), err, wantErr)
			},
			"history": func(t *rapid.T) {
				id, customer := pick(t), whose(t)
				after := rapid.Uint64Range(0, 3).Draw(t, "after")
				got, err := w.s.History(w.Context(), id, customer, after, 2)
				want, wantErr := m.History(w.Context(), id, customer, after, 2)
				compare(t, unnumbered(got), unnumbered(want), err, wantErr)
			},
			"since": func(t *rapid.T) {
				customer := rapid.SampledFrom(customers).Draw(t, "customer")
				after := rapid.Uint64Range(0, 9).Draw(t, "after")
				head, got, err := w.s.Since(w.Context(), customer, after, 3)
				wantHead, want, wantErr := m.Since(w.Context(), customer, after, 3)
				compare(t, unnumbered(got), unnumbered(want), err, wantErr)
				if head.Seq != wantHead.Seq {
					t.Fatalf("head %d, want %d", head.Seq, wantHead.Seq)
				}
			},
		})
	})
}

// code is what a client would be told.
func code(err error) string {
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*orders.Error](err)
	if !ok {
		return "internal"
	}
	return cmp.Or(e.Code, "none")
}

type outcome struct {
	ID       orders.ID
	Version  uint64
	Replayed bool
	Doc      orders.Order
	Event    []orders.Event
}

// told is a reply without what is random in it.
func told(r orders.Reply) outcome {
	o := outcome{ID: r.ID, Version: r.Version, Replayed: r.Replayed}
	if r.ID != "" {
		o.Doc, _ = orders.Parse(r.Doc)
		o.Doc.Number = ""
	}
	if r.Event != nil {
		o.Event = unnumbered([]orders.Event{*r.Event})
	}
	return o
}

func versions(page []orders.Stored) map[orders.ID]uint64 {
	out := map[orders.ID]uint64{}
	for _, o := range page {
		out[o.ID] = o.Version
	}
	return out
}

func unnumbered(events []orders.Event) []orders.Event {
	out := []orders.Event{}
	for _, e := range events {
		e.Number = ""
		out = append(out, e)
	}
	return out
}
