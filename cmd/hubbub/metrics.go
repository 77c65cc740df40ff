package main

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/internal/sqldb"
)

// newPanics counts the panics of socket frames; those of requests are counted
// by mw.
func newPanics(reg prometheus.Registerer) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hubbub_frame_panics_total", Help: "Socket frames whose handling panicked.",
	})
	reg.MustRegister(c)
	return c
}

// batchMetrics observes the transactions of rooms.
type batchMetrics struct{ drafts, seconds prometheus.Histogram }

func newBatchMetrics(reg prometheus.Registerer) batchMetrics {
	m := batchMetrics{
		drafts: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hubbub_batch_drafts", Help: "Drafts of one transaction.", Buckets: prometheus.ExponentialBuckets(1, 2, 9),
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hubbub_commit_seconds", Help: "What a transaction took.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}),
	}
	reg.MustRegister(m.drafts, m.seconds)
	return m
}

func (m batchMetrics) observe(drafts int, took time.Duration) {
	m.drafts.Observe(float64(drafts))
	m.seconds.Observe(took.Seconds())
}

// newCloses counts how sockets ended.
func newCloses(reg prometheus.Registerer) func(by, code string) {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hubbub_sockets_closed_total",
		Help: "Sockets that ended, by who said good-bye (server, client, nobody) and with what code; PROTOCOL.md has the codes.",
	}, []string{"by", "code"})
	reg.MustRegister(c)
	return func(by, code string) { c.WithLabelValues(by, code).Inc() }
}

// registerNode exports what the parts of a node count. Each figure is read when
// it is scraped; nothing here costs anything in between.
func registerNode(reg prometheus.Registerer, n *node) error {
	counter := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "hubbub_" + name, Help: help}, f)
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hubbub_" + name, Help: help}, f)
	}
	list := []prometheus.Collector{
		gauge("sockets_open", "Sockets open now.", func() float64 { return float64(n.sockets.Open()) }),
		gauge("topics", "Rooms that somebody on this node reads.", func() float64 { return float64(n.hub.Stats().Topics) }),
		gauge("recent_bytes", "Bytes of recent events kept in memory.", func() float64 { return float64(n.hub.Stats().RecentBytes) }),
		counter("deliveries_total", "Events queued for a socket.", func() float64 { return float64(n.hub.Stats().Delivered) }),
		counter("events_repeated_total", "Events that came again.", func() float64 { return float64(n.hub.Stats().Repeats) }),
		counter("events_held_total", "Events that came before the ones they follow.", func() float64 { return float64(n.hub.Stats().Held) }),
		counter("events_odd_total", "Events that made no sense.", func() float64 { return float64(n.hub.Stats().Odd) }),
		counter("topic_panics_total", "Panics while an event was delivered.", func() float64 { return float64(n.hub.Stats().Panics) }),
		counter("gap_fills_total", "Reads of the log to fill a gap.", func() float64 { return float64(n.hub.Stats().Fills) }),
		counter("sessions_fell_behind_total", "Times that a session lost its place in the live stream.", func() float64 { return float64(n.hub.Stats().FellBehind) }),
		counter("batches_total", "Transactions of room writers.", func() float64 { return float64(n.rooms.Stats().Batches) }),
		counter("drafts_total", "Drafts in these transactions.", func() float64 { return float64(n.rooms.Stats().Drafts) }),
		counter("drafts_refused_total", "Drafts that met a full queue.", func() float64 { return float64(n.rooms.Stats().Refused) }),
		counter("drafts_unknown_total", "Drafts whose senders were told that nobody knows whether they are stored.", func() float64 { return float64(n.rooms.Stats().Unknown) }),
		counter("commit_seconds_total", "Time in these transactions.", func() float64 { return float64(n.rooms.Stats().CommitMicros) / 1e6 }),
		gauge("bus_live", "1 while the bus hears the other nodes.", func() float64 {
			if n.bus.Healthy() {
				return 1
			}
			return 0
		}),
		collectors.NewDBStatsCollector(n.db.Write, "write"),
		queueCollector{n.hub,
			prometheus.NewDesc("hubbub_queued_bytes", "Bytes that wait to be written to sockets.", nil, nil),
			prometheus.NewDesc("hubbub_sessions_lagging", "Sessions that are behind the live stream of a room.", nil, nil)},
	}
	if n.db.Read != n.db.Write {
		list = append(list, collectors.NewDBStatsCollector(n.db.Read, "read"))
	}
	for use, share := range map[string]*sqldb.DB{"chat": n.chatDB, "orders": n.orderDB, "webhooks": n.hookDB} {
		list = append(list,
			shareMetrics(use, "read", func() sqldb.GateStats { reads, _ := share.Shares(); return reads }),
			shareMetrics(use, "write", func() sqldb.GateStats { _, writes := share.Shares(); return writes }))
	}
	if r, ok := n.bus.(*bus.Redis); ok {
		list = append(list, busMetrics(r, counter, gauge)...)
	}
	list = append(list, webhookMetrics(n.hooks.dispatcher, counter, gauge)...)
	var errs []error
	for _, c := range list {
		errs = append(errs, reg.Register(c))
	}
	return errors.Join(errs...)
}

// shareCollector exports what one use takes of its share of the SQL pool.
type shareCollector struct {
	read                                  func() sqldb.GateStats
	limit, inUse, waits, refused, seconds *prometheus.Desc
}

func shareMetrics(use, kind string, read func() sqldb.GateStats) prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("hubbub_sql_share_"+name, help, nil, prometheus.Labels{"use": use, "kind": kind})
	}
	return shareCollector{
		read:    read,
		limit:   desc("limit", "Connections of the SQL pool that the use may have at a time."),
		inUse:   desc("in_use", "Those that it has; at the limit it is saturated."),
		waits:   desc("waits_total", "Calls that waited for their turn."),
		refused: desc("refused_total", "Calls that got no turn in time and were answered with 503."),
		seconds: desc("wait_seconds_total", "Time that calls waited."),
	}
}

func (c shareCollector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

func (c shareCollector) Collect(out chan<- prometheus.Metric) {
	s := c.read()
	out <- prometheus.MustNewConstMetric(c.limit, prometheus.GaugeValue, float64(s.Limit))
	out <- prometheus.MustNewConstMetric(c.inUse, prometheus.GaugeValue, float64(s.InUse))
	out <- prometheus.MustNewConstMetric(c.waits, prometheus.CounterValue, float64(s.Waits))
	out <- prometheus.MustNewConstMetric(c.refused, prometheus.CounterValue, float64(s.Refused))
	out <- prometheus.MustNewConstMetric(c.seconds, prometheus.CounterValue, s.Waited.Seconds())
}

// queueCollector exports what waits for sockets.
type queueCollector struct {
	hub            *chat.Hub
	bytes, lagging *prometheus.Desc
}

func (c queueCollector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

func (c queueCollector) Collect(out chan<- prometheus.Metric) {
	bytes, lagging := c.hub.Queued()
	out <- prometheus.MustNewConstMetric(c.bytes, prometheus.GaugeValue, float64(bytes))
	out <- prometheus.MustNewConstMetric(c.lagging, prometheus.GaugeValue, float64(lagging))
}

// reasonCollector exports counters of one kind that differ in a reason.
type reasonCollector struct {
	desc *prometheus.Desc
	read func() map[string]uint64
}

func byReason(name, help string, read func() map[string]uint64) prometheus.Collector {
	return reasonCollector{prometheus.NewDesc("hubbub_"+name, help, []string{"reason"}, nil), read}
}

func (c reasonCollector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

func (c reasonCollector) Collect(out chan<- prometheus.Metric) {
	for reason, n := range c.read() {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(n), reason)
	}
}

type metric = func(name, help string, f func() float64) prometheus.Collector

func busMetrics(r *bus.Redis, counter, gauge metric) []prometheus.Collector {
	return []prometheus.Collector{
		counter("bus_published_total", "Events published.", func() float64 { return float64(r.Stats().Published) }),
		counter("bus_received_total", "Events received.", func() float64 { return float64(r.Stats().Received) }),
		counter("bus_reopened_total", "Times that a subscription was opened again.", func() float64 { return float64(r.Stats().Reopened) }),
		byReason("bus_dropped_total", "Events not published: the queue was full, publishing failed, they were too old, or too large.", func() map[string]uint64 {
			s := r.Stats()
			return map[string]uint64{"full": s.DroppedFull, "failed": s.DroppedFailed, "stale": s.DroppedStale, "refused": s.DroppedRefused}
		}),
		byReason("bus_bad_total", "Messages on our channels that are none of ours.", func() map[string]uint64 {
			s := r.Stats()
			return map[string]uint64{"seal": s.BadSeal, "version": s.BadVersion, "malformed": s.BadMalformed,
				"too_large": s.BadTooLarge, "seq": s.BadSeq, "channel": s.BadChannel}
		}),
		gauge("bus_queued", "Events that wait to be published.", func() float64 { return float64(r.Stats().Queued) }),
		gauge("bus_queued_bytes", "Their bytes.", func() float64 { return float64(r.Stats().QueuedBytes) }),
		gauge("bus_lag_seconds", "What the last canary took from this node to Redis and back.", func() float64 { return r.Stats().Lag.Seconds() }),
	}
}
