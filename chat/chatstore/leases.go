package chatstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"hubbub/chat"
)

// The leases in Redis. A node has one hash with the users it carries and how
// they are; the time to live of that hash is the node's lease, so what a dead
// node said is gone by itself. nodes lists the incarnations to ask; one whose
// hash is gone is taken off by whoever notices.
//
// All keys share a hash tag, since one look asks several of them.
const (
	leaseNodes  = "hubbub:{presence}:nodes"
	leasePrefix = "hubbub:{presence}:node:"
	// leaseMark keeps the hash of a node that carries nobody: Redis has no empty ones.
	leaseMark = "-"
	// How users are.
	leaseOnline, leaseAway = "online", "away"
	// leaseChunk is how many users one command asks for.
	leaseChunk = 500
)

// Leases is a [chat.Leases] in Redis.
type Leases struct{ client redis.UniversalClient }

var _ chat.Leases = (*Leases)(nil)

// NewLeases makes leases over the process's Redis client.
func NewLeases(client redis.UniversalClient) *Leases { return &Leases{client: client} }

// Renew implements [chat.Leases].
func (l *Leases) Renew(ctx context.Context, node string, put map[chat.UserID]chat.Status, remove []chat.UserID) (lost bool, err error) {
	key := leasePrefix + node
	fields := []any{leaseMark, ""}
	for u, status := range put {
		fields = append(fields, string(u), leaseOnline)
		if status == chat.Away {
			fields[len(fields)-1] = leaseAway
		}
	}
	var alive *redis.BoolCmd
	// All or nothing: a hash without a time to live would never go.
	_, err = l.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		alive = p.Expire(ctx, key, chat.LeaseTTL)
		p.HSet(ctx, key, fields...)
		if len(remove) > 0 {
			p.HDel(ctx, key, names(remove)...)
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

// Statuses implements [chat.Leases].
func (l *Leases) Statuses(ctx context.Context, users []chat.UserID) (map[chat.UserID]chat.Status, error) {
	nodes, err := l.client.SMembers(ctx, leaseNodes).Result()
	if err != nil {
		return nil, fmt.Errorf("list leases: %w", err)
	}
	statuses := make(map[chat.UserID]chat.Status, len(users))
	for chunk := range slices.Chunk(users, leaseChunk) {
		asked := make([]*redis.SliceCmd, len(nodes))
		alive := make([]*redis.IntCmd, len(nodes))
		_, err := l.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, node := range nodes {
				asked[i] = p.HMGet(ctx, leasePrefix+node, names(chunk)...)
				alive[i] = p.Exists(ctx, leasePrefix+node)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read leases: %w", err)
		}
		for i := range nodes {
			for k, value := range asked[i].Val() {
				switch value {
				case nil:
				case leaseAway:
					statuses[chunk[k]] = max(statuses[chunk[k]], chat.Away)
				default:
					statuses[chunk[k]] = chat.Online
				}
			}
		}
		if err := l.forget(ctx, nodes, alive); err != nil {
			return nil, err
		}
	}
	return statuses, nil
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

func names(users []chat.UserID) []string {
	out := make([]string, len(users))
	for i, u := range users {
		out[i] = string(u)
	}
	return out
}
