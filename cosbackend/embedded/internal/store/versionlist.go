package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
)

// A Version is an object as it is or was, or a delete marker.
type Version struct {
	Object        // as List fills it, and VersionID
	Marker   bool // of a marker only Key, VersionID and Modified are set
	IsLatest bool
}

// ListVersionsOptions selects one page of the versions in a bucket.
type ListVersionsOptions struct {
	Prefix string
	// Delimiter rolls up keys as in ListOptions.
	Delimiter string
	// KeyMarker is exclusive. With VersionIDMarker, the versions of that very key
	// that are older are listed too. One that is gone keeps its place, except
	// NullVersion: then the key is listed from its newest version on.
	KeyMarker       string
	VersionIDMarker string // ignored without KeyMarker
	// Max bounds versions, markers and common prefixes together; 0 means 1000.
	Max int
}

// A VersionsPage is one part of a list of versions, by key in byte order, the
// newest of each key first.
type VersionsPage struct {
	Versions       []Version
	CommonPrefixes []string
	// The markers of the next page are set only when Truncated. After a common
	// prefix NextVersionIDMarker is empty.
	NextKeyMarker       string
	NextVersionIDMarker string
	Truncated           bool
}

const (
	versionColumns  = "SELECT key, seq, version_id, marker, size, etag, mtime, class, type FROM version WHERE bucket_id = ? AND (key, seq) > (?, ?)"
	versionsBounded = versionColumns + " AND key < ? ORDER BY key, seq"
	versionsToEnd   = versionColumns + " ORDER BY key, seq"
)

// ListVersions returns one page, as of one moment. Its cost follows the entries
// returned, not the versions below a common prefix. It fails with
// ErrNoSuchBucket, or with ErrNoSuchVersion for a VersionIDMarker that no
// version can have.
func (s *Store) ListVersions(ctx context.Context, bucket string, o ListVersionsOptions) (VersionsPage, error) {
	if o.Max <= 0 {
		o.Max = defaultMaxKeys
	}
	l := &versionLister{o: o, roll: roll{prefix: o.Prefix, delimiter: o.Delimiter}}
	err := s.look(ctx, func(v *view) (err error) {
		l.view = v
		if l.bucket, err = v.bucketID(bucket); err != nil {
			return err
		}
		return l.run(ctx)
	})
	if err != nil {
		return VersionsPage{}, err
	}
	return l.page, nil
}

// A versionLister fills one page.
type versionLister struct {
	roll
	view   *view
	bucket int64
	o      ListVersionsOptions
	page   VersionsPage
	count  int
	read   int
	last   Version // the newest entry; a common prefix has no ID
	key    string  // of the row read last
	newest int64   // seq of the newest version of key
}

// A spot is a place in the order of versions: behind this one.
type spot struct {
	key string
	seq int64
}

func (l *versionLister) run(ctx context.Context) error {
	from, ok, err := l.start()
	for ok && err == nil {
		from, ok, err = l.scan(ctx, from)
	}
	return err
}

// start is where the listing begins; there is nothing to list when ok is false.
func (l *versionLister) start() (from spot, ok bool, err error) {
	from = spot{l.o.Prefix, beforeAll}
	marker := l.o.KeyMarker
	if marker == "" {
		return from, true, nil
	}
	after := spot{marker + "\x00", beforeAll}
	if cp, rolled := l.rollUp(marker); rolled && cp == marker {
		next, ok := successor(cp)
		if !ok {
			return spot{}, false, nil
		}
		after = spot{next, beforeAll}
	} else if l.o.VersionIDMarker != "" {
		if after, err = l.within(marker, l.o.VersionIDMarker); err != nil {
			return spot{}, false, err
		}
	}
	if after.key >= from.key {
		from = after
	}
	return from, true, nil
}

// within is the place behind one version of a key.
func (l *versionLister) within(key, id string) (spot, error) {
	after := spot{key, beforeAll}
	raw := []byte(key)
	if id == NullVersion {
		_, err := l.view.row("SELECT seq FROM version WHERE bucket_id = ? AND key = ? AND version_id IS NULL ORDER BY seq LIMIT 1",
			[]any{l.bucket, raw}, &after.seq)
		if err != nil {
			return after, err
		}
	} else {
		seq, ok := versionSeq(id)
		if !ok {
			return after, ErrNoSuchVersion
		}
		after.seq = seq
	}
	l.key = key
	_, err := l.view.row("SELECT seq FROM version WHERE bucket_id = ? AND key = ? ORDER BY seq LIMIT 1", []any{l.bucket, raw}, &l.newest)
	return after, err
}

// scan adds entries from one run of the index. It returns where to go on, when
// the versions below a common prefix are to be skipped.
func (l *versionLister) scan(ctx context.Context, from spot) (next spot, more bool, err error) {
	rows, err := l.query(from)
	if err != nil {
		return spot{}, false, err
	}
	defer func() { _ = rows.Close() }() // only read
	skipped, first := 0, true
	for rows.Next() {
		var raw sql.RawBytes
		var r Version
		var id sql.NullString
		var seq, mtime int64
		if err := rows.Scan(&raw, &seq, &id, &r.Marker, &r.Size, &r.ETag, &mtime, &r.StorageClass, &r.Type); err != nil {
			return spot{}, false, fmt.Errorf("store: list versions: %w", indexError(err))
		}
		if l.read++; l.read%checkEvery == 0 && ctx.Err() != nil {
			return spot{}, false, ctx.Err()
		}
		if l.rolledUp() && bytes.HasPrefix(raw, []byte(l.last.Key)) {
			if skipped++; l.seeks(skipped) {
				key, ok := successor(l.last.Key)
				return spot{key, beforeAll}, ok, nil
			}
			continue
		}
		if string(raw) != l.key {
			l.key, l.newest = string(raw), seq
		}
		r.Key, r.Modified, r.IsLatest = l.key, timeOf(mtime), seq == l.newest
		r.VersionID = shownVersion(VersioningSuspended, id)
		if !l.add(r) {
			return spot{}, false, nil
		}
		skipped, l.large = 0, l.large && first
		first = false
	}
	if err := rows.Err(); err != nil {
		return spot{}, false, fmt.Errorf("store: list versions: %w", indexError(err))
	}
	return spot{}, false, nil
}

func (l *versionLister) query(from spot) (*sql.Rows, error) {
	if end, ok := successor(l.o.Prefix); ok {
		return l.view.rows(versionsBounded, l.bucket, []byte(from.key), from.seq, []byte(end))
	}
	return l.view.rows(versionsToEnd, l.bucket, []byte(from.key), from.seq)
}

// rolledUp tells whether the newest entry is a common prefix.
func (l *versionLister) rolledUp() bool { return l.count > 0 && l.last.VersionID == "" }

// add puts the next entry on the page; it returns false when the page is full.
func (l *versionLister) add(r Version) bool {
	if l.count == l.o.Max {
		l.page.Truncated = true
		l.page.NextKeyMarker, l.page.NextVersionIDMarker = l.last.Key, l.last.VersionID
		return false
	}
	l.count++
	if cp, rolled := l.rollUp(r.Key); rolled {
		l.page.CommonPrefixes = append(l.page.CommonPrefixes, cp)
		l.last = Version{Object: Object{Key: cp}}
		return true
	}
	l.page.Versions = append(l.page.Versions, r)
	l.last = r
	return true
}
