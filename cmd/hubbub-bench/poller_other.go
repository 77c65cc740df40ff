//go:build !linux

package main

import (
	"errors"
	"syscall"
	"time"
)

// poller and socket are made for Linux; see poller_linux.go.
type (
	poller struct{}
	socket struct{}
)

var errLinux = errors.New("load needs Linux: it reads its sockets with epoll, and processor times from /proc")

func fileLimit() int                                               { return 0 }
func newPoller(func() time.Duration) (*poller, error)              { return nil, errLinux }
func (*poller) add(syscall.Conn, []byte, handler) (*socket, error) { return nil, errLinux }
func (*poller) close()                                             {}
func (*socket) write([]byte) error                                 { return errLinux }
func (*socket) open() bool                                         { return false }
func (*socket) hangUp()                                            {}
func (*socket) close() bool                                        { return false }
