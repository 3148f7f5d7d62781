package store

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// A DeleteTarget names what is to be deleted.
type DeleteTarget struct {
	Key string
	// VersionID removes that version permanently. "" deletes the object: where
	// versioning was ever set that adds a delete marker to its versions.
	VersionID string
}

// A DeleteResult is the result for a DeleteTarget.
type DeleteResult struct {
	// VersionID is that of the marker that was made, or of the version that was
	// asked for. It is "" when the bucket has no versions and none was asked for.
	VersionID string
	Marker    bool // a delete marker was made or removed
	// Refused is ErrLocked when nothing was deleted.
	Refused error
}

// Delete deletes an object; a missing one is no error. It fails with ErrNoSuchBucket or
// ErrLocked.
func (s *Store) Delete(ctx context.Context, bucket, key string) error {
	return s.DeleteMany(ctx, bucket, []string{key})
}

// DeleteMany deletes objects in one transaction; missing ones are no error. It fails
// with ErrNoSuchBucket, or with ErrLocked when one of them is locked: the others are
// deleted.
func (s *Store) DeleteMany(ctx context.Context, bucket string, keys []string) error {
	targets := make([]DeleteTarget, len(keys))
	for i, key := range keys {
		targets[i].Key = key
	}
	removals, err := s.Remove(ctx, bucket, targets)
	for _, r := range removals {
		err = cmp.Or(err, r.Refused)
	}
	return err
}

// Remove deletes objects and versions in one transaction; missing ones are no error. It
// fails with ErrNoSuchBucket.
func (s *Store) Remove(ctx context.Context, bucket string, targets []DeleteTarget) ([]DeleteResult, error) {
	removals := make([]DeleteResult, len(targets))
	now := s.now()
	err := s.free(ctx, func(t *txn) error {
		b, err := t.bucket(bucket)
		if err != nil {
			return err
		}
		for i, target := range targets {
			p, err := t.place(b, target.Key)
			if err == nil {
				removals[i], err = t.remove(p, target.VersionID, now)
			}
			if errors.Is(err, ErrLocked) { // before anything was changed
				removals[i], err = DeleteResult{VersionID: target.VersionID, Refused: err}, nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return removals, nil
}

func (t *txn) remove(p place, version string, now time.Time) (DeleteResult, error) {
	switch {
	case version != "":
		r, found, err := t.version(p, version)
		if err != nil || !found {
			return DeleteResult{VersionID: version}, err
		}
		return DeleteResult{VersionID: version, Marker: r.marker}, t.removeVersion(p, r, now)
	case p.bucket.versioning != VersioningNever:
		return t.mark(p, now)
	case p.taken:
		return DeleteResult{}, t.removeVersion(p, p.newest, now)
	default:
		return DeleteResult{}, nil
	}
}

// removeVersion removes a version or marker permanently.
func (t *txn) removeVersion(p place, r versionRow, now time.Time) error {
	if err := r.checkLock(now); err != nil {
		return err
	}
	if r.seq == p.newest.seq {
		if err := t.promote(p.bucket.id, p.key, r.seq); err != nil {
			return err
		}
	}
	if _, err := t.exec("DELETE FROM version WHERE bucket_id = ? AND key = ? AND seq = ?", p.bucket.id, p.key, r.seq); err != nil {
		return err
	}
	return t.release(r.content)
}

// mark adds a delete marker as the newest version of a key. The key need not have any
// versions.
func (t *txn) mark(p place, now time.Time) (DeleteResult, error) {
	seq, id, old, err := t.vacate(p, now)
	if err != nil {
		return DeleteResult{}, err
	}
	if _, err := t.exec("DELETE FROM current WHERE bucket_id = ? AND key = ?", p.bucket.id, p.key); err != nil {
		return DeleteResult{}, err
	}
	if err := t.writeRow(p.bucket.id, seq, id, true, Object{Key: string(p.key), Modified: now}, content{}); err != nil {
		return DeleteResult{}, err
	}
	return DeleteResult{VersionID: shownVersion(p.bucket.versioning, id), Marker: true}, t.release(old)
}
