//go:build !unix

package web

// once takes nothing: everything is written by who may wait.
func (a *attempt) once(uintptr) (done bool) { return true }

// fill leaves the waiting to the library.
func (l *link) fill(uintptr) (done bool) { return true }
