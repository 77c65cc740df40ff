package webhooks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// ErrAddress says that an address is not public and not allowed.
var ErrAddress = errors.New("webhooks: not a public address")

// special are the networks that are not public: this host, private, shared
// (CGNAT), loopback, link-local with the metadata services of clouds,
// documentation, benchmarks, multicast, reserved. From the registries of IANA for
// special purposes; IPv6 outside of 2000::/3 is refused as a whole.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32", // metadata of Azure, on an address that looks public
	"2001::/23",        // with Teredo, which hides an IPv4 address
	"2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
)

var publicIPv6 = netip.MustParsePrefix("2000::/3")

func prefixes(all ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(all))
	for i, p := range all {
		list[i] = netip.MustParsePrefix(p)
	}
	return list
}

// Guard says to which addresses messages may be sent: public ones, and those in
// the networks that the operator allows. It is asked about the address that is
// dialled, so it does not matter what a name stood for before.
type Guard struct {
	allowed []netip.Prefix
}

// NewGuard makes a guard that lets through to these networks as well.
func NewGuard(allowed []netip.Prefix) Guard { return Guard{allowed} }

// Check is nil for an address that may be dialled; else it is ErrAddress.
func (g Guard) Check(addr netip.Addr) error {
	addr = addr.Unmap().WithZone("") // ::ffff:127.0.0.1 is 127.0.0.1
	for _, p := range g.allowed {
		if p.Contains(addr) {
			return nil
		}
	}
	public := addr.Is4() || publicIPv6.Contains(addr)
	for _, p := range special {
		public = public && !p.Contains(addr)
	}
	if !public {
		return fmt.Errorf("%w: %s", ErrAddress, addr)
	}
	return nil
}

// control is for [net.Dialer.ControlContext], which is called for each address
// before it is connected to.
func (g Guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return err
	}
	return g.Check(addr)
}
