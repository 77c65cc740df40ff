package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubbub/chat"
	"hubbub/internal/testenv"
)

func TestCommandsAreRead(t *testing.T) {
	for _, tt := range []struct {
		args string
		want command
	}{
		{"key create --role shop --name till", command{Verb: "key create", Role: "shop", Name: "till", Shop: "main"}},
		{"key create --sql sqlite:x --shop=north --name till -role shop", command{Verb: "key create", Role: "shop", Name: "till", Shop: "north"}},
		{"key list --data x", command{Verb: "key list"}},
		{"key revoke ABC", command{Verb: "key revoke", Args: []string{"ABC"}}},
		{"user role ada support", command{Verb: "user role", Args: []string{"ada", "support"}}},
		{"user role ada none", command{Verb: "user role", Args: []string{"ada", "none"}}},
		{"user disable ada", command{Verb: "user disable", Args: []string{"ada"}}},
		{"user enable ada --log-level warn", command{Verb: "user enable", Args: []string{"ada"}}},
	} {
		c := mustParse(t, strings.Fields(tt.args), nil)
		if c.Mode != ModeCommand || !c.Command.known() {
			t.Errorf("%s is %q", tt.args, c.Mode)
		}
		if diff := cmp.Diff(tt.want, c.Command, cmp.FilterValues(func(a, b []string) bool { return len(a)+len(b) == 0 }, cmp.Ignore())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.args, diff)
		}
	}
}

func TestCommandsAreRefused(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"key", "the commands are: hubbub key create --role shop --name NAME [--shop SHOP]; hubbub key list; hubbub key revoke ID"},
		{"key drop ABC", "the commands are: hubbub key create"},
		{"user", "the commands are: hubbub user role NAME support|none; hubbub user disable NAME; hubbub user enable NAME"},
		{"key create", "--role and --name are needed: hubbub key create"},
		{"key create --role shop", "--role and --name are needed"},
		{"key create till --role shop --name x", "the command is: hubbub key create"},
		{"key revoke", "the command is: hubbub key revoke ID"},
		{"key revoke A B", "the command is: hubbub key revoke ID"},
		{"key list --name x", "--name is not for this command: hubbub key list"},
		{"user role ada", "the command is: hubbub user role NAME support|none"},
		{"user role ada owner", `the role is "owner"; allowed: support or none`},
		{"user disable ada --nmae x", "--nmae is not a setting"},
		{"key create --role shop --name", "--name needs a value"},
		{"key list --listen x", `--listen is "x": not host:port`},
		{"--name x", "--name is not a setting"},
	} {
		_, out, err := parse(t, strings.Fields(tt.args), nil)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || out != "" {
			t.Errorf("%s: %v, wrote %q; want %s", tt.args, err, out, tt.want)
		}
	}
	if _, out, err := parse(t, []string{"key", "--help"}, nil); err != nil || !strings.Contains(out, "hubbub key revoke ID") {
		t.Errorf("--help of a command: %v, %q", err, out)
	}
}

// operate runs a command as the program does, and gives what it says.
func operate(t *testing.T, settings []string, words ...string) (out, note string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err = run(t.Context(), append(words, settings...), nil, &stdout, &stderr)
	return stdout.String(), stderr.String(), err
}

// newShopKey makes a key with the command.
func newShopKey(t *testing.T, settings []string) (token, id string) {
	t.Helper()
	out, note, err := operate(t, settings, "key", "create", "--role", "shop", "--name", "till", "--shop", "north")
	m := regexp.MustCompile(`hubbub key revoke ([A-Z2-7]{26})\n$`).FindStringSubmatch(note)
	if err != nil || m == nil || !regexp.MustCompile(`^hbk_[A-Z2-7]{52}\n$`).MatchString(out) {
		t.Fatalf("key create: %v, says %q and %q", err, out, note)
	}
	return strings.TrimSpace(out), m[1]
}

func (p person) status(t *testing.T, addr string) int {
	t.Helper()
	a, err := call(t.Context(), p.Token, "GET", "http://"+addr+"/v1/orders", nil)
	if err != nil {
		t.Fatal(err)
	}
	return a.Status
}

// commands goes through all of them against running nodes.
func commands(t *testing.T, settings []string, addrs ...string) {
	within := func(what string, p person, status int) {
		t.Helper()
		for _, addr := range addrs {
			eventually(t, patience, what, func() bool { return p.status(t, addr) == status })
		}
	}
	token, id := newShopKey(t, settings)
	shop := person{Token: token}
	within("a key is taken", shop, 200)
	if out, _, err := operate(t, settings, "key", "list"); err != nil || strings.Contains(out, token) ||
		!regexp.MustCompile(`(?m)^`+id+`  shop  north  \S+Z  -  +till$`).MatchString(out) {
		t.Errorf("key list: %v\n%s", err, out)
	}
	if _, _, err := operate(t, settings, "key", "revoke", id); err != nil {
		t.Error(err)
	}
	within("a revoked key is refused", shop, 401)
	if out, _, err := operate(t, settings, "key", "list"); err != nil || !regexp.MustCompile(`(?m)^`+id+` .*Z  \S+Z  till$`).MatchString(out) {
		t.Errorf("key list: %v\n%s", err, out)
	}

	ada := signUp(t, addrs[0], "Ada")
	if _, note, err := operate(t, settings, "user", "role", ada.Name, "support"); err != nil || note != ada.Name+" has the role support now\n" {
		t.Errorf("user role: %v, %q", err, note)
	}
	eventually(t, patience, "the role is known", func() bool {
		var me struct{ Role string }
		ada.do(t, addrs[0], "GET", "/v1/me", nil, 200).decode(t, &me)
		return me.Role == string(chat.Support)
	})
	within("an account is let in", ada, 200)
	if _, _, err := operate(t, settings, "user", "disable", ada.Name); err != nil {
		t.Error(err)
	}
	within("a barred account is refused", ada, 401)
	person{}.do(t, addrs[0], "POST", "/v1/sessions", map[string]string{"name": ada.Name, "password": password}, 403)
	if _, _, err := operate(t, settings, "user", "enable", ada.Name); err != nil {
		t.Error(err)
	}
	ada.signIn(t, addrs[0])

	for _, tt := range []struct {
		words []string
		want  string
	}{
		{[]string{"user", "disable", "nobody-of-that-name"}, "there is no such user"},
		{[]string{"key", "revoke", "nothing"}, "there is no key of this id"},
		{[]string{"key", "create", "--role", "owner", "--name", "x"}, "role must be shop"},
		{[]string{"key", "create", "--role", "shop", "--name", "x", "--shop", "a b"}, "shop must be 1 to 64"},
	} {
		out, _, err := operate(t, settings, tt.words...)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || out != "" {
			t.Errorf("%s: %v, wrote %q", tt.words, err, out)
		}
	}
}

// The embedded database belongs to the node that runs, so it is asked.
func TestCommandsOfAnEmbeddedNode(t *testing.T) {
	t.Parallel()
	settings := []string{"--sql=sqlite:" + filepath.Join(t.TempDir(), "hubbub.db")}
	before, _ := newShopKey(t, settings) // nobody runs yet
	n := startNode(t, append(settings, unlimited...)...)
	eventually(t, patience, "the node serves", func() bool { return person{Token: before}.status(t, n.Addr()) == 200 })
	commands(t, settings, n.Addr())
}

// A node that cannot be asked is named as what is in the way.
func TestCommandsWhileTheFileIsInUse(t *testing.T) {
	t.Parallel()
	settings := []string{"--sql=sqlite:" + filepath.Join(t.TempDir(), strings.Repeat("x", maxControlPath), "hubbub.db")}
	startNode(t, append(settings, unlimited...)...)
	out, _, err := operate(t, settings, "key", "list")
	if err == nil || !strings.Contains(err.Error(), "in use by a process that cannot be asked") || out != "" {
		t.Errorf("key list: %v, wrote %q", err, out)
	}
}

// Nodes on a server are not asked; they are told over the bus, or find out.
func TestCommandsOfACluster(t *testing.T) {
	t.Parallel()
	for name, redis := range map[string][]string{"with Redis": {"--redis=" + testenv.SharedRedis(t).URL()}, "without": nil, "Redis away": {"--redis=redis://" + deadPort(t)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sql := []string{"--sql=" + testenv.SharedMariaDB(t).NewDatabase(t), "--sql-open=10"}
			settings := append(sql, redis...)
			if name == "Redis away" { // for the command alone: nodes do not start without
				redis = nil
			}
			one := startNode(t, append(append(sql, redis...), unlimited...)...)
			two := startNode(t, append(append(sql, redis...), unlimited...)...)
			commands(t, settings, one.Addr(), two.Addr())
		})
	}
}

// Who signs out or takes a new password on one node is a stranger on all of them
// within seconds (see mw.TokenTime), though they do not hear each other.
func TestSessionsEndOnDeafNodes(t *testing.T) {
	t.Parallel()
	settings := append([]string{"--sql=" + testenv.SharedMariaDB(t).NewDatabase(t), "--sql-open=10"}, unlimited...)
	one, two := startNode(t, settings...), startNode(t, settings...)
	ada := signUp(t, one.Addr(), "Ada")
	phone, tablet := ada.signIn(t, one.Addr()), ada.signIn(t, one.Addr())
	for _, p := range []person{ada, phone, tablet} {
		if got := p.status(t, two.Addr()); got != 200 {
			t.Fatalf("signed in: %d", got)
		}
	}
	phone.do(t, one.Addr(), "DELETE", "/v1/sessions/current", nil, 204)
	if got := phone.status(t, one.Addr()); got != 401 {
		t.Errorf("where it was signed out: %d", got)
	}
	eventually(t, patience, "signed out everywhere", func() bool { return phone.status(t, two.Addr()) == 401 })
	ada.do(t, one.Addr(), "PUT", "/v1/me/password", map[string]string{"old": password, "new": password + "!"}, 204)
	eventually(t, patience, "the old password's sessions are over", func() bool { return tablet.status(t, two.Addr()) == 401 })
	if got := ada.status(t, two.Addr()); got != 200 {
		t.Errorf("who changed it: %d", got)
	}
}
