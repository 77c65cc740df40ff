package chat

import (
	"context"
	"maps"
	"sync"
)

// LocalLeases are the leases of a deployment of one process: its word is good
// for as long as it lives.
type LocalLeases struct {
	mu    sync.Mutex
	nodes map[string]map[UserID]Status
}

// NewLocalLeases makes empty leases.
func NewLocalLeases() *LocalLeases {
	return &LocalLeases{nodes: make(map[string]map[UserID]Status)}
}

// Renew implements [Leases].
func (l *LocalLeases) Renew(_ context.Context, node string, put map[UserID]Status, remove []UserID) (lost bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	users, known := l.nodes[node]
	if !known {
		users = make(map[UserID]Status)
		l.nodes[node] = users
	}
	maps.Copy(users, put)
	for _, u := range remove {
		delete(users, u)
	}
	return !known, nil
}

// Drop implements [Leases].
func (l *LocalLeases) Drop(_ context.Context, node string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.nodes, node)
	return nil
}

// Statuses implements [Leases].
func (l *LocalLeases) Statuses(_ context.Context, users []UserID) (map[UserID]Status, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[UserID]Status, len(users))
	for _, carried := range l.nodes {
		for _, u := range users {
			if s := carried[u]; s > out[u] {
				out[u] = s
			}
		}
	}
	return out, nil
}
