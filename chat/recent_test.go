package chat

import (
	"sync/atomic"
	"testing"
)

// What a topic keeps counts for the node, and no longer than the topic.
func TestRecentEnds(t *testing.T) {
	var total atomic.Int64
	r := recent{total: &total, max: recentTotal}
	r.add(1, []byte("one"))
	r.add(2, []byte("two"))
	if total.Load() != 6 {
		t.Errorf("%d bytes", total.Load())
	}
	r.end()
	r.add(3, []byte("late"))
	if total.Load() != 0 {
		t.Errorf("%d bytes are kept for nobody", total.Load())
	}
}
