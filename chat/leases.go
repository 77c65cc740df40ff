package chat

import (
	"context"
	"sync"
)

// LocalLeases are the leases of a deployment of one process: its word is good
// for as long as it lives.
type LocalLeases struct {
	mu    sync.Mutex
	nodes map[string]map[UserID]struct{}
}

// NewLocalLeases makes empty leases.
func NewLocalLeases() *LocalLeases {
	return &LocalLeases{nodes: make(map[string]map[UserID]struct{})}
}

// Renew implements [Leases].
func (l *LocalLeases) Renew(_ context.Context, node string, add, remove []UserID) (lost bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	users, known := l.nodes[node]
	if !known {
		users = make(map[UserID]struct{})
		l.nodes[node] = users
	}
	for _, u := range add {
		users[u] = struct{}{}
	}
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

// Online implements [Leases].
func (l *LocalLeases) Online(_ context.Context, users []UserID) (map[UserID]bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	online := make(map[UserID]bool, len(users))
	for _, carried := range l.nodes {
		for _, u := range users {
			if _, ok := carried[u]; ok {
				online[u] = true
			}
		}
	}
	return online, nil
}
