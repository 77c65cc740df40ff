//go:build unix

package web

import "syscall"

// once tries one write; it is never waited for.
func (a *attempt) once(fd uintptr) (done bool) {
	for {
		n, err := syscall.Write(int(fd), a.p)
		switch err {
		case nil:
			a.n = n
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
		default:
			a.err = err
		}
		return true
	}
}
