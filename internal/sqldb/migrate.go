package sqldb

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"regexp"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

var schemaName = regexp.MustCompile(`^[a-z][a-z_]{0,30}$`)

// Migrate brings one schema up to the newest version in fsys, which has goose
// files of the same numbers in the folders mysql and sqlite. Several schemas may
// share a database: each has a name (small letters and _) and, in the table
// NAME_migrations, a version of its own. A database that is newer than fsys is
// left alone, so that an older program may start beside a newer one.
//
// Any number of nodes may call it at a time: one works, the others wait until
// ctx ends and find nothing left to do.
//
// MySQL commits each DDL statement by itself, so a file has one such statement,
// CREATE TABLE with IF NOT EXISTS. A node that dies after the statement and
// before its version is noted leaves it to be done again: that works for such a
// table, and otherwise fails with the version's number until an operator inserts
// it in NAME_migrations.
func (db *DB) Migrate(ctx context.Context, name string, fsys fs.FS) (err error) {
	if !schemaName.MatchString(name) {
		return fmt.Errorf("sqldb: bad schema name %q", name)
	}
	ctx = context.WithValue(ctx, several{}, true) // the files are ours, and have semicolons in comments
	files, err := fs.Sub(fsys, db.Dialect.String())
	if err != nil {
		return fmt.Errorf("sqldb: migrate %s: %w", name, err)
	}
	table := name + "_migrations"
	options := []goose.ProviderOption{
		goose.WithTableName(table),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()),
	}
	dialect := goose.DialectSQLite3
	if db.Dialect == MySQL {
		dialect = goose.DialectMySQL
		options = append(options, goose.WithSessionLocker(migrationLock{}))
	}
	pool, closer := db.migrations()
	defer func() { err = errors.Join(err, closer.Close()) }()
	if db.Dialect == MySQL {
		if err := createVersions(ctx, pool, table); err != nil {
			return fmt.Errorf("sqldb: migrate %s on %s: %w", name, db.name, err)
		}
	}
	provider, err := goose.NewProvider(dialect, pool, files, options...)
	if err != nil {
		return fmt.Errorf("sqldb: migrate %s: %w", name, err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("sqldb: migrate %s on %s: %w", name, db.name, err)
	}
	return nil
}

// createVersions makes goose's table of versions, with its first row. Goose does
// so itself, but before it asks for the lock, and in two steps that MySQL
// cannot make one: a second node, or the next one after a crash, could meet the
// table without the row, which goose takes for an error.
func createVersions(ctx context.Context, pool *sql.DB, table string) (err error) {
	versions, err := database.NewStore(database.DialectMySQL, table)
	if err != nil {
		return err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	lock := migrationLock{}
	if err := lock.SessionLock(ctx, conn); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.SessionUnlock(context.WithoutCancel(ctx), conn)) }()

	rows, err := versions.ListMigrations(ctx, conn)
	if mysqlNumber(err, noTableErrors) {
		err = versions.CreateVersionTable(ctx, conn)
	}
	if err != nil || len(rows) > 0 {
		return err
	}
	return versions.Insert(ctx, conn, database.InsertRequest{Version: 0})
}

// migrationLock is a named lock of the server, held by the connection that
// migrates. It ends with that connection, so a node that dies leaves no lock
// behind, unlike goose's table of leases.
type migrationLock struct{}

// SessionLock waits for the lock until ctx ends.
func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	name, err := lockName(ctx, conn)
	if err != nil {
		return err
	}
	// Each try waits for a second, so that an ended ctx is noticed on the
	// server too, and not only here.
	for {
		var got sql.NullInt64 // 1 taken, 0 not in time, NULL failed
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 1)", name).Scan(&got); err != nil {
			return fmt.Errorf("wait for the migration lock: %w", err)
		}
		switch {
		case !got.Valid:
			return errors.New("the server refused the migration lock")
		case got.Int64 == 1:
			return nil
		}
	}
}

// SessionUnlock lets the next node in.
func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	name, err := lockName(ctx, conn)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "DO RELEASE_LOCK(?)", name); err != nil {
		return fmt.Errorf("release the migration lock: %w", err)
	}
	return nil
}

// lockName is the lock of the connection's database. Locks belong to the whole
// server and have at most 64 characters, which a database's name may fill.
func lockName(ctx context.Context, conn *sql.Conn) (string, error) {
	var database string
	if err := conn.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&database); err != nil {
		return "", fmt.Errorf("migration lock: %w", err)
	}
	return fmt.Sprintf("hubbub.migrate.%x", sha256.Sum256([]byte(database)))[:47], nil
}
