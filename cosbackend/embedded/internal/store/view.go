package store

import (
	"context"
	"database/sql"
	"fmt"
)

// A view is the index as of one moment. Its queries are not interrupted: a
// context that can end costs a goroutine in the driver.
//
// It holds one of the connections that read, so it must not wait for another one:
// with all of them held by views that would be for ever. That is why it does not use
// the prepared statements of the store, which may still have to be prepared.
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
