package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubbub/mw"
)

func parse(t testing.TB, args, environ []string) (Config, string, error) {
	t.Helper()
	var out bytes.Buffer
	c, err := ParseConfig(args, environ, &out)
	return c, out.String(), err
}

func mustParse(t testing.TB, args, environ []string) Config {
	t.Helper()
	c, out, err := parse(t, args, environ)
	if err != nil || out != "" {
		t.Fatalf("ParseConfig(%q, %q) = %v, wrote %q", args, environ, err, out)
	}
	return c
}

func TestConfigDefaults(t *testing.T) {
	c := mustParse(t, nil, []string{"PATH=/bin", "HUBBUB_SQL="})
	want := Config{
		Mode: ModeServe, Listen: "127.0.0.1:8080", Admin: "127.0.0.1:9090", Data: "data",
		SQL: "sqlite:" + filepath.Join("data", "hubbub.db"), SQLOpen: 50, Guests: true,
		RateSession: mw.Rate{Events: 20, Per: time.Second, Burst: 40},
		RateSockets: mw.Rate{Events: 500, Per: time.Second, Burst: 1000},
		RateUser:    mw.Rate{Events: 50, Per: time.Second, Burst: 100},
		RateKey:     mw.Rate{Events: 5000, Per: time.Second, Burst: 10000},
		RateAddress: mw.Rate{Events: 20, Per: time.Second, Burst: 40},
		RateLogin:   mw.Rate{Events: 5, Per: time.Minute, Burst: 10},
		RateSignup:  mw.Rate{Events: 20, Per: time.Minute, Burst: 40},
		MaxSockets:  maxSockets(), Drain: 10 * time.Second,
		Node: c.Node, LogFormat: c.LogFormat, from: map[string]string{},
	}
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(Config{})); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if again := mustParse(t, nil, nil); again.Node == c.Node || checkNode(c.Node) != nil {
		t.Errorf("node names %q and %q: want valid ones that differ", c.Node, again.Node)
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		t.Errorf("log format %q", c.LogFormat)
	}
}

// Every setting is given once as a flag and once as a variable.
func TestConfigSources(t *testing.T) {
	values := map[string]string{
		"listen": ":0", "admin": "off", "data": "/srv/hubbub", "sql": "mysql://u:p%40w@db:3306/hubbub?tls=true", "sql-open": "7",
		"redis": "rediss://a:1, rediss://b:2/3", "node": "node-1", "origins": "https://chat.example.org,http://box.lan:8080",
		"proxies": "10.1.2.3/8,fd00::/8", "guests": "on", "webhook-allow": "10.1.2.3/16, fd00::/8", "rate-session": "off", "rate-user": "1/h:2", "rate-key": "11/s:12", "rate-address": "3/m:4",
		"rate-login": "5/s:6", "rate-signup": "9/s:10", "rate-sockets": "7/s:8", "max-sockets": "9", "drain": "1m30s", "log-level": "debug", "log-format": "text",
	}
	want := Config{
		Mode: ModeServe, Listen: ":0", Data: "/srv/hubbub", SQL: "mysql://u:p%40w@db:3306/hubbub?tls=true", SQLOpen: 7,
		Redis: []string{"rediss://a:1", "rediss://b:2/3"}, Node: "node-1", Guests: true,
		Origins:      []string{"https://chat.example.org", "http://box.lan:8080"},
		Proxies:      mw.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
		WebhookAllow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")},
		RateUser:     mw.Rate{Events: 1, Per: time.Hour, Burst: 2}, RateKey: mw.Rate{Events: 11, Per: time.Second, Burst: 12},
		RateLogin: mw.Rate{Events: 5, Per: time.Second, Burst: 6}, RateSignup: mw.Rate{Events: 9, Per: time.Second, Burst: 10}, RateAddress: mw.Rate{Events: 3, Per: time.Minute, Burst: 4},
		RateSockets: mw.Rate{Events: 7, Per: time.Second, Burst: 8},
		MaxSockets:  9, Drain: 90 * time.Second, LogLevel: slog.LevelDebug, LogFormat: "text",
	}
	var args, environ, other []string
	for _, s := range settings() {
		value, ok := values[s.flag]
		if !ok {
			t.Errorf("setting %s: this test has no value for it", s.flag)
		}
		args = append(args, "--"+s.flag, value)
		environ = append(environ, s.env()+"="+value)
		if s.flag != "sql" && s.flag != "redis" {
			other = append(other, s.env()+"=not a value")
		}
	}
	samePrefix := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	ignoreFrom := cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "from" }, cmp.Ignore())
	for name, got := range map[string]Config{
		"flags":              mustParse(t, args, nil),
		"variables":          mustParse(t, nil, environ),
		"flags over garbage": mustParse(t, args, other),
	} {
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Config{}), ignoreFrom, samePrefix); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	tests := []struct {
		args, environ []string
		want          string // the whole first line of the error, or its beginning
	}{
		{args: []string{"--listen", "8080"}, want: `--listen is "8080": not host:port; allowed: host:port`},
		{args: []string{"--listen=:70000"}, want: `--listen is ":70000": the port is not a number`},
		{environ: []string{"HUBBUB_ADMIN=on"}, want: `HUBBUB_ADMIN is "on": not host:port; allowed: host:port or off`},
		{args: []string{"--listen=:80", "--admin=:80"}, want: `--listen and --admin are both ":80"`},
		{environ: []string{"HUBBUB_SQL=postgres://h/db"}, want: `HUBBUB_SQL is "postgres://h/db": the scheme is neither mysql nor sqlite`},
		{environ: []string{"HUBBUB_SQL=mysql://u@h"}, want: `HUBBUB_SQL is "mysql://u@h": no database is named`},
		{environ: []string{"HUBBUB_SQL=mysql://u@/db"}, want: `HUBBUB_SQL is "mysql://…": no host is named`},
		{environ: []string{"HUBBUB_SQL=mysql://h/db"}, want: `HUBBUB_SQL is "mysql://h/db": no user is named`},
		{environ: []string{"HUBBUB_SQL=sqlite:"}, want: `HUBBUB_SQL is "sqlite:": no file is named`},
		{environ: []string{"HUBBUB_REDIS=http://h"}, want: `HUBBUB_REDIS is "http://h": not a scheme of Redis`},
		{environ: []string{"HUBBUB_REDIS=redis://a,redis-cluster://b"}, want: `HUBBUB_REDIS is "redis://…": redis-cluster:// and single`},
		{args: []string{"--redis", "redis://"}, want: `--redis is "redis://…": no host is named`},
		{args: []string{"--sql-open", "0"}, want: `--sql-open is "0": not within 1 and 10000`},
		{args: []string{"--node", "no de"}, want: `--node is "no de": not a name`},
		{args: []string{"--node", strings.Repeat("n", 65)}, want: `--node is "nnn`},
		{args: []string{"--origins", "https://ok.example,bad"}, want: `--origins is "https://ok.example,bad": origin "bad"`},
		{args: []string{"--proxies", "0.0.0.0/0"}, want: `--proxies is "0.0.0.0/0": trusted proxy "0.0.0.0/0": trusts everybody`},
		{args: []string{"--webhook-allow", "0.0.0.0/0"}, want: `--webhook-allow is "0.0.0.0/0": "0.0.0.0/0" is all addresses; allowed: networks`},
		{args: []string{"--webhook-allow", "10.0.0.1"}, want: `--webhook-allow is "10.0.0.1": "10.0.0.1" is not a network`},
		{args: []string{"--webhook-allow", "::ffff:10.0.0.0/104"}, want: `--webhook-allow is "::ffff:10.0.0.0/104": "::ffff:10.0.0.0/104" is an IPv4`},
		{args: []string{"--guests", "maybe"}, want: `--guests is "maybe": neither on nor off; allowed: on or off`},
		{environ: []string{"HUBBUB_RATE_LOGIN=5"}, want: `HUBBUB_RATE_LOGIN is "5": not a rate; allowed: events/unit:burst`},
		{args: []string{"--max-sockets", "99999999999"}, want: `--max-sockets is "99999999999": not within 1 and`},
		{args: []string{"--drain", "100ms"}, want: `--drain is "100ms": out of range; allowed: a duration from 1s to 10m`},
		{args: []string{"--log-level", "loud"}, want: `--log-level is "loud": not a level; allowed: debug, info, warn or error`},
		{args: []string{"--log-format", "xml"}, want: `--log-format is "xml": not a format; allowed: text or json`},
		{args: []string{"--data", ""}, want: `--data is "": empty`},
		{args: []string{"--drain"}, want: `--drain needs a value`},
		{args: []string{"-lisen", ":1"}, want: `--lisen is not a setting`},
		{args: []string{"serve"}, want: `argument "serve" is not understood`},
		{environ: []string{"HUBBUB_LISEN=:1"}, want: `HUBBUB_LISEN is not a setting`},
		{environ: []string{"HUBBUB_DATA_FILE=x"}, want: `HUBBUB_DATA_FILE is not a setting`},
		{args: []string{"healthcheck", "readyz"}, want: `healthcheck: path "readyz"; allowed: /healthz`},
		{args: []string{"healthcheck", "--listen=:0"}, want: `healthcheck: --listen has port 0`},
	}
	for _, tt := range tests {
		_, out, err := parse(t, tt.args, tt.environ)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("ParseConfig(%q, %q):\n got %v\nwant %s…, one line", tt.args, tt.environ, err, tt.want)
		}
		if out != "" {
			t.Errorf("ParseConfig(%q, %q) wrote %q", tt.args, tt.environ, out)
		}
	}
}

func TestConfigNamesAllErrorsAtOnce(t *testing.T) {
	_, _, err := parse(t,
		[]string{"--listn", ":1", "--bogus=2", "--drain", "soon", "left", "over"},
		[]string{"HUBBUB_GUESTS=maybe", "HUBBUB_SOCKETS=1"})
	want := []string{"--listn is", "--bogus is", `"left"`, `"over"`, "HUBBUB_SOCKETS is", "HUBBUB_GUESTS is", "--drain is"}
	if got := strings.Split(fmt.Sprint(err), "\n"); len(got) != len(want) {
		t.Fatalf("%d lines, want %d:\n%v", len(got), len(want), err)
	}
	for i, line := range strings.Split(err.Error(), "\n") {
		if !strings.Contains(line, want[i]) {
			t.Errorf("line %d is %q, want %s", i, line, want[i])
		}
	}
}

// No form of a wrong or right secret may show up in an error, in String or in a log.
func TestConfigHidesSecrets(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sql")
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, value := range []string{
		"mysql://u:hunter2@db/hubbub", "mysql://u:hunter2@db", "postgres://u:hunter2@db/x", "mysql://u:hunter2/hubbub",
		"mysql://u:1/hunter2@db/x", "mysql://u:1?hunter2@db/x", "mysql://u:1#hunter2@db/x", "mysql://u:hunter2 x@db/x",
		"u:hunter2@tcp(db:3306)/x", "mysql://db/x?password=hunter2", "mysql:u:hunter2@db/x", "redis://:hunter2@a,redis://:hunter2@b",
		"redis://:hunter2@a,,", "redis://:1,hunter2@a", "mysql://u:%zzhunter2@db/x", "\x7fmysql://u:hunter2@db/x", "hunter2",
	} {
		write(value + "\n")
		for _, given := range [][2][]string{
			{{"--sql", value}, nil}, {{"--redis", value}, nil}, {nil, {"HUBBUB_SQL=" + value}},
			{nil, {"HUBBUB_REDIS=" + value}}, {nil, {"HUBBUB_SQL_FILE=" + file}}, {nil, {"HUBBUB_REDIS_FILE=" + file}},
			{{"--check", "--sql", value}, nil},
		} {
			c, out, err := parse(t, given[0], given[1])
			var log bytes.Buffer
			slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "config", c)
			text := fmt.Sprint(err, out, c.String(), log.String()) + fmt.Sprintf("%v %+v %s", c, c, c)
			if strings.Contains(text, "hunter2") {
				t.Errorf("ParseConfig(%q) shows the password:\n%s", given, text)
			}
		}
	}

	write("  mysql://u:pw@db/hubbub \n")
	if c := mustParse(t, nil, []string{"HUBBUB_SQL_FILE=" + file}); c.SQL != "mysql://u:pw@db/hubbub" || c.from["sql"] != "HUBBUB_SQL_FILE" {
		t.Errorf("from the file: %q by %q", c.SQL, c.from["sql"])
	}
	for want, environ := range map[string][]string{
		"HUBBUB_SQL and HUBBUB_SQL_FILE are both set": {"HUBBUB_SQL=sqlite:x", "HUBBUB_SQL_FILE=" + file},
		"no such file":  {"HUBBUB_SQL_FILE=" + filepath.Join(dir, "none")},
		"holds 0 bytes": {"HUBBUB_REDIS_FILE=" + os.DevNull},
	} {
		if _, _, err := parse(t, nil, environ); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", environ, err, want)
		}
	}
}

func TestConfigGuestsFollowTheDatabase(t *testing.T) {
	const mysql = "--sql=mysql://u@db/hubbub"
	for _, tt := range []struct {
		args []string
		want bool
	}{
		{nil, true}, {[]string{mysql}, false}, {[]string{mysql, "--guests=on"}, true}, {[]string{"--guests=off"}, false},
	} {
		if c := mustParse(t, tt.args, nil); c.Guests != tt.want {
			t.Errorf("%q: guests %v, want %v", tt.args, c.Guests, tt.want)
		}
	}
}

func TestConfigNotes(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, ""}, {[]string{"--sql=mysql://u@db/hubbub", "--redis=redis://r"}, ""},
		{[]string{"--redis=redis://r"}, "--redis with SQLite"}, {[]string{"--sql=mysql://u@db/hubbub"}, "--redis is not set"},
	} {
		got := strings.Join(mustParse(t, tt.args, nil).Notes(), "\n")
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%q: notes %q, want %q", tt.args, got, tt.want)
		}
	}
}

// What is asked for and answered at once wins over everything that is wrong.
func TestConfigAnswers(t *testing.T) {
	wrong := []string{"HUBBUB_NOPE=1"}
	c, help, err := parse(t, []string{"--drain", "x", "--help"}, wrong)
	if err != nil || c.Mode != ModeDone {
		t.Fatalf("--help: mode %q, %v", c.Mode, err)
	}
	for _, s := range settings() {
		for _, part := range []string{"--" + s.flag + " ", s.env(), s.what, s.allowed, s.fallback + s.derived} {
			if part == "" || !strings.Contains(help, part) {
				t.Errorf("--help does not have %q of --%s", part, s.flag)
			}
		}
		if s.secret && !strings.Contains(help, s.env()+"_FILE") {
			t.Errorf("--help does not have %s_FILE", s.env())
		}
	}
	c, out, err := parse(t, []string{"--version"}, wrong)
	if err != nil || c.Mode != ModeDone || !strings.HasPrefix(out, "hubbub ") {
		t.Errorf("--version: mode %q, %q, %v", c.Mode, out, err)
	}
	c, out, err = parse(t, []string{"--check", "--drain=3s"}, []string{"HUBBUB_NODE=n1"})
	if err != nil || c.Mode != ModeDone {
		t.Errorf("--check: mode %q, %v", c.Mode, err)
	}
	for _, line := range []string{"--drain         3s (--drain)\n", "--node          n1 (HUBBUB_NODE)\n", "--guests        on (default)\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("--check has no line %q:\n%s", line, out)
		}
	}
}
