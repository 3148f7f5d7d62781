package store

import (
	"context"
	"fmt"
	"time"
)

// A Bucket is a named set of objects.
type Bucket struct {
	Name    string
	Region  string
	ACL     string
	Created time.Time
	// AZ and Arch say what kind of bucket it is; "" is the ordinary one.
	AZ, Arch string
}

// CreateBucket adds an empty bucket with configurations, whose ids are kinds that a
// bucket has one of. It fails with ErrBucketExists when the name is taken. A zero Created
// becomes the time of the call.
func (s *Store) CreateBucket(ctx context.Context, b Bucket, configs ...ConfigDocument) error {
	if b.Created.IsZero() {
		b.Created = s.now()
	}
	return s.change(ctx, func(t *txn) error {
		res, err := t.exec("INSERT INTO bucket(name, region, acl, created, az, arch) VALUES(?,?,?,?,?,?) ON CONFLICT DO NOTHING",
			b.Name, b.Region, b.ACL, b.Created.UnixNano(), b.AZ, b.Arch)
		if err != nil {
			return err
		}
		if err := requireRow(res, ErrBucketExists); err != nil || len(configs) == 0 {
			return err
		}
		id, err := t.bucketID(b.Name)
		if err != nil {
			return err
		}
		for _, c := range configs {
			if err := t.putConfig(id, c.ID, "", c.Document); err != nil {
				return err
			}
		}
		return nil
	})
}

// Bucket returns one bucket or ErrNoSuchBucket.
func (s *Store) Bucket(ctx context.Context, name string) (Bucket, error) {
	if err := s.enter(ctx); err != nil {
		return Bucket{}, err
	}
	defer s.leave()
	defer s.lockReads()()
	b := Bucket{Name: name}
	var created int64
	found, err := s.row(ctx, "SELECT region, acl, created, az, arch FROM bucket WHERE name = ?", []any{name}, &b.Region, &b.ACL, &created, &b.AZ, &b.Arch)
	if err != nil {
		return Bucket{}, err
	}
	if !found {
		return Bucket{}, ErrNoSuchBucket
	}
	b.Created = timeOf(created)
	return b, nil
}

// Buckets returns all buckets in the order of their names.
func (s *Store) Buckets(ctx context.Context) ([]Bucket, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	defer s.lockReads()()
	rows, err := s.index.readers.QueryContext(context.WithoutCancel(ctx), "SELECT name, region, acl, created, az, arch FROM bucket ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("store: read buckets: %w", indexError(err))
	}
	defer func() { _ = rows.Close() }() // only read
	var buckets []Bucket
	for rows.Next() {
		var b Bucket
		var created int64
		if err := rows.Scan(&b.Name, &b.Region, &b.ACL, &created, &b.AZ, &b.Arch); err != nil {
			return nil, fmt.Errorf("store: read buckets: %w", indexError(err))
		}
		b.Created = timeOf(created)
		buckets = append(buckets, b)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: read buckets: %w", indexError(err))
	}
	return buckets, nil
}

// DeleteBucket removes an empty bucket. It fails with ErrNoSuchBucket, or with
// ErrBucketNotEmpty while there is a version, a delete marker or a multipart upload
// in it, which is ErrBucketLocked when the bucket has an object lock.
func (s *Store) DeleteBucket(ctx context.Context, name string) error {
	return s.free(ctx, func(t *txn) error {
		b, err := t.bucket(name)
		if err != nil {
			return err
		}
		var one int
		used, err := t.row("SELECT 1 FROM version WHERE bucket_id = ? LIMIT 1", []any{b.id}, &one)
		if err == nil && used && b.objectLock {
			return ErrBucketLocked
		}
		if err == nil && !used {
			used, err = t.row("SELECT 1 FROM upload WHERE bucket_id = ? LIMIT 1", []any{b.id}, &one)
		}
		if err != nil {
			return err
		}
		if used {
			return ErrBucketNotEmpty
		}
		_, err = t.exec("DELETE FROM bucket WHERE id = ?", b.id)
		return err
	})
}

const bucketIDQuery = "SELECT id FROM bucket WHERE name = ?"

func (t *txn) bucketID(name string) (id int64, err error) {
	found, err := t.row(bucketIDQuery, []any{name}, &id)
	if err == nil && !found {
		err = ErrNoSuchBucket
	}
	return id, err
}

// SetBucketACL changes the ACL of a bucket. It fails with ErrNoSuchBucket.
func (s *Store) SetBucketACL(ctx context.Context, name, acl string) error {
	return s.change(ctx, func(t *txn) error {
		res, err := t.exec("UPDATE bucket SET acl = ? WHERE name = ?", acl, name)
		if err != nil {
			return err
		}
		return requireRow(res, ErrNoSuchBucket)
	})
}
