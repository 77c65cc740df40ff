package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// diskFree is how much the database may grow before it is cut short.
const diskFree = 64 << 20

func diskFaults() []fault {
	var disk string
	return []fault{{
		name:  "disk of the database full",
		fleet: fleetOptions{OwnSQL: true},
		load: func(a *attack) {
			disk = a.smallDisk()
			// So large that the tables have to grow.
			a.load.Payload, a.load.Grace = 8000, time.Minute
		},
		strike: func(a *attack) {
			db := a.sql.Admin(a.t)
			p := a.people(60)
			a.wait(time.Second)
			full := filepath.Join(disk, "full")
			f, err := os.Create(full)
			if err != nil {
				a.t.Fatal(err)
			}
			defer f.Close()
			if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
				a.t.Fatalf("fill the disk: %v", err)
			}
			a.until(20*time.Second, "a send is refused", func() bool {
				p.mu.Lock()
				defer p.mu.Unlock()
				return p.answers["unavailable"] > 0
			})
			time.Sleep(a.lasts(2*time.Second, 15*time.Second))
			stored := a.events(db)
			if err := os.Remove(full); err != nil {
				a.t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				a.t.Fatal(err)
			}
			a.recovered(sqlBack, "events are stored again", func() bool { return a.events(db) > stored+100 })
			p.leave(sqlAnswer, sqlGoroutines, "unavailable", "unknown_outcome", "rate_limited")
		},
		proof: func(a *attack, r *Report) string {
			if a.note["unavailable"] == 0 || r.Refusals["unavailable"] == 0 {
				return fmt.Sprintf("%v requests and %d frames were refused", a.note["unavailable"], r.Refusals["unavailable"])
			}
			return ""
		},
	}}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// smallDisk moves the data of the fleet's own mariadbd, which is stopped for
// that, to a small tmpfs. Where mounting is not allowed the fault is not run.
func (a *attack) smallDisk() (dir string) {
	a.t.Helper()
	if err := a.sql.Admin(a.t).QueryRowContext(a.t.Context(), "SELECT @@datadir").Scan(&dir); err != nil {
		a.t.Fatal(err)
	}
	dir = filepath.Clean(dir)
	run := func(name string, args ...string) (string, error) {
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
		}
		return string(out), err
	}
	out, err := run("du", "-s", "-k", dir)
	if err != nil {
		a.t.Fatal(err)
	}
	kb, err := strconv.Atoi(strings.Fields(out)[0])
	if err != nil {
		a.t.Fatal(err)
	}
	disk := filepath.Join(filepath.Dir(dir), "small")
	if err := os.Mkdir(disk, 0o700); err != nil {
		a.t.Fatal(err)
	}
	if _, err := run("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dk", kb*11/10+diskFree>>10), "hubbub-test", disk); err != nil {
		a.cannot = err.Error()
		return ""
	}
	a.t.Cleanup(func() {
		// It may be in use still; it is gone once it is not.
		if _, err := run("umount", "-l", disk); err != nil {
			a.t.Error(err)
		}
	})
	a.sql.Stop(a.t)
	data := filepath.Join(disk, "data")
	for _, step := range [][]string{{"cp", "-a", "--sparse=never", dir, data}, {"rm", "-r", dir}, {"ln", "-s", data, dir}} {
		if _, err := run(step[0], step[1:]...); err != nil {
			a.t.Fatal(err)
		}
	}
	a.sql.Start(a.t)
	a.awaitReady()
	return disk
}
