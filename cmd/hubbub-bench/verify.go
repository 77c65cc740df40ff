package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hubbub/chat/wire"
)

const (
	// setupTime bounds the making of users and rooms and the first joins.
	setupTime = 2 * time.Minute
	// quietTime is how long is waited for repeats once everything has arrived.
	quietTime = 500 * time.Millisecond
	// historyTime bounds the reading of all rooms' history.
	historyTime = 10 * time.Minute
	// logsParallel is how many rooms' history is read at the same time.
	logsParallel = 4
)

// limitsHint explains what most often is in the way.
const limitsHint = "the server limits requests: use fewer --clients, or start it with --rate-address off --rate-user off --rate-session off --rate-signup off for a large run"

// verify carries out a whole run. When ctx ends it stops sending and goes on to
// the verdict. An error means that there is none: the check itself failed. The
// lines about the progress go to progress, which may be io.Discard.
func verify(ctx context.Context, o options, progress io.Writer) (Report, error) {
	b := &bench{
		o: o, start: time.Now(), rest: newREST(o.Nodes), nodes: make(map[string]bool),
		times: newTimings(), reconnect: newLatency(), detect: newLatency(), recover: newLatency(), behindTime: newLatency(),
	}
	defer b.rest.close()
	b.mint = newMint(strings.ToLower(rand.Text()[:8]), o.Payload, o.Seed)
	clients, err := b.setUp(ctx, o)
	if err != nil {
		return Report{}, err
	}

	// The sockets outlive ctx: what was sent is judged.
	live, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	var sockets sync.WaitGroup
	defer sockets.Wait()
	defer hangUp()
	for _, c := range clients {
		sockets.Go(func() { c.run(live) })
	}
	if err := b.awaitReady(ctx, clients); err != nil {
		return Report{}, err
	}
	line := startProgress(b, progress)
	defer line.stop()

	b.sending.Store(true)
	began := b.now()
	graceful, over := context.WithCancel(live)
	defer over()
	sender := newRESTSender(graceful, b)
	b.schedule(ctx, sender)
	took := b.now() - began

	line.say("waiting for the last answers")
	deadline := b.now() + o.Grace
	b.awaitUntil(deadline, func() bool { return b.open.Load() == 0 })
	over()
	sender.wait()
	for _, c := range clients {
		for _, p := range c.out.abandon() {
			b.leave(p)
		}
	}
	line.say("waiting for the last readers")
	must, err := b.heads(live)
	if err != nil {
		return Report{}, err
	}
	b.awaitUntil(max(deadline, b.now()+o.Grace/3), func() bool { return b.allRead(must) })
	time.Sleep(quietTime)
	line.say("reading the history")
	if err := b.readHistory(live, must); err != nil {
		return Report{}, err
	}
	line.stop()
	return b.report(live, took), nil
}

// setUp makes the users, the rooms and the clients.
func (b *bench) setUp(ctx context.Context, o options) ([]*client, error) {
	ctx, cancel := context.WithTimeout(ctx, setupTime)
	defer cancel()
	fail := func(err error) error {
		if b.rest.limited.Load() > 0 {
			err = fmt.Errorf("%w; %s", err, limitsHint)
		}
		return err
	}
	users, err := makeAccounts(ctx, b.rest, b.mint.run, o)
	if err != nil {
		return nil, fail(err)
	}
	ids, err := makeRooms(ctx, b.rest, b.mint.run, o, users)
	if err != nil {
		return nil, fail(err)
	}
	clients := make([]*client, o.Clients)
	for i, u := range users {
		b.mint.users = append(b.mint.users, u.user.ID)
		clients[i] = &client{bench: b, index: i, acct: u, out: newOutbox(), byRoom: make(map[string]*seat), ready: make(chan struct{})}
	}
	for i, id := range ids {
		var names []string
		rm := room{id: id}
		for _, m := range o.members(i) {
			names = append(names, fmt.Sprintf("client %d", m))
			rm.members = append(rm.members, clients[m])
		}
		rm.check = newChecker(id, names, bounds{late: o.Late, healthy: o.P99}, b.times)
		b.rooms = append(b.rooms, rm)
		for who, c := range rm.members {
			s := &seat{room: i, id: id, who: who, check: rm.check}
			c.seats = append(c.seats, s)
			c.byRoom[id] = s
		}
	}
	return clients, nil
}

// awaitReady waits until every client reads all its rooms, and refuses a rate
// that the server's own limits forbid.
func (b *bench) awaitReady(ctx context.Context, clients []*client) error {
	over := time.After(setupTime)
	for i, c := range clients {
		select {
		case <-c.ready:
		case <-ctx.Done():
			return ctx.Err()
		case <-over:
			return fmt.Errorf("client %d could not join its rooms within %v (connections ended: %v, refused: %v); %s",
				i, setupTime, b.closes.all(), b.refusals.all(), limitsHint)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	each := b.o.Rate * (1 - b.o.REST) / float64(b.o.Clients)
	if l := b.limits; l != nil && l.RatePerS > 0 && each > 0.9*l.RatePerS {
		return fmt.Errorf("each client would send %.0f messages per second, the server takes %.0f: use more --clients, a lower --rate, or start it with --rate-session off --rate-user off",
			each, l.RatePerS)
	}
	return nil
}

// awaitUntil waits for a condition until a time.
func (b *bench) awaitUntil(deadline time.Duration, ok func() bool) {
	for !ok() && b.now() < deadline {
		time.Sleep(20 * time.Millisecond)
	}
}

// heads asks where each room's log stands.
func (b *bench) heads(ctx context.Context) ([]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, historyTime)
	defer cancel()
	must := make([]uint64, len(b.rooms))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(logsParallel)
	for i, rm := range b.rooms {
		g.Go(func() error {
			p, err := b.rest.logPage(ctx, i, rm.id, rm.members[0].acct.token, 0, 1)
			must[i] = p.Head
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("ask where the logs stand: %w", err)
	}
	return must, nil
}

func (b *bench) allRead(must []uint64) bool {
	for i, rm := range b.rooms {
		if !rm.check.allRead(must[i]) {
			return false
		}
	}
	return true
}

// readHistory holds every room's history against what was told of it.
func (b *bench) readHistory(ctx context.Context, must []uint64) error {
	ctx, cancel := context.WithTimeout(ctx, historyTime)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(logsParallel)
	for i, rm := range b.rooms {
		g.Go(func() error {
			err := b.rest.readLog(ctx, i, rm.id, rm.members[0].acct.token, func(f wire.EventFrame) {
				rm.check.history(b.mint.recognise(i, f))
			})
			if err == nil {
				rm.check.finish(must[i], b.now())
			}
			return err
		})
	}
	err := g.Wait()
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w; %s", err, limitsHint)
	}
	return err
}
