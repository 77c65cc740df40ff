package chattest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"hubbub/chat"
)

// patience is how long a client waits for a frame that has to come.
const patience = 20 * time.Second

// Pipe is a connection without a network: the session holds it as its
// chat.Conn, the test speaks through its [Client].
type Pipe struct {
	in   chan []byte // to the session
	out  chan []byte // to the client
	gone chan struct{}

	mu     sync.Mutex
	once   sync.Once
	code   int
	reason string
	heard  time.Time
	stall  chan struct{} // not nil: Write waits until it is closed
	most   int           // bytes of the largest Write
}

// Client is the far end of a [Pipe] in the JSON format. One goroutine uses it.
type Client struct {
	t    testing.TB
	pipe *Pipe
	name string
}

// NewPipe makes a connected pair.
func NewPipe(t testing.TB, name string) (*Pipe, *Client) {
	p := &Pipe{
		in: make(chan []byte, 16), out: make(chan []byte, 4096), gone: make(chan struct{}), heard: time.Now(),
	}
	return p, &Client{t: t, pipe: p, name: name}
}

var errPipeClosed = errors.New("chattest: pipe closed")

// Wait leaves the waiting to Read.
func (p *Pipe) Wait() error { return nil }

// Read gives what the client sent.
func (p *Pipe) Read(ctx context.Context) ([]byte, error) {
	select {
	case b := <-p.in:
		p.mu.Lock()
		p.heard = time.Now()
		p.mu.Unlock()
		return b, nil
	case <-p.gone:
		return nil, errPipeClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TryWrite hands the first half of the frames over if nobody has to wait for
// that, so that both ways to write are gone.
func (p *Pipe) TryWrite(frames [][]byte) ([][]byte, error) {
	p.mu.Lock()
	stalled := p.stall != nil
	p.mu.Unlock()
	n := (len(frames) + 1) / 2
	if stalled || len(p.out)+n > cap(p.out) {
		return frames, nil
	}
	return frames[n:], p.put(frames[:n])
}

// Write hands frames to the client; while it is stalled, as to a peer that
// does not read. Pings are answered by no one.
func (p *Pipe) Write(frames [][]byte) error {
	size := 0
	for _, f := range frames {
		size += len(f)
	}
	p.mu.Lock()
	stall := p.stall
	p.most = max(p.most, size)
	p.mu.Unlock()
	if stall != nil {
		select {
		case <-stall:
		case <-p.gone:
			return errPipeClosed
		}
	}
	return p.put(frames)
}

func (p *Pipe) put(frames [][]byte) error {
	for _, f := range frames {
		if len(f) == 0 {
			continue
		}
		select {
		case p.out <- append([]byte(nil), f...):
		case <-p.gone:
			return errPipeClosed
		}
	}
	return nil
}

// Heard is when the client last sent something.
func (p *Pipe) Heard() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard
}

// Close notes the code and ends the pipe.
func (p *Pipe) Close(code int, reason string) error {
	p.mu.Lock()
	if p.code == 0 {
		p.code, p.reason = code, reason
	}
	p.mu.Unlock()
	return p.CloseNow()
}

// CloseNow ends the pipe.
func (p *Pipe) CloseNow() error {
	p.once.Do(func() { close(p.gone) })
	return nil
}

var _ chat.Conn = (*Pipe)(nil)

// Frame is a frame from the server, as a client reads it.
type Frame map[string]any

// Type is the frame's type.
func (f Frame) Type() string { s, _ := f["type"].(string); return s }

// Str gives a text field, "" when absent.
func (f Frame) Str(name string) string { s, _ := f[name].(string); return s }

// Num gives a number field, 0 when absent.
func (f Frame) Num(name string) uint64 { n, _ := f[name].(float64); return uint64(n) }

// Send sends a command: a value that marshals to the frame, or raw bytes.
func (c *Client) Send(cmd any) {
	c.t.Helper()
	b, raw := cmd.([]byte)
	if !raw {
		var err error
		if b, err = json.Marshal(cmd); err != nil {
			c.t.Fatal(err)
		}
	}
	select {
	case c.pipe.in <- b:
	case <-c.pipe.gone:
	case <-time.After(patience):
		c.t.Fatalf("%s: the session does not read", c.name)
	}
}

// Next gives the next frame; false when the connection has ended. Left out are
// heartbeats, and "membership", which comes when it comes.
func (c *Client) Next() (Frame, bool) {
	c.t.Helper()
	for {
		if f, ok := c.next(); !ok || f.Type() != "membership" {
			return f, ok
		}
	}
}

func (c *Client) next() (Frame, bool) {
	c.t.Helper()
	for {
		var b []byte
		select {
		case b = <-c.pipe.out:
		default:
			select {
			case b = <-c.pipe.out:
			case <-c.pipe.gone:
				select {
				case b = <-c.pipe.out:
				default:
					return nil, false
				}
			case <-time.After(patience):
				c.t.Fatalf("%s: no frame came", c.name)
			}
		}
		var f Frame
		if err := json.Unmarshal(b, &f); err != nil {
			c.t.Fatalf("%s: frame %q: %v", c.name, b, err)
		}
		if f.Type() != "ping" {
			return f, true
		}
	}
}

// Expect gives the next frame of a type and fails on any that stands before it
// and is not one of the types to skip.
func (c *Client) Expect(typ string, skip ...string) Frame {
	c.t.Helper()
	skip = append(skip, "membership")
	for {
		f, ok := c.next()
		if !ok {
			code, reason := c.Closed()
			c.t.Fatalf("%s: closed with %d %q while waiting for %q", c.name, code, reason, typ)
		}
		if f.Type() == typ {
			return f
		}
		skipped := false
		for _, s := range skip {
			skipped = skipped || f.Type() == s || s == "*"
		}
		if !skipped {
			c.t.Fatalf("%s: want %q, got %v", c.name, typ, f)
		}
	}
}

// Closed waits for the end and gives the close code, 0 when there was none.
func (c *Client) Closed() (code int, reason string) {
	c.t.Helper()
	select {
	case <-c.pipe.gone:
	case <-time.After(patience):
		c.t.Fatalf("%s: not closed", c.name)
	}
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	return c.pipe.code, c.pipe.reason
}

// LargestWrite is how many bytes the session wrote at once, at most.
func (c *Client) LargestWrite() int {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	return c.pipe.most
}

// Stall lets the client read no more until the returned function is called.
func (c *Client) Stall() (resume func()) {
	stall := make(chan struct{})
	c.pipe.mu.Lock()
	c.pipe.stall = stall
	c.pipe.mu.Unlock()
	return func() {
		c.pipe.mu.Lock()
		c.pipe.stall = nil
		c.pipe.mu.Unlock()
		close(stall)
	}
}

// Leave closes the connection from the client's side.
func (c *Client) Leave() { c.pipe.CloseNow() }
