package mw

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts requests:
//
//	hubbub_http_requests_total{method,route,status}
//	hubbub_http_request_duration_seconds{method,route}   without WebSockets, whose length says nothing
//	hubbub_http_requests_in_flight                       likewise
//	hubbub_http_panics_total
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	panics   prometheus.Counter
}

// NewMetrics registers the metrics; registering twice with one reg panics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "hubbub_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"method", "route", "status"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hubbub_http_request_duration_seconds", Help: "Time to answer a request.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"method", "route"}),
		inFlight: f.NewGauge(prometheus.GaugeOpts{
			Name: "hubbub_http_requests_in_flight", Help: "Requests being served now.",
		}),
		panics: f.NewCounter(prometheus.CounterOpts{
			Name: "hubbub_http_panics_total", Help: "Panics in handlers that were turned into a 500.",
		}),
	}
}

// Panicked counts one panic; it is for [Recover].
func (m *Metrics) Panicked() { m.panics.Inc() }

// Measure counts and times requests. route is asked after the request was
// served; its values become labels, so there must be few. A method that is none
// of HTTP's counts as "other", a request without a route as "unmatched", and
// one whose handler broke off before it answered has status "0".
func (m *Metrics) Measure(route func(*http.Request) string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec, start, served := record(w), time.Now(), false
			upgrade := isUpgrade(r)
			if !upgrade {
				m.inFlight.Inc()
			}
			defer func() {
				if !upgrade {
					m.inFlight.Dec()
				}
				status := rec.status
				if served && status == 0 {
					status = http.StatusOK
				}
				method, pattern := methodLabel(r.Method), route(r)
				if pattern == "" {
					pattern = "unmatched"
				}
				m.requests.WithLabelValues(method, pattern, strconv.Itoa(status)).Inc()
				if !rec.hijacked {
					m.duration.WithLabelValues(method, pattern).Observe(time.Since(start).Seconds())
				}
			}()
			next.ServeHTTP(rec, r)
			served = true
		})
	}
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect:
		return method
	}
	return "other"
}
