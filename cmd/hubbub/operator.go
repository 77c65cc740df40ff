package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"hubbub/chat"
	"hubbub/internal/sqldb"
	"hubbub/orders"
)

// operator carries commands out.
type operator struct {
	keys     *orders.Keys
	accounts *chat.Accounts
}

// outcome is what a command has to say: Out to the standard output, where it can
// be piped, and Note to the standard error.
type outcome struct{ Out, Note string }

// carryOut does what a command says. An error of [orders] or [chat] says what is
// wrong with it.
func (o operator) carryOut(ctx context.Context, c command) (outcome, error) {
	switch c.Verb {
	case "key create":
		key, token, err := o.keys.Create(ctx, orders.Role(c.Role), c.Name, c.Shop)
		return outcome{Out: token + "\n", Note: fmt.Sprintf("key %s of shop %s, shown this once; revoke it with: hubbub key revoke %s\n", key.Name, key.Shop, key.ID)}, err
	case "key list":
		keys, err := o.keys.List(ctx)
		return outcome{Out: keyTable(keys)}, err
	case "key revoke":
		return outcome{Note: "revoked; no node takes it after 5 s at most\n"}, o.keys.Revoke(ctx, c.Args[0])
	case "user role":
		role := chat.Support
		if c.Args[1] == "none" {
			role = chat.Customer
		}
		u, err := o.accounts.SetRole(ctx, c.Args[0], role)
		return outcome{Note: fmt.Sprintf("%s has the role %s now\n", u.Name, c.Args[1])}, err
	case "user disable", "user enable":
		u, err := o.accounts.SetDisabled(ctx, c.Args[0], c.Verb == "user disable")
		return outcome{Note: fmt.Sprintf("%s is %sd now\n", u.Name, strings.TrimPrefix(c.Verb, "user "))}, err
	}
	return outcome{}, fmt.Errorf("no such command: %s", c.Verb)
}

func keyTable(keys []orders.APIKey) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tROLE\tSHOP\tCREATED\tREVOKED\tNAME")
	when := func(at int64) string {
		if at == 0 {
			return "-"
		}
		return time.UnixMicro(at).UTC().Format(time.RFC3339)
	}
	for _, k := range keys {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Role, k.Shop, when(k.CreatedAt), when(k.RevokedAt), k.Name)
	}
	w.Flush()
	return b.String()
}

// runCommand carries the command of the settings out: on the database, or, where
// that is a file which a node has open, by asking the node.
func runCommand(ctx context.Context, cfg Config, log *slog.Logger, out, errOut io.Writer) error {
	done, err := commandHere(ctx, cfg, log)
	if errors.Is(err, sqldb.ErrInUse) {
		done, err = askNode(ctx, controlPath(cfg.SQL), cfg.Command)
	}
	if err != nil {
		err = plainly(err)
	}
	// Also when closing failed afterwards: a key that was made is told only once.
	_, outErr := io.WriteString(out, done.Out)
	_, noteErr := io.WriteString(errOut, done.Note)
	return errors.Join(err, outErr, noteErr)
}

// commandHere carries a command out on the database itself. Nodes are told over
// the bus, if there is one: else they find out within seconds.
func commandHere(ctx context.Context, cfg Config, log *slog.Logger) (done outcome, err error) {
	n := &node{cfg: cfg, log: log, pools: newPools(cfg.SQLOpen, log)}
	defer func() { err = errors.Join(err, n.close()) }()
	if err := n.openDomain(ctx, nil); err != nil {
		return outcome{}, err
	}
	done, err = operator{n.keys, n.accounts}.carryOut(ctx, cfg.Command)
	if err != nil {
		return outcome{}, err
	}
	// With a context that has ended, Run sends what is queued and returns.
	over, cancel := context.WithCancel(ctx)
	cancel()
	return done, n.bus.Run(over)
}

// plainly gives the words of an error that are for people.
func plainly(err error) error {
	if e, ok := errors.AsType[*orders.Error](err); ok && e.Cause == nil {
		return errors.New(e.Text)
	}
	if e, ok := errors.AsType[*chat.Error](err); ok && e.Cause == nil {
		return errors.New(strings.TrimPrefix(e.Field+": "+e.Text, ": "))
	}
	return err
}
