//go:build !linux

package main

import "net"

// rawWriter is the plain write here.
func rawWriter(conn net.Conn) (func([]byte) error, error) {
	return func(b []byte) error {
		_, err := conn.Write(b)
		return err
	}, nil
}
