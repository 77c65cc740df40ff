package main

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"hubbub/internal/testenv"
)

// way leads from a node to a server, which can become a silent black
// hole: connections stay open and nothing comes through until Flow. The methods
// are called from the test's goroutine.
type way interface {
	Hole()
	Flow()
	// Held is how many pieces of data, or packets, got no further.
	Held() float64
}

// filter is a way on which packets vanish in the kernel: what is sent is
// acknowledged by nobody, and a connection that is opened has no answer. It
// filters by the server's address, so each has one of its own.
type filter struct {
	t          testing.TB
	nft        string
	addr, port string
	table      string
	lost       float64 // packets of the holes that are over
	open       bool
}

// newFilter makes the filter for an address of a server. It needs a network of
// one's own: see attack.apart.
func newFilter(t testing.TB, addr string) *filter {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	f := &filter{
		t: t, nft: testenv.Find(t, "nft", "nftables"), addr: host, port: port,
		table: "ip hole_" + strings.ReplaceAll(host, ".", "_") + "_" + port,
	}
	return f
}

func (f *filter) run(commands string) string {
	f.t.Helper()
	out, err := nft(f.nft, commands)
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

func nft(program, commands string) (string, error) {
	cmd := exec.Command(program, "-f", "-")
	cmd.Stdin = strings.NewReader(commands)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("nft: %w: %s", err, out)
	}
	return string(out), nil
}

// Hole implements [way]: packets to and from the server are dropped where they
// arrive, and the sender is told nothing.
func (f *filter) Hole() {
	f.t.Helper()
	f.run(fmt.Sprintf(`table %s {
		chain in {
			type filter hook input priority 0
			ip daddr %s tcp dport %s counter drop
			ip saddr %[2]s tcp sport %[3]s counter drop
		}
	}`, f.table, f.addr, f.port))
	f.open = true
}

// Flow implements [way].
func (f *filter) Flow() {
	f.t.Helper()
	f.lost = f.Held()
	f.run("delete table " + f.table)
	f.open = false
}

var packets = regexp.MustCompile(`counter packets (\d+)`)

// Held implements [way].
func (f *filter) Held() float64 {
	f.t.Helper()
	n := f.lost
	if !f.open {
		return n
	}
	for _, m := range packets.FindAllStringSubmatch(f.run("list table "+f.table), -1) {
		count, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			f.t.Fatal(err)
		}
		n += count
	}
	return n
}

// ownNetwork prepares the network that this process has for itself.
func ownNetwork(t testing.TB) error {
	if err := testenv.LoopbackUp(); err != nil {
		return err
	}
	// The kernel may have no filters for packets.
	if _, err := nft(testenv.Find(t, "nft", "nftables"), "list ruleset"); err != nil {
		return errors.Join(testenv.ErrNoNetwork, err)
	}
	return nil
}
