package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"
)

const (
	// readyTime is how long the parts may take to tell how they are.
	readyTime = 2 * time.Second
	// readyFresh is how long their answer holds: anybody may ask for /readyz, and
	// must not make the node ask its database as often.
	readyFresh = time.Second
)

// Part is something that the node depends on.
type Part struct {
	Name string // "sql", "bus", …
	// Err says why it does not work, nil that it does. It is logged, never shown.
	Err error
	// Optional parts are shown and logged, but do not make the node unready.
	Optional bool
}

type health struct {
	Status string       `json:"status"`
	Parts  []partHealth `json:"parts,omitempty"`
}

type partHealth struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// healthz says that the process serves. It asks nobody: a node whose database
// is away must not be killed for it.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	writeHealth(w, http.StatusOK, health{Status: "ok"})
}

// readyz says whether a balancer should send people here.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	s.probed.Store(time.Now().UnixNano())
	h, status := health{Status: "ready"}, http.StatusOK
	for _, p := range s.checkup.parts(r.Context()) {
		state := "ok"
		if p.Err != nil {
			state = "failing"
			if !p.Optional {
				h.Status, status = "not ready", http.StatusServiceUnavailable
			}
		}
		h.Parts = append(h.Parts, partHealth{p.Name, state})
	}
	if s.draining.Load() {
		h.Status, status = "draining", http.StatusServiceUnavailable
	}
	writeHealth(w, status, h)
}

func writeHealth(w http.ResponseWriter, status int, h health) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(h) // a prober that left needs no answer
}

// checkup asks the parts how they are: one asks at a time, the others wait for
// that answer. It logs when a part begins to fail and when it works again.
type checkup struct {
	ask  func(context.Context) []Part
	log  *slog.Logger
	turn chan struct{} // full while somebody has the fields below

	last    []Part
	at      time.Time
	failing map[string]bool
}

func newCheckup(ask func(context.Context) []Part, log *slog.Logger) *checkup {
	return &checkup{ask: ask, log: log, turn: make(chan struct{}, 1), failing: make(map[string]bool)}
}

// parts gives an answer of the last second. It is empty for a prober that has left.
func (c *checkup) parts(ctx context.Context) []Part {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil
	}
	if c.last != nil && time.Since(c.at) < readyFresh {
		return c.last
	}
	// A prober that leaves must not spoil the answer of the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTime)
	defer cancel()
	c.last = c.ask(ctx)
	c.at = time.Now()
	for _, p := range c.last {
		switch {
		case p.Err != nil && !c.failing[p.Name]:
			c.log.Warn("a part fails", "part", p.Name, "error", p.Err)
		case p.Err == nil && c.failing[p.Name]:
			c.log.Info("a part works again", "part", p.Name)
		}
		c.failing[p.Name] = p.Err != nil
	}
	return c.last
}
