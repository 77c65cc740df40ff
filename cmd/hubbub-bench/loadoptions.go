package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"hubbub/chat/wire"
)

// The scenarios of a load.
const (
	sceneIdle    = "idle"    // sockets that do nothing
	sceneFanout  = "fanout"  // few rooms with many readers
	sceneRooms   = "rooms"   // many small rooms
	sceneHotroom = "hotroom" // one room with many writers and few readers
	sceneHistory = "history" // pages of a long log
	sceneResume  = "resume"  // readers who come back to what they missed
	sceneStorm   = "storm"   // everybody connects at once
)

// scene is a scenario, with the sizes that it has if no flag says otherwise: a
// minute on a small machine.
type scene struct {
	what string
	set  func(*loadOptions)
}

var scenes = map[string]scene{
	sceneIdle: {"sockets that do nothing: what each costs in memory", func(o *loadOptions) {
		o.Clients, o.Rooms, o.RoomSize, o.Warm = 1000, 0, 1, 0
	}},
	sceneFanout: {"one large room: what a delivery costs", func(o *loadOptions) {
		o.Clients, o.Rooms, o.RoomSize, o.Rate = 1000, 1, 1000, 20
	}},
	sceneRooms: {"many small rooms: what a message costs", func(o *loadOptions) {
		o.Clients, o.Rooms, o.RoomSize, o.Rate = 1000, 200, 5, 2000
	}},
	sceneHotroom: {"one room with many writers and few readers: how fast one log grows", func(o *loadOptions) {
		o.Clients, o.Rooms, o.RoomSize, o.Readers, o.Rate, o.AckP99 = 514, 1, 514, 2, 2000, 25*time.Millisecond
	}},
	sceneHistory: {"pages of a long log, at random places", func(o *loadOptions) {
		o.Clients, o.Rooms, o.RoomSize, o.Readers, o.Rate, o.Events = 16, 1, 16, 1, 200, 20_000
	}},
	sceneResume: {"clients read what they missed, all at once", func(o *loadOptions) {
		o.Clients, o.Rooms, o.RoomSize, o.Readers, o.Events = 1010, 10, 101, 100, 100
	}},
	sceneStorm: {"all clients lose their connection and come back at once", func(o *loadOptions) {
		o.Clients, o.Rooms, o.RoomSize, o.Readers, o.Events = 1010, 10, 101, 100, 10
	}},
}

// sceneNames lists them in the order in which they are explained.
var sceneNames = []string{sceneIdle, sceneFanout, sceneRooms, sceneHotroom, sceneHistory, sceneResume, sceneStorm}

// loadOptions say what a load does. The embedded options are those that both
// commands have: Nodes, Clients, Rooms, RoomSize, Rate, Payload, Duration,
// Grace, P99, Accounts, Seed, JSON.
type loadOptions struct {
	options
	Scene   string
	Warm    time.Duration // before each measurement
	Runs    int           // measurements, one after the other
	Steady  bool          // what is due comes at equal distances, not at random
	Readers int           // members of each room that read it, and do not write; 0: all do both
	Events  int           // messages of a room that are there, or missed
	Page    int           // messages of a page
	AckP99  time.Duration // bound of 99 % of the acks for Ramp; 0: none
	Ramp    bool          // look for the highest rate that is served
	From    float64       // the first rate of the ramp; 0: Rate
	Floor   bool          // measure the floor, too
	Groups  []group       // whose processor time is told
	HTML    string        // file for the page, "" for none

	// startFloor gives another floor than the child process; for tests.
	startFloor func() (*floorChild, error)
}

func loadDefaults(scene string) loadOptions {
	o := loadOptions{options: defaults(), Scene: scene, Warm: 2 * time.Second, Runs: 1, Page: 50}
	o.roomless = scene == sceneIdle
	o.REST, o.Payload, o.Duration = 0, 128, 10*time.Second
	scenes[scene].set(&o)
	return o
}

// parseLoad reads the arguments after "load". flag.ErrHelp means that help was
// asked for and written.
func parseLoad(args []string, out io.Writer) (loadOptions, error) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		fmt.Fprint(out, loadUsage())
		if len(args) > 0 && slices.Contains([]string{"-h", "-help", "--help"}, args[0]) {
			return loadOptions{}, flag.ErrHelp
		}
		return loadOptions{}, errors.New("name a scenario first")
	}
	scene := args[0]
	if _, known := scenes[scene]; !known {
		return loadOptions{}, fmt.Errorf("%q is no scenario; there are %s", scene, strings.Join(sceneNames, ", "))
	}
	o := loadDefaults(scene)
	f := flag.NewFlagSet("load "+scene, flag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() {
		fmt.Fprint(out, loadUsage())
		f.PrintDefaults()
	}
	nodes := f.String("nodes", o.Nodes[0], "base `URLs` of the nodes, with commas; clients are spread over them")
	f.IntVar(&o.Clients, "clients", o.Clients, "users, each with one socket")
	f.IntVar(&o.Rooms, "rooms", o.Rooms, "rooms to make")
	f.IntVar(&o.RoomSize, "room-size", o.RoomSize, "members of each room")
	f.IntVar(&o.Readers, "readers", o.Readers, "members of each room that read it while the others write; 0: all do both")
	f.IntVar(&o.Events, "events", o.Events, "messages of each room: in the log for history, missed by everybody for resume and storm")
	f.IntVar(&o.Page, "page", o.Page, "messages of a page of history")
	f.Float64Var(&o.Rate, "rate", o.Rate, "messages, or pages, per `second` over all rooms")
	f.BoolVar(&o.Steady, "steady", o.Steady, "messages are due at equal distances, not at random instants")
	f.IntVar(&o.Payload, "payload", o.Payload, "`bytes` of a message's text")
	f.DurationVar(&o.Duration, "duration", o.Duration, "how long to measure")
	f.DurationVar(&o.Warm, "warm", o.Warm, "how long to send before that")
	f.IntVar(&o.Runs, "runs", o.Runs, "how often to measure")
	f.DurationVar(&o.Grace, "grace", o.Grace, "how long to wait for answers and readers after that")
	f.BoolVar(&o.Ramp, "ramp", o.Ramp, "look for the highest rate at which nothing is lost and p99 stays below --p99")
	f.Float64Var(&o.From, "ramp-from", o.From, "messages per `second` at which --ramp begins; 0: --rate")
	f.DurationVar(&o.P99, "p99", o.P99, "bound of 99 % of the deliveries for --ramp")
	f.DurationVar(&o.AckP99, "ack-p99", o.AckP99, "bound of 99 % of the acks for --ramp; 0: none")
	f.BoolVar(&o.Floor, "floor", o.Floor, "measure one raw write per receiver in the same run, and give the ratio")
	f.Func("pids", "`processes` whose cost is told, such as \"node=12,13 redis=14 db=15\"; may be given again", func(text string) error {
		list, err := parseGroups(text)
		o.Groups = append(o.Groups, list...)
		return err
	})
	f.StringVar(&o.Accounts, "accounts", o.Accounts, "how to make users: guests, names (sign up), or auto: guests if they are let in")
	f.Uint64Var(&o.Seed, "seed", o.Seed, "the same seed sends the same at the same instants")
	f.BoolVar(&o.JSON, "json", o.JSON, "write the result as JSON")
	f.StringVar(&o.HTML, "html", o.HTML, "write the result as one page to this `file`, too")
	if err := f.Parse(args[1:]); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is not a flag", f.Arg(0))
	}
	o.Nodes = strings.Split(*nodes, ",")
	return o, o.checkLoad()
}

func loadUsage() string {
	var b strings.Builder
	b.WriteString(`hubbub-bench load SCENARIO: what does a hubbub cost, and how much does it bear?

Makes users and rooms of its own, loads the nodes in an open loop, checks order
and holes meanwhile. Exit 0: measured. 1: what was delivered was wrong. 2: it
could not be measured.

Scenarios:
`)
	for _, name := range sceneNames {
		fmt.Fprintf(&b, "  %-8s  %s\n", name, scenes[name].what)
	}
	b.WriteString("\nFlags, with the scenario's defaults:\n")
	return b.String()
}

const (
	maxRuns   = 100        // bounds what a report holds
	maxEvents = 10_000_000 // of one room
)

func (o *loadOptions) checkLoad() error {
	if err := o.check(); err != nil {
		return err
	}
	for _, n := range o.Nodes {
		if strings.HasPrefix(n, "https:") {
			return fmt.Errorf("--nodes: %s: a load speaks http only, TLS would be most of what it measures", n)
		}
	}
	talks := slices.Contains([]string{sceneFanout, sceneRooms, sceneHotroom}, o.Scene)
	fills := slices.Contains([]string{sceneHistory, sceneResume, sceneStorm}, o.Scene)
	switch {
	case o.Readers < 0 || o.Readers > o.RoomSize:
		return fmt.Errorf("--readers: from 0 to --room-size, %d", o.RoomSize)
	case fills && (o.Readers == 0 || o.Readers == o.RoomSize):
		return fmt.Errorf("--readers: at least 1 and below --room-size, %d, since %s needs writers as well", o.RoomSize, o.Scene)
	case o.Events < 0 || o.Events > maxEvents || fills && o.Events == 0:
		return fmt.Errorf("--events: from 1 to %d", maxEvents)
	case o.Page < 1 || o.Page > wire.MaxPage || o.Scene == sceneHistory && o.Page >= o.Events:
		return fmt.Errorf("--page: from 1 to %d, and below --events", wire.MaxPage)
	case o.files() > fileLimit():
		return fmt.Errorf("--clients: %d of them take %d open files, and this process may have %d (ulimit -n)", o.Clients, o.files(), fileLimit())
	case (o.Ramp || o.Floor) && !talks:
		return fmt.Errorf("--ramp and --floor: not with %s", o.Scene)
	case !(o.From >= 0 && o.From <= maxRate):
		return fmt.Errorf("--ramp-from: from 0 to %.0f", maxRate)
	case o.AckP99 < 0:
		return errors.New("--ack-p99: 0 or above")
	case o.Runs < 1 || o.Runs > maxRuns:
		return fmt.Errorf("--runs: from 1 to %d", maxRuns)
	case o.Warm < 0:
		return errors.New("--warm: 0 or above")
	case o.Ramp && o.P99 == 0:
		return errors.New("--p99: above 0 with --ramp")
	case o.Floor && !slices.ContainsFunc(o.Groups, func(g group) bool { return g.name == groupNode }):
		return errors.New("--floor: the cost of the nodes is held against it, so name them with --pids node=…")
	}
	for i, g := range o.Groups {
		if slices.ContainsFunc(o.Groups[:i], func(h group) bool { return h.name == g.name }) {
			return fmt.Errorf("--pids: %s is there twice", g.name)
		}
	}
	return nil
}

// files is how many descriptors a load may need at once.
func (o *loadOptions) files() int {
	const others = 100
	n := o.Clients
	if o.Floor || o.Scene == sceneStorm { // as many for the floor; or two each, while they connect at once
		n *= 2
	}
	return n + connectParallel + others
}

// setupTime bounds the making of users and rooms and the first joins.
func (o *loadOptions) setupTime() time.Duration {
	return setupTime + time.Duration(o.Clients+o.Rooms)*20*time.Millisecond
}
