package main

import (
	"io"
	"log/slog"
)

// newLogger writes what the settings ask for, each line with the node's name
// and every duration in seconds, as in the metrics.
func newLogger(cfg Config, out io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: cfg.LogLevel, ReplaceAttr: inSeconds}
	var h slog.Handler = slog.NewJSONHandler(out, o)
	if cfg.LogFormat == "text" {
		h = slog.NewTextHandler(out, o)
	}
	return slog.New(h).With("node", cfg.Node)
}

func inSeconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Seconds())
	}
	return a
}
