package webhooks

import "sync"

// slots are the tries that a node may make at a time: each endpoint has its
// share of them, and those that fail have one each out of a small part.
type slots struct {
	all, each, allFailing int

	mu      sync.Mutex
	busy    map[EndpointID]int // taken; at most as many entries as slots
	used    int
	failing int  // of the used ones
	hungry  bool // something due found none free for anybody
}

// take gives an endpoint some slots, maybe none; full says that there are none
// for anybody.
func (s *slots) take(e Due) (n int, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := s.all - s.used
	n = min(s.each-s.busy[e.ID], free)
	if e.Failures > 0 {
		n = min(1-s.busy[e.ID], s.allFailing-s.failing, free)
	}
	if s.hungry = free <= 0; n <= 0 {
		return 0, s.hungry
	}
	s.used += n
	s.busy[e.ID] += n
	if e.Failures > 0 {
		s.failing += n
	}
	return n, false
}

// giveBack returns slots that take gave for e, and tells whether somebody waits
// for some.
func (s *slots) giveBack(e Due, n int) bool {
	if n == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
	if s.busy[e.ID] -= n; s.busy[e.ID] <= 0 {
		delete(s.busy, e.ID)
	}
	if e.Failures > 0 {
		s.failing -= n
	}
	hungry := s.hungry
	s.hungry = false
	return hungry
}

// wanted tells whether somebody waits for a slot.
func (s *slots) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hungry
}
