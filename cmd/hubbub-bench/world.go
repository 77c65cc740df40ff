package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"golang.org/x/sync/errgroup"

	"hubbub/chat/wire"
)

// account is one of the run's users, and the token of its session.
type account struct {
	user  wire.User
	token string
}

// setupParallel is how many calls of the set-up run at the same time.
const setupParallel = 4

// makeAccounts makes the users. How says whether as guests or with names; auto
// takes names where guests are not let in.
func makeAccounts(ctx context.Context, r *rest, run string, o options) ([]account, error) {
	list := make([]account, o.Clients)
	how := o.Accounts
	first, err := makeAccount(ctx, r, run, 0, how)
	if p := (*problem)(nil); how == "auto" && errors.As(err, &p) && p.Code == "forbidden" {
		how = "names"
		first, err = makeAccount(ctx, r, run, 0, how)
	}
	if err != nil {
		return nil, fmt.Errorf("make a user: %w", err)
	}
	list[0] = first
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(setupParallel)
	for i := 1; i < o.Clients; i++ {
		g.Go(func() (err error) {
			if list[i], err = makeAccount(ctx, r, run, i, how); err != nil {
				return fmt.Errorf("make user %d of %d: %w", i+1, o.Clients, err)
			}
			return nil
		})
	}
	return list, g.Wait()
}

func makeAccount(ctx context.Context, r *rest, run string, i int, how string) (account, error) {
	name := fmt.Sprintf("bench-%s-%d", run, i)
	path, in := "/v1/guests", map[string]string{"display_name": name}
	if how == "names" {
		path, in = "/v1/users", map[string]string{"name": name, "password": "password of " + run}
	}
	var out struct {
		User  wire.User `json:"user"`
		Token string    `json:"token"`
	}
	if err := r.insist(ctx, i, "POST", path, "", in, &out); err != nil {
		return account{}, err
	}
	return account{out.User, out.Token}, nil
}

// firstMembers is how many others a room may start with.
const firstMembers = 100

// makeRooms makes private rooms, since those are seen by nobody else, and gives
// their ids.
func makeRooms(ctx context.Context, r *rest, run string, o options, users []account) ([]string, error) {
	ids := make([]string, o.Rooms)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(setupParallel)
	for i := range ids {
		g.Go(func() (err error) {
			if ids[i], err = makeRoom(ctx, r, fmt.Sprintf("bench %s %d", run, i), users, o.members(i)); err != nil {
				return fmt.Errorf("make room %d of %d: %w", i+1, o.Rooms, err)
			}
			return nil
		})
	}
	return ids, g.Wait()
}

func makeRoom(ctx context.Context, r *rest, name string, users []account, members []int) (string, error) {
	owner := users[members[0]]
	var others []string
	for _, m := range members[1:] {
		others = append(others, users[m].user.ID)
	}
	n := min(len(others), firstMembers)
	var room wire.Room
	in := map[string]any{"kind": "private", "name": name, "members": append([]string{}, others[:n]...)}
	if err := r.insist(ctx, members[0], "POST", "/v1/rooms", owner.token, in, &room); err != nil {
		return "", err
	}
	for _, id := range others[n:] {
		path := "/v1/rooms/" + url.PathEscape(room.ID) + "/members/" + url.PathEscape(id)
		if err := r.insist(ctx, members[0], "PUT", path, owner.token, struct{}{}, nil); err != nil {
			return "", err
		}
	}
	return room.ID, nil
}
