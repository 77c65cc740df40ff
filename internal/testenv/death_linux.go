package testenv

import "syscall"

// dieWithParent lets the kernel kill a server whose test binary has died. The
// signal is forgotten when a program changes its user, so servers stay the user
// they were started as.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
