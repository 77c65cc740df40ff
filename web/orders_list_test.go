package web_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"hubbub/orders"
)

type orderList struct {
	Items   []order
	Missing []string
	Next    *string
}

func (l orderList) ids() (ids []string) {
	for _, o := range l.Items {
		ids = append(ids, o.ID)
	}
	return ids
}

// TestOrderPages reads a list page by page while orders come in.
func TestOrderPages(t *testing.T) {
	s := newSite(t)
	ann, bob, key := s.signUp("ann"), s.signUp("bob"), s.key("north")
	var want []string // newest first
	for range 7 {
		want = append([]string{s.place(key, ann.User.ID).ID}, want...)
		s.place(key, bob.User.ID)
		time.Sleep(time.Millisecond) // ids of one millisecond have no order
	}
	var got []string
	link := "/v1/orders?limit=3"
	for pages := 1; link != ""; pages++ {
		r := s.do(ann.Token, "GET "+link, nil).want(200)
		l := as[orderList](r)
		got = append(got, l.ids()...)
		s.place(key, ann.User.ID) // moves nothing
		if header := r.Header.Get("Link"); header == "" {
			link = ""
		} else if m := regexp.MustCompile(`^<([^>]+)>; rel="next"$`).FindStringSubmatch(header); m == nil {
			t.Fatalf("Link %q", header)
		} else if link = m[1]; !strings.Contains(link, url.QueryEscape(*l.Next)) {
			t.Errorf("Link %s and next %s", link, *l.Next)
		}
		if (l.Next == nil) != (link == "") || pages > 3 {
			t.Fatalf("page %d: next %v, link %q", pages, l.Next, link)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read  %v\nwant %v", got, want)
	}
}

func TestOrderFilters(t *testing.T) {
	s := newSite(t)
	ann, bob, key := s.signUp("ann"), s.signUp("bob"), s.key("north")
	one := s.place(key, ann.User.ID)
	time.Sleep(2 * time.Millisecond)
	between := time.Now()
	time.Sleep(2 * time.Millisecond)
	two, three := s.move(key, s.place(key, ann.User.ID), "paid"), s.move(key, s.place(key, bob.User.ID), "paid")
	at := func(t time.Time) string { return url.QueryEscape(t.Format(time.RFC3339Nano)) }
	for query, want := range map[string][]order{
		"customer=" + ann.User.ID:                  {one, two},
		"customer=" + ann.User.ID + "&status=paid": {two},
		"status=paid":                              {two, three},
		"status=refunded":                          {},
		"number=" + one.Number:                     {one},
		"number=nothing":                           {},
		"customer=nobody":                          {},
		"created_after=" + at(between):             {two, three},
		"created_before=" + at(between):            {one},
		"created_before=" + at(between.In(time.FixedZone("", 5400))):      {one},
		"created_after=" + at(between) + "&created_before=" + at(between): {},
	} {
		l := as[orderList](s.do(key, "GET /v1/orders?"+query, nil).want(200))
		found := map[string]bool{}
		for _, o := range l.Items {
			found[o.ID] = true
		}
		for _, o := range want {
			if !found[o.ID] {
				t.Errorf("%s: %s is missing", query, o.ID)
			}
		}
		if len(l.Items) != len(want) || l.Next != nil {
			t.Errorf("%s: %d orders, want %d", query, len(l.Items), len(want))
		}
	}
}

func TestOrderLookup(t *testing.T) {
	s := newSite(t)
	ann, bob, key := s.signUp("ann"), s.signUp("bob"), s.key("north")
	one, two, bobs := s.place(key, ann.User.ID), s.place(key, ann.User.ID), s.place(key, bob.User.ID)
	absent := string(orders.FloorID(1))
	ask := object{"ids": []string{two.ID, absent, one.ID, bobs.ID, two.ID}}
	l := as[orderList](s.do(ann.Token, "POST /v1/orders:lookup", ask).want(200))
	if fmt.Sprint(l.ids()) != fmt.Sprint([]string{two.ID, one.ID, two.ID}) || fmt.Sprint(l.Missing) != fmt.Sprint([]string{absent, bobs.ID}) {
		t.Errorf("ann finds %+v", l)
	}
	l = as[orderList](s.do(key, "POST /v1/orders:lookup", ask).want(200))
	if len(l.Items) != 4 || len(l.Missing) != 1 {
		t.Errorf("the shop finds %+v", l)
	}
	if l = as[orderList](s.do(ann.Token, "POST /v1/orders:lookup", object{"ids": []string{absent}}).want(200)); l.Items == nil || len(l.Missing) != 1 {
		t.Errorf("nothing is found as %+v", l)
	}
}

// TestOrderCursors holds that only a cursor of the same list goes on.
func TestOrderCursors(t *testing.T) {
	s := newSite(t)
	ann, bob, key := s.signUp("ann"), s.signUp("bob"), s.key("north")
	for range 2 {
		s.place(key, ann.User.ID)
		s.place(key, bob.User.ID)
	}
	cursor := func(token, query string) string {
		return *as[orderList](s.do(token, "GET /v1/orders?limit=1"+query, nil).want(200)).Next
	}
	good := cursor(key, "&status=pending")
	for _, query := range []string{"&status=pending", "&limit=100&status=pending"} { // how many is not part of it
		query = strings.TrimPrefix(query, "&limit=100")
		s.do(key, "GET /v1/orders?cursor="+good+query, nil).want(200)
	}
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{
		"another filter": cursor(key, ""), "a customer's": cursor(ann.Token, "&status=pending"), "another list": "MTptaW5lOng",
		"none": "x", "no base64": "!!!!", "padded": good + "=", "cut": good[:len(good)-2], "longer": good + "AA",
	}
	for i := range raw {
		b := []byte(string(raw))
		b[i] ^= 1
		bad[fmt.Sprint("byte ", i)] = base64.RawURLEncoding.EncodeToString(b)
	}
	for name, c := range bad {
		r := s.do(key, "GET /v1/orders?status=pending&cursor="+url.QueryEscape(c), nil)
		if r.Status != 400 {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
			continue
		}
		r.refused(400, "bad_request")
	}
	s.do(bob.Token, "GET /v1/orders?cursor="+cursor(ann.Token, ""), nil).refused(400, "bad_request")
	s.do(ann.Token, "GET /v1/orders?status=paid&cursor="+cursor(ann.Token, ""), nil).refused(400, "bad_request")
}

// FuzzOrderCursor holds that no cursor but our own is taken, and none breaks anything.
func FuzzOrderCursor(f *testing.F) {
	f.Add("")
	f.Add("AQGaPy58HXtqn0AtjlwXo7kxV0yQm3Jc0o1tqk2yS5nX")
	f.Add(strings.Repeat("A", 44))
	f.Add("%00\xff")
	s := newSite(f)
	key := s.key("north")
	f.Fuzz(func(t *testing.T, cursor string) {
		s.t = t
		r := s.do(key, "GET /v1/orders?cursor="+url.QueryEscape(cursor), nil)
		if r.Status != 400 && (cursor != "" || r.Status != 200) {
			t.Errorf("%q: %d %s", cursor, r.Status, r.Body)
		}
	})
}
