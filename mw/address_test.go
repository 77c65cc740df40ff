package mw_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"hubbub/mw"
)

func proxies(t testing.TB) mw.Proxies {
	t.Helper()
	p, err := mw.ParseProxies([]string{"10.0.0.0/8", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// seen gives what ClientAddress finds out about a request.
func seen(trusted mw.Proxies, r *http.Request) (addr netip.Addr, secure bool) {
	mw.ClientAddress(trusted)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		addr, secure = mw.ClientAddr(r.Context()), mw.Secure(r.Context())
	})).ServeHTTP(httptest.NewRecorder(), r)
	return addr, secure
}

func TestClientAddress(t *testing.T) {
	tests := []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "192.0.2.1:5000", nil, "192.0.2.1"},
		{"stranger's header", "192.0.2.1:5000", []string{"198.51.100.1"}, "192.0.2.1"},
		{"one proxy", "10.0.0.1:5000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"proxy without header", "10.0.0.1:5000", nil, "10.0.0.1"},
		{"client's own entry", "10.0.0.1:5000", []string{"203.0.113.66, 198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.0.0.1:5000", []string{"203.0.113.66, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"two headers", "10.0.0.1:5000", []string{"203.0.113.66", "198.51.100.1"}, "198.51.100.1"},
		{"two headers, two proxies", "10.0.0.1:5000", []string{"198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		{"client inside", "10.0.0.1:5000", []string{"10.0.0.7"}, "10.0.0.7"},
		{"mapped peer", "[::ffff:10.0.0.1]:5000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"mapped client", "10.0.0.1:5000", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"mapped proxy entry", "10.0.0.1:5000", []string{"198.51.100.1,::ffff:10.0.0.2"}, "198.51.100.1"},
		{"mapped stranger", "[::ffff:192.0.2.1]:5000", []string{"198.51.100.1"}, "192.0.2.1"},
		{"v6", "[fd00::1]:5000", []string{"2001:db8::1"}, "2001:db8::1"},
		{"peer with zone", "[fe80::1%eth0]:5000", []string{"198.51.100.1"}, "fe80::1"},
		{"with port", "10.0.0.1:5000", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"v6 with port", "10.0.0.1:5000", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"junk", "10.0.0.1:5000", []string{"198.51.100.1, junk"}, "10.0.0.1"},
		{"junk left of a proxy", "10.0.0.1:5000", []string{"198.51.100.1, junk, 10.0.0.2"}, "10.0.0.2"},
		{"empty entry", "10.0.0.1:5000", []string{"198.51.100.1,"}, "10.0.0.1"},
		{"empty header", "10.0.0.1:5000", []string{""}, "10.0.0.1"},
		{"zone", "10.0.0.1:5000", []string{"fe80::1%x"}, "10.0.0.1"},
		{"no peer address", "@", []string{"198.51.100.1"}, "invalid IP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request("GET", "/", "Peer", tt.peer, "X-Real-Ip", "203.0.113.1", "True-Client-Ip", "203.0.113.2", "Forwarded", "for=203.0.113.3")
			r.Header["X-Forwarded-For"] = tt.forwarded
			if addr, _ := seen(proxies(t), r); addr.String() != tt.want {
				t.Errorf("ClientAddr = %s, want %s", addr, tt.want)
			}
		})
	}
}

func TestSecure(t *testing.T) {
	for _, tt := range []struct {
		peer, proto string
		want        bool
	}{
		{"10.0.0.1:1", "https", true},
		{"10.0.0.1:1", "http", false},
		{"192.0.2.1:1", "https", false},
	} {
		if _, secure := seen(proxies(t), request("GET", "/", "Peer", tt.peer, "X-Forwarded-Proto", tt.proto)); secure != tt.want {
			t.Errorf("%s from %s: Secure = %v", tt.proto, tt.peer, secure)
		}
	}
	if _, secure := seen(nil, httptest.NewRequest("GET", "https://chat.example/", nil)); !secure {
		t.Error("a TLS connection is not Secure")
	}
}

func TestParseProxiesRefuses(t *testing.T) {
	for _, s := range []string{"10.0.0.1", "", "junk", "10.0.0.0/33", "0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104", "fe80::%eth0/64"} {
		if _, err := mw.ParseProxies([]string{s}); err == nil || !strings.Contains(err.Error(), "trusted proxy \""+s) {
			t.Errorf("ParseProxies(%q) = %v, want an error that names it", s, err)
		}
	}
}

// Whatever stands left of it, the entry that the trusted proxy wrote decides.
func FuzzForwardedFor(f *testing.F) {
	for _, s := range []string{"", "198.51.100.1", "junk", "1.2.3.4, 10.0.0.1", "[::1]:80,", "::ffff:1.2.3.4", "fe80::1%zone", ",,,", "\x00"} {
		f.Add(s)
	}
	trusted := proxies(f)
	f.Fuzz(func(t *testing.T, s string) {
		r := request("GET", "/", "Peer", "10.0.0.1:1")
		r.Header["X-Forwarded-For"] = []string{s + ",198.51.100.1,10.0.0.3"}
		if addr, _ := seen(trusted, r); addr != netip.MustParseAddr("198.51.100.1") {
			t.Errorf("header %q: ClientAddr = %s", s, addr)
		}
		r.Header["X-Forwarded-For"] = []string{s}
		if addr, _ := seen(trusted, r); !addr.IsValid() || addr.Zone() != "" || addr.Is4In6() {
			t.Errorf("header %q: ClientAddr = %s", s, addr)
		}
		r.RemoteAddr = "192.0.2.1:1"
		if addr, _ := seen(trusted, r); addr != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("header %q of a stranger: ClientAddr = %s", s, addr)
		}
	})
}
