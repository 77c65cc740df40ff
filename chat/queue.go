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
// one takes: the session's writer, which exists only while there is something to
// do. Whoever gives an idle queue something becomes the writer, is told so (the
// result "mine"), and has to see to it that [Session.flush] or [Session.write]
// runs; take ends it. Nothing here blocks but reply and wait.
//
// An idle session is most of what a node carries, so nothing is made before it
// is needed: neither channels nor a list.
type queue struct {
	max int

	mu      sync.Mutex
	frames  [][]byte
	one     [1][]byte // the memory of frames while an idle queue gets its first one
	bytes   int
	behind  []*subscription // subscriptions that the writer has to read on for, oldest first
	final   *closing        // set once: how the session ends after what is queued
	writing bool            // there is a writer
	closed  bool
	cause   error         // what close was told
	room    chan struct{} // closed when there may be room again; nil while nobody waits
	idle    chan struct{} // closed when there is no writer; likewise
}

// closing is how a session ends.
type closing struct {
	code   int
	reason string
}

// work is what a writer does next: one of its fields is set.
type work struct {
	frames [][]byte
	behind *subscription
	end    *closing
}

func newQueue(max int) *queue {
	if max <= 0 {
		max = QueueBytes
	}
	return &queue{max: max}
}

// push queues a frame of the live stream; unless ok it does not fit and was not
// taken.
func (q *queue) push(frame []byte) (ok, mine bool) { return q.add(frame, q.max) }

// pushEphemeral queues a frame that may be lost: it is the first to go, when
// half of the queue is used.
func (q *queue) pushEphemeral(frame []byte) (ok, mine bool) { return q.add(frame, q.max/2) }

// pushLast queues the frame that ends a stream, above the cap if need be: a
// client that misses it waits for ever. There is one for each join at most, and
// joins wait for their answers.
func (q *queue) pushLast(frame []byte) (ok, mine bool) { return q.add(frame, math.MaxInt) }

func (q *queue) add(frame []byte, max int) (ok, mine bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.addLocked(frame, max)
}

func (q *queue) addLocked(frame []byte, max int) (ok, mine bool) {
	cost := len(frame) + frameCost
	// A frame that is alone in the queue always fits: else one larger than the
	// queue could never be sent.
	if q.closed || q.final != nil || (q.bytes > 0 && q.bytes+cost > max) {
		return false, false
	}
	if !q.writing { // a writer may still hold what it took
		q.frames = q.one[:0]
	}
	q.frames = append(q.frames, frame)
	q.bytes += cost
	return true, q.startLocked()
}

// startLocked makes the caller the writer, unless there is one.
func (q *queue) startLocked() (mine bool) {
	if q.writing || q.closed {
		return false
	}
	q.writing = true
	return true
}

// reply queues an answer to this session's own command and waits for room: a
// client that asks without reading is not read from either. The command's own
// time does not count, since what it did is done; the writer's does, which
// closes the queue of a peer that takes nothing.
func (q *queue) reply(frame []byte) (mine bool, err error) {
	for {
		q.mu.Lock()
		ok, mine := q.addLocked(frame, q.max)
		if ok || q.closed || q.final != nil {
			q.mu.Unlock()
			if !ok {
				return false, errGone
			}
			return mine, nil
		}
		if q.room == nil {
			q.room = make(chan struct{})
		}
		room := q.room
		q.mu.Unlock()
		<-room
	}
}

// fallBehind lists a subscription that left the live stream, for the writer.
// The caller may hold the topic's lock; the queue's is taken inside.
func (q *queue) fallBehind(s *subscription) (mine bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.behind = append(q.behind, s)
	return q.startLocked()
}

// end lets the session end with this code after what is queued. Only the first
// call counts.
func (q *queue) end(code int, reason string) (mine bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.final == nil {
		q.final = &closing{code, reason}
	}
	return q.startLocked()
}

// ending tells whether somebody ended the session.
func (q *queue) ending() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.final != nil
}

// load tells how many bytes wait, and whether a subscription is behind.
func (q *queue) load() (bytes int, behind bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes, len(q.behind) > 0
}

// gone tells whether the queue was closed.
func (q *queue) gone() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// busy tells whether there is a writer.
func (q *queue) busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.writing
}

// close lets everybody go who waits here; what is queued is dropped. The first
// cause counts.
func (q *queue) close(cause error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed, q.cause = true, cause
		q.frames, q.bytes, q.behind = nil, 0, nil
		release(&q.room)
	}
}

// wait returns when there is no writer, and what the queue was closed with. Only
// after close or end, so that there will be none.
func (q *queue) wait() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.writing {
		if q.idle == nil {
			q.idle = make(chan struct{})
		}
		idle := q.idle
		q.mu.Unlock()
		<-idle
		q.mu.Lock()
	}
	return q.cause
}

// take gives the writer what to do next: all frames that are queued; with none
// queued how the session ends, if it does; else the next subscription that is
// behind. With nothing left ok is false, and the caller is the writer no longer.
// Done are the frames of its last work, whose memory serves again.
func (q *queue) take(done [][]byte) (w work, ok bool) {
	clear(done)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
	case len(q.frames) > 0:
		w.frames, q.frames, q.bytes = q.frames, done[:0], 0
		release(&q.room)
		return w, true
	case q.final != nil:
		w.end = q.final
		return w, true
	case len(q.behind) > 0:
		w.behind = q.behind[0]
		q.behind = q.behind[1:]
		return w, true
	}
	q.writing, q.frames = false, nil // the session may be idle for hours
	q.one[0] = nil
	release(&q.idle)
	return work{}, false
}

// release wakes everybody who waits on c, if somebody does.
func release(c *chan struct{}) {
	if *c != nil {
		close(*c)
		*c = nil
	}
}

// signal leaves a token, if there is none.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
