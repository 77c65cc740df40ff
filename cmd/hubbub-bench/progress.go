package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// progress writes one line per second while a run goes on: over the last one on
// a terminal, below it elsewhere.
type progress struct {
	b    *bench
	line liveLine
	done chan struct{}
	wg   sync.WaitGroup
	once sync.Once

	mu    sync.Mutex
	phase string
	sent  int64
	read  int64
	at    time.Duration
}

// startProgress starts the lines; stop ends them.
func startProgress(b *bench, w io.Writer) *progress {
	p := &progress{b: b, line: newLiveLine(w), done: make(chan struct{}), phase: "sending", at: b.now()}
	p.wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.show()
			case <-p.done:
				return
			}
		}
	})
	return p
}

// say names what the run does now.
func (p *progress) say(phase string) {
	p.mu.Lock()
	p.phase = phase
	p.mu.Unlock()
}

// stop ends the lines; it may be called again.
func (p *progress) stop() {
	p.once.Do(func() {
		close(p.done)
		p.wg.Wait()
		p.line.clear()
	})
}

func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	var t tally
	lag, doubt := uint64(0), 0
	for _, rm := range p.b.rooms {
		s := rm.check.state()
		t.add(s.tally)
		lag, doubt = max(lag, s.lag), doubt+s.doubt
	}
	now, sent, read := p.b.now(), p.b.sent.Load(), p.b.events.Load()
	per := max(now-p.at, time.Millisecond).Seconds()
	line := fmt.Sprintf("%3.0f s %s: sent %d (%.0f/s) acked %d in doubt %d, read %d (%.0f/s) lag %d;",
		now.Seconds(), p.phase, sent, float64(sent-p.sent)/per, p.b.acked.Load(), doubt, read, float64(read-p.read)/per, lag)
	for k, n := range t {
		line += fmt.Sprintf(" %s %d", kind(k), n)
	}
	p.sent, p.read, p.at = sent, read, now
	p.line.write(line)
}

// liveLine is a line that tells how something goes: it is written over on a
// terminal, and a new one each time elsewhere.
type liveLine struct {
	w        io.Writer
	terminal bool
}

func newLiveLine(w io.Writer) liveLine { return liveLine{w, isTerminal(w)} }

func (l liveLine) write(line string) {
	if l.terminal {
		fmt.Fprintf(l.w, "\r\x1b[2K%s", line)
		return
	}
	fmt.Fprintln(l.w, line)
}

// clear takes the line away.
func (l liveLine) clear() {
	if l.terminal {
		fmt.Fprint(l.w, "\r\x1b[2K")
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
