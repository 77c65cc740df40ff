//go:build !linux

package main

import "syscall"

// giveUpOnSilence has no portable form; the time limits of the calls remain.
func giveUpOnSilence(_, _ string, _ syscall.RawConn) error { return nil }
