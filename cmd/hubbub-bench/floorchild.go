package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strings"
)

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
func (l *load) startFloor() (*floorChild, error) {
	if l.o.startFloor != nil {
		return l.o.startFloor()
	}
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
