package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"
)

const helpHead = `hubbub: a chat backend that a team can trust as it trusts a database.

  hubbub [settings]                      run a node until SIGTERM
  hubbub --check [settings]              print the settings in effect, without passwords
  hubbub healthcheck [settings] [path]   ask the node at --listen for /healthz, or the path
  hubbub key create --role shop --name NAME [--shop SHOP] [settings]
                                         make an API key; its token is printed once
  hubbub key list [settings]             list API keys
  hubbub key revoke ID [settings]        end an API key
  hubbub user role NAME support|none [settings]
                                         make an account support staff, or not any more
  hubbub user disable|enable NAME [settings]
                                         bar an account, or let it in again
  hubbub --version
  hubbub --help

Commands take the settings of the nodes, and work while these run.
With no settings: one node on http://127.0.0.1:8080, everything kept in ./data.
Each setting is a flag or an environment variable. The flag wins; an empty
variable counts as absent; …_FILE names a file that holds the value.

`

func writeHelp(out io.Writer, list []setting) error {
	var b strings.Builder
	b.WriteString(helpHead)
	for _, s := range list {
		names := s.env()
		if s.secret {
			names += " or " + s.env() + "_FILE"
		}
		fmt.Fprintf(&b, "  --%s   %s\n      %s\n      default: %s\n      allowed: %s\n\n",
			s.flag, names, s.what, orWord(s.fallback, s.derived), s.allowed)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// buildVersion is what the linker was told, or else what Go stamped from the
// checkout.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
