package mw

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks of the balancers in front of this node. Only a peer
// inside of one may say for whom it speaks.
type Proxies []netip.Prefix

// ParseProxies reads networks in CIDR form, such as 10.0.0.0/8 or fd00::/8. A
// bare address is refused, so that nobody trusts more or less than was written,
// and so is a network of all addresses, with which anybody could claim any address.
func ParseProxies(cidrs []string) (Proxies, error) {
	proxies := make(Proxies, 0, len(cidrs))
	for _, s := range cidrs {
		p, err := netip.ParsePrefix(s)
		switch {
		case err != nil:
			return nil, fmt.Errorf("trusted proxy %q: want a network such as 10.0.0.0/8 or 192.0.2.7/32", s)
		case p.Bits() == 0:
			return nil, fmt.Errorf("trusted proxy %q: trusts everybody; name the proxies' own network", s)
		case p.Addr().Is4In6():
			return nil, fmt.Errorf("trusted proxy %q: write an IPv4 network in IPv4 form", s)
		}
		proxies = append(proxies, p.Masked())
	}
	return proxies, nil
}

// Contains reports whether a is the address of a trusted proxy.
func (p Proxies) Contains(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// client is what ClientAddress found out about the other end.
type client struct {
	addr   netip.Addr
	text   string // of addr
	secure bool
}

// ClientAddress finds the address of the client for [ClientAddr], and whether
// it speaks TLS, for [Secure].
//
// From a trusted peer that is the right-most address in X-Forwarded-For which
// is not itself a trusted proxy, and the last X-Forwarded-Proto. From any other
// peer it is the connection itself: what a stranger says in X-Forwarded-For is
// ignored. Forwarded, X-Real-Ip and True-Client-Ip are never read: a proxy that
// does not know them would pass on what the client made up.
func ClientAddress(trusted Proxies) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := client{addr: peerAddr(r), secure: r.TLS != nil}
			if trusted.Contains(c.addr) {
				c.addr = forwardedFor(r.Header.Values("X-Forwarded-For"), c.addr, trusted)
				if proto := r.Header.Values("X-Forwarded-Proto"); len(proto) > 0 {
					c.secure = strings.EqualFold(proto[len(proto)-1], "https")
				}
			}
			c.text = c.addr.String()
			n, r := noted(r)
			n.client = c
			next.ServeHTTP(w, r)
		})
	}
}

// ClientAddr is the address of the client, IPv4 never in IPv6 form and without
// a zone; the zero Addr if [ClientAddress] did not run or the peer has none.
func ClientAddr(ctx context.Context) netip.Addr {
	if n := noteOf(ctx); n != nil {
		return n.client.addr
	}
	return netip.Addr{}
}

// Secure reports whether the client's connection is TLS, here or at a trusted proxy.
func Secure(ctx context.Context) bool {
	n := noteOf(ctx)
	return n != nil && n.client.secure
}

// forwardedFor walks the X-Forwarded-For entries from the right, the end that
// our own proxies wrote, starting at the trusted peer. It ends at the first
// address that is no proxy. An entry that is no address ends it too: whoever
// wrote that cannot be believed about what stands left of it.
func forwardedFor(headers []string, peer netip.Addr, trusted Proxies) netip.Addr {
	addr := peer
	for i := len(headers) - 1; i >= 0; i-- {
		rest, more := headers[i], true
		for more {
			var entry string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, entry = rest[:comma], rest[comma+1:]
			} else {
				entry, more = rest, false
			}
			a, ok := parseAddr(strings.Trim(entry, " \t"))
			if !ok {
				return addr
			}
			if addr = a; !trusted.Contains(a) {
				return addr
			}
		}
	}
	return addr
}

// peerAddr is the address at the other end of the connection.
func peerAddr(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// parseAddr reads an address as proxies write it: bare, or with a port as some
// do. A zone is refused: it is free text and means nothing on another machine.
func parseAddr(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		a = ap.Addr()
	}
	if a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}
