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
var faults = sync.OnceValue(func() (f struct {
	ahead time.Duration
	point string
	oneIn int
}) {
	f.ahead, _ = time.ParseDuration(os.Getenv("HUBBUBFAULT_CLOCK"))
	point, n, _ := strings.Cut(os.Getenv("HUBBUBFAULT_CRASH"), ":")
	f.point = point
	f.oneIn, _ = strconv.Atoi(n)
	return f
})

func clock() time.Time { return time.Now().Add(faults().ahead) }

func probe(point string) {
	if f := faults(); f.oneIn > 0 && f.point == point && rand.IntN(f.oneIn) == 0 {
		// What was said before this point has the time to leave.
		time.Sleep(20 * time.Millisecond)
		os.Stderr.WriteString("fault: ends at " + point + "\n")
		os.Exit(137)
	}
}
