package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"

	"hubbub/mw"
)

// Mode is what the command line asks for.
type Mode string

const (
	// ModeServe runs a node until SIGTERM.
	ModeServe Mode = "serve"
	// ModeHealthcheck asks a running node for Config.HealthURL, see [healthcheck].
	ModeHealthcheck Mode = "healthcheck"
	// ModeCommand carries Config.Command out and ends.
	ModeCommand Mode = "command"
	// ModeDone means that ParseConfig has already written all that was asked
	// for (--help, --version, --check): exit with 0.
	ModeDone Mode = "done"
)

// Config is every setting of one node. [ParseConfig] makes a valid one; tests
// may fill one in by hand. It is read once, by node.go and pool.go, and never
// changes afterwards.
//
// SQL and Redis hold passwords: print a Config with String or through slog,
// which leave them out.
type Config struct {
	Mode Mode

	Listen string // public address, host:port
	Admin  string // address of the private listener, host:port; "" is off
	Data   string // folder of the embedded database and of uploads

	SQL     string   // mysql://user:pass@host:port/db?… or sqlite:PATH; never empty
	SQLOpen int      // SQL connections open at most
	Redis   []string // redis://…, rediss://… or redis-cluster://…; none: the bus stays in this process

	Node    string     // name of this node in logs, metrics and the welcome frame
	Origins []string   // for mw.ParseOrigins, which has found no fault in them
	Proxies mw.Proxies // peers whose X-Forwarded-For and -Proto are believed
	Guests  bool       // people may come in without an account

	WebhookAllow []netip.Prefix // where webhooks may go besides public addresses

	RateSession mw.Rate // frames of one socket
	RateUser    mw.Rate // requests and frames of one user
	RateKey     mw.Rate // requests of one API key
	RateAddress mw.Rate // requests of one client address before sign-in
	RateLogin   mw.Rate // attempts to sign in, by name and by address
	RateSignup  mw.Rate // new accounts, by address
	RateSockets mw.Rate // new sockets of the node

	MaxSockets int           // sockets at once; above it 503
	Drain      time.Duration // how long SIGTERM may take

	LogLevel  slog.Level
	LogFormat string // "text" or "json"

	Command   command // what ModeCommand does
	HealthURL string  // what ModeHealthcheck asks for; empty otherwise

	from map[string]string // flag -> where its value came from; absent: default
}

// version is set by the linker (-X main.version=…); see [buildVersion].
var version string

// ParseConfig reads the settings from the arguments (without the program's
// name) and from the environment in the form of [os.Environ]. A flag wins over
// its variable, and an empty variable counts as absent.
//
// The error joins everything that is wrong, one line each, and holds no
// password. Nothing is opened or created but the files that HUBBUB_…_FILE name;
// those are read. Output goes to out for [ModeDone] alone.
func ParseConfig(args, environ []string, out io.Writer) (Config, error) {
	c := Config{Mode: ModeServe, from: map[string]string{}}
	if len(args) > 0 && args[0] == string(ModeHealthcheck) {
		c.Mode, args = ModeHealthcheck, args[1:]
	}
	list := settings()
	var words []string
	known := list
	if isCommand(args) {
		c.Mode = ModeCommand
		words, args = splitCommand(args)
		known = append(commandFlags(), list...)
	}
	line := parseArgs(known, args)
	switch {
	case line.help:
		c.Mode = ModeDone
		return c, writeHelp(out, list)
	case line.version:
		c.Mode = ModeDone
		_, err := fmt.Fprintln(out, "hubbub", buildVersion())
		return c, err
	}
	path, rest := "/healthz", line.rest
	if c.Mode == ModeHealthcheck && len(rest) > 0 {
		path, rest = rest[0], rest[1:]
	}
	errs := line.errs
	if c.Mode == ModeCommand {
		var err error
		if c.Command, err = newCommand(words, line.values); err != nil {
			errs = append(errs, err)
		}
	}
	for _, extra := range rest {
		errs = append(errs, fmt.Errorf("argument %q is not understood: see --help", extra))
	}

	env, unknown := readEnviron(list, environ)
	errs = append(errs, unknown...)
	for _, s := range list {
		value, from, err := s.pick(line.values, env)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if from != "" {
			c.from[s.flag] = from
		}
		if value == "" {
			continue // a default that derive works out
		}
		if err := s.set(&c, value); err != nil {
			if s.secret {
				value = redact(value)
			}
			errs = append(errs, fmt.Errorf("%s is %q: %w; allowed: %s", from, value, err, s.allowed))
		}
	}
	if len(errs) > 0 {
		return Config{}, errors.Join(errs...)
	}
	if err := c.derive(); err != nil {
		return Config{}, err
	}
	if c.Mode == ModeHealthcheck {
		var err error
		if c.HealthURL, err = healthURL(c.Listen, path); err != nil {
			return Config{}, err
		}
	}
	if line.check {
		c.Mode = ModeDone
		_, err := io.WriteString(out, c.String())
		return c, err
	}
	return c, nil
}

// cmdline is what the arguments say, before any value was looked at.
type cmdline struct {
	values               map[string]string // by flag
	rest                 []string          // what is not a flag
	help, version, check bool
	errs                 []error
}

// parseArgs goes on after a wrong flag, so that one run names them all.
func parseArgs(list []setting, args []string) cmdline {
	line := cmdline{values: map[string]string{}}
	fs := flag.NewFlagSet("hubbub", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.BoolVar(&line.help, "help", false, "")
	fs.BoolVar(&line.help, "h", false, "")
	fs.BoolVar(&line.version, "version", false, "")
	fs.BoolVar(&line.check, "check", false, "")
	for _, s := range list {
		fs.Func(s.flag, "", func(value string) error {
			line.values[s.flag] = value
			return nil
		})
	}
	for {
		err := fs.Parse(args)
		rest := fs.Args()
		if err == nil {
			line.rest = rest
			return line
		}
		wrong := args[len(args)-len(rest)-1]
		name, _, hasValue := strings.Cut(strings.TrimLeft(wrong, "-"), "=")
		switch {
		case name != "" && fs.Lookup(name) != nil:
			line.errs = append(line.errs, fmt.Errorf("--%s needs a value: see --help", name))
		default:
			line.errs = append(line.errs, fmt.Errorf("--%s is not a setting: see --help", name))
			if !hasValue && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
				rest = rest[1:] // most likely its value
			}
		}
		args = rest
	}
}

// readEnviron gives the HUBBUB_ variables that are not empty, and an error for
// each that no setting has: a typing error must not pass for a default.
func readEnviron(list []setting, environ []string) (map[string]string, []error) {
	known := map[string]bool{}
	for _, s := range list {
		known[s.env()] = true
		if s.secret {
			known[s.env()+"_FILE"] = true
		}
	}
	env := map[string]string{}
	var errs []error
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case !strings.HasPrefix(name, "HUBBUB_"):
		case !known[name]:
			errs = append(errs, fmt.Errorf("%s is not a setting: see --help", name))
		case value != "":
			env[name] = value
		}
	}
	return env, errs
}

// String lists the settings in effect, one a line with where each came from,
// and passwords left out.
func (c Config) String() string {
	var b strings.Builder
	for _, s := range settings() {
		from, given := c.from[s.flag]
		if !given {
			from = "default"
		}
		fmt.Fprintf(&b, "--%-13s %s (%s)\n", s.flag, s.show(c), from)
	}
	return b.String()
}

// LogValue keeps passwords out of logs, whatever the format.
func (c Config) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, s := range settings() {
		attrs = append(attrs, slog.String(strings.ReplaceAll(s.flag, "-", "_"), s.show(c)))
	}
	return slog.GroupValue(attrs...)
}

// Notes are combinations that work and are seldom meant; main.go logs them.
func (c Config) Notes() []string {
	embedded := strings.HasPrefix(c.SQL, "sqlite:")
	var notes []string
	if embedded && len(c.Redis) > 0 {
		notes = append(notes, "--redis with SQLite: the database file belongs to one process, so Redis has no other node to reach")
	}
	if !embedded && len(c.Redis) == 0 {
		notes = append(notes, "--sql is a server and --redis is not set: right for one node, too little for several")
	}
	return notes
}

// readSecret gives what the file of a HUBBUB_…_FILE variable holds, without
// white space at the ends.
func readSecret(path string) (string, error) {
	const limit = 64 << 10
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return "", err
	}
	value := strings.TrimSpace(string(raw))
	if value == "" || len(raw) > limit {
		return "", fmt.Errorf("%s: holds %d bytes; allowed: one value of at most %d bytes", path, len(raw), limit)
	}
	return value, nil
}
