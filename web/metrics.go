package web

import (
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// registerRuntime adds what the Go runtime and the process tell of themselves,
// and hubbub_info with the node's name and version.
func registerRuntime(reg prometheus.Registerer, node, version string) error {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "hubbub_info", Help: "Always 1; the labels say which node of which version this is.",
		ConstLabels: prometheus.Labels{"node": node, "version": version},
	})
	info.Set(1)
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), info,
	} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func metricsHandler(reg *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg})
}

// profiles adds net/http/pprof, without the command line: it may hold secrets.
func profiles(m *http.ServeMux) {
	m.HandleFunc("GET /debug/pprof/", pprof.Index)
	m.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	m.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	m.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	m.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}
