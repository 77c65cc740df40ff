package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// One process has an SQLite file to itself, so the commands of an operator are
// carried out by the node, which listens for them on a Unix socket beside the
// file. Only the owner of the file can connect to it.

const (
	// maxControlPath is what fits into a socket address on every system.
	maxControlPath = 100
	// controlTime bounds one command.
	controlTime = 20 * time.Second
	maxControl  = 64 << 10 // bytes of a command, or of its outcome but for long lists
)

// controlPath is where the node of an SQLite file listens; "" for a server, which
// any process can reach.
func controlPath(sql string) string {
	if path, ok := strings.CutPrefix(sql, "sqlite:"); ok {
		return path + ".control"
	}
	return ""
}

// listenControl opens the socket. The file of the database is ours already, so
// whatever is there is left over from a node that died.
func listenControl(path string) (net.Listener, error) {
	if len(path) > maxControlPath {
		return nil, fmt.Errorf("%s: longer than %d bytes", path, maxControlPath)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// answerControl is what the node makes of a command.
type answerControl struct {
	outcome
	Error string
}

// controlHandler carries out the commands that come in on the socket.
func controlHandler(o operator, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c command
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl)).Decode(&c); err != nil || !c.known() {
			http.Error(w, "not a command", http.StatusBadRequest)
			return
		}
		var a answerControl
		done, err := o.carryOut(r.Context(), c)
		if err != nil {
			a.Error = plainly(err).Error()
		} else {
			a.outcome = done
			log.Info("command carried out", "command", c.Verb)
		}
		if err := json.NewEncoder(w).Encode(a); err != nil {
			log.Warn("command answered to nobody", "command", c.Verb, "error", err)
		}
	})
}

// askNode has the node at the socket carry a command out.
func askNode(ctx context.Context, path string, c command) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, controlTime)
	defer cancel()
	body, err := json.Marshal(c)
	if err != nil {
		return outcome{}, err
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node/", bytes.NewReader(body))
	if err != nil {
		return outcome{}, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return outcome{}, fmt.Errorf("the database file is in use by a process that cannot be asked at %s: stop it and try again: %w", path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return outcome{}, fmt.Errorf("the node broke off: %w", err)
	}
	var a answerControl
	if err := json.Unmarshal(text, &a); err != nil || resp.StatusCode != http.StatusOK {
		return outcome{}, fmt.Errorf("the node answers %s", resp.Status)
	}
	if a.Error != "" {
		return outcome{}, errors.New(a.Error)
	}
	return a.outcome, nil
}
