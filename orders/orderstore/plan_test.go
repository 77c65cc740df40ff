package orderstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
	"hubbub/orders"
	"hubbub/orders/orderstore"
)

// The cost of a page depends on its length alone. The table that it is read from
// is unkind: one customer has half of the orders, and the statuses that are asked
// for are rare and old.
const planOrders = 6000

func planID(i int) orders.ID { return orders.FloorID(int64(1_790_000_000_000 + i)) }

// fillOrders stores orders without their events.
func fillOrders(t *testing.T, db *sqldb.DB) {
	t.Helper()
	values := strings.TrimSuffix(strings.Repeat("(?,?,?,?,?,?,?),", sqldb.MaxIn), ",")
	for from := 0; from < planOrders; from += sqldb.MaxIn {
		var args []any
		for i := from; i < from+sqldb.MaxIn; i++ {
			id, _ := planID(i).Binary()
			customer, status := "heavy", orders.Delivered
			if i%2 == 0 {
				customer = fmt.Sprint("customer-", i%50)
			}
			if i < 40 {
				status = orders.Paid
			}
			args = append(args, id[:], customer, "shop", fmt.Sprint("N", i), status, 1, []byte("{}"))
		}
		err := db.Tx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO orders (id, customer_id, shop, number, status, version, doc) VALUES "+values, args...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	analyze := "ANALYZE"
	if db.Dialect == sqldb.MySQL {
		analyze = "ANALYZE TABLE orders"
	}
	if _, err := db.Write.ExecContext(t.Context(), analyze); err != nil {
		t.Fatal(err)
	}
}

// planFilters are all combinations of filters but for the number.
func planFilters() (all []orders.Filter) {
	for _, customer := range []string{"", "heavy", "customer-4", "nobody"} {
		for _, status := range []orders.Status{"", orders.Paid, orders.Delivered, orders.Refunded} {
			for _, from := range []orders.ID{"", planID(10), planID(planOrders - 100)} {
				for _, below := range []orders.ID{"", planID(30), planID(planOrders / 2), planID(planOrders - 50)} {
					all = append(all, orders.Filter{Customer: customer, Status: status, From: from, Below: below, Limit: 20})
				}
			}
		}
	}
	return all
}

// counted is a store with one connection, whose counters tell what a call costs.
type counted struct {
	*testing.T
	*orderstore.Store
	db *sqldb.DB
}

func openCounted(t *testing.T) counted {
	s, db := openWith(t, testenv.SharedMariaDB(t).NewDatabase(t), sqldb.Options{MaxOpen: 1})
	return counted{t, s, db}
}

// cost is by how much a counter grows while f runs; the name ends in % for several.
func (c counted) cost(counter string, f func()) (n int) {
	c.Helper()
	sum := func() (n int) {
		for _, row := range table(c.T, c.db.Read, "SHOW SESSION STATUS LIKE '"+counter+"'") {
			if strings.Contains(row["Variable_name"], "_rnd") { // the reading of the status itself
				continue
			}
			var count int
			fmt.Sscan(row["Value"], &count)
			n += count
		}
		return n
	}
	n = -sum()
	f()
	return n + sum()
}

func TestPagesMariaDB(t *testing.T) {
	c := openCounted(t)
	fillOrders(t, c.db)
	list := func(f orders.Filter) (rows, reads int) {
		reads = c.cost("Handler_read%", func() {
			page, err := c.List(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			rows = len(page)
		})
		return rows, reads
	}
	for _, f := range planFilters() {
		query, args, err := orderstore.ListQuery(c.db.Dialect, f)
		if err != nil {
			t.Fatal(err)
		}
		plan := table(t, c.db.Read, "EXPLAIN "+query, args...)
		for _, step := range plan {
			if strings.Contains(step["Extra"], "filesort") || strings.Contains(step["Extra"], "temporary") || step["type"] == "ALL" {
				t.Errorf("%+v: %v", f, step)
			}
		}
		// What is read is what is given, and what ends the range.
		if rows, reads := list(f); reads > rows+2 {
			t.Errorf("%+v: %d reads for %d rows: %v", f, reads, rows, plan)
		}
		f.Number = "N11" // of a few shops' orders, whatever else is asked for
		if rows, reads := list(f); reads > 5 {
			t.Errorf("%+v: %d reads for %d rows", f, reads, rows)
		}
	}
}

// Reading on in a log costs what is read, wherever it begins; so do look-ups, with
// a statement that is there already.
func TestReadsMariaDB(t *testing.T) {
	c := openCounted(t)
	o := newOrder(t, c.Store, "shop")
	other := newOrder(t, c.Store, "shop")
	other.CustomerID = o.CustomerID
	place(t, c.Store, o)
	place(t, c.Store, other)
	for i := range 400 {
		change := step([]orders.ID{o.ID, other.ID}[i%2], "")
		change.Apply = func(*orders.Order) (orders.Event, error) { return orders.Event{Kind: orders.EventChanged}, nil }
		if _, err := c.Change(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	ids := []orders.ID{o.ID, other.ID}
	for len(ids) < orders.MaxLookup {
		ids = append(ids, orders.NewID(time.Now()))
	}
	for name, call := range map[string]struct {
		rows int // or ids
		do   func() error
	}{
		"since": {20, func() error {
			_, events, err := c.Since(t.Context(), o.CustomerID, 300, 20)
			return errors.Join(err, want(20, len(events)))
		}},
		"history": {20, func() error {
			events, err := c.History(t.Context(), o.ID, "", 150, 20)
			return errors.Join(err, want(20, len(events)))
		}},
		"order": {1, func() error {
			_, err := c.Order(t.Context(), o.ID, o.CustomerID)
			return err
		}},
		"look-up": {orders.MaxLookup, func() error {
			found, err := c.Lookup(t.Context(), ids, o.CustomerID)
			return errors.Join(err, want(2, len(found)))
		}},
	} {
		do := func() {
			if err := call.do(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if reads := c.cost("Handler_read%", do); reads > call.rows+3 {
			t.Errorf("%s: %d reads for %d rows", name, reads, call.rows)
		}
		if name != "order" && name != "look-up" {
			continue
		}
		for counter, want := range map[string]int{"Com_stmt_prepare": 0, "Com_stmt_execute": 1, "Com_select": 1, "Com_stmt_close": 0} {
			if n := c.cost(counter, do); n != want {
				t.Errorf("%s: %s is %d, want %d", name, counter, n, want)
			}
		}
	}
}

func want(want, got int) error {
	if got != want {
		return fmt.Errorf("%d rows, want %d", got, want)
	}
	return nil
}

func TestPagesSQLite(t *testing.T) {
	_, db := open(t, sqliteURL(t))
	fillOrders(t, db)
	for _, f := range planFilters() {
		query, args, err := orderstore.ListQuery(db.Dialect, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range table(t, db.Read, "EXPLAIN QUERY PLAN "+query, args...) {
			if detail := step["detail"]; strings.Contains(detail, "TEMP B-TREE") || !strings.Contains(detail, "INDEX") {
				t.Errorf("%+v: %s", f, detail)
			}
		}
	}
}

// table reads all rows of a query as texts by column.
func table(t *testing.T, db *sql.DB, query string, args ...any) (all []map[string]string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		row := map[string]string{}
		for i, name := range names {
			row[name] = values[i].String
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
