package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
)

const (
	uploadColumns  = "SELECT key, id, initiated, class, acl FROM upload WHERE bucket_id = ? AND (key, id) > (?, ?)"
	uploadsBounded = uploadColumns + " AND key < ? ORDER BY key, id"
	uploadsToEnd   = uploadColumns + " ORDER BY key, id"
)

// Uploads returns one page of the multipart uploads under way, as of one moment.
// It fails with ErrNoSuchBucket.
func (s *Store) Uploads(ctx context.Context, bucket string, o ListUploadsOptions) (UploadsPage, error) {
	if o.Max <= 0 {
		o.Max = defaultMaxKeys
	}
	l := &uploadLister{o: o, roll: roll{prefix: o.Prefix, delimiter: o.Delimiter}}
	err := s.look(ctx, func(v *view) (err error) {
		l.view = v
		if l.bucket, err = v.bucketID(bucket); err != nil {
			return err
		}
		return l.run(ctx)
	})
	if err != nil {
		return UploadsPage{}, err
	}
	return l.page, nil
}

// An uploadLister fills one page.
type uploadLister struct {
	roll
	view   *view
	bucket int64
	o      ListUploadsOptions
	page   UploadsPage
	count  int
	read   int
	last   UploadInfo // the newest entry; a common prefix has no ID
}

// A mark is a place in the order of uploads: behind those with this key and an
// ID up to this one. With no ID it is before those with this key.
type mark struct{ key, id string }

func (l *uploadLister) run(ctx context.Context) error {
	from, ok := l.start()
	for ok {
		var err error
		if from, ok, err = l.scan(ctx, from); err != nil {
			return err
		}
	}
	return nil
}

// start is where the listing begins; there is nothing to list when ok is false.
func (l *uploadLister) start() (from mark, ok bool) {
	from = mark{key: l.o.Prefix}
	marker := l.o.KeyMarker
	if marker == "" {
		return from, true
	}
	after := mark{key: marker + "\x00"}
	if l.o.UploadIDMarker != "" {
		after = mark{marker, l.o.UploadIDMarker}
	}
	if cp, rolled := l.rollUp(marker); rolled && cp == marker {
		next, ok := successor(cp)
		if !ok {
			return mark{}, false
		}
		after = mark{key: next}
	}
	if after.key >= from.key {
		from = after
	}
	return from, true
}

// scan adds entries from one run of the index. It returns where to go on, when
// the uploads below a common prefix are to be skipped.
func (l *uploadLister) scan(ctx context.Context, from mark) (next mark, more bool, err error) {
	rows, err := l.query(from)
	if err != nil {
		return mark{}, false, err
	}
	defer func() { _ = rows.Close() }() // only read
	skipped := 0
	for rows.Next() {
		var raw sql.RawBytes
		var u UploadInfo
		var initiated int64
		if err := rows.Scan(&raw, &u.ID, &initiated, &u.StorageClass, &u.ACL); err != nil {
			return mark{}, false, fmt.Errorf("store: list uploads: %w", indexError(err))
		}
		if l.read++; l.read%checkEvery == 0 && ctx.Err() != nil {
			return mark{}, false, ctx.Err()
		}
		if l.rolledUp() && bytes.HasPrefix(raw, []byte(l.last.Key)) {
			if skipped++; skipped > seekAfter {
				key, ok := successor(l.last.Key)
				return mark{key: key}, ok, nil
			}
			continue
		}
		u.Key, u.Initiated = string(raw), timeOf(initiated)
		if !l.add(u) {
			return mark{}, false, nil
		}
		skipped = 0
	}
	if err := rows.Err(); err != nil {
		return mark{}, false, fmt.Errorf("store: list uploads: %w", indexError(err))
	}
	return mark{}, false, nil
}

func (l *uploadLister) query(from mark) (*sql.Rows, error) {
	if end, ok := successor(l.o.Prefix); ok {
		return l.view.rows(uploadsBounded, l.bucket, []byte(from.key), from.id, []byte(end))
	}
	return l.view.rows(uploadsToEnd, l.bucket, []byte(from.key), from.id)
}

// rolledUp tells whether the newest entry is a common prefix.
func (l *uploadLister) rolledUp() bool { return l.count > 0 && l.last.ID == "" }

// add puts the next entry on the page; it returns false when the page is full.
func (l *uploadLister) add(u UploadInfo) bool {
	if l.count == l.o.Max {
		l.page.Truncated = true
		l.page.NextKeyMarker, l.page.NextUploadIDMarker = l.last.Key, l.last.ID
		return false
	}
	l.count++
	if cp, rolled := l.rollUp(u.Key); rolled {
		l.page.CommonPrefixes = append(l.page.CommonPrefixes, cp)
		l.last = UploadInfo{Key: cp}
		return true
	}
	l.page.Uploads = append(l.page.Uploads, u)
	l.last = u
	return true
}
