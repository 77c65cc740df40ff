package chatstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"hubbub/chat"
)

// The leases in Redis. A node has one set with the users it carries; the time
// to live of that set is the node's lease, so what a dead node said is gone by
// itself. nodes lists the incarnations to ask; one whose set is gone is taken
// off by whoever notices.
//
// All keys share a hash tag, since one look asks several of them.
const (
	leaseNodes  = "hubbub:{presence}:nodes"
	leasePrefix = "hubbub:{presence}:node:"
	// leaseMark keeps the set of a node that carries nobody: Redis has no empty sets.
	leaseMark = "-"
	// leaseChunk is how many users one command asks for.
	leaseChunk = 500
)

// Leases is a [chat.Leases] in Redis.
type Leases struct{ client redis.UniversalClient }

var _ chat.Leases = (*Leases)(nil)

// NewLeases makes leases over the process's Redis client.
func NewLeases(client redis.UniversalClient) *Leases { return &Leases{client: client} }

// Renew implements [chat.Leases].
func (l *Leases) Renew(ctx context.Context, node string, add, remove []chat.UserID) (lost bool, err error) {
	key := leasePrefix + node
	var alive *redis.BoolCmd
	// All or nothing: a set without a time to live would never go.
	_, err = l.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		alive = p.Expire(ctx, key, chat.LeaseTTL)
		p.SAdd(ctx, key, append(members(add), leaseMark)...)
		if len(remove) > 0 {
			p.SRem(ctx, key, members(remove)...)
		}
		p.Expire(ctx, key, chat.LeaseTTL)
		p.SAdd(ctx, leaseNodes, node)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("renew lease: %w", err)
	}
	return !alive.Val(), nil
}

// Drop implements [chat.Leases].
func (l *Leases) Drop(ctx context.Context, node string) error {
	_, err := l.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, leasePrefix+node)
		p.SRem(ctx, leaseNodes, node)
		return nil
	})
	if err != nil {
		return fmt.Errorf("drop lease: %w", err)
	}
	return nil
}

// Online implements [chat.Leases].
func (l *Leases) Online(ctx context.Context, users []chat.UserID) (map[chat.UserID]bool, error) {
	nodes, err := l.client.SMembers(ctx, leaseNodes).Result()
	if err != nil {
		return nil, fmt.Errorf("list leases: %w", err)
	}
	online := make(map[chat.UserID]bool, len(users))
	for chunk := range slices.Chunk(users, leaseChunk) {
		asked := make([]*redis.BoolSliceCmd, len(nodes))
		alive := make([]*redis.IntCmd, len(nodes))
		_, err := l.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, node := range nodes {
				asked[i] = p.SMIsMember(ctx, leasePrefix+node, members(chunk)...)
				alive[i] = p.Exists(ctx, leasePrefix+node)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read leases: %w", err)
		}
		for i := range nodes {
			for k, here := range asked[i].Val() {
				if here {
					online[chunk[k]] = true
				}
			}
		}
		if err := l.forget(ctx, nodes, alive); err != nil {
			return nil, err
		}
	}
	return online, nil
}

// forget takes nodes off the list whose lease is gone. A node that comes back at
// this very moment puts itself on it again when it renews.
func (l *Leases) forget(ctx context.Context, nodes []string, alive []*redis.IntCmd) error {
	var gone []any
	for i, node := range nodes {
		if alive[i].Val() == 0 {
			gone = append(gone, node)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := l.client.SRem(ctx, leaseNodes, gone...).Err(); err != nil {
		return fmt.Errorf("forget leases: %w", err)
	}
	return nil
}

func members(users []chat.UserID) []any {
	out := make([]any, len(users))
	for i, u := range users {
		out[i] = string(u)
	}
	return out
}
