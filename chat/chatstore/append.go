package chatstore

import (
	"context"
	"errors"

	"hubbub/chat"
	"hubbub/internal/sqldb"
)

// Append implements [chat.Store]. It costs two round trips however many
// messages there are. It goes on when ctx ends; see [sqldb.DB.SettleRun].
//
// The first run takes it that messages are new, as nearly all are, and the
// unique key says when that was wrong. The run after that looks client ids up.
func (s *Store) Append(ctx context.Context, room chat.RoomID, drafts []chat.Draft) ([]chat.Result, error) {
	if len(drafts) == 0 {
		return nil, nil
	}
	return s.append(context.WithoutCancel(ctx), chat.Batch{Room: room, Drafts: drafts}, nil, nil)
}

// append runs a batch until its outcome is known. An earlier run may have come to
// a COMMIT that failed: then sent is that run, and open its error.
func (s *Store) append(ctx context.Context, b chat.Batch, sent *batch, open *sqldb.CommitError) ([]chat.Result, error) {
	var now *batch // the last run; sent is the last one that came to its COMMIT
	lookUp := sent != nil
	err := s.db.SettleRun(ctx, open, s.log, "append", func(ctx context.Context) error {
		t := newTransaction(s.db.Dialect, []chat.Batch{b}, true)
		t.lookUp, t.sent = lookUp, sent
		err := s.db.Exchange(ctx, t.questions(), t.decide)
		now = t.runs[0]
		switch _, unknown := errors.AsType[*sqldb.CommitError](err); {
		case unknown:
			sent, lookUp = now, true
		case sqldb.IsDuplicate(err) && !lookUp:
			lookUp = true
			return sqldb.ErrAgain
		}
		return err
	})
	err = s.wrote(ctx, "append", err)
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
