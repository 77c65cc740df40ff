//go:build unix

package main

import "syscall"

// openFiles is how many files this process may hold open, a million at most.
// Go has raised the soft limit to the hard one by the time this runs.
func openFiles() int {
	const most = 1 << 20
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(uint64(limit.Cur), most))
}
