package main

import (
	"maps"
	"sync"
)

// statusCount counts by name: close codes, error codes, statuses. The zero
// value is ready; any goroutine may use it.
type statusCount struct {
	mu sync.Mutex
	m  map[string]int64
}

// maxNames bounds the names of one count: a server may invent codes.
const maxNames = 64

func (c *statusCount) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = make(map[string]int64)
	}
	if _, known := c.m[name]; !known && len(c.m) >= maxNames {
		name = "others"
	}
	c.m[name]++
}

func (c *statusCount) all() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]int64, len(c.m))
	maps.Copy(out, c.m)
	return out
}
