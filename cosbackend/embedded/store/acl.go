package store

import "context"

// An ObjectName says which object is meant.
type ObjectName struct {
	Bucket string
	Key    string
}

// SetObjectACL changes the ACL of an object and nothing else of it. It fails with
// ErrNoSuchBucket or ErrNoSuchKey.
func (s *Store) SetObjectACL(ctx context.Context, name ObjectName, acl string) error {
	return s.change(ctx, func(t *txn) error {
		bucket, err := t.bucketID(name.Bucket)
		if err != nil {
			return err
		}
		res, err := t.exec(`UPDATE version SET acl = ? WHERE bucket_id = ? AND key = ?
			AND seq = (SELECT seq FROM current WHERE bucket_id = ? AND key = ?)`,
			acl, bucket, []byte(name.Key), bucket, []byte(name.Key))
		if err != nil {
			return err
		}
		return requireRow(res, ErrNoSuchKey)
	})
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
