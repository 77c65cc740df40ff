package chatstore

import "time"

// SetOutcomeTime is for tests that cannot wait.
func (s *Store) SetOutcomeTime(d time.Duration) { s.outcomeTime = d }
