package chat

import "sync/atomic"

const (
	recentEvents = 256       // events kept per topic
	recentBytes  = 128 << 10 // and their bytes
)

// recent keeps the last events of a topic in memory, so that a session that
// fell behind for a moment, or came back from another node, costs no SQL.
// Guarded by its topic's lock; total is the node's.
type recent struct {
	total *atomic.Int64 // bytes kept by all topics of the node
	max   int64         // above it a topic keeps only its newest event

	over   bool // the topic was let go of
	first  Seq  // number of frames[0]
	frames [][]byte
	bytes  int
}

// add keeps the event that follows the newest one.
func (r *recent) add(seq Seq, frame []byte) {
	if r.over {
		return // a read for a gap may come back later than that
	}
	if len(r.frames) == 0 || r.first+Seq(len(r.frames)) != seq {
		r.clear()
		r.first = seq
	}
	r.frames = append(r.frames, frame)
	r.count(len(frame))
	for len(r.frames) > 1 && (len(r.frames) > recentEvents || r.bytes > recentBytes || r.total.Load() > r.max) {
		r.count(-len(r.frames[0]))
		r.frames[0] = nil
		r.frames = r.frames[1:]
		r.first++
	}
}

func (r *recent) count(n int) {
	r.bytes += n
	r.total.Add(int64(n))
}

func (r *recent) clear() {
	r.count(-r.bytes)
	r.frames = nil
}

// end lets go of everything for good.
func (r *recent) end() {
	r.clear()
	r.over = true
}

// after gives kept events above the cursor, in order; ok is false when the one
// that follows the cursor is not kept.
func (r *recent) after(cursor Seq, limit, bytes int) (frames [][]byte, last Seq, ok bool) {
	if len(r.frames) == 0 || cursor+1 < r.first || cursor+1 >= r.first+Seq(len(r.frames)) {
		return nil, cursor, false
	}
	last = cursor
	for _, f := range r.frames[cursor+1-r.first:] {
		if len(frames) == limit || (len(frames) > 0 && bytes < len(f)) {
			break
		}
		frames = append(frames, f)
		bytes -= len(f)
		last++
	}
	return frames, last, true
}
