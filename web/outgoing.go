package web

import "encoding/binary"

// outgoing are frames on their way, of which the first may be sent in part.
type outgoing struct {
	frames [][]byte
	part   int // bytes of the first frame, its header included, that are sent
}

// fill appends what comes next to buf, as far as its capacity goes.
func (o *outgoing) fill(buf []byte) []byte {
	skip := o.part
	for _, f := range o.frames {
		var header [maxHeader]byte
		h := header[:putHeader(&header, len(f))]
		for _, p := range [][]byte{h, f} {
			from := min(skip, len(p))
			skip -= from
			n := min(len(p)-from, cap(buf)-len(buf))
			buf = append(buf, p[from:from+n]...)
		}
		if len(buf) == cap(buf) {
			break
		}
	}
	return buf
}

// sent moves on by n bytes.
func (o *outgoing) sent(n int) {
	o.part += n
	for len(o.frames) > 0 {
		var header [maxHeader]byte
		whole := putHeader(&header, len(o.frames[0])) + len(o.frames[0])
		if o.part < whole {
			return
		}
		o.part -= whole
		o.frames = o.frames[1:]
	}
}

// begun gives the end of a frame whose beginning is sent.
func (o *outgoing) begun() []byte {
	if o.part == 0 {
		return nil
	}
	first := outgoing{frames: o.frames[:1], part: o.part}
	return first.fill(make([]byte, 0, maxHeader+len(o.frames[0])-o.part))
}

// maxHeader is the longest header of a frame that is not masked.
const maxHeader = 10

// putHeader writes the header of a text message that is one frame (RFC 6455, 5.2),
// and of a ping for an empty one, which is no message of ours.
func putHeader(h *[maxHeader]byte, size int) int {
	h[0] = 0x81
	switch {
	case size == 0:
		h[0], h[1] = 0x89, 0
		return 2
	case size < 126:
		h[1] = byte(size)
		return 2
	case size < 1<<16:
		h[1] = 126
		binary.BigEndian.PutUint16(h[2:], uint16(size))
		return 4
	}
	h[1] = 127
	binary.BigEndian.PutUint64(h[2:], uint64(size))
	return 10
}
