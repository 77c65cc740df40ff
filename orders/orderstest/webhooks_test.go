package orderstest_test

import (
	"testing"

	"hubbub/orders/orderstest"
)

func TestWebhooksInMemory(t *testing.T) {
	orderstest.WebhookSuite(t, func(*testing.T) orderstest.WebhookStore { return orderstest.NewWebhooks() })
}
