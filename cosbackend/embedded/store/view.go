package store

import (
	"context"
	"database/sql"
	"fmt"
)

// A view is the index as of one moment. Its queries are not interrupted: a
// context that can end costs a goroutine in the driver.
type view struct {
	s   *Store
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
	return read(&view{s: s, ctx: uncancelled, tx: tx})
}

// rows runs a query; text must be a constant.
func (v *view) rows(text string, args ...any) (*sql.Rows, error) {
	st, err := v.s.stmt(v.ctx, text)
	if err != nil {
		return nil, err
	}
	rows, err := v.tx.StmtContext(v.ctx, st).QueryContext(v.ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("store: read index: %w", indexError(err))
	}
	return rows, nil
}

// row reads one row into dest; found is false when there is none.
func (v *view) row(text string, args []any, dest ...any) (found bool, err error) {
	st, err := v.s.stmt(v.ctx, text)
	if err != nil {
		return false, err
	}
	return scanOne(v.tx.StmtContext(v.ctx, st).QueryRowContext(v.ctx, args...), dest...)
}

func (v *view) bucketID(name string) (id int64, err error) {
	found, err := v.row(bucketIDQuery, []any{name}, &id)
	if err == nil && !found {
		err = ErrNoSuchBucket
	}
	return id, err
}
