package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// CommitError says that COMMIT failed, so nobody knows whether the transaction
// was committed: when a connection broke during COMMIT, three in four had been.
// Look the outcome up by a key of what was written; if that fails too, answer
// "unknown". Every other error of DB.Tx means that nothing was written.
type CommitError struct {
	Err error // what COMMIT returned
}

func (e *CommitError) Error() string { return "sqldb: commit, outcome unknown: " + e.Err.Error() }
func (e *CommitError) Unwrap() error { return e.Err }

// Numbers of errors, from the reference manuals of MySQL 8 and MariaDB. The
// driver has no names for them.
var (
	duplicateErrors = []uint16{
		1062, // ER_DUP_ENTRY
	}
	lockWaitErrors = []uint16{
		1205, // ER_LOCK_WAIT_TIMEOUT
	}
	retryableErrors = []uint16{
		1205, // ER_LOCK_WAIT_TIMEOUT
		1213, // ER_LOCK_DEADLOCK
		1020, // ER_CHECKREAD: MariaDB's innodb_snapshot_isolation
	}
	readOnlyErrors = []uint16{
		1290, // ER_OPTION_PREVENTS_STATEMENT: --read-only
		1792, // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
		1836, // ER_READ_ONLY_MODE
	}
	noTableErrors = []uint16{
		1146, // ER_NO_SUCH_TABLE
	}
	unavailableErrors = []uint16{
		1021, // ER_DISK_FULL
		1026, // ER_ERROR_ON_WRITE
		1040, // ER_CON_COUNT_ERROR: too many connections
		1047, // ER_UNKNOWN_COM_ERROR: a Galera node that is not synced
		1053, // ER_SERVER_SHUTDOWN
		1114, // ER_RECORD_FILE_FULL: InnoDB's word for a full disk
		1129, // ER_HOST_IS_BLOCKED
		1152, // ER_ABORTING_CONNECTION
		1203, // ER_TOO_MANY_USER_CONNECTIONS
		1226, // ER_USER_LIMIT_REACHED
		1317, // ER_QUERY_INTERRUPTED: killed
		1927, // ER_CONNECTION_KILLED (MariaDB)
		1969, // ER_STATEMENT_TIMEOUT (MariaDB): StatementTime is over
		3024, // ER_QUERY_TIMEOUT (MySQL): the same
	}
)

// IsDuplicate tells that a row with the same primary or unique key exists. The
// transaction goes on.
func IsDuplicate(err error) bool {
	if code, ok := sqliteCode(err); ok {
		return code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || code == sqlite3.SQLITE_CONSTRAINT_UNIQUE
	}
	return mysqlNumber(err, duplicateErrors)
}

// IsRetryable tells that a transaction lost to another one (deadlock, lock wait,
// stale snapshot, busy file) and was rolled back: it may be run again from its
// beginning. It is false for a CommitError, whose outcome is looked up first.
func IsRetryable(err error) bool {
	if _, ok := errors.AsType[*CommitError](err); ok {
		return false
	}
	if code, ok := sqliteCode(err); ok {
		return code&0xff == sqlite3.SQLITE_BUSY
	}
	return mysqlNumber(err, retryableErrors)
}

// IsLockWait tells that a statement waited for a row lock as long as it may.
// Only servers have row locks.
func IsLockWait(err error) bool { return mysqlNumber(err, lockWaitErrors) }

// IsReadOnly tells that the server takes no writes, as a replica does before it
// is promoted and a primary after it was demoted. Tell the client to come back
// later.
func IsReadOnly(err error) bool {
	if code, ok := sqliteCode(err); ok {
		return code&0xff == sqlite3.SQLITE_READONLY
	}
	return mysqlNumber(err, readOnlyErrors)
}

// IsUnavailable tells that the database did not answer, or not in time: no
// connection, a broken one, a server that shuts down, a full disk, a limit
// reached. It is false when the caller itself gave up (context.Canceled).
func IsUnavailable(err error) bool {
	for _, target := range []error{
		driver.ErrBadConn, mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync, mysql.ErrBusyBuffer,
		sql.ErrConnDone, ErrBusy, io.EOF, io.ErrUnexpectedEOF, context.DeadlineExceeded,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	if code, ok := sqliteCode(err); ok {
		switch code & 0xff {
		case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_INTERRUPT:
			return true
		}
		return false
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return mysqlNumber(err, unavailableErrors)
}

func sqliteCode(err error) (int, bool) {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code(), true
	}
	return 0, false
}

func mysqlNumber(err error, numbers []uint16) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && slices.Contains(numbers, e.Number)
}
