package webhooks_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"hubbub/orders"
	"hubbub/orders/orderstest"
	"hubbub/orders/webhooks"
)

var books = orders.Caller{ID: "k1", Name: "Books", Role: orders.Shop, Shop: "books"}

func newService(store webhooks.Store, allowed ...string) *webhooks.Service {
	var list []netip.Prefix
	for _, p := range allowed {
		list = append(list, netip.MustParsePrefix(p))
	}
	return webhooks.NewService(store, webhooks.NewGuard(list), func() {}, nil)
}

func TestRegister(t *testing.T) {
	s := newService(orderstest.NewWebhooks(), "10.1.0.0/16")
	events := []string{"order.moved", "order.placed", "order.moved"}
	e, err := s.Register(t.Context(), books, webhooks.Draft{URL: "https://shop.example:8443/hooks?k=1", Events: events})
	if err != nil {
		t.Fatal(err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(e.Secret.Reveal(), "whsec_"))
	if err != nil || len(key) != 32 || string(key) != string(e.Secret) {
		t.Errorf("secret of %d bytes: %v", len(key), err)
	}
	if got := e.Events.List(); len(got) != 2 || got[0] != "order.placed" || got[1] != "order.moved" {
		t.Errorf("events %v", got)
	}
	own := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	if e, err = s.Register(t.Context(), books, webhooks.Draft{URL: "http://10.1.2.3/", Events: events[:1], Secret: own}); err != nil || e.Secret.Reveal() != own {
		t.Errorf("own secret: %q, %v", e.Secret.Reveal(), err)
	}
	list, err := s.Endpoints(t.Context(), books)
	if err != nil || len(list) != 2 {
		t.Errorf("%d endpoints, %v", len(list), err)
	}
}

func TestBadEndpoints(t *testing.T) {
	s := newService(orderstest.NewWebhooks(), "10.1.0.0/16")
	good := webhooks.Draft{URL: "https://shop.example/", Events: []string{"order.moved"}}
	bad := func(field string, change func(*webhooks.Draft)) {
		t.Helper()
		d := good
		change(&d)
		_, err := s.Register(t.Context(), books, d)
		e, ok := errors.AsType[*orders.Error](err)
		if !ok || !errors.Is(err, orders.ErrInvalid) || len(e.Fields) != 1 || e.Fields[0].Field != field {
			t.Errorf("%+v: %v, want %s refused", d, err, field)
		}
	}
	for _, u := range []string{
		"", "shop.example", "/hooks", "//shop.example/", "ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example/",
		"javascript:alert(1)", "https:shop.example", "https://", "https:///x", "https://user:pass@shop.example/", "https://user@shop.example/",
		"https://shop.example/#a", "https://shop.example:0/", "https://shop.example:65536/", "https://shop.example:/", "https://shop.example:x/",
		"https://shop example/", "https://shop.example/\n", "https://sh\u00f6p.example/", "https://shop..example/", "https://" + strings.Repeat("a", 64) + ".example/",
		"https://shop.example/\xff", "https://shop.example/" + strings.Repeat("x", webhooks.MaxURL),
		"http://127.0.0.1/", "http://127.0.0.1:3306/", "http://0.0.0.0/", "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/",
		"http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[fe80::1%25eth0]/", "http://[::]/",
		// what is an address to some resolvers
		"http://2130706433/", "http://0x7f000001/", "http://0x7f.0x0.0x0.0x1/", "http://0177.0.0.1/", "http://017700000001/", "http://127.1/",
		"http://127.0.0.1./", "http://1.2.3.4.5/", "http://shop.0x7f/", "http://0X7F000001/", "http://127.0.0.08/", "http://%31%32%37.0.0.1/",
	} {
		bad("/url", func(d *webhooks.Draft) { d.URL = u })
	}
	for _, u := range []string{"http://localhost:9000/", "http://a_b.internal/", "https://shop.example./", "https://0x.example/", "http://1e9/", "http://[2606:4700::1]:81/", "http://10.1.0.9/"} {
		if _, err := newService(orderstest.NewWebhooks(), "10.1.0.0/16").Register(t.Context(), books, webhooks.Draft{URL: u, Events: good.Events}); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	bad("/events", func(d *webhooks.Draft) { d.Events = nil })
	bad("/events", func(d *webhooks.Draft) { d.Events = make([]string, 5); copyOver(d.Events, "order.moved") })
	bad("/events/1", func(d *webhooks.Draft) { d.Events = []string{"order.moved", "order.eaten"} })
	short, long := base64.StdEncoding.EncodeToString(make([]byte, 23)), base64.StdEncoding.EncodeToString(make([]byte, 65))
	for _, secret := range []string{"x", "whsec_", "whsec_é", "whsec_" + short, "whsec_" + long, strings.Repeat("A", 32), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		bad("/secret", func(d *webhooks.Draft) { d.Secret = secret })
	}
	// All that is wrong is named.
	_, err := s.Register(t.Context(), books, webhooks.Draft{URL: "x", Secret: "x"})
	if e, ok := errors.AsType[*orders.Error](err); !ok || len(e.Fields) != 3 {
		t.Errorf("all wrong: %v", err)
	}
	if list, err := s.Endpoints(t.Context(), books); err != nil || len(list) != 0 {
		t.Errorf("%d endpoints after refusals, %v", len(list), err)
	}
}

func copyOver(list []string, with string) {
	for i := range list {
		list[i] = with
	}
}

// TestWhoMay: a key of a shop, and of that shop.
func TestWhoMay(t *testing.T) {
	store := orderstest.NewWebhooks()
	s := newService(store)
	ctx := t.Context()
	e, err := s.Register(ctx, books, webhooks.Draft{URL: "https://shop.example/", Events: []string{"order.moved"}})
	if err != nil {
		t.Fatal(err)
	}
	m := webhooks.Message{ID: webhooks.DeliveryID(orders.NewID(time.Now())), Shop: "books", Type: "order.moved", At: 1}
	if err := store.Put(ctx, m); err != nil {
		t.Fatal(err)
	}
	calls := map[string]func(c orders.Caller) error{
		"get":        func(c orders.Caller) error { _, err := s.Endpoint(ctx, c, e.ID); return err },
		"disable":    func(c orders.Caller) error { _, err := s.Enable(ctx, c, e.ID, false); return err },
		"deliveries": func(c orders.Caller) error { _, _, err := s.Deliveries(ctx, c, e.ID, "", 10); return err },
		"replay":     func(c orders.Caller) error { _, err := s.Replay(ctx, c, e.ID, m.ID); return err },
		"replay all": func(c orders.Caller) error { _, _, err := s.ReplayFailed(ctx, c, e.ID); return err },
		"delete":     func(c orders.Caller) error { return s.Delete(ctx, c, e.ID) },
	}
	general := map[string]func(c orders.Caller) error{
		"register": func(c orders.Caller) error { _, err := s.Register(ctx, c, webhooks.Draft{}); return err },
		"list":     func(c orders.Caller) error { _, err := s.Endpoints(ctx, c); return err },
	}
	toys := orders.Caller{ID: "k2", Role: orders.Shop, Shop: "toys"}
	for name, call := range calls {
		if err := call(toys); !errors.Is(err, orders.ErrNotFound) {
			t.Errorf("%s by another shop: %v", name, err)
		}
		general[name] = call
	}
	for name, call := range general {
		for _, c := range []orders.Caller{{}, {ID: "u", Role: orders.Customer}, {ID: "s", Role: orders.Support, Shop: "books"}, {ID: "k", Role: orders.Shop}} {
			if err := call(c); !errors.Is(err, orders.ErrForbidden) {
				t.Errorf("%s by %+v: %v", name, c, err)
			}
		}
	}
	if list, _, err := s.Deliveries(ctx, books, e.ID, "", 10); err != nil || len(list) != 1 || list[0].Status != webhooks.Pending {
		t.Errorf("%v, %v after all that was refused", list, err)
	}
	for _, limit := range []int{0, -1, webhooks.MaxPage + 1} {
		if _, _, err := s.Deliveries(ctx, books, e.ID, "", limit); !errors.Is(err, orders.ErrInvalid) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

// TestSecretIsNotShown: whatever prints an endpoint, its secret is not in it.
func TestSecretIsNotShown(t *testing.T) {
	secret := webhooks.Secret("0123456789abcdef0123456789abcdef")
	e := webhooks.Endpoint{ID: "1", Secret: secret}
	var log strings.Builder
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "secret", secret, "endpoint", fmt.Sprintf("%v %+v %#v", e, e, e), "pointer", fmt.Sprintf("%v %+v", &e, &e))
	}
	encoded, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	text := log.String() + string(encoded) + fmt.Sprintf("%s %v %q %x %X %d %#v", secret, secret, secret, secret, secret, secret, secret)
	for _, bad := range []string{"0123456789", secret.Reveal()[6:], fmt.Sprintf("%x", []byte(secret))[:20], "48 49 50", "0x30, 0x31"} {
		if strings.Contains(text, bad) {
			t.Errorf("the secret is shown: %s in %s", bad, text)
		}
	}
}

// FuzzEndpointURL holds that what is registered can be sent to, and is no address
// in disguise: nothing that inet_aton(3) would read.
func FuzzEndpointURL(f *testing.F) {
	for _, u := range []string{"https://shop.example/a?b=c", "http://127.1/", "http://0x7f.0.0.1:80/", "http://[::1]/", "http://2130706433/", "https://1.1.1.1/", "http://a.b%2e1/"} {
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		e, err := newService(orderstest.NewWebhooks()).Register(t.Context(), books, webhooks.Draft{URL: raw, Events: []string{"order.moved"}})
		if err != nil {
			return
		}
		r, err := http.NewRequest(http.MethodPost, e.URL, nil)
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		host := r.URL.Hostname()
		if addr, err := netip.ParseAddr(host); err == nil {
			if (webhooks.Guard{}).Check(addr) != nil {
				t.Errorf("%q was registered", raw)
			}
			return
		}
		numbers := true
		for part := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
			_, err := strconv.ParseUint(part, 0, 64)
			numbers = numbers && (err == nil || strings.Trim(part, "0123456789") == "")
		}
		if numbers {
			t.Errorf("%q was registered", raw)
		}
	})
}
