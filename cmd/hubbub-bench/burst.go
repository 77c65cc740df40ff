package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// resume measures clients who are connected, missed events of their rooms and
// read them all at once.
func (l *load) resume(ctx context.Context, c *crowd, run int) (Phase, error) {
	if err := c.connect(ctx); err != nil {
		return Phase{}, err
	}
	readers := c.readers()
	for _, g := range readers {
		if err := g.sock.Load().write(g.leaves()); err != nil {
			return Phase{}, err
		}
	}
	if err := c.await(ctx, "could not leave their rooms", func() bool { return c.ready.Load() == int64(len(c.guests)-len(readers)) }); err != nil {
		return Phase{}, err
	}
	if err := l.fill(ctx, c, l.o.Events); err != nil {
		return Phase{}, err
	}
	return l.burst(ctx, c, run, "event", func(_ context.Context, due time.Duration) error {
		for _, g := range readers {
			g.due.Store(int64(due))
			if err := g.sock.Load().write(g.joins()); err != nil {
				return err
			}
		}
		return nil
	})
}

// storm measures clients whose connections all went away, who missed events,
// and all connect again at the same instant.
func (l *load) storm(ctx context.Context, c *crowd, run int) (Phase, error) {
	if err := c.connect(ctx); err != nil {
		return Phase{}, err
	}
	readers := c.readers()
	for _, g := range readers {
		g.hangUp()
	}
	if err := c.await(ctx, "did not hang up", func() bool { return c.ready.Load() == int64(len(c.guests)-len(readers)) }); err != nil {
		return Phase{}, err
	}
	if err := l.fill(ctx, c, l.o.Events); err != nil {
		return Phase{}, err
	}
	return l.burst(ctx, c, run, "connection", func(ctx context.Context, due time.Duration) error {
		g, ctx := errgroup.WithContext(ctx)
		for _, reader := range readers {
			reader.due.Store(int64(due))
			g.Go(func() error { return reader.insist(ctx) })
		}
		return g.Wait()
	})
}

// readers are those who follow a room; where there are readers, others write.
func (c *crowd) readers() []*guest {
	var list []*guest
	for _, g := range c.guests {
		if len(g.follows) > 0 {
			list = append(list, g)
		}
	}
	return list
}

// burst measures what begins at one instant, until everybody is back or the
// grace is over.
func (l *load) burst(ctx context.Context, c *crowd, run int, unit string, begin func(ctx context.Context, due time.Duration) error) (Phase, error) {
	ph := Phase{Target: c.target, Run: run, Unit: unit}
	sleep(ctx, quietTime) // so that the cost of what was missed is not in it
	m := newMeter()
	c.meter.Store(m)
	watch := l.watch(c, m, toBack, fmt.Sprintf("%s %d", c.target, run))
	defer watch.stop()
	before, err := l.instant(c, m)
	if err != nil {
		return ph, err
	}
	watch.begin()
	due := l.now()
	m.from.Store(int64(due))
	deadline, cancel := context.WithTimeout(ctx, c.o.Grace)
	defer cancel()
	late := begin(deadline, due)
	if late == nil {
		late = c.await(deadline, "were not back", func() bool { return c.ready.Load() == int64(len(c.guests)) })
	}
	after, err := l.instant(c, m)
	if err != nil {
		return ph, err
	}
	watch.stop()
	if unit == "connection" {
		ph.Figures = append(ph.Figures, Figure{"events read", float64(after.units - before.units), "events"})
		before.units, after.units = 0, int64(len(c.readers()))
	}
	l.finish(&ph, c, m, before, after, watch)
	if late != nil {
		ph.Served, ph.Unserved = false, late.Error()
	}
	return ph, nil
}

// fill has the writers of each room post so many messages as fast as they are
// stored, and waits for all acks.
func (l *load) fill(ctx context.Context, c *crowd, events int) error {
	m := newMeter()
	c.meter.Store(m)
	total := int64(events) * int64(len(c.rooms))
	var buf postBuffer
	last := l.now()
	for sent := int64(0); m.answered.Load() < total; {
		if m.refused.Load() > 0 || m.skipped.Load() > 0 {
			return fmt.Errorf("the rooms could not be filled: %d of %d acked, %v; %s", m.answered.Load(), total, c.refusals.all(), limitsHint)
		}
		for sent < total && m.open() < fillOpen {
			room := int(sent % int64(len(c.rooms)))
			writers := c.writers(room)
			c.post(m, writers[int(sent/int64(len(c.rooms)))%len(writers)], c.rooms[room], l.now(), &buf)
			sent++
		}
		if now := l.now(); now-last > time.Second {
			last = now
			l.say("filling: %d of %d messages acked", m.answered.Load(), total)
			if !c.writing() {
				return fmt.Errorf("writers lost their connections: %v", c.ends.all())
			}
		}
		if !sleepFine(ctx, time.Millisecond/2) {
			return ctx.Err()
		}
	}
	return nil
}

// fillOpen is how many messages wait for their ack while a room is filled; a
// node takes 1024 of one room.
const fillOpen = 512

// writing tells whether all writers are connected.
func (c *crowd) writing() bool {
	for i := range c.rooms {
		if slices.ContainsFunc(c.writers(i), func(g *guest) bool { return !g.connected() }) {
			return false
		}
	}
	return true
}
