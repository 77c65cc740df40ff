package main

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"hubbub/bus"
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
		counter("commit_seconds_total", "Time in these transactions.", func() float64 { return float64(n.rooms.Stats().CommitMicros) / 1e6 }),
		gauge("bus_live", "1 while the bus hears the other nodes.", func() float64 {
			if n.bus.Healthy() {
				return 1
			}
			return 0
		}),
		collectors.NewDBStatsCollector(n.db.Write, "write"),
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

type metric = func(name, help string, f func() float64) prometheus.Collector

func busMetrics(r *bus.Redis, counter, gauge metric) []prometheus.Collector {
	return []prometheus.Collector{
		counter("bus_published_total", "Events published.", func() float64 { return float64(r.Stats().Published) }),
		counter("bus_received_total", "Events received.", func() float64 { return float64(r.Stats().Received) }),
		counter("bus_reopened_total", "Times that a subscription was opened again.", func() float64 { return float64(r.Stats().Reopened) }),
		counter("bus_dropped_total", "Events not published: queue full, publishing failed, or too old.", func() float64 {
			s := r.Stats()
			return float64(s.DroppedFull + s.DroppedFailed + s.DroppedStale + s.DroppedRefused)
		}),
		counter("bus_bad_total", "Messages on our channels that are none of ours.", func() float64 {
			s := r.Stats()
			return float64(s.BadSeal + s.BadVersion + s.BadMalformed + s.BadTooLarge + s.BadSeq + s.BadChannel)
		}),
		gauge("bus_queued", "Events that wait to be published.", func() float64 { return float64(r.Stats().Queued) }),
		gauge("bus_lag_seconds", "What the last canary took from this node to Redis and back.", func() float64 { return r.Stats().Lag.Seconds() }),
	}
}
