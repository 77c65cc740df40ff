package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// load is one run of a load.
type load struct {
	o     loadOptions
	start time.Time
	proc  procfs
	line  liveLine
	base  spent // of the groups, before anything was made
}

// now is the time since the run began.
func (l *load) now() time.Duration { return time.Since(l.start) }

// say shows how it goes.
func (l *load) say(format string, args ...any) {
	l.line.write(fmt.Sprintf("%4.0f s ", l.now().Seconds()) + fmt.Sprintf(format, args...))
}

// runLoad carries out a whole load. When ctx ends it stops and reports what it
// has. An error means that it could not be measured.
func runLoad(ctx context.Context, o loadOptions, progress io.Writer) (LoadReport, error) {
	l := &load{o: o, start: time.Now(), proc: "/proc", line: newLiveLine(progress)}
	defer l.line.clear()
	var err error
	if l.base, err = l.proc.spentBy(o.Groups, 0); err != nil {
		return LoadReport{}, err
	}
	nodes, err := l.nodeCrowd(ctx)
	if err != nil {
		return LoadReport{}, err
	}
	defer nodes.close()
	crowds := []*crowd{nodes}
	if o.Floor {
		child, err := l.startFloor()
		if err != nil {
			return LoadReport{}, fmt.Errorf("start the floor: %w", err)
		}
		defer child.stop()
		floor, err := l.floorCrowd(ctx, child)
		if err != nil {
			return LoadReport{}, err
		}
		defer floor.close()
		crowds = []*crowd{floor, nodes}
	}
	if err := nodes.checkLimits(); err != nil {
		return LoadReport{}, err
	}
	phases, err := l.phases(ctx, crowds)
	if err != nil {
		return LoadReport{}, err
	}
	var s *Saturation
	if o.Ramp && ctx.Err() == nil {
		if s, err = l.ramp(ctx, nodes); err != nil && ctx.Err() == nil {
			return LoadReport{}, err
		}
	}
	// Those who were thrown out come back to what they missed, so that it is
	// judged, too.
	if err := nodes.connect(context.WithoutCancel(ctx)); err != nil {
		return LoadReport{}, err
	}
	r := l.newReport(nodes)
	r.Phases, r.Saturation = phases, s
	r.judge(crowds)
	return r, nil
}

// phases measures as often as is asked for, until ctx ends.
func (l *load) phases(ctx context.Context, crowds []*crowd) (list []Phase, err error) {
	for run := range l.o.Runs {
		for _, c := range crowds {
			ph, err := l.phase(ctx, c, run+1)
			switch {
			case err == nil:
				list = append(list, ph)
			case ctx.Err() == nil:
				return nil, err
			}
			if ctx.Err() != nil {
				return list, nil
			}
		}
	}
	return list, nil
}

// phase measures once what the scenario is about.
func (l *load) phase(ctx context.Context, c *crowd, run int) (Phase, error) {
	p := pace{run: run, rate: l.o.Rate, warm: l.o.Warm, duration: l.o.Duration}
	switch l.o.Scene {
	case sceneIdle:
		return l.idle(ctx, c, run)
	case sceneHistory:
		return l.pages(ctx, c, p)
	case sceneResume:
		return l.resume(ctx, c, run)
	case sceneStorm:
		return l.storm(ctx, c, run)
	}
	return l.talk(ctx, c, p)
}

// groupsOf are the processes whose cost belongs to a target.
func (l *load) groupsOf(c *crowd) []group {
	return append(append([]group{}, c.groups...), group{groupGenerator, []int{os.Getpid()}})
}

// nodeCrowd makes the users and rooms of the run, and connects them.
func (l *load) nodeCrowd(ctx context.Context) (*crowd, error) {
	rest := newREST(l.o.Nodes)
	defer rest.close()
	m := newMint(strings.ToLower(rand.Text()[:8]), l.o.Payload, l.o.Seed)
	l.say("making %d users and %d rooms", l.o.Clients, l.o.Rooms)
	made, cancel := context.WithTimeout(ctx, l.o.setupTime())
	defer cancel()
	users, err := makeAccounts(made, rest, m.run, l.o.options)
	if err == nil {
		var rooms []string
		if rooms, err = makeRooms(made, rest, m.run, l.o.options, users); err == nil {
			return l.gather(ctx, "nodes", l.o.Nodes, l.o.Groups, m, users, rooms)
		}
	}
	if rest.limited.Load() > 0 {
		err = fmt.Errorf("%w; %s", err, limitsHint)
	}
	return nil, err
}

// floorCrowd is the same number of clients of the floor.
func (l *load) floorCrowd(ctx context.Context, child *floorChild) (*crowd, error) {
	m := newMint(strings.ToLower(rand.Text()[:8]), l.o.Payload, l.o.Seed)
	users, rooms := make([]account, l.o.Clients), make([]string, l.o.Rooms)
	for i := range users {
		users[i].token = rand.Text()
		users[i].user.ID = users[i].token
	}
	for i := range rooms {
		rooms[i] = rand.Text()
	}
	return l.gather(ctx, groupFloor, []string{child.url}, []group{{groupFloor, []int{child.pid}}}, m, users, rooms)
}

func (l *load) gather(ctx context.Context, target string, nodes []string, groups []group, m *mint, users []account, rooms []string) (*crowd, error) {
	for _, u := range users {
		m.users = append(m.users, u.user.ID)
	}
	c, err := newCrowd(target, nodes, l.o, l.now, m, users, rooms)
	if err != nil {
		return nil, err
	}
	c.groups = groups
	if l.o.Scene == sceneIdle { // which measures that, too
		return c, nil
	}
	l.say("connecting %d clients to %s", len(users), target)
	if err := c.connect(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}
