// Command hubbub runs one node of the chat: README.md says how to start it,
// node.go what it is made of.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		// The default is back before anything stops: a second signal ends the process.
		signal.Stop(signals)
		stop()
	}()
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "hubbub:", err)
		os.Exit(1)
	}
}

// heapFloor is memory that is asked for and never touched, so that it costs
// addresses alone. The collector counts it: the heap of a small node is then swept
// after tens of MiB of garbage rather than after every few, which is a tenth of the
// processor time of a look-up.
const heapFloor = 32 << 20

// run does what the command line asks for, until ctx ends.
func run(ctx context.Context, args, environ []string, out, logOut io.Writer) error {
	cfg, err := ParseConfig(args, environ, out)
	if err != nil {
		return err
	}
	switch cfg.Mode {
	case ModeDone:
		return nil
	case ModeHealthcheck:
		return healthcheck(ctx, cfg.HealthURL)
	}
	if cfg.Mode == ModeCommand {
		cfg.LogLevel = max(cfg.LogLevel, slog.LevelWarn) // it is the answer that counts
	}
	log := newLogger(cfg, logOut)
	takeRedisLog(log)
	if cfg.Mode == ModeCommand {
		return runCommand(ctx, cfg, log, out, logOut)
	}
	for _, note := range cfg.Notes() {
		log.Warn(note)
	}
	floor := make([]byte, heapFloor)
	defer runtime.KeepAlive(floor)
	n, err := newNode(ctx, cfg, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(logOut, "hubbub %s: open http://%s\n", buildVersion(), n.Addr())
	return n.Run(ctx)
}
