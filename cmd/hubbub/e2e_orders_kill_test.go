package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"hubbub/bus"
	"hubbub/chat"
	"hubbub/chat/chatstore"
	"hubbub/chat/wire"
	"hubbub/orders"
	"hubbub/orders/orderstore"
)

// asMover is the variable that makes the test binary a node which places and
// moves orders of the customer that it names, from several goroutines, until it
// is killed. It says what it was told: "done ORDER VERSION". With moverDies it
// kills itself where something has been committed and is about to be told.
const (
	asMover   = "TEST_AS_MOVER"
	moverDies = "TEST_MOVER_DIES"
)

// dying is a bus to which a node tells a few things and dies.
type dying struct{ chat.Publisher }

func (d dying) Publish(e bus.Event) error {
	if mathrand.IntN(60) == 0 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			return err
		}
		select {}
	}
	return d.Publisher.Publish(e)
}

func beMover(customer string) {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // see beNode
		os.Exit(3)
	}()
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "mover:", err)
			os.Exit(1)
		}
	}
	cfg, err := ParseConfig(nil, os.Environ(), os.Stdout)
	must(err)
	n, err := newNode(ctx, cfg, newLogger(cfg, os.Stderr))
	must(err)
	if os.Getenv(moverDies) != "" {
		n.orders = newOrders(openOrders(ctx, n, must), n.accounts, n.rooms, orderPublisher{dying{n.bus}, n.log}, clock, n.log)
	}
	shop := orders.Caller{ID: chat.NewID(), Name: "Till", Role: orders.Shop, Shop: "acme"}
	owner := orders.Caller{ID: customer, Role: orders.Customer}
	key := func() orders.Key { return orders.Key{Owner: shop.ID, Value: rand.Text()} }
	for range 4 {
		go func() {
			for {
				r, err := n.orders.Place(ctx, shop, key(), tea(customer))
				must(err)
				fmt.Println("done", r.ID, r.Version)
				if mathrand.IntN(3) > 0 { // most have a room
					_, _, err := n.orders.OpenRoom(ctx, owner, r.ID)
					must(err)
				}
				for _, to := range []orders.Status{orders.Paid, orders.Packed, orders.Shipped, orders.Delivered} {
					r, err := n.orders.Move(ctx, shop, r.ID, key(), to, "")
					must(err)
					fmt.Println("done", r.ID, r.Version)
				}
			}
		}()
	}
	must(n.Run(ctx))
}

// openOrders opens the node's store of orders once more.
func openOrders(ctx context.Context, n *node, must func(error)) orders.Store {
	db, err := n.pools.SQL(n.cfg.SQL)
	must(err)
	store, err := orderstore.New(ctx, db, n.log, chatstore.New(db, n.log))
	must(err)
	return store
}

// TestOrdersNodeKilled kills nodes while they place and move orders. What they
// were told is there, no event of an order is without the message in its room and
// no message without its event, and who follows on another node sees it all.
func TestOrdersNodeKilled(t *testing.T) {
	t.Parallel()
	settings := cluster(t)
	db, redis := strings.TrimPrefix(settings[0], "HUBBUB_SQL="), strings.TrimPrefix(settings[1], "HUBBUB_REDIS=")
	n := startNode(t, append([]string{"--sql=" + db, "--redis=" + redis, "--sql-open=10", "--node=b"}, unlimited...)...)
	ada := signUp(t, n.Addr(), "Ada")
	live := ada.connect(t, n.Addr())
	live.join("orders/me")
	var told []string
	seen, messages := uint64(0), 0
	for round := range 6 {
		mine := append(slices.Clone(settings), asMover+"="+ada.ID)
		if round%2 == 1 {
			mine = append(mine, moverDies+"=1")
		}
		mover := launch(t, mine...)
		if round%2 == 0 {
			enough := 20 + mathrand.IntN(60)
			eventually(t, 3*patience, "the mover moves orders", func() bool { return len(doneBy(mover)) >= enough })
			mover.signal(syscall.SIGKILL)
		}
		if code := mover.exit(6 * patience); code != -1 {
			t.Fatalf("the mover ended with %d before it was killed", code)
		}
		told = append(told, doneBy(mover)...)
		// A COMMIT that was sent is carried out by the server all the same; this one
		// waits for the lock that it holds, and so comes after all of them.
		last := newTill(t, n.orders).place(ada.ID)

		all := readOrders(t, ada, n.Addr(), last)
		for seen < uint64(len(all)) {
			f, err := live.pick(patience, isOrder)
			if err != nil || f.Seq != seen+1 || f.raw != all[seen].raw {
				t.Fatalf("after %d of %d came %s, %v", seen, len(all), f.raw, err)
			}
			seen++
		}
		messages = auditOrders(t, n, ada, all, told)
	}
	if messages == 0 {
		t.Error("no room was told anything: nothing was compared")
	}
}

// doneBy is what a mover was told, each "ORDER VERSION".
func doneBy(p *nodeProcess) (done []string) {
	for line := range strings.Lines(p.log.String()) {
		if what, ok := strings.CutPrefix(line, "done "); ok && strings.HasSuffix(what, "\n") {
			done = append(done, strings.TrimSpace(what))
		}
	}
	return done
}

// readOrders reads a customer's stream from its beginning to the event of that
// order.
func readOrders(t *testing.T, p person, addr string, last orders.ID) (all []frame) {
	t.Helper()
	s := p.connect(t, addr)
	s.join("orders/me", 0)
	for {
		f, err := s.pick(patience, isOrder)
		if err != nil || f.Seq != uint64(len(all)+1) {
			t.Fatalf("after %d events: %v %s", len(all), err, f.raw)
		}
		all = append(all, f)
		if orderFrame(t, f).Order == string(last) {
			return all
		}
	}
}

// auditOrders compares a stream with what was told, with the orders, and with
// their rooms, which have so many messages about them.
func auditOrders(t *testing.T, n *node, p person, all []frame, told []string) (messages int) {
	t.Helper()
	versions := map[string]uint64{} // of the last event of each order
	steps := map[string][]string{}  // the messages that its room has to have
	rooms := map[string]bool{}
	done := map[string]bool{}
	for _, f := range all {
		e := orderFrame(t, f)
		versions[e.Order]++
		if e.Version != versions[e.Order] {
			t.Errorf("event %d has version %d of %s, want %d", e.Seq, e.Version, e.Order, versions[e.Order])
		}
		done[fmt.Sprint(e.Order, " ", e.Version)] = true
		switch {
		case e.Change == "room":
			rooms[e.Order] = true
		case e.Change == "moved" && rooms[e.Order]:
			steps[e.Order] = append(steps[e.Order], fmt.Sprintf("order/%s/%d", e.Order, e.Version))
		}
	}
	for _, what := range told {
		if !done[what] {
			t.Errorf("%s was told to be done and is lost", what)
		}
	}
	for id, version := range versions {
		stored, err := n.orders.Order(t.Context(), p.customer(), orders.ID(id))
		if err != nil || stored.Version != version {
			t.Fatalf("order %s: version %d, %v, want %d", id, stored.Version, err, version)
		}
		o, err := orders.Parse(stored.Doc)
		if err != nil || (o.RoomID != "") != rooms[id] {
			t.Fatalf("order %s: room %q, %v; its log says %v", id, o.RoomID, err, rooms[id])
		}
		if o.RoomID == "" {
			continue
		}
		var said []string
		var log struct{ Items []wire.EventFrame }
		p.do(t, n.Addr(), "GET", "/v1/rooms/"+o.RoomID+"/events?limit=200", nil, 200).decode(t, &log)
		for _, e := range log.Items {
			if e.Kind == wire.KindSystem {
				said = append(said, e.ClientID)
			}
		}
		if !slices.Equal(said, steps[id]) {
			t.Errorf("the room of %s was told %v, want %v", id, said, steps[id])
		}
		messages += len(said)
	}
	return messages
}
