package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitKept   = 0
	exitBroken = 1 // a promise was broken
	exitFailed = 2 // the check could not be carried out, or says nothing
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the sending and leads to the verdict, the second one
	// ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run does what the command line asks for and gives the exit code. The result
// goes to out, everything else to log.
func run(ctx context.Context, args []string, out, log io.Writer) int {
	fail := func(err error) int {
		fmt.Fprintln(log, "hubbub-bench:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{""}
	}
	switch args[0] {
	case "verify":
		return runVerify(ctx, args[1:], out, log, fail)
	case "load":
		return runLoadCommand(ctx, args[1:], out, log, fail)
	case floorCommand: // started by load itself
		if err := serveFloor(os.Stdin, out); err != nil {
			return fail(err)
		}
		return exitKept
	}
	return fail(errors.New("the commands are verify and load; try hubbub-bench verify --help"))
}

func runVerify(ctx context.Context, args []string, out, log io.Writer, fail func(error) int) int {
	o, err := parseOptions(args, log)
	if errors.Is(err, flag.ErrHelp) {
		return exitKept
	}
	if err != nil {
		return fail(err)
	}
	r, err := verify(ctx, o, log)
	if err != nil {
		return fail(err)
	}
	write := r.write
	if o.JSON {
		write = r.writeJSON
	}
	if err := write(out); err != nil {
		return fail(err)
	}
	return exitOf(r.Verdict)
}

func runLoadCommand(ctx context.Context, args []string, out, log io.Writer, fail func(error) int) int {
	o, err := parseLoad(args, log)
	if errors.Is(err, flag.ErrHelp) {
		return exitKept
	}
	if err != nil {
		return fail(err)
	}
	var page *os.File
	if o.HTML != "" { // before the run, not after it, is when one wants to hear that it cannot be written
		if page, err = os.Create(o.HTML); err != nil {
			return fail(err)
		}
		defer page.Close()
	}
	r, err := runLoad(ctx, o, log)
	if err != nil {
		return fail(err)
	}
	if page != nil {
		if err := errors.Join(r.writeHTML(page), page.Close()); err != nil {
			return fail(err)
		}
	}
	write := r.write
	if o.JSON {
		write = r.writeJSON
	}
	if err := write(out); err != nil {
		return fail(err)
	}
	return exitOf(r.Verdict)
}

func exitOf(verdict string) int {
	switch verdict {
	case Kept:
		return exitKept
	case Broken:
		return exitBroken
	}
	return exitFailed
}
