package main

import (
	"errors"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawWriter gives a way to write to a connection that is the system call and
// nothing else: no lock, no scheduler. One goroutine may use it, and nobody may
// close the connection meanwhile. Where the kernel takes no more it waits.
func rawWriter(conn net.Conn) (func([]byte) error, error) {
	rc, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if err := rc.Control(func(d uintptr) { fd = int(d) }); err != nil {
		return nil, err
	}
	return func(b []byte) error {
		for len(b) > 0 {
			n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
			switch {
			case errno == 0:
				b = b[n:]
			case errno == unix.EAGAIN:
				if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1); err != nil && !errors.Is(err, unix.EINTR) {
					return err
				}
			case errno != unix.EINTR:
				return errno
			}
		}
		return nil
	}, nil
}
