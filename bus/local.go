package bus

import (
	"sync"
	"time"
)

// Local is the bus of a single process.
//
// Publish delivers before it returns, under one lock per partition. That is
// all the order a bus owes, and no queue can fill up or lose anything.
// Receivers never block, so publishers of one partition wait for one another
// for microseconds only.
type Local struct {
	receivers  []Receiver // not changed once in use
	partitions [Partitions]sync.Mutex
}

// NewLocal makes the bus that delivers to r.
func NewLocal(r Receiver) *Local {
	return &Local{receivers: []Receiver{r}}
}

// Attach adds a receiver, as if it were another node. It may be called only
// before the first Publish.
func (l *Local) Attach(r Receiver) {
	l.receivers = append(l.receivers, r)
}

// Publish hands the event to every receiver, in the order in which they were
// attached, and returns when all have it. Errors wrap [ErrMalformed],
// [ErrSeq] or [ErrTooLarge]; then nobody got it. It may be called from
// anywhere but from a receiver's Deliver, which would wait for itself.
func (l *Local) Publish(e Event) error {
	if e.At == 0 {
		e.At = time.Now().UnixMicro()
	}
	if err := e.check(); err != nil {
		return err
	}
	mu := &l.partitions[e.Topic.Partition()]
	mu.Lock()
	defer mu.Unlock()
	for _, r := range l.receivers {
		r.Deliver(e)
	}
	return nil
}
