package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"hubbub/chat"
)

// modelConn is a connection whose far end looks at what has come whenever it
// likes, and never waits.
type modelConn struct {
	in   chan []byte
	gone chan struct{}
	once sync.Once

	mu      sync.Mutex
	out     [][]byte
	fault   func([]byte) error // of a frame's Write; nil: none
	stalled chan struct{}      // not nil: Write waits until it is closed
}

var (
	_ chat.Conn = (*modelConn)(nil)

	errHungUp = errors.New("hung up")
)

func newModelConn() *modelConn {
	return &modelConn{in: make(chan []byte, 100), gone: make(chan struct{})}
}

// say sends a command.
func (c *modelConn) say(f cmd) {
	b, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	select {
	case c.in <- b:
	case <-c.gone:
	}
}

// heard gives what came since the last time.
func (c *modelConn) heard() (frames [][]byte, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	frames, c.out = c.out, nil
	select {
	case <-c.gone:
		gone = true
	default:
	}
	return frames, gone
}

func (c *modelConn) stall(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case on && c.stalled == nil:
		c.stalled = make(chan struct{})
	case !on && c.stalled != nil:
		close(c.stalled)
		c.stalled = nil
	}
}

func (c *modelConn) Wait() error { return nil }

func (c *modelConn) Read(ctx context.Context) ([]byte, error) {
	select {
	case b := <-c.in:
		return b, nil
	case <-c.gone:
		return nil, errHungUp
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TryWrite leaves the last frame to Write.
func (c *modelConn) TryWrite(frames [][]byte) ([][]byte, error) {
	c.mu.Lock()
	stalled := c.stalled
	c.mu.Unlock()
	if stalled != nil {
		return frames, nil
	}
	n := len(frames) - 1
	return frames[n:], c.put(frames[:n])
}

func (c *modelConn) Write(frames [][]byte) error {
	c.mu.Lock()
	stalled := c.stalled
	c.mu.Unlock()
	if stalled != nil {
		select {
		case <-stalled:
		case <-c.gone:
			return errHungUp
		}
	}
	return c.put(frames)
}

func (c *modelConn) put(frames [][]byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range frames {
		if len(f) == 0 {
			continue
		}
		if c.fault != nil {
			if err := c.fault(f); err != nil {
				return err
			}
		}
		c.out = append(c.out, append([]byte(nil), f...))
	}
	return nil
}

func (c *modelConn) Heard() time.Time        { return time.Now() }
func (c *modelConn) Close(int, string) error { return c.CloseNow() }
func (c *modelConn) CloseNow() error         { c.once.Do(func() { close(c.gone) }); return nil }
