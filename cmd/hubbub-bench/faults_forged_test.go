package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"hubbub/bus"
)

func forgeries() []fault {
	return []fault{{
		name:   "garbage and forgeries on our channels",
		strike: forge,
		proof: func(a *attack, r *Report) string {
			if a.note["forged"] < 50 {
				return fmt.Sprintf("only %v forgeries were heard", a.note["forged"])
			}
			return ""
		},
		steady: true,
	}}
}

// channels are all channels of partitions, and no canaries.
const channels = "hubbub:{[0-9][0-9]}"

// forge listens to what the nodes publish and answers each true envelope with
// false ones, for the rooms in which verify reads.
func forge(a *attack) {
	c := a.dialRedis()
	ctx := a.t.Context()
	sub := c.PSubscribe(ctx, channels)
	defer sub.Close()
	badBefore, repeatsBefore := a.perNode("hubbub_bus_bad_total"), a.metric("hubbub_events_repeated_total")
	publish := func(channel string, payload []byte) {
		if err := c.Publish(ctx, channel, payload).Err(); err != nil {
			a.t.Fatalf("publish %d bytes: %v", len(payload), err)
		}
	}

	bad, replays := 0, 0
	for start := time.Now(); time.Since(start) < a.lasts(4*time.Second, 30*time.Second); {
		got, err := sub.ReceiveTimeout(ctx, 5*time.Second)
		if err != nil {
			a.t.Fatalf("listen: %v", err)
		}
		m, ok := got.(*redis.Message)
		if !ok {
			continue
		}
		// What we publish ourselves comes here too.
		if a.rand.IntN(20) > 0 {
			continue
		}
		wrong, replay := falsify(a, m.Channel, []byte(m.Payload))
		for _, f := range wrong {
			publish(f.channel, f.payload)
			bad++
		}
		for _, f := range replay {
			publish(f.channel, f.payload)
			replays++
		}
	}
	// Before any that ends subscriptions: so far each one was heard and counted.
	a.until(5*time.Second, "every node has counted every forgery", func() bool {
		for i, n := range a.perNode("hubbub_bus_bad_total") {
			if n-badBefore[i] < float64(bad) {
				return false
			}
		}
		return true
	})
	a.note["forged"], a.note["replayed"] = float64(bad), float64(replays)
	a.until(5*time.Second, "replays were counted", func() bool {
		return a.metric("hubbub_events_repeated_total")-repeatsBefore >= float64(replays)
	})

	// Redis ends a subscriber for which 32 MB are waiting, its default.
	publish("hubbub:{07}", bytes.Repeat([]byte("x"), 32<<20))
	publish("hubbub:{07}", bytes.Repeat([]byte("x"), 24<<20))
	a.recovered(liveWithin, "all nodes are live", func() bool { return a.metric("hubbub_bus_live") == float64(len(a.nodes)) })
}

// perNode gives a metric of each node.
func (f *fleet) perNode(name string) []float64 {
	var list []float64
	for _, n := range f.nodes {
		list = append(list, n.metric(name))
	}
	return list
}

type letter struct {
	channel string
	payload []byte
}

// falsify makes what is to be dropped as none of ours, and what is ours but
// comes again, out of a sealed envelope.
func falsify(a *attack, channel string, sealed []byte) (wrong, replay []letter) {
	const seal = 16
	if len(sealed) <= seal {
		return nil, nil
	}
	e, err := bus.Decode(bytes.Clone(sealed[seal:]))
	if err != nil || e.Kind != bus.Log {
		return nil, nil // one of our own
	}
	add := func(channel string, payload []byte) { wrong = append(wrong, letter{channel, payload}) }

	noise := make([]byte, 1+a.rand.IntN(2000))
	for i := range noise {
		noise[i] = byte(a.rand.Uint32())
	}
	add(channel, noise)
	add(channel, nil)
	add(channel, sealed[:len(sealed)/2])
	add(channel, sealed[seal:]) // right, but not sealed
	body := bytes.Clone(sealed) // the true event with another text
	body[len(body)-a.rand.IntN(20)-1] ^= 1
	add(channel, body)
	number := bytes.Clone(sealed) // 2^63
	number[seal+8] |= 0x80
	add(channel, number)
	add(channel, make([]byte, seal+bus.MaxEnvelope+1))
	// The next event of this room, before anybody has written it.
	next := e
	next.First += uint64(len(e.Frames))
	next.Frames = [][]byte{bytes.ReplaceAll(e.Frames[len(e.Frames)-1], []byte(`"text":"`), []byte(`"text":"forged `))}
	if envelope, err := bus.Encode(bytes.Clone(sealed[:seal]), next); err == nil {
		add(channel, envelope)
	}
	// The true event on the channel of another room. It bears our seal.
	elsewhere := fmt.Sprintf("hubbub:{%02d}", (e.Topic.Partition()+1)%bus.Partitions)
	add(elsewhere, sealed)
	if strings.HasPrefix(string(e.Topic), "room/") {
		replay = append(replay, letter{channel, sealed})
	}
	return wrong, replay
}
