// Package bus carries events between the nodes of one deployment.
//
// What travels here is a hint. The truth is the log in SQL: every event that
// has a sequence number was committed before it was published, may be lost on
// its way, may come twice, and can always be read again by its number. So a
// bus promises little (at most once, in the order of publishing as long as
// nothing breaks) and says loudly when it may have lost something: [Receiver]
// is told of every gap it cannot rule out.
//
// There are 64 partitions and every node listens to all of them, so joining a
// room costs no subscription and races with none. [Local] serves one process;
// [Redis] serves many.
package bus

import (
	"errors"
	"hash/fnv"
)

// Partitions is the number of partitions; a topic never changes its own.
const Partitions = 64

// Topic names a stream of events: "room/ID" or "user/ID".
type Topic string

// Partition gives the partition that carries the topic.
func (t Topic) Partition() int {
	h := fnv.New32a()
	h.Write([]byte(t))
	return int(h.Sum32() % Partitions)
}

// Kind says what the frames of an event are to the node that gets them.
type Kind uint8

const (
	// Log marks events of the topic's log: First counts, order matters, and
	// what is lost is read again from the store.
	Log Kind = 1
	// Ephemeral marks frames that have no number and are dropped first:
	// typing, presence, read markers.
	Ephemeral Kind = 2
	// Control marks orders from node to node, never shown to a client:
	// "this session has ended".
	Control Kind = 3
)

// Event is one or several consecutive events of one topic.
//
// The frames are shared by every session that gets them: nobody may change
// them once the event was published.
type Event struct {
	Topic Topic
	Kind  Kind
	// Epoch is the life of the log that First counts in; empty unless Kind is Log.
	Epoch string
	// First is the number of Frames[0]; Frames[i] has First+i. 0 unless Kind is Log.
	First uint64
	// Node is the name of the publishing node; a bus between nodes fills it in.
	Node string
	// At is the time of publishing in microseconds since 1970, for measuring
	// only; 0 asks the bus to fill it in.
	At int64
	// Frames are the encoded frames, ready to be sent to a client of the JSON
	// format (Log, Ephemeral) or a node's own order (Control). There is at
	// least one, and none is empty.
	Frames [][]byte
}

// Last is the number of the last frame; 0 unless Kind is Log.
func (e Event) Last() uint64 {
	if e.Kind != Log || len(e.Frames) == 0 {
		return 0
	}
	return e.First + uint64(len(e.Frames)) - 1
}

// Receiver is told what arrives. A bus calls it from one goroutine per
// partition at a time, so a topic's events come in order; calls for different
// partitions may overlap. Neither method may block.
type Receiver interface {
	Deliver(Event)
	// Missed says that events of this partition may have been lost: the
	// receiver compares what it has with the store.
	Missed(partition int)
}

var (
	// ErrFull is what Publish returns when its queue is full; the event was
	// dropped and whoever reads the log will find it there.
	ErrFull = errors.New("bus: publish queue is full")
	// ErrTooLarge is what Publish returns for an event over [MaxEnvelope].
	ErrTooLarge = errors.New("bus: event is too large")
	// ErrClosed is what Publish returns once Run has ended.
	ErrClosed = errors.New("bus: closed")
)
