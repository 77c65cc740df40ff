package orderstore_test

import (
	"testing"

	"hubbub/internal/testenv"
	"hubbub/orders/orderstest"
	"hubbub/orders/orderstore"
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
