package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// load is one run of a load.
type load struct {
	o     loadOptions
	start time.Time
	proc  procfs
	line  liveLine
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
	nodes, err := l.nodeCrowd(ctx)
	if err != nil {
		return LoadReport{}, err
	}
	defer nodes.close()
	crowds := []*crowd{nodes}
	if o.Floor {
		start := startFloor
		if o.startFloor != nil {
			start = o.startFloor
		}
		child, err := start()
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
	r := l.newReport(nodes)
	for run := range o.Runs {
		for _, c := range crowds {
			ph, err := l.talk(ctx, c, pace{run: run + 1, rate: o.Rate, warm: o.Warm, duration: o.Duration})
			if err != nil {
				return r, err
			}
			r.Phases = append(r.Phases, ph)
		}
	}
	r.judge(crowds)
	return r, nil
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
	made, cancel := context.WithTimeout(ctx, setupTime)
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
	l.say("connecting %d clients to %s", len(users), target)
	if err := c.connect(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// floorChild is a floor that runs.
type floorChild struct {
	url  string
	pid  int
	stop func()
}

// floorCommand is the argument with which this program is the floor.
const floorCommand = "floor"

// startFloor starts the floor in a process of its own, so that its cost can be
// told. It ends when this process does.
func startFloor() (*floorChild, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, floorCommand)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() {
		_ = in.Close() // it ends by that
		_ = cmd.Wait() // it has nothing to tell
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return nil, errors.New("it did not say where it is")
	}
	return &floorChild{strings.TrimSpace(line), cmd.Process.Pid, stop}, nil
}
