package webhooks_test

import (
	"errors"
	"net/netip"
	"testing"

	"hubbub/orders/webhooks"
)

func TestGuard(t *testing.T) {
	public := []string{"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.167.1.1",
		"223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001:82a::200e", "::ffff:8.8.8.8"}
	other := []string{"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
		"169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.7",
		"203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
		"100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
		"fec0::1", "ff02::1"}
	var none webhooks.Guard
	for _, a := range public {
		if err := none.Check(netip.MustParseAddr(a)); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	for _, a := range other {
		if err := none.Check(netip.MustParseAddr(a)); !errors.Is(err, webhooks.ErrAddress) {
			t.Errorf("%s is let through: %v", a, err)
		}
	}
	some := webhooks.NewGuard([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")})
	for _, c := range []struct {
		addr string
		ok   bool
	}{{"10.1.2.3", true}, {"::ffff:10.1.2.3", true}, {"fd00:1::7", true}, {"8.8.8.8", true},
		{"10.2.0.1", false}, {"fd00:2::1", false}, {"127.0.0.1", false}} {
		if err := some.Check(netip.MustParseAddr(c.addr)); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.addr, err)
		}
	}
	if none.Check(netip.Addr{}) == nil {
		t.Error("no address is let through")
	}
}
