package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxSockets leaves 256 files for the database, Redis, logs and listeners.
func maxSockets() int { return max(1, openFiles()-256) }

var notInNode = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

func nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "hubbub"
	}
	host = notInNode.ReplaceAllString(host, "-")
	return fmt.Sprintf("%.59s-%s", orWord(host, "hubbub"), strings.ToLower(rand.Text()[:4]))
}

func checkNode(v string) error {
	if len(v) > 64 || notInNode.MatchString(v) {
		return errors.New("not a name")
	}
	return nil
}

func parseAddress(v string) (string, error) {
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		return "", errors.New("not host:port")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", errors.New("the port is not a number from 0 to 65535")
	}
	return v, nil
}

func parseCount(v string, most int) (int, error) {
	n, err := strconv.Atoi(v)
	switch {
	case err != nil:
		return 0, errors.New("not a number")
	case n < 1 || n > most:
		return 0, fmt.Errorf("not within 1 and %d", most)
	}
	return n, nil
}

func parseDrain(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	switch {
	case err != nil:
		return 0, errors.New("not a duration")
	case d < time.Second || d > 10*time.Minute:
		return 0, errors.New("out of range")
	}
	return d, nil
}

func parseLevel(v string) (slog.Level, error) {
	switch v {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, errors.New("not a level")
}

func parseSwitch(v string) (bool, error) {
	switch v {
	case "on", "true", "1":
		return true, nil
	case "off", "false", "0":
		return false, nil
	}
	return false, errors.New("neither on nor off")
}

// parseList splits at commas and drops white space around each part.
func parseList(v string) []string {
	parts := strings.Split(v, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// parseNetworks reads networks in CIDR form. One of all addresses is refused: it
// has the metadata services of clouds in it, and this node itself.
func parseNetworks(v string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, part := range parseList(v) {
		p, err := netip.ParsePrefix(part)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%q is not a network", part)
		case p.Bits() == 0:
			return nil, fmt.Errorf("%q is all addresses", part)
		case p.Addr().Is4In6():
			return nil, fmt.Errorf("%q is an IPv4 network in IPv6 form", part)
		}
		networks = append(networks, p.Masked())
	}
	return networks, nil
}

// parseURL refuses what url.Parse would let pass with a part of the password
// outside of the password: one that holds / ? # @ or a comma as it is. The
// error does not repeat the value, as those of url.Parse do.
func parseURL(v string) (*url.URL, error) {
	u, err := url.Parse(v)
	if err != nil || strings.Contains(u.Host, ",") || strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
		return nil, errors.New("not a URL; what is special in the password must be percent-encoded")
	}
	return u, nil
}

// checkSQL looks at the form alone; sqldb.Open, which knows every parameter,
// and the server itself have the last word at start.
func checkSQL(v string) error {
	if path, ok := strings.CutPrefix(v, "sqlite:"); ok {
		if path == "" {
			return errors.New("no file is named")
		}
		return nil
	}
	u, err := parseURL(v)
	switch {
	case err != nil:
		return err
	case u.Scheme != "mysql":
		return errors.New("the scheme is neither mysql nor sqlite")
	case u.User.Username() == "":
		return errors.New("no user is named")
	case u.Hostname() == "":
		return errors.New("no host is named")
	case strings.Trim(u.Path, "/") == "":
		return errors.New("no database is named")
	}
	return nil
}

// parseRedis looks at the form alone, as checkSQL does.
func parseRedis(v string) ([]string, error) {
	var all []string
	clusters := 0
	for _, part := range parseList(v) {
		u, err := parseURL(part)
		switch {
		case err != nil:
			return nil, err
		case u.Scheme == "redis-cluster":
			clusters++
		case u.Scheme != "redis" && u.Scheme != "rediss":
			return nil, errors.New("not a scheme of Redis")
		}
		if u.Hostname() == "" {
			return nil, errors.New("no host is named")
		}
		all = append(all, part)
	}
	if clusters != 0 && clusters != len(all) {
		return nil, errors.New("redis-cluster:// and single servers are mixed")
	}
	return all, nil
}

// redact gives an address without what may be secret in it: the password, and
// everything where the form is not understood.
func redact(v string) string {
	if strings.HasPrefix(v, "sqlite:") {
		return v
	}
	u, err := parseURL(v)
	if err != nil || u.Host == "" {
		if scheme, _, ok := strings.Cut(v, "://"); ok {
			return scheme + "://…"
		}
		return "…"
	}
	for key := range u.Query() {
		if secretKey.MatchString(key) {
			q := u.Query()
			q.Set(key, "xxxxx")
			u.RawQuery = q.Encode()
		}
	}
	return u.Redacted()
}

var secretKey = regexp.MustCompile(`(?i)pass|secret|token|auth`)

// listOr joins what show makes of each, or gives the word for none.
func listOr[T any](all []T, show func(T) string, none string) string {
	var shown []string
	for _, one := range all {
		shown = append(shown, show(one))
	}
	return orWord(strings.Join(shown, ","), none)
}

func orWord(v, word string) string {
	if v == "" {
		return word
	}
	return v
}
