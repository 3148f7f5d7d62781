package store

import (
	"context"
	"errors"
	"time"
)

// DeleteUnchanged deletes those of the objects that are still what a listing showed:
// one that was written since stays, and so does one that is locked. Where versioning
// was ever set a marker is put on top. It returns how many there were, and fails with
// ErrNoSuchBucket.
func (s *Store) DeleteUnchanged(ctx context.Context, bucket string, listed []Object) (n int, err error) {
	now := s.now()
	err = s.free(ctx, func(t *txn) error {
		n = 0 // the closure may run again
		b, err := t.bucket(bucket)
		if err != nil {
			return err
		}
		for _, o := range listed {
			done, err := t.deleteUnchanged(b, o, now)
			if err != nil {
				return err
			}
			if done {
				n++
			}
		}
		return nil
	})
	return n, err
}

func (t *txn) deleteUnchanged(b bucketRow, o Object, now time.Time) (bool, error) {
	same, err := t.unchanged(b.id, o)
	if err != nil || !same {
		return false, err
	}
	p, err := t.place(b, o.Key)
	if err != nil {
		return false, err
	}
	_, err = t.remove(p, "", now)
	if errors.Is(err, ErrLocked) { // before anything was changed
		return false, nil
	}
	return err == nil, err
}

// SetStorageClass changes the class of those of the objects that are still what a
// listing showed, and nothing else of them; a locked one stays as it is. It returns
// how many there were, and fails with ErrNoSuchBucket.
func (s *Store) SetStorageClass(ctx context.Context, bucket string, listed []Object, class string) (n int, err error) {
	now := s.now()
	err = s.change(ctx, func(t *txn) error {
		n = 0 // the closure may run again
		b, err := t.bucket(bucket)
		if err != nil {
			return err
		}
		for _, o := range listed {
			done, err := t.moveUnchanged(b, o, class, now)
			if err != nil {
				return err
			}
			if done {
				n++
			}
		}
		return nil
	})
	return n, err
}

func (t *txn) moveUnchanged(b bucketRow, o Object, class string, now time.Time) (bool, error) {
	same, err := t.unchanged(b.id, o)
	if err != nil || !same {
		return false, err
	}
	p, err := t.place(b, o.Key)
	if err != nil || p.newest.checkLock(now) != nil {
		return false, err
	}
	err = t.setClass(b.id, p.key, class)
	return err == nil, err
}

func (t *txn) unchanged(bucket int64, o Object) (bool, error) {
	var one int
	return t.row("SELECT 1 FROM current WHERE bucket_id = ? AND key = ? AND mtime = ? AND etag = ?",
		[]any{bucket, []byte(o.Key), o.Modified.UnixNano(), o.ETag}, &one)
}

func (t *txn) setClass(bucket int64, key []byte, class string) error {
	if _, err := t.exec(`UPDATE version SET class = ? WHERE bucket_id = ? AND key = ?
		AND seq = (SELECT seq FROM current WHERE bucket_id = ? AND key = ?)`, class, bucket, key, bucket, key); err != nil {
		return err
	}
	_, err := t.exec("UPDATE current SET class = ? WHERE bucket_id = ? AND key = ?", class, bucket, key)
	return err
}
