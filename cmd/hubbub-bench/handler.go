package main

import (
	"errors"
	"time"
)

// handler is told what comes over a socket, on the goroutine of its poller.
type handler interface {
	// frame takes a message; it is gone after the call.
	frame(s *socket, data []byte, at time.Duration)
	// ended says that the connection is gone and why: a close code, or 1006.
	ended(s *socket, why string)
}

// errClosed says that a socket has ended.
var errClosed = errors.New("the socket has ended")
