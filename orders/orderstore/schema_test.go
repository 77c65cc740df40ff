package orderstore_test

import (
	"log/slog"
	"slices"
	"testing"

	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
	"hubbub/orders/orderstore"
)

func TestSchemas(t *testing.T) {
	_, lite := open(t, sqliteURL(t))
	_, maria := open(t, testenv.SharedMariaDB(t).NewDatabase(t))
	testenv.SameSchema(t, lite.Read, maria.Read, "order_events index order_events_order")
	testenv.OwnCharacterSets(t, maria.Read)
}

// Nodes that start together make one database, with one epoch, which stays.
func TestStartThreeAtATime(t *testing.T) {
	url := testenv.SharedMariaDB(t).NewDatabase(t)
	epochs := make(chan string)
	start := func() {
		epoch := ""
		defer func() { epochs <- epoch }()
		db, err := sqldb.Open(url, sqldb.Options{})
		if err != nil {
			t.Error(err)
			return
		}
		defer db.Close()
		if err := orderstore.Migrate(t.Context(), db); err != nil {
			t.Error(err)
			return
		}
		s, err := orderstore.New(t.Context(), db, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Error(err)
			return
		}
		epoch = s.Epoch()
	}
	for range 3 {
		go start()
	}
	seen := []string{<-epochs, <-epochs, <-epochs}
	go start()
	seen = append(seen, <-epochs)
	if len(slices.Compact(seen)) != 1 || seen[0] == "" {
		t.Errorf("epochs %q", seen)
	}
}
