package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"
)

// readyTime is how long the parts may take to tell how they are.
const readyTime = 2 * time.Second

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
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	h, status := health{Status: "ready"}, http.StatusOK
	for _, p := range s.o.Ready(ctx) {
		state := "ok"
		if p.Err != nil {
			state = "failing"
			s.o.Log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.String("part", p.Name), slog.String("error", p.Err.Error()))
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
