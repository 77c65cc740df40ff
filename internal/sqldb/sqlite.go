package sqldb

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// sqliteReaders is how many connections read a SQLite file at a time. They need
// no more: a reader waits for nobody in WAL mode.
const sqliteReaders = 8

// ErrInUse is returned by Open for a SQLite file that is open already, mostly by
// another process. SQLite would let both in, and then starve one writer for
// seconds; running several nodes takes a server.
var ErrInUse = errors.New("the SQLite file is in use by another process")

func openSQLite(path string, opts Options) (_ *DB, err error) {
	switch {
	case strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///"):
		return nil, errors.New("sqldb: the SQL URL has a host; expected sqlite:PATH")
	case path == "" || strings.HasSuffix(path, "/"):
		return nil, errors.New("sqldb: the SQL URL has no file name; expected sqlite:PATH")
	case path == ":memory:" || strings.Contains(path, "?"):
		return nil, errors.New("sqldb: the SQL URL must name a file, without parameters; expected sqlite:PATH")
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqldb: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("sqldb: folder of the SQLite file: %w", err)
	}
	// Not the file itself: closing a second descriptor of it would drop the
	// POSIX locks that SQLite holds.
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("sqldb: open %s: %w", path, err)
	}
	db := &DB{Dialect: SQLite, name: "sqlite " + path, txTimeout: opts.TxTimeout, outcomeTime: opts.OutcomeTime, lock: lock}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.closeOpened())
		}
	}()
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	if db.Write, err = sqlitePool(path, 1, "_txlock", "immediate"); err != nil {
		return nil, err
	}
	// The writer turns the file to WAL before the first reader comes.
	if err := db.Write.Ping(); err != nil {
		return nil, fmt.Errorf("sqldb: open %s: %w", path, err)
	}
	if db.Read, err = sqlitePool(path, sqliteReaders, "_pragma", "query_only(1)"); err != nil {
		return nil, err
	}
	db.migrations = func() (*sql.DB, io.Closer) { return db.Write, io.NopCloser(nil) }
	return db, nil
}

// closeOpened closes what a failing open has opened so far.
func (db *DB) closeOpened() error {
	var err error
	if db.Write != nil {
		err = db.Write.Close()
	}
	return errors.Join(err, db.lock.Close())
}

// createPrivate makes a missing database file before SQLite does, to keep it
// from other users. SQLite gives its side files the same permissions.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("sqldb: SQLite file: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("sqldb: SQLite file: %w", err)
	}
	return nil
}

// sqlitePool opens a pool of some connections that stay open. WAL lets readers
// and the writer work side by side; synchronous=FULL makes each COMMIT durable.
func sqlitePool(path string, connections int, key, value string) (*sql.DB, error) {
	query := url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
		"_dqs":    {"0"}, // "x" is a name, never a string, as in MySQL's ANSI mode and in the standard
	}
	query.Add(key, value)
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // file:///C:/…
	}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	c, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, fmt.Errorf("sqldb: SQLite: %w", err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}
