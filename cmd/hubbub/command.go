package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// command is what an operator asks for besides a node; see [operator].
type command struct {
	Verb string   // one of the verbs
	Args []string // as many as the verb has
	Role string   // --role, --name and --shop, of the verbs that take them
	Name string
	Shop string
}

// verb is one form of a command.
type verb struct {
	words string   // "key create"
	args  []string // what follows, in capitals or as alternatives
	flags []string // of command, without dashes
	usage string   // of the flags
}

var verbs = []verb{
	{words: "key create", flags: []string{"role", "name", "shop"}, usage: "--role shop --name NAME [--shop SHOP]"},
	{words: "key list"},
	{words: "key revoke", args: []string{"ID"}},
	{words: "user role", args: []string{"NAME", "support|none"}},
	{words: "user disable", args: []string{"NAME"}},
	{words: "user enable", args: []string{"NAME"}},
}

func (v verb) String() string {
	return strings.Join(slices.DeleteFunc(append([]string{"hubbub", v.words}, append(slices.Clone(v.args), v.usage)...),
		func(s string) bool { return s == "" }), " ")
}

// defaultShop is the shop of a key that was made without --shop.
const defaultShop = "main"

// isCommand tells whether the arguments begin like a command.
func isCommand(args []string) bool { return len(args) > 0 && (args[0] == "key" || args[0] == "user") }

// splitCommand takes the words of a command from the arguments; rest are its
// flags and the settings.
func splitCommand(args []string) (words, rest []string) {
	n := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") })
	if n < 0 {
		n = len(args)
	}
	return args[:n], args[n:]
}

// commandFlags are the flags of commands as settings that nobody keeps.
func commandFlags() []setting {
	return []setting{{flag: "role"}, {flag: "name"}, {flag: "shop"}}
}

// newCommand makes a command of its words and flags.
func newCommand(words []string, flags map[string]string) (command, error) {
	var like []string
	for _, v := range verbs {
		name := strings.Fields(v.words)
		if words[0] == name[0] {
			like = append(like, v.String())
		}
		if len(words) < 2 || !slices.Equal(words[:2], name) {
			continue
		}
		c := command{Verb: v.words, Args: words[2:], Role: flags["role"], Name: flags["name"], Shop: flags["shop"]}
		for _, f := range commandFlags() {
			if _, given := flags[f.flag]; given && !slices.Contains(v.flags, f.flag) {
				return command{}, fmt.Errorf("--%s is not for this command: %s", f.flag, v)
			}
		}
		if len(c.Args) != len(v.args) {
			return command{}, fmt.Errorf("the command is: %s", v)
		}
		return c, c.check(v)
	}
	return command{}, errors.New("the commands are: " + strings.Join(like, "; "))
}

// known tells whether the command has a form that exists, wherever it comes from.
func (c command) known() bool {
	return slices.ContainsFunc(verbs, func(v verb) bool { return v.words == c.Verb && len(v.args) == len(c.Args) })
}

// check looks at what can be seen to be wrong without a database.
func (c *command) check(v verb) error {
	switch c.Verb {
	case "key create":
		if c.Role == "" || c.Name == "" {
			return fmt.Errorf("--role and --name are needed: %s", v)
		}
		if c.Shop == "" {
			c.Shop = defaultShop
		}
	case "user role":
		if c.Args[1] != "support" && c.Args[1] != "none" {
			return fmt.Errorf("the role is %q; allowed: support or none", c.Args[1])
		}
	}
	return nil
}
