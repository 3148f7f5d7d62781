package store

import (
	"context"
	"errors"
	"time"
)

// RemoveListed removes for good those versions and delete markers that are still
// what a listing showed. One that has become the newest meanwhile stays, and so do a
// locked one and one that was listed as the newest, unless it is a marker and all
// that its key has. It returns how many there were, and fails with ErrNoSuchBucket.
func (s *Store) RemoveListed(ctx context.Context, bucket string, listed []Version) (n int, err error) {
	now := s.now()
	err = s.free(ctx, func(t *txn) (err error) {
		n, err = t.eachListed(bucket, listed, func(p place, r versionRow) (bool, error) {
			return t.removeListed(p, r, now)
		})
		return err
	})
	return n, err
}

func (t *txn) removeListed(p place, r versionRow, now time.Time) (bool, error) {
	if r.seq == p.newest.seq {
		var one int
		others, err := t.row("SELECT 1 FROM version WHERE bucket_id = ? AND key = ? AND seq > ? LIMIT 1", []any{p.bucket.id, p.key, r.seq}, &one)
		if err != nil || others || !r.marker {
			return false, err
		}
	}
	err := t.removeVersion(p, r, now)
	if errors.Is(err, ErrLocked) { // before anything was changed
		return false, nil
	}
	return err == nil, err
}

// SetVersionClass changes the class of those versions that are still what a listing
// showed and not the newest of their key; a locked one stays as it is. It returns how
// many there were, and fails with ErrNoSuchBucket.
func (s *Store) SetVersionClass(ctx context.Context, bucket string, listed []Version, class string) (n int, err error) {
	now := s.now()
	err = s.change(ctx, func(t *txn) (err error) {
		n, err = t.eachListed(bucket, listed, func(p place, r versionRow) (bool, error) {
			locked := errors.Is(r.checkLock(now), ErrLocked)
			if locked || r.seq == p.newest.seq || r.marker {
				return false, nil
			}
			_, err := t.exec("UPDATE version SET class = ? WHERE bucket_id = ? AND key = ? AND seq = ?", class, p.bucket.id, p.key, r.seq)
			return err == nil, err
		})
		return err
	})
	return n, err
}

// eachListed calls do with each version that is still as it was listed, and counts
// for how many it did something.
func (t *txn) eachListed(bucket string, listed []Version, do func(place, versionRow) (bool, error)) (n int, err error) {
	b, err := t.bucket(bucket)
	if err != nil {
		return 0, err
	}
	for _, v := range listed {
		p, err := t.place(b, v.Key)
		if err != nil {
			return 0, err
		}
		r, found, err := t.version(p, v.VersionID)
		if err != nil {
			return 0, err
		}
		if !found || r.mtime != v.Modified.UnixNano() || r.marker != v.Marker || (r.seq == p.newest.seq) != v.IsLatest {
			continue
		}
		done, err := do(p, r)
		if err != nil {
			return 0, err
		}
		if done {
			n++
		}
	}
	return n, nil
}
