package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	slow    = 4  // readers that stop or crawl
	healthy = 16 // on the same node
	control = 4  // on a node where nobody is slow
	// slowMemory is what slow readers may cost a node, in bytes: for each its
	// queue and what the writer has in hand; for all, what the node remembers of
	// the room, and the garbage that makes.
	slowMemory = slow*(2*256<<10) + 64<<20
	// slowKernel is what the kernel may hold for one of them, in bytes: it doubles
	// the 64 KiB that are asked for, and takes whole what is written before that.
	slowKernel = 3 * 64 << 10
	// stuckWithin is when a reader is gone that has not taken a byte for 30 s,
	// looked at every 5 s; its kernel takes a few at first.
	stuckWithin = 40 * time.Second
)

// slowReaders lets two readers of a busy room stop and two read a byte a
// second, while the others and those on another node read as ever.
func slowReaders(a *attack) {
	writer, node, other := a.nodes[0], a.nodes[1], a.nodes[2]
	acct := a.guest(writer, "somebody")
	room := a.room(writer, acct)
	var lazy, well, elsewhere []*listener
	for range slow {
		lazy = append(lazy, a.listen(node, acct, room, 0))
	}
	for range healthy {
		well = append(well, a.listen(node, acct, room, 0))
	}
	for range control {
		elsewhere = append(elsewhere, a.listen(other, acct, room, 0))
	}
	stop := a.chatter(writer, acct, room, 100, 6000)
	time.Sleep(time.Second)
	lap(well)
	lap(elsewhere)
	time.Sleep(3 * time.Second)
	before := p99(lap(well))
	lap(elsewhere)
	rss, heap := node.metric("process_resident_memory_bytes"), node.metric("go_memstats_heap_inuse_bytes")
	fell := node.metric("hubbub_sessions_fell_behind_total")

	for i, l := range lazy {
		l.tap.pace([]time.Duration{-1, time.Second}[i%2])
	}
	var mostRSS, mostHeap float64
	var mostKernel int
	for start := time.Now(); time.Since(start) < a.lasts(4*time.Second, 15*time.Second); time.Sleep(100 * time.Millisecond) {
		mostRSS = max(mostRSS, node.metric("process_resident_memory_bytes"))
		mostHeap = max(mostHeap, node.metric("go_memstats_heap_inuse_bytes"))
		mostKernel = max(mostKernel, slices.Max(unsent(a, node.Addr())))
	}
	during, control := p99(lap(well)), p99(lap(elsewhere))
	a.note["fell_behind"] = node.metric("hubbub_sessions_fell_behind_total") - fell
	a.note["p99_before_ms"], a.note["p99_ms"], a.note["p99_elsewhere_ms"] = ms(before), ms(during), ms(control)
	a.note["heap_mb"], a.note["rss_mb"], a.note["kernel_kb"] = (mostHeap-heap)/1e6, (mostRSS-rss)/1e6, float64(mostKernel)/1e3
	if limit := max(before, control)*11/10 + 20*time.Millisecond; during > limit {
		a.errorf("healthy readers had their messages after %v, %v before and %v where nobody is slow (p99)", during, before, control)
	}
	if mostHeap > heap+slowMemory || mostRSS > rss+slowMemory {
		a.errorf("the node's heap grew by %.0f MB, its memory by %.0f MB", (mostHeap-heap)/1e6, (mostRSS-rss)/1e6)
	}
	if mostKernel > slowKernel {
		a.errorf("the kernel held %d bytes for one reader", mostKernel)
	}

	behind := lazy[0].head()
	for _, l := range lazy {
		l.tap.pace(0)
	}
	stop()
	want := a.head(writer, acct, room)
	if behind >= want {
		a.errorf("a reader that stands still has read all %d events", want)
	}
	a.recovered(15*time.Second, "the slow readers have read on to the end", func() bool {
		for _, l := range lazy {
			if l.head() < want {
				return false
			}
		}
		return true
	})
	for i, l := range append(append(lazy, well...), elsewhere...) {
		l.mu.Lock()
		if len(l.odd) > 0 || l.last != want {
			a.errorf("reader %d: at %d of %d, and these did not follow the one before: %v", i, l.last, want, l.odd)
		}
		l.mu.Unlock()
		if l.ended() {
			a.errorf("the socket of reader %d has ended", i)
		}
	}
	if a.long {
		stuck(a, lazy, node, acct, room)
	}
}

// stuck lets readers stop for good: they are gone after a while, and find
// everything when they come back.
func stuck(a *attack, lazy []*listener, node *fleetNode, acct account, room string) {
	since := lazy[0].head()
	for _, l := range lazy {
		l.tap.pace(-1)
	}
	open := node.metric("hubbub_sockets_open")
	stop := a.chatter(a.nodes[0], acct, room, 100, 6000)
	took := a.until(stuckWithin, "readers that take nothing are gone", func() bool {
		return node.metric("hubbub_sockets_open") <= open-float64(len(lazy))
	})
	a.note["gone_s"] = took.Seconds()
	if took < 25*time.Second {
		a.errorf("readers that took nothing were gone after %v", took)
	}
	stop()
	want := a.head(a.nodes[0], acct, room)
	back := a.listen(node, acct, room, since)
	a.until(15*time.Second, "one that came back has read all", func() bool { return back.head() >= want })
	back.mu.Lock()
	defer back.mu.Unlock()
	if len(back.odd) > 0 {
		a.errorf("the one that came back: these did not follow the one before: %v", back.odd)
	}
}

// chatter posts messages of a size to a room at a steady rate until stop is
// called, or the test ends.
func (a *attack) chatter(n *fleetNode, acct account, room string, rate, size int) (stop func()) {
	r := newREST([]string{"http://" + n.Addr()})
	over := make(chan struct{})
	var wg sync.WaitGroup
	run := strconv.FormatInt(time.Now().UnixNano(), 36)
	wg.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			wg.Go(func() {
				in := map[string]string{"client_id": fmt.Sprint(run, "-", i), "text": fmt.Sprint(time.Now().UnixNano(), " ", strings.Repeat("x", size))}
				if err := r.insist(a.t.Context(), 0, http.MethodPost, "/v1/rooms/"+room+"/messages", acct.token, in, nil); err != nil {
					a.t.Errorf("a post: %v", err)
				}
			})
		}
	})
	stop = sync.OnceFunc(func() {
		close(over)
		wg.Wait()
		r.close()
	})
	a.t.Cleanup(stop)
	return stop
}

// head is where a room's log stands.
func (a *attack) head(n *fleetNode, acct account, room string) uint64 {
	a.t.Helper()
	r := newREST([]string{"http://" + n.Addr()})
	defer r.close()
	page, err := r.logPage(a.t.Context(), 0, room, acct.token, 0, 1)
	if err != nil {
		a.t.Fatal(err)
	}
	return page.Head
}

func lap(list []*listener) (took []time.Duration) {
	for _, l := range list {
		took = append(took, l.lap()...)
	}
	return took
}

func p99(took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// unsent gives how many bytes the kernel holds for each connection that was
// made to a server, from /proc/net/tcp: tx_queue by local address.
func unsent(a *attack, addr string) []int {
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		a.t.Fatal(err)
	}
	defer f.Close()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		a.t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		a.t.Fatal(err)
	}
	local := fmt.Sprintf("0100007F:%04X", n)
	list := []int{0}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 || fields[1] != local {
			continue
		}
		tx, _, _ := strings.Cut(fields[4], ":")
		if bytes, err := strconv.ParseInt(tx, 16, 64); err == nil {
			list = append(list, int(bytes))
		}
	}
	return list
}
