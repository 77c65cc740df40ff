package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// giveUpOnSilence ends a connection whose sent bytes nobody acknowledges: as
// long as data is under way, TCP keep-alive does not run, and a half-open link
// would stay for minutes (RFC 5482).
func giveUpOnSilence(_, _ string, c syscall.RawConn) error {
	var err error
	ctlErr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
	})
	if ctlErr != nil {
		return ctlErr
	}
	return err
}
