//go:build faults

package main

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The fault suite builds a node with -tags faults and sets these variables,
// which no other build knows:
//
//	HUBBUBFAULT_CLOCK  a duration that the clock is ahead, such as -24h
//	HUBBUBFAULT_CRASH  point:n, a point of chat.RoomsOptions.Probe; the process
//	                   ends at one of n passes, as if it was killed
//	HUBBUBFAULT_PANIC  point:n, that or one of chat.HubOptions.Probe; panics at
//	                   one of n passes
var faults = sync.OnceValue(func() (f struct {
	ahead        time.Duration
	crash, panic faultPoint
}) {
	f.ahead, _ = time.ParseDuration(os.Getenv("HUBBUBFAULT_CLOCK"))
	f.crash, f.panic = faultAt("HUBBUBFAULT_CRASH"), faultAt("HUBBUBFAULT_PANIC")
	return f
})

// faultPoint is where a fault happens, at one of how many passes; 0: never.
type faultPoint struct {
	name  string
	oneIn int
}

func faultAt(env string) (p faultPoint) {
	name, n, _ := strings.Cut(os.Getenv(env), ":")
	p.name = name
	p.oneIn, _ = strconv.Atoi(n)
	return p
}

func (p faultPoint) strikes(at string) bool {
	return p.oneIn > 0 && p.name == at && rand.IntN(p.oneIn) == 0
}

func clock() time.Time { return time.Now().Add(faults().ahead) }

func probe(point string) {
	f := faults()
	if f.crash.strikes(point) {
		// What was said before this point has the time to leave.
		time.Sleep(20 * time.Millisecond)
		os.Stderr.WriteString("fault: ends at " + point + "\n")
		os.Exit(137)
	}
	if f.panic.strikes(point) {
		panic("fault: at " + point)
	}
}
