package chatstore

import (
	"context"
	"errors"
	"slices"
	"sync"

	"hubbub/chat"
	"hubbub/internal/sqldb"
)

// AppendAll implements [chat.Store]. It costs two round trips however many rooms
// there are. It takes only the rooms whose lock is free, so it waits for nobody
// and nobody who holds a lock waits for it: whatever does not go smoothly is
// left to Append, which knows of repeats, retries and outages.
func (s *Store) AppendAll(ctx context.Context, batches []chat.Batch) []chat.Outcome {
	ctx = context.WithoutCancel(ctx)
	out := make([]chat.Outcome, len(batches))
	if len(batches) == 0 {
		return out
	}
	t := newTransaction(s.db.Dialect, batches, false)
	err := s.db.Exchange(ctx, t.questions(), t.decide)
	commit, unknown := errors.AsType[*sqldb.CommitError](err)
	switch {
	case errors.Is(err, sqldb.ErrBusy): // one by one they would only make it worse
		return slices.Repeat([]chat.Outcome{{Err: s.fail("append all", err)}}, len(batches))
	case err != nil && !unknown:
		return slices.Repeat([]chat.Outcome{{Alone: true}}, len(batches))
	}
	if unknown {
		s.log.WarnContext(ctx, "COMMIT failed, looking its outcome up", "op", "append all", "error", err)
	}
	var settling sync.WaitGroup
	defer settling.Wait()
	for i, b := range t.runs {
		switch {
		case b == nil:
			out[i].Held = true
		case unknown: // of some dozen rooms at most, for outcomeTime
			settling.Go(func() {
				out[i].Results, out[i].Err = s.append(ctx, batches[i], b, commit)
			})
		default:
			out[i].Results = b.results
		}
	}
	return out
}
