package mw_test

import (
	"net/http"
	"strconv"
	"testing"
)

func TestMetricsLabelsAreBounded(t *testing.T) {
	s := newSite(t, nil)
	for i := range 100 {
		s.do("X"+strconv.Itoa(i), "/"+strconv.Itoa(i))
	}
	if n := s.counted(t, "other", "unmatched", "404"); n != 100 {
		t.Errorf("counted %v of 100 made-up requests under one set of labels", n)
	}
}

func TestMetricsWhileServing(t *testing.T) {
	s := newSite(t, nil)
	var during float64
	s.mux.HandleFunc("/stream", func(http.ResponseWriter, *http.Request) {
		during = metric(t, s.metrics, "hubbub_http_requests_in_flight")
	})
	s.do("GET", "/stream")
	if after := metric(t, s.metrics, "hubbub_http_requests_in_flight"); during != 1 || after != 0 {
		t.Errorf("in flight: %v during, %v after", during, after)
	}
	if n := metric(t, s.metrics, "hubbub_http_request_duration_seconds", "method", "GET", "route", "/stream"); n != 1 {
		t.Errorf("%v durations", n)
	}
	s.do("GET", "/stream", "Upgrade", "websocket")
	if during != 0 {
		t.Error("a WebSocket counts as a request in flight")
	}
	if n := s.counted(t, "GET", "/stream", "200"); n != 2 {
		t.Errorf("%v requests counted, want 2", n)
	}
}
