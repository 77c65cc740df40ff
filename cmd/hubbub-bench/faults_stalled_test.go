package main

import (
	"fmt"
	"slices"
	"time"
)

const (
	// eachUser is how many sockets one user opens, who may have 50 on a node.
	eachUser = 40
	// stalled is what a reader that stands still may cost a node, in bytes: the cap
	// of its queue, and the kernel's buffer. For all of them together it may have
	// stalledMore besides: what it remembers of the room, and garbage.
	stalled     = 256<<10 + slowKernel
	stalledMore = 64 << 20
	// returning is how many of them read on in the end.
	returning = 20
)

// stalledReaders are hundreds of sockets of one node, in the long form
// thousands, that read a busy room and then nothing more.
func stalledReaders() fault {
	return fault{
		name: "thousands of readers that stand still", heavy: true,
		load:   func(a *attack) { a.load.Rate = 30 },
		strike: standStill,
		proof: func(a *attack, r *Report) string {
			if a.note["fell_behind"] < a.note["sockets"] || a.note["kernel_mb"] == 0 {
				return fmt.Sprintf("%v of %v readers fell behind, the kernel held %v MB for them", a.note["fell_behind"], a.note["sockets"], a.note["kernel_mb"])
			}
			return ""
		},
	}
}

func standStill(a *attack) {
	// Some 100 MB a second are written until all stand still.
	sockets, rate := 8*eachUser, 50
	if a.long {
		sockets, rate = 60*eachUser, 8
	}
	writer, node, other := a.nodes[0], a.nodes[1], a.nodes[2]
	users := []account{a.guest(writer, "somebody")}
	for i := range sockets / eachUser {
		users = append(users, a.guest(a.nodes[i%len(a.nodes)], fmt.Sprint("guest ", i)))
	}
	acct := users[0]
	room := a.room(writer, users...)
	from := a.head(writer, acct, room)
	var well, elsewhere []*listener
	for range healthy {
		well = append(well, a.listen(node, acct, room, from))
	}
	for range control {
		elsewhere = append(elsewhere, a.listen(other, acct, room, from))
	}
	stop := a.chatter(writer, acct, room, rate, 6000)
	time.Sleep(time.Second)
	lap(well)
	time.Sleep(3 * time.Second)
	before := p99(lap(well))
	stop()
	heap, rss := node.metric("go_memstats_heap_inuse_bytes"), node.metric("process_resident_memory_bytes")
	fell := node.metric("hubbub_sessions_fell_behind_total")

	// They come while nothing is said, and stand still from the first message on.
	from = a.head(writer, acct, room)
	var lazy []*listener
	for i := range sockets {
		lazy = append(lazy, a.listen(node, users[1+i/eachUser], room, from))
	}
	for _, l := range lazy {
		l.tap.pace(-1)
	}
	stop = a.chatter(writer, acct, room, rate, 6000)
	behind := func() float64 { return node.metric("hubbub_sessions_fell_behind_total") - fell }
	a.until(30*time.Second, "all that stand still have fallen behind", func() bool { return behind() >= float64(sockets) })
	lap(well)
	lap(elsewhere)
	var mostHeap, mostRSS, mostKernel, most float64
	mostOne := 0
	for start := time.Now(); time.Since(start) < a.lasts(3*time.Second, 8*time.Second); time.Sleep(100 * time.Millisecond) {
		memory := node.metric("process_resident_memory_bytes") - rss
		kernel, held := 0, unsent(a, node.Addr())
		for _, bytes := range held {
			kernel += bytes
		}
		mostHeap = max(mostHeap, node.metric("go_memstats_heap_inuse_bytes")-heap)
		mostRSS, mostKernel = max(mostRSS, memory), max(mostKernel, float64(kernel))
		most, mostOne = max(most, memory+float64(kernel)), max(mostOne, slices.Max(held))
	}
	during, control := p99(lap(well)), p99(lap(elsewhere))
	limit := float64(sockets*stalled + stalledMore)
	a.note["sockets"], a.note["fell_behind"] = float64(sockets), behind()
	a.note["heap_mb"], a.note["rss_mb"], a.note["kernel_mb"], a.note["limit_mb"] = mostHeap/1e6, mostRSS/1e6, mostKernel/1e6, limit/1e6
	a.note["p99_before_ms"], a.note["p99_ms"], a.note["p99_elsewhere_ms"] = ms(before), ms(during), ms(control)
	if most > limit || mostHeap+mostKernel > limit {
		a.errorf("%d readers that stand still: the node's memory grew by %.0f MB, its heap by %.0f MB, the kernel held %.0f MB, want %.0f MB in all",
			sockets, mostRSS/1e6, mostHeap/1e6, mostKernel/1e6, limit/1e6)
	}
	if mostOne > slowKernel {
		a.errorf("the kernel held %d bytes for one reader", mostOne)
	}
	// Who had to wait for one that stands still would wait for seconds.
	if limit := 2*max(before, control) + 50*time.Millisecond; during > limit {
		a.errorf("healthy readers had their messages after %v, %v before and %v where nobody stands still (p99)", during, before, control)
	}

	// Some read on, the others are closed as they are.
	back := lazy[len(lazy)-returning:]
	for _, l := range lazy[:len(lazy)-returning] {
		l.ws.CloseNow()
	}
	for _, l := range back {
		l.tap.pace(0)
	}
	stop()
	want := a.head(writer, acct, room)
	a.recovered(15*time.Second, "those that read on are at the end", func() bool {
		return !slices.ContainsFunc(back, func(l *listener) bool { return l.head() < want })
	})
	for i, l := range slices.Concat(back, well, elsewhere) {
		l.mu.Lock()
		if len(l.odd) > 0 || l.last != want {
			a.errorf("reader %d: at %d of %d, and these did not follow the one before: %v", i, l.last, want, l.odd)
		}
		l.mu.Unlock()
		if l.ended() {
			a.errorf("the socket of reader %d has ended", i)
		}
	}
}
