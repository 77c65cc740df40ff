package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"hubbub/mw"
)

// setting is one row of the settings table: --help, the README's table and
// the tests are made from it.
type setting struct {
	flag     string // without dashes; the variable's name follows from it
	what     string // for --help
	allowed  string // for --help and for the one who gave something else
	fallback string // the default; "" where derive works it out
	derived  string // the default in words, where fallback is ""
	secret   bool   // never shown whole; may be given as HUBBUB_…_FILE
	set      func(c *Config, value string) error
	show     func(c Config) string
}

func (s setting) env() string {
	return "HUBBUB_" + strings.ToUpper(strings.ReplaceAll(s.flag, "-", "_"))
}

// pick gives the setting's value and the name of what gave it: the flag, the
// variable, the file of a secret, or "" for the default.
func (s setting) pick(flags, env map[string]string) (value, from string, err error) {
	if value, ok := flags[s.flag]; ok {
		if value == "" {
			return "", "", fmt.Errorf(`--%s is "": empty; allowed: %s`, s.flag, s.allowed)
		}
		return value, "--" + s.flag, nil
	}
	value, path := env[s.env()], env[s.env()+"_FILE"]
	switch {
	case value != "" && path != "":
		return "", "", fmt.Errorf("%s and %s_FILE are both set: give one of them", s.env(), s.env())
	case path != "":
		value, err := readSecret(path)
		if err != nil {
			return "", "", fmt.Errorf("%s_FILE: %w", s.env(), err)
		}
		return value, s.env() + "_FILE", nil
	case value != "":
		return value, s.env(), nil
	}
	return s.fallback, "", nil
}

const rateAllowed = "events/unit:burst with the unit s, m or h, such as 20/s:40, or off"

// settings is the table, in the order of --help.
func settings() []setting {
	return []setting{
		{
			flag: "listen", fallback: "127.0.0.1:8080", allowed: "host:port; an empty host is every address",
			what: "Public address: the page, REST and WebSocket.",
			set:  func(c *Config, v string) (err error) { c.Listen, err = parseAddress(v); return err },
			show: func(c Config) string { return c.Listen },
		}, {
			flag: "admin", fallback: "127.0.0.1:9090", allowed: "host:port or off",
			what: "Private address: metrics and profiles. Keep it out of reach of the public.",
			set: func(c *Config, v string) (err error) {
				if v == "off" {
					c.Admin = ""
					return nil
				}
				c.Admin, err = parseAddress(v)
				return err
			},
			show: func(c Config) string { return orWord(c.Admin, "off") },
		}, {
			flag: "data", fallback: "./data", allowed: "a folder",
			what: "Folder of the embedded database; made if it is not there.",
			set:  func(c *Config, v string) error { c.Data = filepath.Clean(v); return nil },
			show: func(c Config) string { return c.Data },
		}, {
			flag: "sql", derived: "sqlite:DATA/hubbub.db", secret: true,
			allowed: "mysql://user:password@host:3306/database or sqlite:PATH; percent-encode what is special in the password",
			what:    "Where messages are kept: an SQLite file for one node, MySQL 8 or MariaDB for several.",
			set:     func(c *Config, v string) error { c.SQL = v; return checkSQL(v) },
			show:    func(c Config) string { return redact(c.SQL) },
		}, {
			flag: "sql-open", fallback: "50", allowed: "1 to 10000",
			what: "Connections to the SQL server at most. All nodes together must stay below its max_connections.",
			set:  func(c *Config, v string) (err error) { c.SQLOpen, err = parseCount(v, 10000); return err },
			show: func(c Config) string { return strconv.Itoa(c.SQLOpen) },
		}, {
			flag: "redis", derived: "none, events stay in this process", secret: true,
			allowed: "redis://[user:password@]host:6379[/db], rediss://… for TLS, redis-cluster://…; several with commas",
			what:    "The bus between nodes. Every node of a deployment needs the same.",
			set:     func(c *Config, v string) (err error) { c.Redis, err = parseRedis(v); return err },
			show: func(c Config) string {
				return listOr(c.Redis, redact, "none")
			},
		}, {
			flag: "node", derived: "the host's name and 4 random characters", allowed: "1 to 64 of A-Z a-z 0-9 . _ -",
			what: "Name of this node in logs, metrics and what clients are told. No two nodes may share one.",
			set:  func(c *Config, v string) error { c.Node = v; return checkNode(v) },
			show: func(c Config) string { return c.Node },
		}, {
			flag: "origins", derived: "none, a page may always use the server it came from",
			allowed: "scheme://host[:port], several with commas",
			what:    "Origins of the pages that may use this server, and so the host names it answers to, besides localhost and addresses.",
			set: func(c *Config, v string) error {
				c.Origins = parseList(v)
				_, err := mw.ParseOrigins(c.Origins, "")
				return err
			},
			show: func(c Config) string { return orWord(strings.Join(c.Origins, ","), "none") },
		}, {
			flag: "proxies", derived: "none", allowed: "networks such as 10.0.0.0/8, several with commas; never all addresses",
			what: "Balancers whose X-Forwarded-For and X-Forwarded-Proto are believed. Cookies are Secure where one of them says https.",
			set:  func(c *Config, v string) (err error) { c.Proxies, err = mw.ParseProxies(parseList(v)); return err },
			show: func(c Config) string {
				return listOr(c.Proxies, netip.Prefix.String, "none")
			},
		}, {
			flag: "guests", derived: "on with SQLite, off with MySQL", allowed: "on or off",
			what: "May people come in without an account?",
			set:  func(c *Config, v string) (err error) { c.Guests, err = parseSwitch(v); return err },
			show: func(c Config) string {
				if c.Guests {
					return "on"
				}
				return "off"
			},
		},
		{
			flag: "webhook-allow", derived: "none, public addresses only", allowed: "networks such as 10.1.0.0/16, several with commas; never all addresses",
			what: "Networks to which webhooks of shops may be sent besides public addresses. Whoever has a shop's key can make this node send requests there.",
			set:  func(c *Config, v string) (err error) { c.WebhookAllow, err = parseNetworks(v); return err },
			show: func(c Config) string {
				return listOr(c.WebhookAllow, netip.Prefix.String, "none")
			},
		},
		rateSetting("rate-session", "20/s:40", "Frames that one socket may send.",
			func(c *Config) *mw.Rate { return &c.RateSession }),
		rateSetting("rate-user", "50/s:100", "Requests and frames of one user, over all sockets of this node.",
			func(c *Config) *mw.Rate { return &c.RateUser }),
		rateSetting("rate-key", "5000/s:10000", "Requests of one API key.",
			func(c *Config) *mw.Rate { return &c.RateKey }),
		rateSetting("rate-address", "20/s:40", "Requests of one client address (IPv6: /64) that come from nobody who is signed in.",
			func(c *Config) *mw.Rate { return &c.RateAddress }),
		rateSetting("rate-login", "5/m:10", "Attempts to sign in, for one name and for one address.",
			func(c *Config) *mw.Rate { return &c.RateLogin }),
		rateSetting("rate-signup", "20/m:40", "New accounts of one address; raise it while a whole office signs up.",
			func(c *Config) *mw.Rate { return &c.RateSignup }),
		rateSetting("rate-sockets", "500/s:1000", "New sockets of this node; the next one gets 503. Half of the burst is kept for clients that come back.",
			func(c *Config) *mw.Rate { return &c.RateSockets }),
		{
			flag: "max-sockets", derived: "the open-file limit less 256", allowed: "1 up to the open-file limit (ulimit -n) less 256",
			what: "Sockets at once; the next one gets 503.",
			set:  func(c *Config, v string) (err error) { c.MaxSockets, err = parseCount(v, maxSockets()); return err },
			show: func(c Config) string { return strconv.Itoa(c.MaxSockets) },
		}, {
			flag: "drain", fallback: "10s", allowed: "a duration from 1s to 10m",
			what: "How long SIGTERM may take until every client has been sent elsewhere.",
			set:  func(c *Config, v string) (err error) { c.Drain, err = parseDrain(v); return err },
			show: func(c Config) string { return c.Drain.String() },
		}, {
			flag: "log-level", fallback: "info", allowed: "debug, info, warn or error",
			what: "The least important line that is written.",
			set:  func(c *Config, v string) (err error) { c.LogLevel, err = parseLevel(v); return err },
			show: func(c Config) string { return strings.ToLower(c.LogLevel.String()) },
		}, {
			flag: "log-format", derived: "text on a terminal, else json", allowed: "text or json",
			what: "How log lines are written to the standard error.",
			set: func(c *Config, v string) error {
				c.LogFormat = v
				if v != "text" && v != "json" {
					return errors.New("not a format")
				}
				return nil
			},
			show: func(c Config) string { return c.LogFormat },
		},
	}
}

func rateSetting(flag, fallback, what string, field func(*Config) *mw.Rate) setting {
	return setting{
		flag: flag, fallback: fallback, allowed: rateAllowed, what: what,
		set: func(c *Config, v string) error {
			var err error
			if *field(c), err = mw.ParseRate(v); err != nil {
				return errors.New("not a rate") // what is allowed is said with every setting
			}
			return nil
		},
		show: func(c Config) string { return field(&c).String() },
	}
}

// derive fills in the defaults that depend on other settings or on the
// machine, and refuses what cannot work together.
func (c *Config) derive() error {
	if c.SQL == "" {
		c.SQL = "sqlite:" + filepath.Join(c.Data, "hubbub.db")
	}
	if c.from["guests"] == "" {
		c.Guests = strings.HasPrefix(c.SQL, "sqlite:")
	}
	if c.MaxSockets == 0 {
		c.MaxSockets = maxSockets()
	}
	if c.Node == "" {
		c.Node = nodeName()
	}
	if c.LogFormat == "" {
		c.LogFormat = "json"
		if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			c.LogFormat = "text"
		}
	}
	if c.Listen == c.Admin && !strings.HasSuffix(c.Listen, ":0") {
		return fmt.Errorf("--listen and --admin are both %q: metrics and profiles must not be public; allowed: two addresses, or --admin off", c.Listen)
	}
	return nil
}
