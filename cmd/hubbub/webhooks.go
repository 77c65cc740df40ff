package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"hubbub/bus"
	"hubbub/internal/sqldb"
	"hubbub/orders"
	"hubbub/orders/orderstore"
	"hubbub/orders/webhooks"
)

// hooks is what a node does for webhooks: the calls of shops, and the sending.
type hooks struct {
	*webhooks.Service
	dispatcher *webhooks.Dispatcher
	sender     *webhooks.HTTPSender
}

// newHooks makes them over the store of orders, whose changes are told from then
// on. Db is their share of the database.
func newHooks(store *orderstore.Store, db *sqldb.DB, cfg Config, log *slog.Logger) hooks {
	kept := orderstore.NewWebhooks(store, db)
	guard := webhooks.NewGuard(cfg.WebhookAllow)
	sender := webhooks.NewHTTPSender(webhooks.SenderOptions{Guard: guard, Agent: "hubbub/" + buildVersion(), Now: clock})
	_, writes := db.Shares()
	d := webhooks.NewDispatcher(webhooks.DispatcherOptions{Store: kept, Sender: sender, Now: clock, Log: log, Calls: writes.Limit})
	return hooks{webhooks.NewService(kept, guard, d.Wake, clock), d, sender}
}

// Run sends until ctx ends.
func (h hooks) Run(ctx context.Context) error {
	defer h.sender.Close()
	return h.dispatcher.Run(ctx)
}

// wakingPublisher is an [orders.Publisher] that has webhooks sent at once.
type wakingPublisher struct {
	orders.Publisher
	wake func()
}

func (p wakingPublisher) PublishOrder(e orders.Event, epoch string, message *bus.Event) {
	p.Publisher.PublishOrder(e, epoch, message)
	p.wake()
}

func webhookMetrics(d *webhooks.Dispatcher, counter, gauge metric) []prometheus.Collector {
	list := []prometheus.Collector{
		gauge("webhooks_pending", "Deliveries that wait or are sent, of all nodes, some seconds ago; counted up to 10000.",
			func() float64 { return float64(d.Stats().Pending) }),
		counter("webhooks_delivered_total", "Deliveries that this node made.", func() float64 { return float64(d.Stats().Delivered) }),
		counter("webhooks_failed_total", "Deliveries that this node gave up.", func() float64 { return float64(d.Stats().GivenUp) }),
		counter("webhooks_unrecorded_total", "Tries whose outcome could not be stored; they are made again.",
			func() float64 { return float64(d.Stats().Unrecorded) }),
	}
	for _, reason := range webhooks.Reasons {
		list = append(list, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "hubbub_webhooks_tries_failed_total", Help: "Tries of this node that failed, by reason.",
			ConstLabels: prometheus.Labels{"reason": string(reason)},
		}, func() float64 { return float64(d.Stats().Failures[reason]) }))
	}
	return list
}
