package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/chatstore"
	"hubbub/mw"
	"hubbub/orders"
	"hubbub/orders/orderstore"
)

// nodeBus is what a node needs of either bus.
type nodeBus interface {
	chat.Publisher
	Run(ctx context.Context) error
	Healthy() bool
}

// localBus gives the bus of a single process the life of the other one.
type localBus struct{ *bus.Local }

func (localBus) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (localBus) Healthy() bool                 { return true }

// openDomain opens the database and the bus and makes what works on them, without
// anything that listens. Timed is for [chat.RoomsOptions].
func (n *node) openDomain(ctx context.Context, timed func(drafts int, took time.Duration)) error {
	cfg, log := n.cfg, n.log
	var err error
	if n.db, err = n.pools.SQL(cfg.SQL); err != nil {
		return fmt.Errorf("--sql: %w", err)
	}
	if err := reach(ctx, "the database of --sql", n.db.String(), n.db.Ping); err != nil {
		return err
	}
	if err := errors.Join(chatstore.Migrate(ctx, n.db), orderstore.Migrate(ctx, n.db)); err != nil {
		return fmt.Errorf("bring the database up to date: %w", err)
	}
	n.chatDB, n.orderDB, n.hookDB = shareOut(n.db)
	store := chatstore.New(n.chatDB, log)
	orderStore, err := orderstore.New(ctx, n.orderDB, log, store)
	if err != nil {
		return err
	}
	if n.cursorKey, err = store.Secret(ctx, "order-cursors"); err != nil {
		return err
	}
	n.hub = chat.NewHub(chat.WithOrders(store, orderLog{orderStore}), store, chat.HubOptions{
		Log: log, Degraded: n.degraded, Probe: probe, Changed: n.forget})
	if n.leases, err = n.openBus(ctx, store); err != nil {
		return err
	}
	// Rooms that wait for a lock somebody else holds leave half of the places to the
	// rooms that do not, and to everything else.
	_, writes := n.chatDB.Shares()
	n.rooms = chat.NewRooms(store, store, n.bus, chat.RoomsOptions{
		Node: cfg.Node, Log: log, Now: clock, Batches: max(1, writes.Limit/2), Probe: probe, Timed: timed})
	logins, signUps := mw.NewLimiter(cfg.RateLogin), mw.NewLimiter(cfg.RateSignup)
	n.accounts = chat.NewAccounts(store, chat.AccountOptions{
		Now: clock, Guests: cfg.Guests, Log: log,
		Ended: func(u chat.UserID, ended []chat.SessionID) {
			n.forget(u)
			n.rooms.EndSessions(u, ended)
		},
		Changed:     n.changed,
		Dismissed:   n.rooms.LeaveOrders,
		LoginLimit:  func(key string) (bool, time.Duration) { return logins.Allow(key, time.Now()) },
		SignUpLimit: func(addr string) (bool, time.Duration) { return signUps.Allow(addr, time.Now()) },
	})
	n.keys = orders.NewKeys(orderStore, clock, func(key string) { n.changed(chat.UserID(key)) })
	n.hooks = newHooks(orderStore, n.hookDB, cfg, log)
	n.orders = newOrders(orderStore, n.accounts, n.rooms, wakingPublisher{orderPublisher{n.bus, log}, n.hooks.dispatcher.Wake}, clock, log)
	return nil
}

func (n *node) degraded() bool { return !n.bus.Healthy() }

// forget makes this node look up anew who somebody is, a user or a key.
func (n *node) forget(who chat.UserID) {
	if n.server != nil { // a command has none
		n.server.Forget(string(who))
	}
}

// changed makes all nodes do so: this one at once.
func (n *node) changed(who chat.UserID) {
	n.forget(who)
	n.rooms.UserChanged(who)
}

// openBus opens the bus that the settings ask for, and gives the leases that
// go with it. With several addresses the partitions are spread over them, and
// the leases are kept on the first.
func (n *node) openBus(ctx context.Context, store *chatstore.Store) (chat.Leases, error) {
	if len(n.cfg.Redis) == 0 {
		n.bus = localBus{bus.NewLocal(n.hub)}
		return chat.NewLocalLeases(), nil
	}
	var clients []redisClient
	for _, address := range n.cfg.Redis {
		client, err := n.pools.Redis(address)
		if err != nil {
			return nil, fmt.Errorf("--redis: %w", err)
		}
		ping := func(ctx context.Context) error { return client.Ping(ctx).Err() }
		if n.cfg.Mode == ModeCommand { // nodes find out without it, only later
			ping = func(context.Context) error { return nil }
		}
		if err := reach(ctx, "the Redis of --redis", hostOf(address), ping); err != nil {
			return nil, err
		}
		clients = append(clients, client)
	}
	key, err := store.Secret(ctx, "bus")
	if err != nil {
		return nil, err
	}
	redisBus, err := bus.NewRedis(clients, n.hub, n.cfg.Node, n.log, bus.Options{Key: key})
	if err != nil {
		return nil, fmt.Errorf("--redis: %w", err)
	}
	n.bus = redisBus
	return chatstore.NewLeases(clients[0]), nil
}

// hostOf is what may be shown of an address.
func hostOf(address string) string {
	u, err := url.Parse(strings.TrimPrefix(address, clusterScheme))
	if err != nil || u.Host == "" {
		return "its address"
	}
	return u.Host
}
