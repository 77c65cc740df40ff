package chat

import (
	"errors"
	"math"
	"sync"
)

// QueueBytes is the default cap of a session's outbound queue.
const QueueBytes = 256 << 10

// frameCost is what a queued frame costs beside its bytes: the slice header and
// its share of the list. Without it, a million tiny frames would be free.
const frameCost = 32

// errGone is what a queue returns after it was closed.
var errGone = errors.New("chat: the session has ended")

// queue holds what is to be written to one session, capped in bytes. Many push,
// one writer takes. Nothing here blocks but take and reply.
type queue struct {
	max  int
	wake chan struct{} // never closed; holds at most one token: there is something to do
	room chan struct{} // never closed; holds at most one token: there may be room again
	gone chan struct{} // closed by close

	mu     sync.Mutex
	frames [][]byte
	bytes  int
	behind []*subscription // subscriptions that the writer has to read on for, oldest first
	final  *closing        // set once: how the session ends after what is queued
	closed bool
}

// closing is how a session ends.
type closing struct {
	code   int
	reason string
}

func newQueue(max int) *queue {
	if max <= 0 {
		max = QueueBytes
	}
	return &queue{
		max: max, wake: make(chan struct{}, 1), room: make(chan struct{}, 1), gone: make(chan struct{}),
	}
}

// push queues a frame of the live stream; false means that it does not fit and
// was not taken.
func (q *queue) push(frame []byte) bool { return q.add(frame, q.max) }

// pushEphemeral queues a frame that may be lost: it is the first to go, when
// half of the queue is used.
func (q *queue) pushEphemeral(frame []byte) bool { return q.add(frame, q.max/2) }

// pushLast queues the frame that ends a stream, above the cap if need be: a
// client that misses it waits for ever. There is one for each join at most, and
// joins wait for their answers.
func (q *queue) pushLast(frame []byte) bool { return q.add(frame, math.MaxInt) }

func (q *queue) add(frame []byte, max int) bool {
	cost := len(frame) + frameCost
	q.mu.Lock()
	// A frame that is alone in the queue always fits: else one larger than the
	// queue could never be sent.
	if q.closed || q.final != nil || (q.bytes > 0 && q.bytes+cost > max) {
		q.mu.Unlock()
		return false
	}
	q.frames = append(q.frames, frame)
	q.bytes += cost
	q.mu.Unlock()
	signal(q.wake)
	return true
}

// reply queues an answer to this session's own command and waits for room: a
// client that asks without reading is not read from either. The command's own
// time does not count, since what it did is done; the writer's does, which
// closes the queue of a peer that takes nothing.
func (q *queue) reply(frame []byte) error {
	for !q.push(frame) {
		q.mu.Lock()
		over := q.closed || q.final != nil
		q.mu.Unlock()
		if over {
			return errGone
		}
		select {
		case <-q.room:
		case <-q.gone:
			return errGone
		}
	}
	return nil
}

// fallBehind lists a subscription that left the live stream, for the writer.
// The caller holds the topic's lock; the queue's is taken inside.
func (q *queue) fallBehind(s *subscription) {
	q.mu.Lock()
	if !q.closed {
		q.behind = append(q.behind, s)
	}
	q.mu.Unlock()
	signal(q.wake)
}

// end lets the session end with this code after what is queued. Only the first
// call counts.
func (q *queue) end(code int, reason string) {
	q.mu.Lock()
	if q.final == nil {
		q.final = &closing{code, reason}
	}
	q.mu.Unlock()
	signal(q.wake)
}

// ending tells whether somebody ended the session.
func (q *queue) ending() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.final != nil
}

// close lets everybody go who waits here; what is queued is dropped.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		q.frames, q.bytes, q.behind = nil, 0, nil
		close(q.gone)
	}
}

// take gives what is queued and empties the queue; the frames come in buf's
// memory. With nothing queued it gives the next subscription that is behind,
// and with none of these how the session ends, if it does.
func (q *queue) take(buf [][]byte) (frames [][]byte, behind *subscription, end *closing) {
	q.mu.Lock()
	frames = append(buf[:0], q.frames...)
	clear(q.frames)
	q.frames = q.frames[:0]
	q.bytes = 0
	if len(frames) == 0 {
		if end = q.final; end == nil && len(q.behind) > 0 {
			behind = q.behind[0]
			q.behind = q.behind[1:]
		}
	}
	q.mu.Unlock()
	if len(frames) > 0 {
		signal(q.room)
	}
	return frames, behind, end
}

// signal leaves a token, if there is none.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
