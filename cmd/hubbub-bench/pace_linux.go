package main

import (
	"syscall"
	"time"
)

// pause sleeps up to d to within some 60 µs. The runtime's own timers wake an
// idle process up to a millisecond late, which a load would report as the
// server's delay.
func pause(d time.Duration) {
	ts := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&ts, nil) // woken early by a signal, the caller asks the clock again
}
