package orderstore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
	"hubbub/orders"
	"hubbub/orders/orderstore"
)

// benchClients are so many at a time, each with the next call as soon as the last
// one was answered.
const benchClients = 64

// BenchmarkRow stores rows as large as an order, each durable before it is counted:
// what the disk and the server give at best.
func BenchmarkRow(b *testing.B) {
	onBoth(b, func(b *testing.B, _ *orderstore.Store, db *sqldb.DB) {
		if _, err := db.Write.Exec("CREATE TABLE test_rows (id VARCHAR(26) PRIMARY KEY, doc BLOB)"); err != nil {
			b.Fatal(err)
		}
		doc := make([]byte, 600)
		clients(b, func() error {
			return db.Tx(b.Context(), func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, "INSERT INTO test_rows VALUES (?,?)", rand.Text(), doc)
				return err
			})
		})
	})
}

// BenchmarkPlace places orders of 1000 customers, each durable before it is counted.
func BenchmarkPlace(b *testing.B) {
	onBoth(b, func(b *testing.B, s *orderstore.Store, _ *sqldb.DB) {
		draft := newOrder(b, s, "shop")
		customers := make([]string, 1000)
		for i := range customers {
			customers[i] = newOrder(b, s, "shop").CustomerID
		}
		var next atomic.Int64
		clients(b, func() error {
			o := draft
			o.ID, o.CustomerID = orders.NewID(time.Now()), customers[next.Add(1)%int64(len(customers))]
			_, err := s.Place(b.Context(), placing(o))
			return err
		})
	})
}

// BenchmarkMove takes orders of 1000 customers through their steps.
func BenchmarkMove(b *testing.B) {
	onBoth(b, func(b *testing.B, s *orderstore.Store, _ *sqldb.DB) {
		ids := stock(b, s)
		var next atomic.Int64
		clients(b, func() error {
			c := step(ids[next.Add(1)%int64(len(ids))], "")
			c.Apply = func(o *orders.Order) (orders.Event, error) {
				o.Note = "" // whatever the status
				return orders.Event{Kind: orders.EventMoved, From: o.Status}, nil
			}
			_, err := s.Change(b.Context(), c)
			return err
		})
	})
}

// BenchmarkLookup reads orders one by one and by the hundred.
func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint("ids=", n), func(b *testing.B) {
			onBoth(b, func(b *testing.B, s *orderstore.Store, _ *sqldb.DB) {
				ids := stock(b, s)
				var next atomic.Int64
				clients(b, func() error {
					at := int(next.Add(1)*7) % (len(ids) - n)
					if n == 1 {
						_, err := s.Order(b.Context(), ids[at], "")
						return err
					}
					found, err := s.Lookup(b.Context(), ids[at:at+n], "")
					if err == nil && len(found) != n {
						err = fmt.Errorf("%d of %d found", len(found), n)
					}
					return err
				})
				b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "orders/s")
			})
		})
	}
}

// benchShare is what a node leaves to orders of its 50 connections. With all of them
// the server is slower: so many commits at a time hold each other up.
const benchShare = 24

func onBoth(b *testing.B, f func(b *testing.B, s *orderstore.Store, db *sqldb.DB)) {
	b.Run("sqlite", func(b *testing.B) {
		s, db := open(b, sqliteURL(b))
		f(b, s, db)
	})
	b.Run("mariadb", func(b *testing.B) {
		server := testenv.MariaDB(b, "--innodb-log-file-size=256M", "--innodb-buffer-pool-size=256M")
		_, db := open(b, server.NewDatabase(b))
		db = db.Share(benchShare, benchShare)
		s, err := orderstore.New(b.Context(), db, slog.New(slog.DiscardHandler), rooms{db.Dialect})
		if err != nil {
			b.Fatal(err)
		}
		f(b, s, db)
	})
}

// stock places 1000 orders.
func stock(b *testing.B, s *orderstore.Store) []orders.ID {
	b.Helper()
	ids := make([]orders.ID, 1000)
	var all sync.WaitGroup
	for part := range 10 {
		all.Go(func() {
			for i := range 100 {
				o := newOrder(b, s, "shop")
				ids[part*100+i] = o.ID
				if _, err := s.Place(b.Context(), placing(o)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return ids
}

// clients share b.N calls.
func clients(b *testing.B, f func() error) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var all sync.WaitGroup
	for range benchClients {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				err := f()
				for errors.Is(err, orders.ErrUnavailable) || errors.Is(err, sqldb.ErrBusy) { // it waited for its turn too long
					err = f()
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
