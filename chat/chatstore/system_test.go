package chatstore_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"hubbub/chat"
	"hubbub/chat/chatstore"
	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
)

// TestSystemMessageBelongsToItsTransaction holds that a system message is there
// exactly if the transaction commits, leaves no hole if it does not, and that
// what people say meanwhile comes after it.
func TestSystemMessageBelongsToItsTransaction(t *testing.T) {
	for _, server := range []struct{ name, url string }{
		{"SQLite", sqliteURL(t)}, {"MariaDB", testenv.SharedMariaDB(t).NewDatabase(t)},
	} {
		t.Run(server.name, func(t *testing.T) {
			s, db := open(t, server.url)
			systemMessageInTransaction(t, s, db)
		})
	}
}

func systemMessageInTransaction(t *testing.T, s *chatstore.Store, db *sqldb.DB) {
	ctx := t.Context()
	ada := chat.User{ID: chat.UserID(chat.NewID()), DisplayName: "Ada"}
	if err := s.CreateUser(ctx, ada, ""); err != nil {
		t.Fatal(err)
	}
	room, _, err := s.CreateRoom(ctx, chat.NewRoom{
		ID: chat.RoomID(chat.NewID()), Epoch: "E", Kind: chat.Private, Name: "order", Creator: ada.Actor()})
	if err != nil {
		t.Fatal(err)
	}
	say := func(ctx context.Context, tx *sql.Tx, id string) error {
		_, err := s.AppendSystem(ctx, tx, string(room.ID), id, "paid", 7)
		return err
	}
	failed := errors.New("a later statement failed")
	err = db.Tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := say(ctx, tx, "order/1/2"); err != nil {
			return err
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	if now, err := s.Room(ctx, string(room.ID), ada.ID); err != nil || now.Head != room.Head || now.Unread != 0 {
		t.Fatalf("after a rollback: %+v, %v", now, err)
	}

	said := make(chan error, 1)
	err = db.Tx(ctx, func(txCtx context.Context, tx *sql.Tx) error {
		if err := say(txCtx, tx, "order/1/2"); err != nil {
			return err
		}
		go func() { // waits for the room's lock, or for the file
			_, err := s.Append(ctx, room.ID, []chat.Draft{{
				Kind: chat.EventMessage, Actor: ada.Actor(), ClientID: "m1", Body: []byte(`{"kind":"text","text":"and?"}`)}})
			said <- err
		}()
		return say(txCtx, tx, "order/1/3")
	})
	if err := errors.Join(err, <-said); err != nil {
		t.Fatal(err)
	}
	_, events, err := s.Since(ctx, room.ID, room.Head.Seq, 10)
	if err != nil || len(events) != 3 {
		t.Fatalf("%v, %v", events, err)
	}
	for i, want := range []string{"order/1/2", "order/1/3", "m1"} {
		if e := events[i]; e.ClientID != want || e.Seq != room.Head.Seq+1+chat.Seq(i) {
			t.Errorf("event %d is %s with the number %d, want %s", i, e.ClientID, e.Seq, want)
		}
	}
	if now, err := s.Room(ctx, string(room.ID), ada.ID); err != nil || now.Unread != 3 {
		t.Errorf("unread %d, %v", now.Unread, err)
	}
}
