package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/internal/sqldb"
)

// hold occupies a place of the share until release is closed, and tells when it
// has it.
func hold(t *testing.T, use func(func() error) error, release chan struct{}) (held, done chan struct{}) {
	held, done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if err := use(func() error { close(held); <-release; return nil }); err != nil {
			t.Error(err)
		}
	}()
	return held, done
}

// A share that is used up makes its own callers wait, in line and not for ever,
// and nobody else's.
func TestShareIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var whole sqldb.DB // reading alone needs no database
		orders, chat := whole.Share(2, 1), whole.Share(1, 1)
		reading := func(f func() error) error { return orders.Reading(t.Context(), f) }
		release := make(chan struct{})
		for range 2 {
			held, done := hold(t, reading, release)
			<-held
			defer func() { <-done }()
		}
		start := time.Now()
		err := reading(func() error { t.Error("three read at a time"); return nil })
		if !errors.Is(err, sqldb.ErrBusy) || !sqldb.IsUnavailable(err) || time.Since(start) != sqldb.WaitTime {
			t.Errorf("the third reader: %v after %v", err, time.Since(start))
		}
		for _, free := range []*sqldb.DB{chat, &whole} {
			if err := free.Reading(t.Context(), func() error { return nil }); err != nil || time.Since(start) != sqldb.WaitTime {
				t.Errorf("another use: %v after %v", err, time.Since(start))
			}
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := orders.Reading(gone, func() error { return nil }); !errors.Is(err, context.Canceled) || sqldb.IsUnavailable(err) {
			t.Errorf("a reader who has gone: %v", err)
		}
		held, done := hold(t, reading, release)
		synctest.Wait()
		want := sqldb.GateStats{Limit: 2, InUse: 2, Waits: 3, Refused: 1, Waited: sqldb.WaitTime}
		if got, writes := orders.Shares(); got != want || writes != (sqldb.GateStats{Limit: 1}) {
			t.Errorf("figures %+v, %+v, want %+v", got, writes, want)
		}
		time.Sleep(sqldb.WaitTime / 2)
		close(release)
		<-held
		<-done
		synctest.Wait()
		want = sqldb.GateStats{Limit: 2, Waits: 3, Refused: 1, Waited: sqldb.WaitTime * 3 / 2}
		if got, _ := orders.Shares(); got != want {
			t.Errorf("afterwards %+v, want %+v", got, want)
		}
	})
}

// A place is given back whatever becomes of its holder.
func TestSharePlacesComeBack(t *testing.T) {
	var whole sqldb.DB
	share := whole.Share(1, 1)
	fault := errors.New("no such table")
	for range 3 {
		if err := share.Reading(t.Context(), func() error { return fault }); err != fault {
			t.Errorf("error %v", err)
		}
		func() {
			defer func() { recover() }()
			share.Reading(t.Context(), func() error { panic("boom") })
		}()
	}
	if reads, _ := share.Shares(); reads.InUse != 0 {
		t.Errorf("%d places are lost", reads.InUse)
	}
}

// Transactions of one use run as many at a time as its share has places.
func TestShareBoundsTransactions(t *testing.T) {
	db, err := sqldb.Open("sqlite:"+filepath.Join(t.TempDir(), "hubbub.db"), sqldb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	share := db.Share(1, 1)
	var wg sync.WaitGroup
	var most atomic.Int64
	for range 20 {
		wg.Go(func() {
			err := share.Tx(t.Context(), func(context.Context, *sql.Tx) error {
				_, writes := share.Shares()
				most.Store(max(most.Load(), int64(writes.InUse)))
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, writes := share.Shares(); most.Load() != 1 || writes.InUse != 0 || writes.Limit != 1 {
		t.Errorf("%d transactions at a time, afterwards %+v", most.Load(), writes)
	}
}
