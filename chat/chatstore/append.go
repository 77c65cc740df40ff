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
	var now, sent *batch // the last run; the last one that came to its COMMIT
	lookUp := false
	err := s.write(context.WithoutCancel(ctx), "append", func(ctx context.Context, tx *sql.Tx) error {
		now = &batch{tx: tx, dialect: s.db.Dialect, drafts: drafts, lookUp: lookUp, sent: sent}
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
