package web

import (
	"io"
	"net"
	"testing"
)

// BenchmarkFrame is the header and the copy of one event, for each of its sockets.
func BenchmarkFrame(b *testing.B) {
	frames := [][]byte{make([]byte, 330)}
	buf := make([]byte, 0, writeBytes)
	b.ReportAllocs()
	for b.Loop() {
		o := outgoing{frames: frames}
		o.sent(len(o.fill(buf)))
		if len(o.frames) > 0 {
			b.Fatal("not whole")
		}
	}
}

// BenchmarkWrite compares the ways to write a frame to a TCP connection that is
// read from.
func BenchmarkWrite(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	var s sender
	s.init(conn)
	frame := make([]byte, 330)
	for _, way := range []struct {
		name  string
		write func() error
	}{
		{"raw", func() error { _, err := conn.Write(frame); return err }},
		{"try", func() error {
			rest, err := s.try([][]byte{frame})
			if err == nil && len(rest) > 0 {
				err = s.write(rest)
			}
			return err
		}},
		{"wait", func() error { return s.write([][]byte{frame}) }},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := way.write(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
