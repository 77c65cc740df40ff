package bus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The limits of what one envelope carries. Encode and Decode both hold them,
// and so does [Local], so that nothing works on one node that fails on two.
const (
	// MaxEnvelope is the longest envelope in bytes. It holds the longest
	// single frame (about 100 KiB) with room to spare, and it bounds what one
	// message on a channel can make a node allocate.
	MaxEnvelope = 256 << 10
	// MaxFrames is the largest number of frames in one event.
	MaxFrames = 4096
	// MaxSeq is the highest sequence number. Clients of the JSON format read
	// numbers as doubles, which count without holes up to 2^53-1 and no
	// further (RFC 8259, section 6). A number above it cannot come from a
	// log of ours: it is damage or an attack, and believing it would make
	// every reader wait for the events below it.
	MaxSeq = 1<<53 - 1
	// MaxName is the longest topic, epoch and node name in bytes.
	MaxName = 255
)

var (
	// ErrVersion is what Decode returns for an envelope of a version that
	// this program does not speak, or with a flag that it does not know.
	ErrVersion = errors.New("bus: unknown envelope version")
	// ErrMalformed is what Decode returns for bytes that are no envelope, and
	// Encode and Publish for an event that breaks the rules of [Event].
	ErrMalformed = errors.New("bus: malformed event")
	// ErrSeq is returned for a sequence number that is 0 or above [MaxSeq].
	ErrSeq = errors.New("bus: sequence number is out of range")
)

// Version 1 of the envelope; numbers are big-endian:
//
//	 0  1  version, 1
//	 1  1  kind
//	 2  1  flags, 0: a bit that a reader does not know makes the event unreadable
//	 3  1  length of the topic, 1 or more
//	 4  1  length of the epoch, 0 unless kind is Log
//	 5  1  length of the node name
//	 6  2  number of frames, 1 or more
//	 8  8  number of the first frame, 0 unless kind is Log
//	16  8  time of publishing, microseconds since 1970
//	24     topic, epoch, node; then each frame: 4 bytes of length, 1 or more, and its bytes
//
// Nothing follows the last frame. A change that an old node would read wrongly
// takes a new version; during a rolling upgrade old nodes count and drop it,
// and read the log.
const (
	version    = 1
	headerSize = 24
)

// Size is the length in bytes of the event's envelope. An event over
// [MaxEnvelope] cannot be published; a log's events can be split among several.
func (e Event) Size() int {
	n := headerSize + len(e.Topic) + len(e.Epoch) + len(e.Node)
	for _, f := range e.Frames {
		n += 4 + len(f)
	}
	return n
}

// check holds an event against the rules of [Event] and the limits above. The
// errors wrap ErrMalformed, ErrSeq or ErrTooLarge.
func (e Event) check() error {
	switch {
	case e.Kind < Log || e.Kind > Control:
		return fmt.Errorf("%w: kind %d", ErrMalformed, e.Kind)
	case len(e.Topic) == 0 || len(e.Topic) > MaxName || len(e.Epoch) > MaxName || len(e.Node) > MaxName:
		return fmt.Errorf("%w: topic of %d, epoch of %d, node of %d bytes",
			ErrMalformed, len(e.Topic), len(e.Epoch), len(e.Node))
	case len(e.Frames) == 0 || len(e.Frames) > MaxFrames:
		return fmt.Errorf("%w: %d frames", ErrMalformed, len(e.Frames))
	case e.At < 0:
		return fmt.Errorf("%w: published before 1970", ErrMalformed)
	case e.Kind == Log && e.Epoch == "":
		return fmt.Errorf("%w: log event without an epoch", ErrMalformed)
	case e.Kind != Log && (e.Epoch != "" || e.First != 0):
		return fmt.Errorf("%w: epoch or number outside a log", ErrMalformed)
	case e.Kind == Log && (e.First == 0 || e.First > MaxSeq-uint64(len(e.Frames))+1):
		return fmt.Errorf("%w: %d frames from %d", ErrSeq, len(e.Frames), e.First)
	}
	for i, f := range e.Frames {
		if len(f) == 0 {
			return fmt.Errorf("%w: frame %d is empty", ErrMalformed, i)
		}
	}
	if n := e.Size(); n > MaxEnvelope {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, n, MaxEnvelope)
	}
	return nil
}

// Encode appends the envelope of e to dst and returns the longer slice. On an
// error, which wraps [ErrMalformed], [ErrSeq] or [ErrTooLarge], dst is
// returned as it was.
func Encode(dst []byte, e Event) ([]byte, error) {
	if err := e.check(); err != nil {
		return dst, err
	}
	dst = slices.Grow(dst, e.Size())
	dst = append(dst, version, byte(e.Kind), 0, byte(len(e.Topic)), byte(len(e.Epoch)), byte(len(e.Node)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.Frames)))
	dst = binary.BigEndian.AppendUint64(dst, e.First)
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.At))
	dst = append(dst, e.Topic...)
	dst = append(dst, e.Epoch...)
	dst = append(dst, e.Node...)
	for _, f := range e.Frames {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(f)))
		dst = append(dst, f...)
	}
	return dst, nil
}

// Decode reads one envelope. The frames of the event alias b: whoever calls it
// gives b away for good. It never panics, and what it allocates is bounded by
// the length of b, whatever lengths b claims. Errors wrap [ErrVersion],
// [ErrMalformed], [ErrSeq] or [ErrTooLarge].
func Decode(b []byte) (Event, error) {
	if len(b) > MaxEnvelope {
		return Event{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(b), MaxEnvelope)
	}
	if len(b) == 0 {
		return Event{}, fmt.Errorf("%w: empty", ErrMalformed)
	}
	if b[0] != version {
		return Event{}, fmt.Errorf("%w: %d", ErrVersion, b[0])
	}
	if len(b) < headerSize {
		return Event{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(b))
	}
	if b[2] != 0 {
		return Event{}, fmt.Errorf("%w: flags %08b", ErrVersion, b[2])
	}
	e := Event{
		Kind:  Kind(b[1]),
		First: binary.BigEndian.Uint64(b[8:]),
		At:    int64(binary.BigEndian.Uint64(b[16:])),
	}
	topic, epoch, node := int(b[3]), int(b[4]), int(b[5])
	frames := int(binary.BigEndian.Uint16(b[6:]))
	rest := b[headerSize:]
	if len(rest) < topic+epoch+node+5*frames { // a frame takes 5 bytes at least
		return Event{}, fmt.Errorf("%w: shorter than its header says", ErrMalformed)
	}
	e.Topic, rest = Topic(rest[:topic]), rest[topic:]
	e.Epoch, rest = string(rest[:epoch]), rest[epoch:]
	e.Node, rest = string(rest[:node]), rest[node:]
	e.Frames = make([][]byte, frames)
	for i := range e.Frames {
		if len(rest) < 4 {
			return Event{}, fmt.Errorf("%w: frame %d is cut off", ErrMalformed, i)
		}
		n := binary.BigEndian.Uint32(rest)
		rest = rest[4:]
		if uint64(n) > uint64(len(rest)) {
			return Event{}, fmt.Errorf("%w: frame %d is cut off", ErrMalformed, i)
		}
		// The cap keeps an append to one frame out of the next one.
		e.Frames[i], rest = rest[:n:n], rest[n:]
	}
	if len(rest) > 0 {
		return Event{}, fmt.Errorf("%w: %d bytes after the last frame", ErrMalformed, len(rest))
	}
	if err := e.check(); err != nil {
		return Event{}, err
	}
	return e, nil
}
