package mw

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Origins knows by which names this server is reached and from which pages it
// may be used. It is the defence against two attacks: DNS rebinding, where a
// foreign name is pointed at our address, and cross-site WebSocket hijacking,
// where a foreign page opens a socket with the visitor's cookie.
type Origins struct {
	allowed map[string]bool // canonical origins
	hosts   map[string]bool // lower-case names
}

// ParseOrigins reads origins such as https://chat.example.org or
// http://box.lan:8080: scheme, host and perhaps a port, nothing else. Their
// hosts become allowed as Host. So does the host of listen, the address that is
// listened on, if that is a name.
func ParseOrigins(origins []string, listen string) (*Origins, error) {
	o := &Origins{allowed: map[string]bool{}, hosts: map[string]bool{"localhost": true}}
	for _, s := range origins {
		origin, host, ok := canonicalOrigin(s)
		if !ok {
			return nil, fmt.Errorf("origin %q: want scheme and host such as https://chat.example.org, without a path or wildcard", s)
		}
		o.allowed[origin] = true
		o.hosts[host] = true
	}
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		o.hosts[strings.ToLower(host)] = true
	}
	return o, nil
}

// AllowHost reports whether host, the value of a Host header with or without a
// port, is a name of this server: localhost, the name listened on, the host of
// a configured origin, or any IP address. An address needs no list, because no
// foreign page can have our address as its own host.
func (o *Origins) AllowHost(host string) bool {
	if o.plainlyAllowed(host) {
		return true
	}
	_, name, ok := canonicalOrigin("http://" + host)
	if !ok {
		return false
	}
	if o.hosts[name] {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}

// plainlyAllowed sees without much ado what most requests say: an allowed name as
// it is written in the list, or an IPv4 address, with or without a port.
func (o *Origins) plainlyAllowed(host string) bool {
	if name, port, ok := strings.Cut(host, ":"); ok {
		if port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
			return false
		}
		host = name
	}
	if o.hosts[host] {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Is4()
}

// AllowOrigin reports whether the page that made r may use this server: its
// Origin is configured, or equals scheme, host and port of r itself, whose Host
// must be allowed. A request without Origin does not come from a script in a
// browser; it passes only without cookies, since a browser might have added those.
func (o *Origins) AllowOrigin(r *http.Request) bool {
	switch values := r.Header.Values("Origin"); len(values) {
	case 0:
		return len(r.Header.Values("Cookie")) == 0
	case 1:
		origin, _, ok := canonicalOrigin(values[0])
		if !ok {
			return false
		}
		if o.allowed[origin] {
			return true
		}
		scheme := "http://"
		if Secure(r.Context()) {
			scheme = "https://"
		}
		own, _, ok := canonicalOrigin(scheme + r.Host)
		return ok && own == origin && o.AllowHost(r.Host)
	}
	return false
}

// CheckHost answers 403 to a request whose Host is not a name of this server.
func CheckHost(o *Origins) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !o.AllowHost(r.Host) {
				WriteProblem(w, r, http.StatusForbidden, "forbidden",
					"This server does not know the host name it was called by; its operator can add it to the allowed origins.", 0)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// CrossOrigin answers 403 to what a foreign page asks for in the visitor's
// name: unsafe methods ([http.CrossOriginProtection]) and upgrades
// ([Origins.AllowOrigin]). Other requests with safe methods change nothing, and
// browsers do not show their answers to foreign pages.
func CrossOrigin(o *Origins) func(http.Handler) http.Handler {
	csrf := http.NewCrossOriginProtection()
	for origin := range o.allowed {
		if err := csrf.AddTrustedOrigin(origin); err != nil {
			panic(err) // canonical origins are well-formed
		}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if csrf.Check(r) != nil || isUpgrade(r) && !o.AllowOrigin(r) {
				WriteProblem(w, r, http.StatusForbidden, "forbidden", "The page that sent this request is not from an allowed origin.", 0)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// isUpgrade errs on the side of yes: any Upgrade header counts.
func isUpgrade(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

// canonicalOrigin gives an origin in the form of RFC 6454 (lower case, no
// default port) and its host without port and brackets. It refuses anything
// beyond scheme, host and port, opaque origins ("null") among them.
func canonicalOrigin(s string) (origin, host string, ok bool) {
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Opaque != "" || u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return "", "", false
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if host == "" || strings.HasSuffix(u.Host, ":") || !plainHost(host) {
		return "", "", false
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return "", "", false
	case u.Scheme == "http" && port == "80", u.Scheme == "https" && port == "443":
		port = ""
	}
	authority := host
	if strings.Contains(host, ":") {
		a, err := netip.ParseAddr(host)
		if err != nil {
			return "", "", false
		}
		host = a.String()
		authority = "[" + host + "]"
	}
	if port != "" {
		authority += ":" + port
	}
	return u.Scheme + "://" + authority, host, true
}

// plainHost lets through names and addresses in ASCII: no wildcard, no
// percent-encoding, no IPv6 zone.
func plainHost(host string) bool {
	for _, c := range []byte(host) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '-', c == '_', c == ':':
		default:
			return false
		}
	}
	return true
}
