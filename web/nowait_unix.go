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

// fill reads what has come; false means nothing has.
func (l *link) fill(fd uintptr) (done bool) {
	buf := readBuffers.Get().(*[]byte)
	n, err := syscall.Read(int(fd), *buf)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), *buf)
	}
	if n > 0 {
		l.early, l.lent = (*buf)[:n], buf
		return true
	}
	readBuffers.Put(buf)
	// An error, or the end, is found again by who reads now.
	return err != syscall.EAGAIN
}
