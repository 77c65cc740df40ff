package chatstore

import (
	"context"
	"database/sql"
	"errors"

	"hubbub/chat"
	"hubbub/internal/sqldb"
)

// Append implements [chat.Store]. It costs six round trips however many
// messages there are: BEGIN, lock, members, INSERT, counters, COMMIT. It goes on
// when ctx ends; see [sqldb.DB.Settle].
//
// The first run takes it that messages are new, as nearly all are, and the
// unique key says when that was wrong. The run after that looks client ids up.
func (s *Store) Append(ctx context.Context, room chat.RoomID, drafts []chat.Draft) ([]chat.Result, error) {
	if len(drafts) == 0 {
		return nil, nil
	}
	return s.append(context.WithoutCancel(ctx), room, drafts, nil, nil)
}

// append runs the drafts until their outcome is known. An earlier run may have
// come to a COMMIT that failed: then sent is that run, and open its error.
func (s *Store) append(ctx context.Context, room chat.RoomID, drafts []chat.Draft, sent *batch, open *sqldb.CommitError) ([]chat.Result, error) {
	var now *batch // the last run; sent is the last one that came to its COMMIT
	lookUp := sent != nil
	err := s.writeAfter(ctx, open, "append", func(ctx context.Context, tx *sql.Tx) error {
		now = newBatch(tx, s.db.Dialect, drafts)
		now.lookUp, now.sent = lookUp, sent
		err := now.run(ctx, room)
		if sqldb.IsDuplicate(err) && !now.lookUp {
			lookUp = true
			return sqldb.ErrAgain
		}
		if err == nil {
			sent, lookUp = now, true
		}
		return err
	})
	if errors.Is(err, chat.ErrUnknownOutcome) && sent != nil {
		sent.unknown(err)
		now, err = sent, nil
	}
	if err != nil {
		return nil, err
	}
	return now.results, nil
}

// errOtherUse answers a client id that stands for something else already.
var errOtherUse = chat.Refuse(chat.ErrConflict, "the id was used for something else")
