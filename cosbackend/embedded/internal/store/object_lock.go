package store

import (
	"context"
	"time"
)

const day = 24 * time.Hour

// ObjectLock returns whether the objects of a bucket can be locked, and for how many
// days new ones are; 0 means that they are not. It fails with ErrNoSuchBucket.
func (s *Store) ObjectLock(ctx context.Context, bucket string) (enabled bool, days int64, err error) {
	if err := s.enter(ctx); err != nil {
		return false, 0, err
	}
	defer s.leave()
	defer s.lockReads()()
	found, err := s.row(ctx, "SELECT object_lock, lock_days FROM bucket WHERE name = ?", []any{bucket}, &enabled, &days)
	if err == nil && !found {
		err = ErrNoSuchBucket
	}
	return enabled, days, err
}

// SetObjectLock enables object locks forever, and locks new objects for a number of
// days. It fails with ErrNoSuchBucket, and with ErrSuspended while
// versioning is suspended.
func (s *Store) SetObjectLock(ctx context.Context, bucket string, days int64) error {
	return s.change(ctx, func(t *txn) error {
		b, err := t.bucket(bucket)
		if err != nil {
			return err
		}
		if b.versioning == VersioningSuspended {
			return ErrSuspended
		}
		_, err = t.exec("UPDATE bucket SET object_lock = 1, lock_days = ? WHERE id = ?", days, b.id)
		return err
	})
}

// Retain locks a version until a time; "" is the newest version. A lock can only be
// extended. It fails with ErrNoSuchBucket, ErrNoSuchKey, ErrNoSuchVersion,
// ErrNoObjectLock, or with ErrLockTime for a time in the past or before the end of the
// lock.
func (s *Store) Retain(ctx context.Context, bucket, key, version string, until time.Time) (Object, error) {
	now := s.now()
	return s.amend(ctx, bucket, key, version, func(t *txn, b bucketRow, r objectRow) error {
		switch {
		case !b.objectLock:
			return ErrNoObjectLock
		case !until.After(now) || until.Before(r.RetainUntil):
			return ErrLockTime
		}
		_, err := t.exec("UPDATE version SET retain_until = ? WHERE bucket_id = ? AND key = ? AND seq = ?", until.UnixNano(), b.id, []byte(key), r.seq)
		return err
	})
}

// retention is when the lock of a new object of the bucket ends.
func (b bucketRow) retention(made time.Time) time.Time {
	if !b.objectLock || b.lockDays == 0 {
		return time.Time{}
	}
	return made.Add(time.Duration(b.lockDays) * day)
}

// checkLock refuses to remove a version that is locked.
func (r *versionRow) checkLock(now time.Time) error {
	if r.retain.Valid && r.retain.Int64 > now.UnixNano() {
		return ErrLocked
	}
	return nil
}
