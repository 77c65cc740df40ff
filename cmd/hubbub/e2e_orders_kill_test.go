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

	"hubbub/chat"
	"hubbub/chat/wire"
	"hubbub/orders"
)

// asMover is the variable that makes the test binary a node which places and
// moves orders of the customer that it names, from several goroutines, until it
// is killed. It says what it was told: "done ORDER VERSION".
const asMover = "TEST_AS_MOVER"

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
	seen := uint64(0)
	for range 4 {
		mover := launch(t, append(slices.Clone(settings), asMover+"="+ada.ID)...)
		enough := 5 + mathrand.IntN(60)
		eventually(t, 3*patience, "the mover moves orders", func() bool { return len(doneBy(mover)) >= enough })
		mover.signal(syscall.SIGKILL)
		mover.exit(patience)
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
		auditOrders(t, n, ada, all, told)
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
// their rooms.
func auditOrders(t *testing.T, n *node, p person, all []frame, told []string) {
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
	withMessages := 0
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
		withMessages += len(said)
	}
	if withMessages == 0 {
		t.Error("no room was told anything: nothing was compared")
	}
}
