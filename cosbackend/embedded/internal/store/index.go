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
	"sync"

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
	// The connection is held until the end: a memory database exists as long as there
	// is a connection to it.
	if x.writer, err = x.writerDB.Conn(x.ctx); err != nil {
		return fmt.Errorf("store: open index: %w", indexError(err))
	}
	return nil
}

// configure sets what durability depends on and reads it back, because SQLite
// returns the old value and no error for a setting that it cannot honour.
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

// requireRow returns the error given when a statement had no effect.
func requireRow(res sql.Result, none error) error {
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("store: write index: %w", err)
	}
	if n == 0 {
		return none
	}
	return nil
}

// A stmtCache caches prepared statements of the connections that read.
type stmtCache struct {
	mu   sync.Mutex
	held map[string]*sql.Stmt
}

// stmt returns the prepared statement for a constant text.
func (s *Store) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	s.stmts.mu.Lock()
	defer s.stmts.mu.Unlock()
	if st, ok := s.stmts.held[text]; ok {
		return st, nil
	}
	st, err := s.index.readers.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("store: read index: %w", indexError(err))
	}
	if s.stmts.held == nil {
		s.stmts.held = map[string]*sql.Stmt{}
	}
	s.stmts.held[text] = st
	return st, nil
}

// row reads one row outside the writer. It takes microseconds, so it is not worth
// interrupting: a context that can be cancelled costs a goroutine in the driver.
func (s *Store) row(ctx context.Context, text string, args []any, dest ...any) (found bool, err error) {
	ctx = context.WithoutCancel(ctx)
	st, err := s.stmt(ctx, text)
	if err != nil {
		return false, err
	}
	return scanOne(st.QueryRowContext(ctx, args...), dest...)
}

func scanOne(row *sql.Row, dest ...any) (found bool, err error) {
	err = row.Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("store: read index: %w", indexError(err))
	}
	return true, nil
}

// checkpoint writes the write-ahead log into index.db and empties it.
func (x *index) checkpoint() error {
	if _, err := x.writer.ExecContext(x.ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("store: checkpoint the write-ahead log: %w", indexError(err))
	}
	return nil
}

// A view is the index as of one moment. Its queries are not interrupted: a context that
// can be cancelled costs a goroutine in the driver.
//
// It holds one of the connections that read, so it must not wait for another one, which
// would be forever when views hold all of them. That is why it does not use the prepared
// statements of the store, which may still have to be prepared.
type view struct {
	ctx context.Context // never ends
	tx  *sql.Tx
}

// look runs a method that reads more than one row.
func (s *Store) look(ctx context.Context, read func(*view) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	defer s.lockReads()()
	uncancelled := context.WithoutCancel(ctx)
	tx, err := s.index.readers.BeginTx(uncancelled, nil)
	if err != nil {
		return fmt.Errorf("store: read index: %w", indexError(err))
	}
	defer func() { _ = tx.Rollback() }() // it only read
	return read(&view{ctx: uncancelled, tx: tx})
}

// rows runs a query.
func (v *view) rows(text string, args ...any) (*sql.Rows, error) {
	rows, err := v.tx.QueryContext(v.ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("store: read index: %w", indexError(err))
	}
	return rows, nil
}

// row reads one row into dest; found is false when there is none.
func (v *view) row(text string, args []any, dest ...any) (found bool, err error) {
	return scanOne(v.tx.QueryRowContext(v.ctx, text, args...), dest...)
}

func (v *view) bucketID(name string) (id int64, err error) {
	found, err := v.row(bucketIDQuery, []any{name}, &id)
	if err == nil && !found {
		err = ErrNoSuchBucket
	}
	return id, err
}
