package store

import (
	"context"
	"errors"
	"time"
)

// DeleteUnchanged deletes those of the objects that are unchanged since a listing: one
// that was written since stays, and so does one that is locked. Where versioning was
// ever set a delete marker is added. It returns how many there were, and fails with
// ErrNoSuchBucket.
func (s *Store) DeleteUnchanged(ctx context.Context, bucket string, listed []Object) (n int, err error) {
	now := s.now()
	err = s.free(ctx, func(t *txn) (err error) {
		n, err = t.eachUnchanged(bucket, listed, func(p place) error {
			_, err := t.remove(p, "", now)
			return err
		})
		return err
	})
	return n, err
}

// SetStorageClass changes the class of those of the objects that are unchanged since a
// listing, and nothing else; a locked one stays as it is. It returns how many there
// were, and fails with ErrNoSuchBucket.
func (s *Store) SetStorageClass(ctx context.Context, bucket string, listed []Object, class string) (n int, err error) {
	now := s.now()
	err = s.change(ctx, func(t *txn) (err error) {
		n, err = t.eachUnchanged(bucket, listed, func(p place) error {
			if err := p.newest.checkLock(now); err != nil {
				return err
			}
			return t.setClass(p.bucket.id, p.key, class)
		})
		return err
	})
	return n, err
}

// eachUnchanged calls do for each object that is unchanged since it was listed, and
// counts them without those for which do fails with ErrLocked, before it changes
// anything.
func (t *txn) eachUnchanged(bucket string, listed []Object, do func(place) error) (n int, err error) {
	b, err := t.bucket(bucket)
	if err != nil {
		return 0, err
	}
	for _, o := range listed {
		same, err := t.unchanged(b.id, o)
		if err != nil {
			return 0, err
		}
		if !same {
			continue
		}
		p, err := t.place(b, o.Key)
		if err == nil {
			err = do(p)
		}
		if errors.Is(err, ErrLocked) {
			continue
		}
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
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

// RemoveListed removes permanently those versions and delete markers that are unchanged
// since a listing. One that has become the newest meanwhile stays, and so do a locked
// one and one that was listed as the newest, unless it is a marker and the only version
// of its key. It returns how many there were, and fails with ErrNoSuchBucket.
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

// SetVersionClass changes the class of those versions that are unchanged since a listing
// and not the newest of their key; a locked one stays as it is. It returns how many
// there were, and fails with ErrNoSuchBucket.
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

// eachListed calls do with each version that is unchanged since it was listed, and
// counts for how many it did something.
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
