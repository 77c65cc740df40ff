package testenv_test

import (
	"errors"
	"strings"
	"testing"

	"hubbub/internal/testenv"
)

func TestProgram(t *testing.T) {
	shell := testenv.Find(t, "sh", "dash")
	var p *testenv.Program
	said := func(word string) error {
		if !strings.Contains(p.Log(), word) {
			return errors.New(word + " is not said yet")
		}
		return nil
	}
	path := "PATH=/usr/bin:/bin"
	word := "first"
	p = testenv.NewProgram(t, "a shell", shell, testenv.FreePort(t), func() error { return said(word) })
	p.Set([]string{"-c", "echo $WORD $HOME.; exec sleep 60"}, []string{"WORD=first", path})
	p.Start(t)
	if p.Ended() || p.Pid() == 0 || !strings.Contains(p.Log(), "first .") {
		t.Errorf("ended %v, pid %d, said %q; want it to run, with no variable of ours", p.Ended(), p.Pid(), p.Log())
	}
	p.Kill(t)
	if p.Ended() || p.Pid() != 0 {
		t.Errorf("killed: ended %v by itself, pid %d", p.Ended(), p.Pid())
	}
	word = "second"
	p.Set([]string{"-c", "echo $WORD; exec sleep 0.1"}, []string{"WORD=second", path})
	p.Start(t)
	until(t, "it has ended by itself", p.Ended)
	if err := said("first"); err != nil {
		t.Error("the log of its first life is gone")
	}
}
