package chatstore_test

import (
	"errors"
	"testing"

	"hubbub/chat/chatstore"
	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
)

func TestSchemas(t *testing.T) {
	_, lite := open(t, sqliteURL(t))
	_, maria := open(t, testenv.SharedMariaDB(t).NewDatabase(t))
	testenv.SameSchema(t, lite.Read, maria.Read, "events index events_client")
	testenv.OwnCharacterSets(t, maria.Read)
}

func TestMigrateThreeAtATime(t *testing.T) {
	url := testenv.SharedMariaDB(t).NewDatabase(t)
	errs := make(chan error)
	for range 3 {
		go func() {
			db, err := sqldb.Open(url, sqldb.Options{})
			if err == nil {
				err = errors.Join(chatstore.Migrate(t.Context(), db), db.Close())
			}
			errs <- err
		}()
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		return
	}
	s, _ := open(t, url)
	if _, err := s.PublicRooms(t.Context(), "", "", 1); err != nil {
		t.Fatal(err)
	}
}
