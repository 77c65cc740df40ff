package mw

import (
	"bufio"
	"net"
	"net/http"
)

// recorder remembers what was answered. Log, Measure and Recover share one per
// request; http.ResponseController reaches the writer below through Unwrap.
type recorder struct {
	http.ResponseWriter
	status   int // 0 until the header was written
	bytes    int64
	hijacked bool
}

// record gives the request's recorder, made by the first link that asks.
func record(w http.ResponseWriter) *recorder {
	if rec, ok := w.(*recorder); ok {
		return rec
	}
	return &recorder{ResponseWriter: w}
}

func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

func (rec *recorder) WriteHeader(status int) {
	// 1xx are sent ahead of the real answer, but for 101, which is one.
	if rec.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(b []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(b)
	rec.bytes += int64(n)
	return n, err
}

// FlushError is what http.ResponseController calls.
func (rec *recorder) FlushError() error {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	return http.NewResponseController(rec.ResponseWriter).Flush()
}

// Flush is http.Flusher, which has no way to tell of an error; the next Write does.
func (rec *recorder) Flush() { _ = rec.FlushError() }

func (rec *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(rec.ResponseWriter).Hijack()
	if err == nil {
		rec.hijacked = true
		if rec.status == 0 {
			rec.status = http.StatusSwitchingProtocols
		}
	}
	return conn, rw, err
}
