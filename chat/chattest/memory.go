// Package chattest helps to test what is built on chat's stores: a store in
// memory that fails and stalls on demand, and the suite that every store
// passes. It is for tests only.
package chattest

import (
	"context"
	"sync"

	"hubbub/chat"
)

// Memory is a chat.Store and a chat.AccountStore in memory: one lock, plain
// loops, so that it is right at a glance. It keeps everything for ever.
type Memory struct {
	mu      sync.Mutex
	hooks   map[string]func(context.Context) error
	rooms   map[chat.RoomID]*room
	users   map[chat.UserID]*account
	session map[chat.SessionID]*session
	tickets map[chat.TokenHash]ticket
}

var (
	_ chat.Store        = (*Memory)(nil)
	_ chat.AccountStore = (*Memory)(nil)
)

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{
		hooks:   map[string]func(context.Context) error{},
		rooms:   map[chat.RoomID]*room{},
		users:   map[chat.UserID]*account{},
		session: map[chat.SessionID]*session{},
		tickets: map[chat.TokenHash]ticket{},
	}
}

// Hook calls f at the start of every call of the named method ("Append",
// "Since", …), in place of an earlier hook; nil takes the hook away. The method
// fails with what f returns. It waits while f does, and holds no lock meanwhile.
func (m *Memory) Hook(method string, f func(context.Context) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f == nil {
		delete(m.hooks, method)
		return
	}
	m.hooks[method] = f
}

// Fail makes the named method fail with err from now on; nil ends that.
func (m *Memory) Fail(method string, err error) {
	if err == nil {
		m.Hook(method, nil)
		return
	}
	m.Hook(method, func(context.Context) error { return err })
}

// enter runs the method's hook and takes the lock, which the caller releases
// unless enter failed.
func (m *Memory) enter(ctx context.Context, method string) error {
	m.mu.Lock()
	hook := m.hooks[method]
	if hook != nil {
		m.mu.Unlock()
		if err := hook(ctx); err != nil {
			return err
		}
		m.mu.Lock()
	}
	return nil
}
