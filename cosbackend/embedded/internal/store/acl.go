package store

import "context"

// SetObjectACL gives a version another ACL and changes nothing else of it; "" is the
// newest version. It fails with ErrNoSuchBucket, ErrNoSuchKey, ErrNoSuchVersion or
// ErrLocked.
func (s *Store) SetObjectACL(ctx context.Context, bucket, key, version, acl string) (Object, error) {
	now := s.now()
	return s.amend(ctx, bucket, key, version, func(t *txn, b bucketRow, r objectRow) error {
		if r.RetainUntil.After(now) {
			return ErrLocked
		}
		_, err := t.exec("UPDATE version SET acl = ? WHERE bucket_id = ? AND key = ? AND seq = ?", acl, b.id, []byte(key), r.seq)
		return err
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
