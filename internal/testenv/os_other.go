//go:build !linux

package testenv

import "syscall"

// dieWithParent does nothing here: a killed test binary leaves its servers.
func dieWithParent() *syscall.SysProcAttr { return nil }

// stopped cannot be known here; the signal takes its moment.
func stopped(int) bool { return true }
