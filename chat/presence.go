package chat

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// presencePeriod is how often a node says whom it carries and looks who else
	// is there. A closed tab shows after one period of grace and one of looking.
	presencePeriod = time.Second
	// LeaseTTL is how long a node's word counts after it was last renewed: the
	// users of a node that died are offline after that and one period.
	LeaseTTL = 6 * time.Second
	// presenceGrace keeps a user online who is only reloading the page.
	presenceGrace = 1500 * time.Millisecond
	// presenceSettle is how long nobody is told who is online after the lease store
	// was away: until the other nodes have said again whom they carry, all their
	// users would seem to be offline.
	presenceSettle = LeaseTTL / 2
)

// Status is how a user is, over all of their clients.
type Status uint8

const (
	Offline Status = iota // no client is connected
	Away                  // each of them says that nobody is there
	Online
)

// Leases is where nodes tell each other which users they carry. A node is known
// by its incarnation: a name that no earlier life of it had.
type Leases interface {
	// Renew keeps the lease for another LeaseTTL and changes whom it covers: users
	// who are Away or Online there come in or change, others go. lost says that
	// there was no lease any more, so that only those of put are covered now: put
	// everybody again.
	Renew(ctx context.Context, node string, put map[UserID]Status, remove []UserID) (lost bool, err error)
	// Drop gives the lease up: its users are offline unless another node has them.
	Drop(ctx context.Context, node string) error
	// Statuses tells how the users are whom some node with a lease carries: Online
	// when one of them says so, else Away. The others may be left out.
	Statuses(ctx context.Context, users []UserID) (map[UserID]Status, error)
}

// carried is a user as the lease has them, or may have them.
type carried struct {
	status Status
	last   time.Time // when they were last here
}

// Presence knows who is online, and knows when it does not know: a failing
// lease store makes everybody "unknown", never offline. One per node; it tells
// only sessions that asked.
type Presence struct {
	// Static after construction.
	hub    *Hub
	leases Leases
	node   string
	log    *slog.Logger
	now    func() time.Time

	// Owned by Run.
	carried map[UserID]carried
	failed  time.Time // when the lease store last gave no answer
	unknown bool
	rosters map[RoomID][]UserID // of the rooms that are watched
	loaded  time.Time           // when the rosters were last read anew

	wake chan struct{} // never closed; a token: somebody waits for an answer

	mu       sync.Mutex
	watchers map[*Session]*watch

	// Taken with a topic's lock held, and nothing is taken inside.
	changeMu sync.Mutex
	changes  []rosterChange
}

// NewPresence makes the presence of a node; incarnation is unique to this life of it.
func NewPresence(hub *Hub, leases Leases, incarnation string, log *slog.Logger) *Presence {
	p := &Presence{
		hub: hub, leases: leases, node: incarnation, log: log, now: time.Now,
		carried: make(map[UserID]carried), rosters: make(map[RoomID][]UserID),
		watchers: make(map[*Session]*watch), wake: make(chan struct{}, 1),
	}
	hub.presence.Store(p)
	return p
}

// Run renews the lease and tells the watchers, until ctx ends; then it gives
// the lease up.
func (p *Presence) Run(ctx context.Context) error {
	ticker := time.NewTicker(presencePeriod)
	defer ticker.Stop()
	for {
		err := p.renew(ctx)
		p.follow()
		settled := p.now().Sub(p.failed) >= presenceSettle
		if err == nil && settled {
			err = p.tell(ctx)
		}
		if err != nil {
			p.failed = p.now()
		}
		if (err != nil || !settled) && ctx.Err() == nil {
			p.tellUnknown()
		}
		if unknown := err != nil || !settled; unknown != p.unknown && ctx.Err() == nil {
			p.unknown = unknown
			if unknown {
				p.log.Warn("presence is unknown", "error", err)
			} else {
				p.log.Info("presence is known")
			}
		}
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), presencePeriod)
			defer cancel()
			if err := p.leases.Drop(last, p.node); err != nil {
				p.log.Warn("presence: lease not given up, it will run out", "error", err)
			}
			return nil
		case <-ticker.C:
		case <-p.wake:
		}
	}
}

// renew says whom this node carries: who is here, and who was a moment ago. A
// renewal without an answer may have been carried out all the same, or will be
// when a server that stands still goes on: then nobody was told that the lease
// had been lost, and what it covers is not known. So for a while after one
// everybody is put again.
func (p *Presence) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, LeaseTTL/3)
	defer cancel()
	now := p.now()
	put, remove := make(map[UserID]Status), []UserID(nil)
	here := p.hub.statuses()
	for u, status := range here {
		if p.carried[u].status != status {
			put[u] = status
		}
		p.carried[u] = carried{status, now}
	}
	for u, c := range p.carried {
		if here[u] == Offline && now.Sub(c.last) > presenceGrace {
			remove = append(remove, u)
		}
	}
	lost, err := p.leases.Renew(ctx, p.node, put, remove)
	if err != nil {
		return err
	}
	for _, u := range remove {
		delete(p.carried, u)
	}
	if (lost || now.Sub(p.failed) < LeaseTTL) && len(p.carried) > 0 {
		all := make(map[UserID]Status, len(p.carried))
		for u, c := range p.carried {
			all[u] = c.status
		}
		_, err = p.leases.Renew(ctx, p.node, all, nil)
	}
	return err
}
