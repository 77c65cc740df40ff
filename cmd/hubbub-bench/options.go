package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"hubbub/chat/wire"
)

// options say what a run does. [defaults] gives those that work against a
// server with its default limits.
type options struct {
	Nodes    []string      // base URLs; clients are spread over them and move on when one fails
	Clients  int           // users with one socket each
	Rooms    int           // private rooms made for the run
	RoomSize int           // members of each
	Rate     float64       // messages per second, all rooms together
	REST     float64       // share of them that is sent over REST
	Payload  int           // bytes of a text
	Duration time.Duration // how long messages are sent
	Grace    time.Duration // how long answers, readers and clients are waited for after that
	Late     time.Duration // bound of every live delivery, from the ack
	P99      time.Duration // bound of 99 % of them while nothing fails; 0: not checked
	Accounts string        // how users are made: "auto", "guests" or "names"
	Seed     uint64        // of what is sent when, by whom and where
	JSON     bool          // the result as JSON

	roomless bool // there may be no rooms at all
}

// maxRate is more than one process can send, per second.
const maxRate = 1e6

func defaults() options {
	return options{
		Nodes: []string{"http://127.0.0.1:8080"}, Clients: 20, Rooms: 4, RoomSize: 10,
		Rate: 50, REST: 0.05, Payload: 100, Duration: 20 * time.Second, Grace: 30 * time.Second,
		Late: 3 * time.Second, P99: 250 * time.Millisecond, Accounts: "auto", Seed: 1,
	}
}

// parseOptions reads the arguments after "verify". flag.ErrHelp means that help
// was asked for and written.
func parseOptions(args []string, out io.Writer) (options, error) {
	o := defaults()
	f := flag.NewFlagSet("verify", flag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() {
		fmt.Fprint(out, usage)
		f.PrintDefaults()
	}
	nodes := f.String("nodes", o.Nodes[0], "base `URLs` of the nodes or of their balancer, with commas")
	f.IntVar(&o.Clients, "clients", o.Clients, "users, each with one socket")
	f.IntVar(&o.Rooms, "rooms", o.Rooms, "rooms to make")
	f.IntVar(&o.RoomSize, "room-size", o.RoomSize, "members of each room; all of them read and write")
	f.Float64Var(&o.Rate, "rate", o.Rate, "messages per `second` over all rooms; they are due at random instants, whatever the server does")
	f.Float64Var(&o.REST, "rest", o.REST, "`share` of the messages that is sent over REST, 0 to 1")
	f.IntVar(&o.Payload, "payload", o.Payload, "`bytes` of a message's text")
	f.DurationVar(&o.Duration, "duration", o.Duration, "how long to send")
	f.DurationVar(&o.Grace, "grace", o.Grace, "how long to wait for answers, readers and clients after that")
	f.DurationVar(&o.Late, "late", o.Late, "bound of each live delivery, from the ack")
	f.DurationVar(&o.P99, "p99", o.P99, "bound of 99 % of them in a run without any failure; 0: not checked")
	f.StringVar(&o.Accounts, "accounts", o.Accounts, "how to make users: guests, names (sign up), or auto: guests if they are let in")
	f.Uint64Var(&o.Seed, "seed", o.Seed, "the same seed sends the same at the same instants")
	f.BoolVar(&o.JSON, "json", o.JSON, "write the result as JSON")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is not a flag", f.Arg(0))
	}
	o.Nodes = strings.Split(*nodes, ",")
	return o, o.check()
}

const usage = `hubbub-bench verify: does a hubbub keep its promises?

Makes users and rooms of its own, sends at a steady rate, reads everything back
and compares. Exit 0: every promise was kept. 1: one was broken. 2: the check
itself could not be carried out.

`

func (o *options) check() error {
	for i, n := range o.Nodes {
		n = strings.TrimRight(strings.TrimSpace(n), "/")
		u, err := url.Parse(n)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" {
			return fmt.Errorf("--nodes: %q is not like http://127.0.0.1:8080", n)
		}
		o.Nodes[i] = n
	}
	switch {
	case o.Clients < 1:
		return errors.New("--clients: at least 1")
	case o.Rooms < 1 && !o.roomless || o.Rooms < 0:
		return errors.New("--rooms: at least 1")
	case o.RoomSize < 1 || o.RoomSize > o.Clients:
		return fmt.Errorf("--room-size: from 1 to --clients, %d", o.Clients)
	case o.perClient() > wire.MaxJoins:
		return fmt.Errorf("each client would be in %d rooms, a socket joins %d at most: more --clients", o.perClient(), wire.MaxJoins)
	case !(o.Rate > 0) || o.Rate > maxRate:
		return fmt.Errorf("--rate: above 0, at most %.0f", maxRate)
	case !(o.REST >= 0 && o.REST <= 1):
		return errors.New("--rest: from 0 to 1")
	case o.Payload < 1 || o.Payload > wire.MaxText:
		return fmt.Errorf("--payload: from 1 to %d", wire.MaxText)
	case o.Duration <= 0 || o.Grace <= 0 || o.Late <= 0 || o.P99 < 0:
		return errors.New("--duration, --grace and --late: above 0; --p99: 0 or above")
	case o.Accounts != "auto" && o.Accounts != "guests" && o.Accounts != "names":
		return fmt.Errorf("--accounts: %q is not auto, guests or names", o.Accounts)
	}
	return nil
}

// perClient is how many rooms a client is in, at most.
func (o *options) perClient() int { return (o.Rooms*o.RoomSize + o.Clients - 1) / o.Clients }

// members gives the clients in a room: the rooms take turns over the clients.
func (o *options) members(room int) []int {
	list := make([]int, o.RoomSize)
	for i := range list {
		list[i] = (room*o.RoomSize + i) % o.Clients
	}
	return list
}
