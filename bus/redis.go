package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Options are the settings of a [Redis] bus. The zero value of each means its
// default.
type Options struct {
	// Prefix begins the name of every channel, so that two deployments can
	// share a Redis. Default "hubbub:"; no braces, they mark the hash tag.
	Prefix string
	// Key seals the envelopes: the same secret on every node, [MinKey] bytes or
	// more. Required.
	Key []byte
	// Canary is the time between two canaries. Default 1 s.
	Canary time.Duration
	// Timeout is how long the echo of a canary may fail to come before the
	// link counts as dead. Default 3 s; at least twice Canary.
	Timeout time.Duration
	// QueueEvents and QueueBytes bound what waits to be published, for the
	// whole node. Default 16384 events and 32 MiB.
	QueueEvents, QueueBytes int
}

func (o Options) withDefaults() (Options, error) {
	if o.Prefix == "" {
		o.Prefix = "hubbub:"
	}
	if o.Canary == 0 {
		o.Canary = time.Second
	}
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Second
	}
	if o.QueueEvents == 0 {
		o.QueueEvents = 16384
	}
	if o.QueueBytes == 0 {
		o.QueueBytes = 32 << 20
	}
	switch {
	case strings.ContainsAny(o.Prefix, "{}"):
		return o, fmt.Errorf("bus: prefix %q has a brace", o.Prefix)
	case o.Canary < 0 || o.Timeout < 2*o.Canary:
		return o, fmt.Errorf("bus: canary every %v with a timeout of %v, want twice that or more", o.Canary, o.Timeout)
	case o.QueueEvents < Partitions || o.QueueBytes < Partitions*MaxEnvelope:
		return o, fmt.Errorf("bus: queue of %d events and %d bytes, want at least %d and %d",
			o.QueueEvents, o.QueueBytes, Partitions, Partitions*MaxEnvelope)
	}
	return o, nil
}

// Redis is the bus between the nodes of a deployment.
//
// Each partition is a channel, named "hubbub:{NN}". Partitions travel over
// links. A link has a queue and a publisher, one subscription, and a canary
// that the node sends to itself to see that both work:
//
//   - A standalone Redis is one link: PUBLISH, and one connection that
//     subscribes to all channels. Subscriptions are nearly free there, 64
//     connections per node would not be.
//   - Several independent Redis are a link each, and the partitions are spread
//     over them. Every node names the same servers in the same order.
//   - A Redis Cluster is one link per partition: SPUBLISH, since PUBLISH would
//     copy each event to every server; one connection per channel, since
//     go-redis sends all of a connection's channels to the server of the first
//     and cannot resubscribe several slots at once; and a queue each, so that
//     a server that has died holds up its own partitions only.
//
// Methods may be called from anywhere.
type Redis struct {
	cluster  *redis.ClusterClient // the client, if it is one
	receiver Receiver
	seals    *sealer
	node     string
	options  Options

	links    []*link // one per server, or one per partition of a cluster
	status   *status
	counters counters
}

// link carries some partitions between this node and one Redis server.
type link struct {
	*Redis
	client     redis.UniversalClient
	names      map[int]string // partition to channel
	partitions map[string]int // channel to partition
	canary     string         // this node's own channel
	probe      chan struct{}  // asks for a canary now; holds one
	queue      *queue
	health     *health
}

// NewRedis makes the bus of the node on the process's pools, which the caller
// opens and closes: one or several [redis.Client], or one [redis.ClusterClient],
// opened with ContextTimeoutEnabled, without which no time limit would hold. Events are
// given to r. The log gets a line when the state of the bus changes, none per
// event. Nothing runs before [Redis.Run].
func NewRedis(clients []redis.UniversalClient, r Receiver, node string, log *slog.Logger, o Options) (*Redis, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if node == "" || len(node) > MaxName {
		return nil, fmt.Errorf("bus: node name of %d bytes, want 1 to %d", len(node), MaxName)
	}
	if len(clients) == 0 || len(clients) > Partitions {
		return nil, fmt.Errorf("bus: %d Redis clients, want 1 to %d", len(clients), Partitions)
	}
	seals, err := newSealer(o.Key)
	if err != nil {
		return nil, err
	}
	b := &Redis{receiver: r, seals: seals, node: node, options: o, links: make([]*link, len(clients))}
	for _, client := range clients {
		var limited bool
		switch c := client.(type) {
		case *redis.Client:
			limited = c.Options().ContextTimeoutEnabled
		case *redis.ClusterClient:
			if len(clients) > 1 {
				return nil, errors.New("bus: a Redis Cluster goes alone")
			}
			b.cluster = c
			b.links = make([]*link, Partitions)
			limited = c.Options().ContextTimeoutEnabled
		default:
			return nil, fmt.Errorf("bus: cannot publish over a %T", client)
		}
		if !limited {
			return nil, errors.New("bus: the Redis client needs ContextTimeoutEnabled")
		}
	}
	b.status = newStatus(log, len(b.links))
	// Nodes that were given the same name must not hear one another's canaries.
	life := rand.Text()
	for i := range b.links {
		l := &link{
			Redis:      b,
			client:     clients[i%len(clients)],
			names:      make(map[int]string),
			partitions: make(map[string]int),
			canary:     o.Prefix + "canary:" + node + ":" + life,
			probe:      make(chan struct{}, 1),
			queue:      newQueue(o.QueueEvents/len(b.links), o.QueueBytes/len(b.links)),
			health:     &b.status.links[i],
		}
		for p := i; p < Partitions; p += len(b.links) {
			name := fmt.Sprintf("%s{%02d}", o.Prefix, p)
			l.names[p], l.partitions[name] = name, p
			if b.cluster != nil { // on the server of its channel, so in the same slot
				l.canary = name + ":canary:" + node + ":" + life
			}
		}
		b.links[i] = l
	}
	return b, nil
}

// Publish queues the event for all nodes, this one too, and never waits. It
// sets the event's Node. Errors: [ErrFull], to which ephemeral events come at
// half the queue; [ErrClosed]; and what wraps [ErrMalformed], [ErrSeq] or
// [ErrTooLarge]. Nil means queued, and no more: an event that Redis cannot be
// told of is dropped and counted, and an ephemeral one that has waited for 3 s too.
func (b *Redis) Publish(e Event) error {
	e.Node = b.node
	if e.At == 0 {
		e.At = time.Now().UnixMicro()
	}
	envelope, err := Encode(make([]byte, sealSize, sealSize+e.Size()), e)
	if err != nil {
		b.counters.refused.Add(1)
		return err
	}
	b.seals.seal(envelope)
	it := item{partition: e.Topic.Partition(), envelope: envelope}
	if e.Kind == Ephemeral {
		it.until = time.Now().Add(ephemeralLife)
	}
	err = b.links[it.partition%len(b.links)].queue.push(it)
	if errors.Is(err, ErrFull) {
		b.counters.full.Add(1)
	}
	return err
}

// Run publishes and listens until ctx ends, then publishes what is queued (for
// 1 s at most, after a call under way, which has 2 s) and returns nil when all
// it started is gone. It survives every fault of Redis. It may be called once.
func (b *Redis) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, l := range b.links {
		wg.Go(func() { l.publish(ctx) })
		wg.Go(func() { l.chirp(ctx) })
		wg.Go(func() { l.subscribe(ctx) })
	}
	wg.Wait()
	return nil
}

// State tells how the bus is doing.
func (b *Redis) State() State { return b.status.state() }

// Healthy says whether events travel both ways, as far as the bus can tell.
// While they do not, members see new messages late, by the log, and nothing is
// lost.
func (b *Redis) Healthy() bool { return b.State().Live }

// Stats reads the counters.
func (b *Redis) Stats() Stats {
	s := b.counters.read()
	for _, l := range b.links {
		n, bytes := l.queue.size()
		s.Queued += n
		s.QueuedBytes += bytes
	}
	return s
}
