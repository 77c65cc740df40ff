package main

import (
	"encoding/binary"
	"fmt"
)

// Opcodes of WebSocket frames (RFC 6455, 5.2).
const (
	opMore  = 0x0
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xa
)

// wsFrame is one frame as it came; its payload is part of what was read.
type wsFrame struct {
	op      byte
	final   bool
	payload []byte
}

// cutFrame takes the first frame off what was read from a server. False means
// that it has not come whole; an error, that it is none that a server may send.
func cutFrame(b []byte) (f wsFrame, rest []byte, ok bool, err error) {
	if len(b) < 2 {
		return f, b, false, nil
	}
	f.op, f.final = b[0]&0x0f, b[0]&0x80 != 0
	if b[0]&0x70 != 0 || b[1]&0x80 != 0 {
		return f, b, false, fmt.Errorf("a frame that begins with %#x %#x", b[0], b[1])
	}
	size, header := uint64(b[1]), 2
	switch size {
	case 126:
		header = 4
	case 127:
		header = 10
	}
	if len(b) < header {
		return f, b, false, nil
	}
	switch header {
	case 4:
		size = uint64(binary.BigEndian.Uint16(b[2:]))
	case 10:
		size = binary.BigEndian.Uint64(b[2:])
	}
	if size > maxMessage {
		return f, b, false, fmt.Errorf("a frame of %d bytes", size)
	}
	if end := header + int(size); len(b) >= end {
		f.payload = b[header:end]
		return f, b[end:], true, nil
	}
	return f, b, false, nil
}

// appendHeader writes the head of a final frame of size bytes.
func appendHeader(dst []byte, op byte, size int, masked bool) []byte {
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	switch {
	case size < 126:
		dst = append(dst, 0x80|op, mask|byte(size))
	case size <= 0xffff:
		dst = append(dst, 0x80|op, mask|126, byte(size>>8), byte(size))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|op, mask|127), uint64(size))
	}
	return dst
}

// appendClientFrame writes a frame of a client. Masks are there to keep web
// pages from steering what a proxy sees; this program sends what it made
// itself, so its mask is 0, which leaves the payload as it is and costs
// nothing here. The server unmasks it like any other.
func appendClientFrame(dst []byte, op byte, payload []byte) []byte {
	dst = appendHeader(dst, op, len(payload), true)
	dst = append(dst, 0, 0, 0, 0)
	return append(dst, payload...)
}
