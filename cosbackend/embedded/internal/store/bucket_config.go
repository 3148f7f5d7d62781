package store

import (
	"context"
	"errors"
	"fmt"
)

// A Config names one configuration document of a bucket.
type Config struct {
	Bucket string
	Kind   string
	ID     string // "" for kinds that a bucket has one of
}

// A ConfigDocument is a stored document of one kind.
type ConfigDocument struct {
	ID       string
	Document []byte
}

// PutConfigOptions are the conditions of PutConfig, evaluated in its transaction.
type PutConfigOptions struct {
	// Max is how many documents of this kind the bucket may have, when the id is a new
	// one; 0 is no limit. One more is ErrTooManyConfigs.
	Max int
	// New refuses with ErrExists an id that has a document.
	New bool
	// Unlocked refuses with ErrBucketLocked a bucket that has an object lock.
	Unlocked bool
	// Versioned refuses with ErrNotVersioned a bucket whose versioning is not enabled.
	Versioned bool
}

// PutConfig stores a document and replaces the one with the same kind and id. It fails
// with ErrNoSuchBucket and as the options say.
func (s *Store) PutConfig(ctx context.Context, c Config, document []byte, o PutConfigOptions) error {
	return s.change(ctx, func(t *txn) error {
		b, err := t.bucket(c.Bucket)
		switch {
		case err != nil:
			return err
		case o.Unlocked && b.objectLock:
			return ErrBucketLocked
		case o.Versioned && b.versioning != VersioningEnabled:
			return ErrNotVersioned
		}
		if err := t.checkConfig(b.id, c, o); err != nil {
			return err
		}
		return t.putConfig(b.id, c.Kind, c.ID, document)
	})
}

// PutConfigs stores one document for each of the ids, or for none of them. It fails
// with ErrNoSuchBucket.
func (s *Store) PutConfigs(ctx context.Context, bucket, kind string, ids []string, document []byte) error {
	return s.change(ctx, func(t *txn) error {
		id, err := t.bucketID(bucket)
		if err != nil {
			return err
		}
		for _, config := range ids {
			if err := t.putConfig(id, kind, config, document); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *txn) putConfig(bucket int64, kind, id string, document []byte) error {
	_, err := t.exec(`INSERT INTO bucket_config(bucket_id, kind, id, document) VALUES(?,?,?,?)
		ON CONFLICT(bucket_id, kind, id) DO UPDATE SET document = excluded.document`, bucket, kind, id, document)
	return err
}

func (t *txn) checkConfig(bucket int64, c Config, o PutConfigOptions) error {
	if o.Max == 0 && !o.New {
		return nil
	}
	var others, same int
	_, err := t.row("SELECT count(*) FILTER (WHERE id <> ?), count(*) FILTER (WHERE id = ?) FROM bucket_config WHERE bucket_id = ? AND kind = ?",
		[]any{c.ID, c.ID, bucket, c.Kind}, &others, &same)
	switch {
	case err != nil:
		return err
	case o.New && same > 0:
		return ErrExists
	case o.Max > 0 && same == 0 && others >= o.Max:
		return ErrTooManyConfigs
	default:
		return nil
	}
}

// Config returns a document. It fails with ErrNoSuchBucket or ErrNoSuchConfig.
func (s *Store) Config(ctx context.Context, c Config) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	defer s.lockReads()()
	var document []byte
	found, err := s.row(ctx, `SELECT c.document FROM bucket b JOIN bucket_config c ON c.bucket_id = b.id
		WHERE b.name = ? AND c.kind = ? AND c.id = ?`, []any{c.Bucket, c.Kind, c.ID}, &document)
	if err != nil {
		return nil, err
	}
	if !found {
		if err := s.absent(ctx, c.Bucket); !errors.Is(err, ErrNoSuchKey) {
			return nil, err
		}
		return nil, ErrNoSuchConfig
	}
	return document, nil
}

// Configs returns up to limit documents of a kind with ids after the one given, in byte
// order, and whether there are more. It fails with ErrNoSuchBucket.
func (s *Store) Configs(ctx context.Context, bucket, kind, after string, limit int) (page []ConfigDocument, more bool, err error) {
	err = s.look(ctx, func(v *view) error {
		id, err := v.bucketID(bucket)
		if err != nil {
			return err
		}
		rows, err := v.rows("SELECT id, document FROM bucket_config WHERE bucket_id = ? AND kind = ? AND id > ? ORDER BY id LIMIT ?",
			id, kind, after, limit+1)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // only read
		for rows.Next() {
			var d ConfigDocument
			if err := rows.Scan(&d.ID, &d.Document); err != nil {
				return fmt.Errorf("store: read configurations: %w", indexError(err))
			}
			page = append(page, d)
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("store: read configurations: %w", indexError(err))
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	if len(page) > limit {
		return page[:limit], true, nil
	}
	return page, false, nil
}

// Configured returns the names of the buckets that have a document of a kind.
func (s *Store) Configured(ctx context.Context, kind string) (names []string, err error) {
	err = s.look(ctx, func(v *view) error {
		rows, err := v.rows("SELECT name FROM bucket b WHERE EXISTS (SELECT 1 FROM bucket_config c WHERE c.bucket_id = b.id AND c.kind = ?) ORDER BY name", kind)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // only read
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return fmt.Errorf("store: read configurations: %w", indexError(err))
			}
			names = append(names, name)
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("store: read configurations: %w", indexError(err))
		}
		return nil
	})
	return names, err
}

// DeleteConfig removes a document; a missing one is no error. It fails with
// ErrNoSuchBucket.
func (s *Store) DeleteConfig(ctx context.Context, c Config) error {
	return s.free(ctx, func(t *txn) error {
		bucket, err := t.bucketID(c.Bucket)
		if err != nil {
			return err
		}
		_, err = t.exec("DELETE FROM bucket_config WHERE bucket_id = ? AND kind = ? AND id = ?", bucket, c.Kind, c.ID)
		return err
	})
}
