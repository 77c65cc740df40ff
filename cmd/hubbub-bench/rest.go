package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// rest calls the REST API of any of the nodes. Any goroutine may use it.
type rest struct {
	nodes   []string
	http    *http.Client
	limited atomic.Int64 // answers with 429
	status  statusCount  // answers from 500 on
}

const (
	// restTime is how long a call may take; the server gives a command 15 s.
	restTime = 20 * time.Second
	maxBody  = 32 << 20 // bytes of an answer: a page of the longest messages has some 13 MB
)

func newREST(nodes []string) *rest {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = maxREST
	return &rest{nodes: nodes, http: &http.Client{Transport: t, Timeout: restTime}}
}

func (r *rest) close() { r.http.CloseIdleConnections() }

// problem is an answer that refuses (RFC 9457).
type problem struct {
	Status     int
	Code       string `json:"code"`
	Detail     string `json:"detail"`
	RetryAfter time.Duration
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail) }

// temporary tells refusals that may pass: too fast, not ready, broken.
func (p *problem) temporary() bool { return p.Status == http.StatusTooManyRequests || p.Status >= 500 }

// call makes one attempt at one node. An error that is no *problem means that
// there was no answer.
func (r *rest) call(ctx context.Context, node int, method, path, token string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.nodes[node%len(r.nodes)]+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode >= 400 {
		return r.refusal(resp, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

func (r *rest) refusal(resp *http.Response, answer []byte) error {
	p := &problem{}
	if json.Unmarshal(answer, p) != nil || p.Code == "" { // not from hubbub: a balancer's own page
		p = &problem{Code: "http", Detail: http.StatusText(resp.StatusCode)}
	}
	p.Status, p.RetryAfter = resp.StatusCode, retryAfter(resp.Header)
	if p.Status == http.StatusTooManyRequests {
		r.limited.Add(1)
	}
	if p.Status >= 500 {
		r.status.add(strconv.Itoa(p.Status))
	}
	return p
}

func retryAfter(h http.Header) time.Duration {
	s, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || s < 0 {
		return 0
	}
	return time.Duration(s) * time.Second
}

// insist calls until there is an answer that is not temporary, at one node
// after the other. For calls that may be made twice.
func (r *rest) insist(ctx context.Context, node int, method, path, token string, in, out any) error {
	for try := 0; ; try++ {
		err := r.call(ctx, node+try, method, path, token, in, out)
		var p *problem
		if err == nil || errors.As(err, &p) && !p.temporary() {
			return err
		}
		wait := backoff(rand.Float64(), try)
		if p != nil {
			wait = max(wait, p.RetryAfter)
		}
		if !sleep(ctx, wait) {
			return err
		}
	}
}

// Delays of the protocol: full jitter, at most doubling from the first.
const (
	backoffFirst = 500 * time.Millisecond
	backoffMost  = 10 * time.Second
	restartMost  = 1500 * time.Millisecond // after a close with 1012, while the server restarts
)

// backoff gives the wait before retry number try, 0 being the first; random is
// from 0 to 1.
func backoff(random float64, try int) time.Duration {
	return time.Duration(random * float64(min(backoffMost, backoffFirst<<min(try, 10))))
}

// sleep waits; false means that ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
