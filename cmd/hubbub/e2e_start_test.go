package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"hubbub/internal/testenv"
)

// What keeps a node from starting is told in one line that names it, and no
// password; the process ends with 1 and does not hang.
func TestStartErrors(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	dead := deadPort(t)
	// Takes connections and never answers, like a server that hangs.
	deaf := taken.Addr().String()
	goodSQL := testenv.SharedMariaDB(t).NewDatabase(t)
	wrongPassword := strings.Replace(goodSQL, "@", "hunter2@", 1)
	const secret = "hunter2"
	for name, c := range map[string]struct {
		settings []string
		says     []string
	}{
		"SQL URL":           {[]string{"HUBBUB_SQL=postgres://u:" + secret + "@" + dead + "/hubbub"}, []string{"HUBBUB_SQL", "mysql://"}},
		"SQL is down":       {[]string{"HUBBUB_SQL=mysql://u:" + secret + "@" + dead + "/hubbub"}, []string{"--sql", dead, "refused"}},
		"SQL hangs":         {[]string{"HUBBUB_SQL=mysql://u:" + secret + "@" + deaf + "/hubbub"}, []string{"--sql", deaf}},
		"SQL says no":       {[]string{"HUBBUB_SQL=" + wrongPassword}, []string{"--sql", "denied"}},
		"Redis URL":         {[]string{"HUBBUB_REDIS=http://u:" + secret + "@" + dead}, []string{"HUBBUB_REDIS", "redis://"}},
		"Redis is down":     {[]string{"HUBBUB_REDIS=redis://u:" + secret + "@" + dead}, []string{"--redis", dead, "refused"}},
		"Redis hangs":       {[]string{"HUBBUB_REDIS=redis://u:" + secret + "@" + deaf}, []string{"--redis", deaf}},
		"port taken":        {[]string{"HUBBUB_LISTEN=" + deaf}, []string{"--listen", deaf, "in use"}},
		"admin port taken":  {[]string{"HUBBUB_ADMIN=" + deaf}, []string{"--admin", deaf, "in use"}},
		"no folder":         {[]string{"HUBBUB_DATA=/dev/null/data"}, []string{"folder", "/dev/null"}},
		"misspelt variable": {[]string{"HUBBUB_LISTN=" + dead}, []string{"HUBBUB_LISTN", "--help"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			p := launch(t, append([]string{"HUBBUB_DATA=" + t.TempDir()}, c.settings...)...)
			if code := p.exit(15 * time.Second); code != 1 {
				t.Errorf("exit code %d", code)
			}
			if took := time.Since(start); took > 12*time.Second {
				t.Errorf("it took %v", took)
			}
			said := p.said()
			for _, part := range c.says {
				if !strings.Contains(said, part) {
					t.Errorf("%q does not tell of %q", said, part)
				}
			}
			if strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "hubbub: ") {
				t.Errorf("it is not one line of hubbub's: %q", said)
			}
			if strings.Contains(p.log.String(), secret) {
				t.Errorf("a password is shown: %s", p.log)
			}
		})
	}
}
