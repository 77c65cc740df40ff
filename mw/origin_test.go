package mw_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hubbub/mw"
)

func origins(t *testing.T, listen string, configured ...string) *mw.Origins {
	t.Helper()
	o, err := mw.ParseOrigins(configured, listen)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestAllowHost(t *testing.T) {
	o := origins(t, "box.lan:8080", "https://Chat.Example:8443")
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LocalHost:8080": true,
		"127.0.0.1:8080": true, "192.168.1.5": true, "[::1]:8080": true, "[2001:db8::1]": true,
		"box.lan:8080": true, "chat.example": true, "chat.example:8443": true,

		"": false, ":8080": false, "evil.example": false, "evil.example:8080": false,
		"localhost.evil.example": false, "chat.example.evil.example": false, "sub.chat.example": false,
		"127.0.0.1.evil.example": false, "localhost@evil.example": false, "evil.example@localhost": false,
		"evil.example/localhost": false, "localhost/": false, "localhost?": false, "localhost#x": false,
		"local%68ost": false, "[fe80::1%25eth0]": false, "localhost:": false, "localhost:x": false, "a b": false, "*": false,
	} {
		if got := o.AllowHost(host); got != want {
			t.Errorf("AllowHost(%q) = %v", host, got)
		}
	}
	if origins(t, ":8080").AllowHost("box.lan") {
		t.Error("a name that is neither configured nor listened on is allowed")
	}
}

func TestAllowOrigin(t *testing.T) {
	const own = "127.0.0.1:8080"
	tests := []struct {
		name, host string
		origin     []string
		cookie     bool
		want       bool
	}{
		{"own", own, []string{"http://127.0.0.1:8080"}, true, true},
		{"own, default port", "localhost", []string{"http://localhost"}, true, true},
		{"own, default port in Host", "localhost:80", []string{"http://localhost"}, true, true},
		{"own v6", "[::1]:8080", []string{"http://[::1]:8080"}, true, true},
		{"configured", "chat.example", []string{"https://chat.example"}, true, true},
		{"configured, other Host", own, []string{"https://chat.example"}, true, true},
		{"none, no cookie", own, nil, false, true},

		{"none with cookie", own, nil, true, false},
		{"evil", own, []string{"https://evil.example"}, true, false},
		{"null", own, []string{"null"}, true, false},
		{"empty", own, []string{""}, true, false},
		{"subdomain of evil", own, []string{"http://127.0.0.1.evil.example:8080"}, true, false},
		{"subdomain of configured", own, []string{"https://x.chat.example"}, true, false},
		{"configured as prefix", own, []string{"https://chat.example.evil.example"}, true, false},
		{"own host as userinfo", own, []string{"http://127.0.0.1:8080@evil.example"}, true, false},
		{"userinfo at own host", own, []string{"http://evil@127.0.0.1:8080"}, true, false},
		{"other port", own, []string{"http://127.0.0.1:3000"}, true, false},
		{"other scheme", own, []string{"https://127.0.0.1:8080"}, true, false},
		{"configured, other scheme", own, []string{"http://chat.example"}, true, false},
		{"with path", own, []string{"http://127.0.0.1:8080/"}, true, false},
		{"not http", own, []string{"file://127.0.0.1:8080"}, true, false},
		{"no scheme", own, []string{"127.0.0.1:8080"}, true, false},
		{"two", own, []string{"http://127.0.0.1:8080", "https://evil.example"}, true, false},
		{"list", own, []string{"http://127.0.0.1:8080 https://evil.example"}, true, false},
		{"forged Host", "evil.example", []string{"http://evil.example"}, true, false},
		{"rebound name", "evil.example:8080", []string{"http://evil.example:8080"}, true, false},
		{"empty Host", "", []string{"null"}, true, false},
		{"empty Host and origin", "", []string{"http://"}, true, false},
	}
	o := origins(t, own, "https://chat.example")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request("GET", "/v1/socket", "Host", tt.host)
			r.Header["Origin"] = tt.origin
			if tt.cookie {
				r.Header.Set("Cookie", "hubbub=one")
			}
			if got := o.AllowOrigin(r); got != tt.want {
				t.Errorf("AllowOrigin = %v", got)
			}
		})
	}
}

func TestAllowOriginKnowsTLSAtTheProxy(t *testing.T) {
	o, trusted := origins(t, ":8080"), proxies(t)
	r := request("GET", "/", "Host", "192.0.2.80", "Origin", "https://192.0.2.80", "Peer", "10.0.0.1:1", "X-Forwarded-Proto", "https")
	mw.ClientAddress(trusted)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if !o.AllowOrigin(r) {
			t.Error("own https origin refused behind a proxy that ends TLS")
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

func TestCrossOrigin(t *testing.T) {
	tests := []struct {
		name, method string
		headers      []string
		want         int
	}{
		{"get from anywhere", "GET", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 200},
		{"own post", "POST", []string{"Origin", "http://127.0.0.1:8080", "Sec-Fetch-Site", "same-origin"}, 200},
		{"own post, old browser", "POST", []string{"Origin", "http://127.0.0.1:8080"}, 200},
		{"no browser", "POST", nil, 200},
		{"configured page", "DELETE", []string{"Origin", "https://chat.example", "Sec-Fetch-Site", "cross-site"}, 200},
		{"cross-site", "POST", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"same-site", "POST", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:3000"}, 403},
		{"foreign, old browser", "PUT", []string{"Origin", "https://evil.example"}, 403},
		{"null, old browser", "POST", []string{"Origin", "null"}, 403},
		{"socket of a foreign page", "GET", []string{"Upgrade", "websocket", "Origin", "https://evil.example"}, 403},
		{"socket without Origin, with cookie", "GET", []string{"Upgrade", "websocket", "Cookie", "hubbub=x"}, 403},
		{"own socket", "GET", []string{"Upgrade", "websocket", "Origin", "http://127.0.0.1:8080", "Cookie", "hubbub=x"}, 200},
		{"socket of a program", "GET", []string{"Upgrade", "websocket"}, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if w := newSite(t, nil).do(tt.method, "/ok", tt.headers...); w.Code != tt.want {
				t.Errorf("status %d, want %d", w.Code, tt.want)
			}
		})
	}
}

func TestParseOriginsRefuses(t *testing.T) {
	for _, s := range []string{"", "*", "null", "chat.example", "https://", "https://*.example", "https://chat.example/", "https://chat.example/x",
		"https://u@chat.example", "ftp://chat.example", "https://chat.example?x", "https://chat.example#", "https://chät.example"} {
		if _, err := mw.ParseOrigins([]string{s}, ""); err == nil || !strings.Contains(err.Error(), "origin \""+s) {
			t.Errorf("ParseOrigins(%q) = %v, want an error that names it", s, err)
		}
	}
}

func FuzzAllowOrigin(f *testing.F) {
	for _, s := range []string{"http://127.0.0.1:8080", "HTTPS://CHAT.example:443", "null", "http://127.0.0.1:8080@evil.example",
		"https://chat.example\\@evil.example", "https://chat.example%2eevil.example", "https://[::1]", "//chat.example", "https:chat.example"} {
		f.Add(s)
	}
	o, err := mw.ParseOrigins([]string{"https://chat.example"}, "127.0.0.1:8080")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, origin string) {
		r := request("GET", "/", "Origin", origin)
		if !o.AllowOrigin(r) {
			return
		}
		switch strings.ToLower(origin) {
		case "http://127.0.0.1:8080", "https://chat.example", "https://chat.example:443":
		default:
			t.Errorf("Origin %q is allowed", origin)
		}
	})
}
