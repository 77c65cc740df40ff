package main

import (
	"net"
	"time"
)

const (
	dialTime    = 2 * time.Second
	userTimeout = 5 * time.Second
)

// dialer opens the connections of both pools.
func dialer() *net.Dialer {
	return &net.Dialer{Timeout: dialTime, KeepAlive: 15 * time.Second, Control: giveUpOnSilence}
}
