package orderstore_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"hubbub/internal/sqldb"
	"hubbub/internal/testenv"
	"hubbub/orders"
	"hubbub/orders/orderstest"
	"hubbub/orders/orderstore"
	"hubbub/orders/webhooks"
)

func TestWebhooksOnSQLite(t *testing.T) {
	orderstest.WebhookSuite(t, func(t *testing.T) orderstest.WebhookStore { return openWebhooks(t, sqliteURL(t)) })
}

func TestWebhooksOnMariaDB(t *testing.T) {
	orderstest.WebhookSuite(t, func(t *testing.T) orderstest.WebhookStore {
		return openWebhooks(t, testenv.SharedMariaDB(t).NewDatabase(t))
	})
}

func openWebhooks(t testing.TB, url string) *orderstore.Webhooks {
	t.Helper()
	s, db := open(t, url)
	return orderstore.NewWebhooks(s, db)
}

// TestWebhookPlans holds that the two statements which run all the time read one
// index, however many deliveries are over or wait for endpoints that rest.
func TestWebhookPlans(t *testing.T) {
	s, db := open(t, testenv.SharedMariaDB(t).NewDatabase(t))
	w := orderstore.NewWebhooks(s, db)
	events, _ := webhooks.EventsOf("order.moved")
	for i := range 10 {
		e := webhooks.Endpoint{ID: webhooks.EndpointID(orders.NewID(time.Now())), Shop: "books", URL: "https://shop.example/", Events: events,
			Secret: webhooks.NewSecret(), CreatedAt: int64(i)}
		if err := w.Create(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		m := webhooks.Message{ID: webhooks.DeliveryID(orders.NewID(time.Now())), Shop: "books", Type: "order.moved", Body: []byte("{}"), At: 1}
		if err := w.Put(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	exec := func(statement string) {
		t.Helper()
		if _, err := db.Write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec("UPDATE webhook_deliveries SET state=1 WHERE RAND()<0.5")
	for range 6 {
		exec("INSERT INTO webhook_deliveries SELECT endpoint_id, UNHEX(MD5(CONCAT(id, RAND()))), type, state, due_at, expires_at, attempts, claim," +
			" created_at, body, last_at, last_ms, last_code, last_reason, last_answer FROM webhook_deliveries")
	}
	exec("ANALYZE TABLE webhook_deliveries, webhook_endpoints")
	first := make([]byte, 16)
	var endpoint []byte
	if err := db.Read.QueryRow("SELECT MAX(id) FROM webhook_endpoints").Scan(&endpoint); err != nil {
		t.Fatal(err)
	}
	for query, args := range map[string][]any{
		orderstore.DueQuery:   {first, 5, 5, 100},
		orderstore.ClaimQuery: {endpoint, 5, 8},
	} {
		plan := ""
		err := sqldb.Each(t.Context(), db.Read, func(rows *sql.Rows) error {
			var id, kind, table, access, possible, key, length, ref, count, extra sql.NullString
			err := rows.Scan(&id, &kind, &table, &access, &possible, &key, &length, &ref, &count, &extra)
			plan += table.String + " by " + key.String + ", " + extra.String + "\n"
			return err
		}, "EXPLAIN "+query, args...)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plan, " by webhook_deliveries_due, ") || strings.Contains(plan, "filesort") || strings.Contains(plan, "temporary") {
			t.Errorf("%s\n%s", query, plan)
		}
	}
}
