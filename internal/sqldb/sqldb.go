// Package sqldb opens the SQL database of one process and hides how MySQL,
// MariaDB and SQLite differ. It knows nothing of chats or orders: the stores
// keep their statements, which run on all three, and come here for the rest:
//
//   - [Open] reads a URL and returns a [DB] with a pool to write and a pool to
//     read. On a server they are one; SQLite has a single writer.
//   - [DB.Tx] runs a transaction that a departing client cannot break off
//     half-way, and tells a failed COMMIT, whose outcome is open, from every
//     other failure by [CommitError]. [DB.Settle] runs it until the outcome is
//     known.
//   - [DB.Share] bounds what one use takes of the pools, so that none starves
//     another one.
//   - [Dialect] has the few pieces of SQL that differ.
//   - [IsDuplicate], [IsRetryable], [IsReadOnly] and [IsUnavailable] sort errors.
//   - [DB.Migrate] brings a schema up to date, also while other nodes start.
//
// Every connection works in READ COMMITTED (SQLite is serializable), in UTC, in
// strict mode, and with limits on every wait. The stores lock first and read
// afterwards.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"
)

// Limits which the server itself keeps. A client that stops waiting does not
// stop the server: without them a statement that waits for a row lock is still
// carried out long after its sender was told of a failure.
const (
	// LockWait is how long a statement waits for a row lock.
	LockWait = 3 * time.Second
	// StatementTime is how long any one statement may run. MySQL keeps this for
	// SELECT only, MariaDB for all.
	StatementTime = 5 * time.Second
	// Silence is how long the server keeps a connection on which nobody says
	// anything, and with it the locks of a client that is gone without a word: a
	// machine without power, a link that swallows everything. It is more than a
	// transaction may take.
	Silence = 15 * time.Second
)

// Options are the limits of a DB. A zero field means its default.
type Options struct {
	// MaxOpen is how many connections the pool may have, and keep idle. It does
	// not count for SQLite. Default 50.
	MaxOpen int
	// MaxLifetime closes a connection that is older, before a server or a load
	// balancer on the way does. It does not count for SQLite. Default 3 min.
	MaxLifetime time.Duration
	// DialTimeout bounds connecting to a server; IOTimeout bounds the steps of
	// signing in. Default 2 s.
	DialTimeout time.Duration
	// IOTimeout bounds one read or write on a connection to a server, so that a
	// frozen server holds nobody for ever. It is more than StatementTime.
	// Default 10 s.
	IOTimeout time.Duration
	// Dialer opens the connections to a server; nil for a plain one.
	Dialer *net.Dialer
	// TxTimeout bounds a whole transaction; see DB.Tx. Default 10 s.
	TxTimeout time.Duration
	// OutcomeTime is granted to find out about a failed COMMIT; see DB.Settle.
	// Default 6 s.
	OutcomeTime time.Duration
	// Logger gets what the driver has to tell about broken connections.
	// Default: nothing is logged.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MaxOpen == 0 {
		o.MaxOpen = 50
	}
	if o.MaxLifetime == 0 {
		o.MaxLifetime = 3 * time.Minute
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 2 * time.Second
	}
	if o.IOTimeout == 0 {
		o.IOTimeout = 10 * time.Second
	}
	if o.TxTimeout == 0 {
		o.TxTimeout = 10 * time.Second
	}
	if o.OutcomeTime == 0 {
		o.OutcomeTime = 6 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// DB is the database of a process. All methods may be called from anywhere at
// any time. The pools are for the stores; everything that changes rows goes
// through Tx.
type DB struct {
	// Write is the pool for transactions and for reads that must see the newest
	// commit. With SQLite it has one connection.
	Write *sql.DB
	// Read is the pool for all other reads. On a server it is Write; with SQLite
	// its connections refuse to change anything.
	Read *sql.DB
	// Dialect is the SQL that the database speaks.
	Dialect Dialect

	reads, writes *gate // of a share; see Share

	name        string
	txTimeout   time.Duration
	outcomeTime time.Duration
	// migrations opens the pool on which a migration runs, and says how to close it.
	migrations func() (*sql.DB, io.Closer)
	lock       io.Closer // of the SQLite file, or nil
}

// Open opens a database by its URL:
//
//	mysql://user:password@host:port/database?tls=true
//	sqlite:PATH
//
// In the first, user, password and database are percent-encoded, the port may
// be left out (3306), and tls is what go-sql-driver/mysql takes: true,
// skip-verify, preferred or false (the default). True trusts the system's
// certificates. Nothing connects yet: Ping tells whether the server answers.
//
// In the second, PATH is taken as it stands. The file and its folder are made,
// for their owner only. One DB has the file to itself: a second Open of the
// same path, by whatever process, fails at once with ErrInUse.
//
// No error names the password.
func Open(url string, opts Options) (*DB, error) {
	opts = opts.withDefaults()
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "mysql":
		return openMySQL(url, opts)
	case "sqlite":
		return openSQLite(rest, opts)
	}
	return nil, errors.New("sqldb: the SQL URL must start with mysql:// or with sqlite: and a path")
}

// String names the database for logs, without user and password.
func (db *DB) String() string { return db.name }

// Ping tells whether the database answers, on a new connection if none is idle.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.Write.PingContext(ctx); err != nil {
		return fmt.Errorf("sqldb: ping %s: %w", db.name, err)
	}
	if db.Read != db.Write {
		if err := db.Read.PingContext(ctx); err != nil {
			return fmt.Errorf("sqldb: ping %s: %w", db.name, err)
		}
	}
	return nil
}

// Stats returns the figures of both pools. On a server the two are one pool,
// whose figures come twice.
func (db *DB) Stats() (write, read sql.DBStats) {
	return db.Write.Stats(), db.Read.Stats()
}

// Close closes all connections, and lets go of the SQLite file. It waits for
// statements that are being carried out. That a server cannot be told
// good-bye any more is no error.
func (db *DB) Close() error {
	var errs []error
	pools := []*sql.DB{db.Write}
	if db.Read != db.Write {
		pools = append(pools, db.Read)
	}
	for _, pool := range pools {
		if err := pool.Close(); db.Dialect == SQLite {
			errs = append(errs, err)
		}
	}
	if db.lock != nil {
		errs = append(errs, db.lock.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sqldb: close %s: %w", db.name, err)
	}
	return nil
}
