package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// group is processes whose cost is told together: the nodes, Redis, the
// database, this program.
type group struct {
	name string
	pids []int
}

// Names of groups that mean something to a load.
const (
	groupNode      = "node"      // those under test
	groupFloor     = "floor"     // the server of --floor
	groupGenerator = "generator" // this program
)

// parseGroups reads "node=1,2 redis=3".
func parseGroups(text string) ([]group, error) {
	var list []group
	for word := range strings.FieldsSeq(text) {
		name, pids, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is not like node=123,456", word)
		}
		if name == groupFloor || name == groupGenerator || slices.ContainsFunc(list, func(g group) bool { return g.name == name }) {
			return nil, fmt.Errorf("%q is there already", name)
		}
		g := group{name: name}
		for text := range strings.SplitSeq(pids, ",") {
			pid, err := strconv.Atoi(text)
			if err != nil || pid < 1 {
				return nil, fmt.Errorf("%q is not the id of a process", text)
			}
			g.pids = append(g.pids, pid)
		}
		list = append(list, g)
	}
	return list, nil
}

// procfs is where the kernel tells of processes: /proc, or a test's own.
type procfs string

// ticksPerSecond is the unit of processor times there, the same on every Linux.
const ticksPerSecond = 100

// cpu is the processor time that a process has used, in user space and in the
// kernel, with all its threads. What the kernel does for its sockets when
// nobody's system call is running (soft interrupts) is in nobody's.
func (p procfs) cpu(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(p.path(pid, "stat"))
	if err != nil {
		return 0, err
	}
	// The name stands in parentheses and may have any characters.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s: %d fields", p.path(pid, "stat"), len(fields))
	}
	user, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	kernel, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+kernel) * time.Second / ticksPerSecond, errors.Join(err1, err2)
}

// rss is the memory that a process has resident, in KiB.
func (p procfs) rss(pid int) (int64, error) {
	return p.line(p.path(pid, "status"), "VmRSS:", 0)
}

// Kernel is memory outside the processes, of the whole machine.
type Kernel struct {
	TCP     int64 `json:"tcp_sockets"`      // in use, both ends
	TCPKiB  int64 `json:"tcp_buffers_kib"`  // what their buffers take now
	SlabKiB int64 `json:"kernel_slabs_kib"` // objects of the kernel that cannot be given back, sockets among them
}

func (p procfs) kernel() (k Kernel, err error) {
	var pages int64
	var errs [3]error
	sockstat := filepath.Join(string(p), "net", "sockstat")
	k.TCP, errs[0] = p.line(sockstat, "TCP:", 1)
	pages, errs[1] = p.line(sockstat, "TCP:", 9)
	k.TCPKiB = pages * int64(os.Getpagesize()) / 1024
	k.SlabKiB, errs[2] = p.line(filepath.Join(string(p), "meminfo"), "SUnreclaim:", 0)
	return k, errors.Join(errs[:]...)
}

func (p procfs) path(pid int, name string) string {
	return filepath.Join(string(p), strconv.Itoa(pid), name)
}

// line reads one number of the line with a title.
func (p procfs) line(path, title string, field int) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, title)
		if fields := strings.Fields(rest); ok && field < len(fields) {
			return strconv.ParseInt(fields[field], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, title)
}

// spent is what groups had used at an instant.
type spent struct {
	at     time.Duration
	cpu    []time.Duration // by group
	rss    []int64         // KiB
	kernel Kernel
}

// spentBy asks for all groups at once.
func (p procfs) spentBy(groups []group, at time.Duration) (s spent, err error) {
	s.at = at
	for _, g := range groups {
		var cpu time.Duration
		var rss int64
		for _, pid := range g.pids {
			c, err := p.cpu(pid)
			if err != nil {
				return s, fmt.Errorf("process %d of %s: %w", pid, g.name, err)
			}
			r, err := p.rss(pid)
			if err != nil {
				return s, fmt.Errorf("process %d of %s: %w", pid, g.name, err)
			}
			cpu, rss = cpu+c, rss+r
		}
		s.cpu, s.rss = append(s.cpu, cpu), append(s.rss, rss)
	}
	s.kernel, err = p.kernel()
	return s, err
}

// Cost is what a group used in a part of a run.
type Cost struct {
	Group   string  `json:"group"`
	CPU     float64 `json:"cpu_s"`
	Cores   float64 `json:"cores"`       // processors busy, on average
	PerUnit float64 `json:"cpu_us_unit"` // processor microseconds per unit of work, 0 without any
	RSSKiB  int64   `json:"rss_kib"`     // at the end
}

// costs compares two instants between which so many units of work were done.
func costs(groups []group, from, to spent, units int64) []Cost {
	list := make([]Cost, len(groups))
	for i, g := range groups {
		cpu := (to.cpu[i] - from.cpu[i]).Seconds()
		list[i] = Cost{Group: g.name, CPU: cpu, Cores: cpu / max((to.at-from.at).Seconds(), 1e-9), RSSKiB: to.rss[i]}
		if units > 0 {
			list[i].PerUnit = cpu * 1e6 / float64(units)
		}
	}
	return list
}
