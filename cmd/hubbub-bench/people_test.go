package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// people are requests beside what verify sends, at a steady rate whatever the
// nodes do: half of them read, half of them post. They show whether answers
// come in bounded time while a part is away, and whether the nodes bound what
// waits for it.
type people struct {
	a    *attack
	rest *rest
	acct account
	room string
	stop chan struct{}
	once sync.Once
	wg   sync.WaitGroup

	mu        sync.Mutex
	answers   map[string]int // by code of the refusal; "" for success
	longest   time.Duration
	undelayed int     // refusals without a delay
	most      float64 // goroutines of one node
	before    float64
	logged    int // lines in the nodes' logs at first
}

// maxLines is how many lines all nodes may log during a fault: there may be one
// for each COMMIT whose outcome is looked up, and for each room that cannot be
// read.
const maxLines = 150

// logLines is how many lines the nodes have logged, but for those of calls,
// which each have one whatever becomes of them.
func (f *fleet) logLines() (n int) {
	for _, node := range f.nodes {
		log := node.Log()
		n += strings.Count(log, "\n") - strings.Count(log, `"msg":"request"`) - strings.Count(log, `"msg":"sign-in check failed"`)
	}
	return n
}

// people come until go is called. It is the number of requests a second.
func (a *attack) people(rate int) *people {
	acct := a.guest(a.nodes[0], "somebody")
	p := &people{
		a: a, rest: newREST(a.urls()), acct: acct, room: a.room(a.nodes[0], acct),
		stop: make(chan struct{}), answers: make(map[string]int), before: a.goroutines(), logged: a.logLines(),
	}
	a.t.Cleanup(p.end)
	p.wg.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-p.stop:
				return
			case <-tick.C:
			}
			p.wg.Go(func() { p.ask(i) })
		}
	})
	p.wg.Go(func() {
		for {
			select {
			case <-p.stop:
				return
			case <-time.After(100 * time.Millisecond):
				n := a.goroutines()
				p.mu.Lock()
				p.most = max(p.most, n)
				p.mu.Unlock()
			}
		}
	})
	return p
}

// goroutines is the largest number of them in one node.
func (f *fleet) goroutines() (most float64) {
	for _, n := range f.nodes {
		most = max(most, n.metric("go_goroutines"))
	}
	return most
}

func (p *people) ask(i int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	method, path, in := http.MethodGet, "/v1/rooms?scope=mine", any(nil)
	if i%2 == 0 {
		method, path = http.MethodPost, "/v1/rooms/"+p.room+"/messages"
		in = map[string]string{"client_id": fmt.Sprint("p-", i), "text": "hello"}
	}
	start := time.Now()
	err := p.rest.call(ctx, i, method, path, p.acct.token, in, nil)
	took := time.Since(start)
	p.mu.Lock()
	defer p.mu.Unlock()
	code := ""
	if refusal := (*problem)(nil); errors.As(err, &refusal) {
		code = refusal.Code
		p.undelayed += b2i(refusal.RetryAfter == 0)
	} else if err != nil {
		code = "no answer"
		p.a.t.Logf("%s: %v", method, err)
	}
	p.answers[code]++
	p.longest = max(p.longest, took)
}

// end ends the requests and waits for their answers.
func (p *people) end() {
	p.once.Do(func() { close(p.stop) })
	p.wg.Wait()
	p.rest.close()
}

// leave ends the requests and judges: each was answered, with success or with
// one of these codes and a delay, and none too late; a node never had more
// goroutines than that costs.
func (p *people) leave(within time.Duration, goroutines float64, codes ...string) {
	p.a.t.Helper()
	p.end()
	allowed := map[string]bool{"": true}
	for _, c := range codes {
		allowed[c] = true
	}
	for code, n := range p.answers {
		if !allowed[code] {
			p.a.errorf("%d requests were answered %q", n, code)
		}
	}
	if p.undelayed > 0 {
		p.a.errorf("%d refusals do not say when to come back", p.undelayed)
	}
	if p.longest > within {
		p.a.errorf("an answer took %v, want %v at most", p.longest, within)
	}
	if p.most > p.before+goroutines {
		p.a.errorf("a node had %v goroutines, %v before the fault; want %v more at most", p.most, p.before, goroutines)
	}
	p.a.note["goroutines_before"], p.a.note["goroutines"] = p.before, p.most
	p.a.note["log_lines"] = float64(p.a.logLines() - p.logged)
	// A state that changes is a line; a message or a request that fails is none.
	if lines := p.a.note["log_lines"]; lines > maxLines {
		p.a.errorf("the nodes logged %v lines while the fault lasted, want %d at most", lines, maxLines)
	}
	p.a.note["answer_s"] = p.longest.Seconds()
	for code, n := range p.answers {
		if code != "" {
			p.a.note[code] += float64(n)
		}
	}
}
