package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// maxPacket is MariaDB's default max_allowed_packet, in bytes. A larger
// statement fails before it is sent, instead of costing the connection.
const maxPacket = 16 << 20

// migrationTime bounds one statement of a migration.
const migrationTime = 30 * time.Minute

// session are the statements that every connection begins with. The server
// decides which of the comments it carries out: /*M! is MariaDB's, /*!80000 is
// MySQL's from 8.0 on, and each takes the other's for a plain comment (MariaDB
// ignores /*!50700 to /*!99999). So a fail-over to the other kind needs no
// detection. The isolation level is a statement of its own because the
// variable behind it has two names.
func session(lockWait, statementTime, silence time.Duration) []string {
	return []string{
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		fmt.Sprintf("SET time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION',"+
			" innodb_lock_wait_timeout = %d, wait_timeout = %d"+
			" /*M! , max_statement_time = %d */"+
			" /*!80000 , max_execution_time = %d */",
			int(lockWait.Seconds()), int(silence.Seconds()), int(statementTime.Seconds()), statementTime.Milliseconds()),
	}
}

func openMySQL(raw string, opts Options) (*DB, error) {
	config, err := mysqlConfig(raw, opts)
	if err != nil {
		return nil, err
	}
	pool, err := newConnector(config, session(LockWait, StatementTime, Silence))
	if err != nil {
		return nil, err
	}
	slow := config.Clone()
	slow.ReadTimeout = migrationTime
	migrations, err := newConnector(slow, session(time.Minute, migrationTime, migrationTime))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(pool)
	db.SetMaxOpenConns(opts.MaxOpen)
	db.SetMaxIdleConns(opts.MaxOpen)
	db.SetConnMaxLifetime(opts.MaxLifetime)
	db.SetConnMaxIdleTime(Silence * 2 / 3) // before the server does
	return &DB{
		Write:       db,
		Read:        db,
		Dialect:     MySQL,
		name:        "mysql " + config.Addr + "/" + config.DBName,
		txTimeout:   opts.TxTimeout,
		outcomeTime: opts.OutcomeTime,
		migrations: func() (*sql.DB, io.Closer) {
			db := sql.OpenDB(migrations)
			return db, db
		},
	}, nil
}

// mysqlConfig reads a mysql:// URL. What net/url says about a bad one may quote
// a piece of the password, so its errors are not passed on; neither is any part
// of the URL before it is known to be whole.
func mysqlConfig(raw string, opts Options) (*mysql.Config, error) {
	const form = "expected mysql://user:password@host:port/database, special characters in user and password percent-encoded"
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("sqldb: the SQL URL cannot be read: " + form)
	}
	name := strings.TrimPrefix(u.Path, "/")
	switch {
	case u.User == nil || u.User.Username() == "":
		return nil, errors.New("sqldb: the SQL URL has no user: " + form)
	case u.Hostname() == "":
		return nil, errors.New("sqldb: the SQL URL has no host: " + form)
	case name == "" || strings.Contains(name, "/"):
		return nil, errors.New("sqldb: the SQL URL has no database, or something after it: " + form)
	case u.Fragment != "":
		return nil, errors.New("sqldb: the SQL URL has a #: " + form)
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("sqldb: the parameters of the SQL URL cannot be read: " + form)
	}
	for parameter := range query {
		if parameter != "tls" {
			return nil, fmt.Errorf("sqldb: unknown parameter %q in the SQL URL; known is: tls", parameter)
		}
	}

	config := mysql.NewConfig()
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.Net = "tcp"
	config.Addr = net.JoinHostPort(u.Hostname(), port)
	config.DBName = name
	config.TLSConfig = query.Get("tls")
	config.Timeout = opts.DialTimeout
	if opts.Dialer != nil {
		config.DialFunc = opts.Dialer.DialContext
	}
	config.ReadTimeout, config.WriteTimeout = opts.IOTimeout, opts.IOTimeout
	config.MaxAllowedPacket = maxPacket
	config.InterpolateParams = true // one round trip per statement, not three
	config.MultiStatements = true   // for DB.Exchange alone: see guarded
	config.Logger = driverLog{opts.Logger}
	// Literals compare by bytes; every text column names a collation of its own.
	if err := config.Apply(mysql.Charset("utf8mb4", "utf8mb4_bin")); err != nil {
		return nil, fmt.Errorf("sqldb: charset: %w", err)
	}
	return config, nil
}

// connector prepares each new connection with the session's statements.
type connector struct {
	driver.Connector
	session []string
}

func newConnector(config *mysql.Config, session []string) (connector, error) {
	c, err := mysql.NewConnector(config)
	if err != nil {
		return connector{}, fmt.Errorf("sqldb: the SQL URL: %w", err)
	}
	return connector{c, session}, nil
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range c.session {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, statement, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare the connection: %w", err), conn.Close())
		}
	}
	whole, ok := conn.(wholeConn)
	if !ok {
		return nil, errors.Join(errors.New("sqldb: the driver's connections lack a method"), conn.Close())
	}
	return guarded{whole}, nil
}

// wholeConn is what database/sql makes use of where a connection has it.
type wholeConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// guarded takes one statement at a time, but for those of [DB.Exchange] and of
// migrations: whoever got words of their own into a statement would not get a
// second one in.
type guarded struct{ wholeConn }

// several marks the context of statements that go together.
type several struct{}

var errSeveral = errors.New("sqldb: several statements in one")

func guard(ctx context.Context, query string) error {
	if strings.Contains(query, ";") && ctx.Value(several{}) == nil {
		return errSeveral
	}
	return nil
}

func (g guarded) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := guard(ctx, query); err != nil {
		return nil, err
	}
	return g.wholeConn.ExecContext(ctx, query, args)
}

func (g guarded) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := guard(ctx, query); err != nil {
		return nil, err
	}
	return g.wholeConn.QueryContext(ctx, query, args)
}

// driverLog hands the driver's words to the process's log.
type driverLog struct{ log *slog.Logger }

func (l driverLog) Print(v ...any) {
	l.log.Warn("mysql driver", "message", fmt.Sprint(v...))
}
