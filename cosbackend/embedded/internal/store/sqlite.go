package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// This file is the only one that knows which SQLite driver is used.

// An index is the SQLite database: one connection that writes, several that
// read.
type index struct {
	ctx      context.Context // never ends
	writerDB *sql.DB
	writer   *sql.Conn
	readers  *sql.DB
}

// openIndex opens index.db under dir, or a database in memory when dir is "".
func openIndex(ctx context.Context, dir string) (*index, error) {
	dsn := "file:" + (&url.URL{Path: filepath.Join(dir, indexFile)}).EscapedPath() + "?"
	if dir == "" {
		dsn = "file:/cosgate-" + rand.Text() + "?vfs=memdb&"
	}
	dsn += "_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_pragma=synchronous(2)"
	x := &index{ctx: ctx}
	if err := x.connect(dsn); err != nil {
		return nil, errors.Join(err, x.close())
	}
	if err := x.configure(ctx, dir); err != nil {
		return nil, errors.Join(err, x.close())
	}
	return x, nil
}

func (x *index) connect(dsn string) error {
	write, err := sqlite.NewConnector(dsn)
	if err != nil {
		return fmt.Errorf("store: open index: %w", err)
	}
	read, err := sqlite.NewConnector(dsn + "&_pragma=query_only(1)")
	if err != nil {
		return fmt.Errorf("store: open index: %w", err)
	}
	x.writerDB = sql.OpenDB(write)
	x.writerDB.SetMaxOpenConns(1)
	x.readers = sql.OpenDB(read)
	x.readers.SetMaxOpenConns(2 * runtime.NumCPU())
	x.readers.SetMaxIdleConns(2 * runtime.NumCPU())
	// The connection is held until the end: a memory database lives as long as
	// somebody is connected to it.
	if x.writer, err = x.writerDB.Conn(x.ctx); err != nil {
		return fmt.Errorf("store: open index: %w", indexError(err))
	}
	return nil
}

// configure sets what durability rests on and reads it back, because SQLite
// answers a setting it cannot honour with the old value and no error.
func (x *index) configure(ctx context.Context, dir string) error {
	want := map[string]string{"foreign_keys": "1", "synchronous": "2"}
	if dir != "" {
		want["journal_mode"] = "wal"
		if _, err := x.writer.ExecContext(ctx, "PRAGMA journal_mode=WAL"); err != nil {
			return fmt.Errorf("store: open index: %w", indexError(err))
		}
	}
	for name, value := range want {
		var got string
		if err := x.writer.QueryRowContext(ctx, "PRAGMA "+name).Scan(&got); err != nil {
			return fmt.Errorf("store: open index: %w", indexError(err))
		}
		if !strings.EqualFold(got, value) {
			return fmt.Errorf("store: open index: %s is %q and must be %q; "+
				"the data folder needs a local file system (network file systems do not work)", name, got, value)
		}
	}
	return nil
}

// close disconnects.
func (x *index) close() error {
	var errs []error
	if x.readers != nil {
		errs = append(errs, x.readers.Close())
	}
	if x.writer != nil {
		errs = append(errs, x.writer.Close())
	}
	if x.writerDB != nil {
		errs = append(errs, x.writerDB.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("store: close index: %w", indexError(err))
	}
	return nil
}

// indexError adds ErrNoSpace or ErrCorrupt to an error of SQLite that means
// that.
func indexError(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return diskError(err)
	}
	if e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	switch e.Code() & 0xff { // the low byte is the kind, the rest details it
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}
