package testenv

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
)

// ErrNoNetwork means that this system gives processes no networks of their own.
var ErrNoNetwork = errors.New("testenv: no network of one's own here")

// RunApart runs a command in a network of its own, as root of it, and waits for
// its end; it dies with this process. There is nothing in that network but a
// loopback device, which is down until the command calls LoopbackUp. The error
// wraps ErrNoNetwork when the system refuses.
func RunApart(cmd *exec.Cmd) error {
	// The parent-death signal comes when this thread ends; see own.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attr, err := ownNetwork()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoNetwork, err)
	}
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoNetwork, err)
	}
	return cmd.Wait()
}

// LoopbackUp makes 127.0.0.0/8 reachable in a network that RunApart made.
func LoopbackUp() error {
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("%w: loopback: %w", ErrNoNetwork, err)
	}
	return nil
}
