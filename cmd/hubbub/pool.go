package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"hubbub/internal/sqldb"
)

// pools holds the connections that the parts of one node share: one SQL pool
// per database and one Redis client per address, opened on first use. Asking
// twice gives the same one; whoever needs it receives it as an argument, and
// nobody else opens any.
type pools struct {
	sqlOpen int
	log     *slog.Logger

	mu    sync.Mutex
	sql   map[string]func() (*sqldb.DB, error)
	redis map[string]func() (redis.UniversalClient, error)
}

func newPools(sqlOpen int, log *slog.Logger) *pools {
	return &pools{
		sqlOpen: sqlOpen, log: log,
		sql:   make(map[string]func() (*sqldb.DB, error)),
		redis: make(map[string]func() (redis.UniversalClient, error)),
	}
}

// SQL gives the pool of the database.
func (p *pools) SQL(url string) (*sqldb.DB, error) {
	return once(p, p.sql, url, func() (*sqldb.DB, error) {
		return sqldb.Open(url, sqldb.Options{MaxOpen: p.sqlOpen, Logger: p.log, Dialer: dialer()})
	})
}

// shareOut bounds what chat, orders and webhooks take of the pool, so that none
// starves another: of 100 connections, chat gets 19 to read and 26 to write, orders
// get 23 and 24, webhooks 3 and 5. Few connections are enough for a database; what
// is beyond them waits here, in line, rather than there. An SQLite file has readers
// enough for all, and its one writer takes turns.
func shareOut(db *sqldb.DB) (chat, orders, webhooks *sqldb.DB) {
	if db.Read != db.Write {
		readers := max(1, db.Read.Stats().MaxOpenConnections/2)
		return db.Share(readers, 1), db.Share(readers, 1), db.Share(1, 1)
	}
	part := func(percent int) int { return max(1, db.Write.Stats().MaxOpenConnections*percent/100) }
	return db.Share(part(19), part(26)), db.Share(part(23), part(24)), db.Share(part(3), part(5))
}

// Redis gives the client of the address.
func (p *pools) Redis(url string) (redis.UniversalClient, error) {
	return once(p, p.redis, url, func() (redis.UniversalClient, error) { return openRedis(url) })
}

// once remembers how to open each address; sync.OnceValues opens it.
func once[T any](p *pools, m map[string]func() (T, error), url string, open func() (T, error)) (T, error) {
	p.mu.Lock()
	f := m[url]
	if f == nil {
		f = sync.OnceValues(open)
		m[url] = f
	}
	p.mu.Unlock()
	return f()
}

// Close closes all of them; it comes last in a node's life.
func (p *pools) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, open := range p.redis {
		if c, err := open(); err == nil {
			errs = append(errs, c.Close())
		}
	}
	for _, open := range p.sql {
		if db, err := open(); err == nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// redisClient names what node.go hands on without knowing the library.
type redisClient = redis.UniversalClient

const clusterScheme = "redis-cluster://"

// openRedis makes a client; it connects on first use. Every wait has a limit:
// without ContextTimeoutEnabled a context's deadline would not bound a command.
func openRedis(url string) (redis.UniversalClient, error) {
	const ioTime = 3 * time.Second
	if rest, ok := strings.CutPrefix(url, clusterScheme); ok {
		o, err := redis.ParseClusterURL("redis://" + rest)
		if err != nil {
			return nil, errors.New("redis: the address cannot be read")
		}
		o.ContextTimeoutEnabled = true
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout = dialTime, ioTime, ioTime
		o.Dialer = dialWith(o.TLSConfig)
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("redis: the address cannot be read")
	}
	o.ContextTimeoutEnabled = true
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = dialTime, ioTime, ioTime
	o.Dialer = dialWith(o.TLSConfig)
	return redis.NewClient(o), nil
}

// dialWith opens connections with TLS if there is a config for it.
func dialWith(config *tls.Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if config == nil {
		return dialer().DialContext
	}
	return (&tls.Dialer{NetDialer: dialer(), Config: config}).DialContext
}

// takeRedisLog sends what go-redis says by itself, a line for each failed dial,
// to the log at level debug; the bus tells when its state changes. The library
// has one logger for the whole process, so this is called once, before any
// client is opened.
func takeRedisLog(log *slog.Logger) { redis.SetLogger(redisLog{log}) }

type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, "go-redis", "says", fmt.Sprintf(format, args...))
}

// startTime bounds how long a node looks for its servers before it gives up.
const startTime = 10 * time.Second

// reach makes sure at start that a server answers; an operator reads the error.
func reach(ctx context.Context, what, where string, ping func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := ping(ctx); err != nil {
		return fmt.Errorf("%s at %s does not answer: %w", what, where, withoutDSN(err))
	}
	return nil
}

// withoutDSN keeps what a driver says short; none of those used here puts a
// password into an error.
func withoutDSN(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	return err
}
