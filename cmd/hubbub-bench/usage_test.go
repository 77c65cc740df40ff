package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeProc is a /proc with two processes.
func fakeProc(t *testing.T) procfs {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"11/stat":      "11 (a) R b) S 1 2 3 4 5 6 7 8 9 10 150 50 7 7 20 0 9 0 100 5 6 7",
		"11/status":    "Name:\ta\nVmHWM:\t  900 kB\nVmRSS:\t  800 kB\n",
		"12/stat":      "12 (b) S 1 2 3 4 5 6 7 8 9 10 1 2 7 7 20 0 9 0 100 5 6 7",
		"12/status":    "VmRSS:\t24 kB\n",
		"net/sockstat": "sockets: used 9\nTCP: inuse 5 orphan 0 tw 3 alloc 10 mem 2\nUDP: inuse 0 mem 0\n",
		"meminfo":      "MemTotal: 1 kB\nSUnreclaim:   777 kB\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return procfs(dir)
}

func TestCosts(t *testing.T) {
	t.Parallel()
	p := fakeProc(t)
	groups := []group{{"node", []int{11, 12}}, {"db", []int{12}}}
	from, err := p.spentBy(groups, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if from.cpu[0] != 2030*time.Millisecond || from.cpu[1] != 30*time.Millisecond || from.rss[0] != 824 {
		t.Errorf("spent %+v", from)
	}
	if k := from.kernel; k.TCP != 5 || k.TCPKiB != 2*int64(os.Getpagesize())/1024 || k.SlabKiB != 777 {
		t.Errorf("kernel %+v", k)
	}
	stat := filepath.Join(string(p), "12", "stat")
	if err := os.WriteFile(stat, []byte("12 (b) S 1 2 3 4 5 6 7 8 9 10 101 102 7 7 20 0 9 0"), 0o600); err != nil {
		t.Fatal(err)
	}
	to, err := p.spentBy(groups, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	c := costs(groups, from, to, 1000)
	if c[0].CPU != 2 || c[0].Cores != 0.5 || c[0].PerUnit != 2000 || c[1].PerUnit != 2000 || c[0].RSSKiB != 824 {
		t.Errorf("costs %+v", c)
	}
	if c := costs(groups, from, to, 0); c[0].PerUnit != 0 {
		t.Errorf("without work %+v", c)
	}
}

// A process that has ended, or a kernel that tells something else, is an error
// and not a cost of 0.
func TestCostsOfNobody(t *testing.T) {
	t.Parallel()
	p := fakeProc(t)
	if _, err := p.spentBy([]group{{"db", []int{13}}}, 0); err == nil || !strings.Contains(err.Error(), "process 13 of db") {
		t.Errorf("error %v", err)
	}
	for name, text := range map[string]string{"12/stat": "12 (b) S 1", "12/status": "Name: b\n", "net/sockstat": "TCP: inuse 1\n"} {
		p := fakeProc(t)
		if err := os.WriteFile(filepath.Join(string(p), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := p.spentBy([]group{{"db", []int{12}}}, 0); err == nil {
			t.Errorf("%s with %q is taken", name, text)
		}
	}
}
