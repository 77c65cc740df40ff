//go:build !linux

package testenv

import (
	"errors"
	"syscall"
)

// dieWithParent does nothing here: a killed test binary leaves its servers.
func dieWithParent() *syscall.SysProcAttr { return nil }

// stopped cannot be known here; the signal takes its moment.
func stopped(int) bool { return true }

func ownNetwork() (*syscall.SysProcAttr, error) {
	return nil, errors.New("only Linux has them")
}

func loopbackUp() error { return errors.New("only Linux has such networks") }
