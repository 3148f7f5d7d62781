package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// ListOptions selects one page of a listing.
type ListOptions struct {
	Prefix string
	// Delimiter rolls up keys that have it after Prefix; it may be any string.
	Delimiter string
	// Marker is exclusive: only entries after it are listed. A marker that is a
	// common prefix skips all keys below that prefix.
	Marker string
	// MaxKeys limits objects and common prefixes together; 0 means 1000.
	MaxKeys int
}

// A Page is one part of a listing in byte order.
type Page struct {
	Objects        []Object
	CommonPrefixes []string
	// NextMarker is the last entry of the page, a key or a common prefix; it is
	// set only when Truncated.
	NextMarker string
	Truncated  bool
}

const (
	defaultMaxKeys = 1000
	// seekAfter is how many keys below a common prefix are read before it is cheaper to
	// seek past it; seekSoon is the same after a prefix that was skipped, because its
	// neighbours are mostly as large.
	seekAfter = 8
	seekSoon  = 1
	// checkEvery is how many rows are read between two checks of the context.
	checkEvery = 256
)

const (
	listColumns = "SELECT key, size, etag, mtime, class, type, " + restoredColumn + "restored_at" + ofArchived + ", " +
		restoredColumn + "restored_until" + ofArchived + " FROM current c WHERE bucket_id = ? AND key >= ?"
	// A restoration is in another table, which is read for the classes that can have one.
	restoredColumn = "CASE WHEN class LIKE '%ARCHIVE' THEN (SELECT v."
	ofArchived     = " FROM version v WHERE v.bucket_id = c.bucket_id AND v.key = c.key AND v.seq = c.seq) END"
	listBounded    = listColumns + " AND key < ? ORDER BY key"
	listToEnd      = listColumns + " ORDER BY key"
)

// List returns one page in byte order, as of one moment. Its cost depends on the entries
// returned, not on the keys below a common prefix. It fails with ErrNoSuchBucket.
func (s *Store) List(ctx context.Context, bucket string, o ListOptions) (Page, error) {
	if o.MaxKeys <= 0 {
		o.MaxKeys = defaultMaxKeys
	}
	l := &lister{o: o, pageLister: pageLister{prefix: o.Prefix, delimiter: o.Delimiter}}
	err := s.list(ctx, bucket, &l.pageLister, l.run)
	if err != nil {
		return Page{}, err
	}
	return l.page, nil
}

// list runs a lister on the index as of one moment. It fails with ErrNoSuchBucket.
func (s *Store) list(ctx context.Context, bucket string, l *pageLister, run func(context.Context) error) error {
	return s.look(ctx, func(v *view) (err error) {
		l.view = v
		if l.bucket, err = v.bucketID(bucket); err != nil {
			return err
		}
		return run(ctx)
	})
}

// A lister fills one page.
type lister struct {
	pageLister
	o      ListOptions
	page   Page
	last   string // the newest entry
	rolled bool   // last is a common prefix
	skip   []byte // last, when it is a common prefix
}

func (l *lister) run(ctx context.Context) error {
	from, ok := l.start()
	for ok {
		var err error
		if from, ok, err = l.scan(ctx, from); err != nil {
			return err
		}
	}
	return nil
}

// start is the first key that may be listed; there is none when ok is false.
func (l *lister) start() (from string, ok bool) {
	from = l.o.Prefix
	if l.o.Marker != "" {
		after := l.o.Marker + "\x00"
		if cp, rolled := l.rollUp(l.o.Marker); rolled && cp == l.o.Marker {
			if after, ok = successor(cp); !ok {
				return "", false
			}
		}
		from = max(from, after)
	}
	if from == "" {
		from = "\x00" // the first key: there is no empty one
	}
	return from, true
}

// scan adds entries from one run of the index. It returns where to continue when the
// keys below a common prefix are to be skipped.
func (l *lister) scan(ctx context.Context, from string) (next string, more bool, err error) {
	rows, err := l.query(from)
	if err != nil {
		return "", false, err
	}
	defer func() { _ = rows.Close() }() // only read
	skipped, first := 0, true
	for rows.Next() {
		var raw sql.RawBytes
		var obj Object
		var mtime int64
		var restoredAt, restoredUntil sql.NullInt64
		if err := rows.Scan(&raw, &obj.Size, &obj.ETag, &mtime, &obj.StorageClass, &obj.Type, &restoredAt, &restoredUntil); err != nil {
			return "", false, fmt.Errorf("store: list: %w", indexError(err))
		}
		if l.read++; l.read%checkEvery == 0 && ctx.Err() != nil {
			return "", false, ctx.Err()
		}
		if l.rolled && bytes.HasPrefix(raw, l.skip) {
			if skipped++; l.seeks(skipped) {
				next, more = successor(l.last)
				return next, more, nil
			}
			continue
		}
		obj.Key, obj.Modified = string(raw), timeOf(mtime)
		obj.Restoration = Restoration{At: timeOrZero(restoredAt), Until: timeOrZero(restoredUntil)}
		if !l.add(obj) {
			return "", false, nil
		}
		skipped, l.large = 0, l.large && first
		first = false
	}
	if err := rows.Err(); err != nil {
		return "", false, fmt.Errorf("store: list: %w", indexError(err))
	}
	return "", false, nil
}

func (l *lister) query(from string) (*sql.Rows, error) {
	if end, ok := successor(l.o.Prefix); ok {
		return l.view.rows(listBounded, l.bucket, []byte(from), []byte(end))
	}
	return l.view.rows(listToEnd, l.bucket, []byte(from))
}

// add puts the next entry on the page; it returns false when the page is full.
func (l *lister) add(obj Object) bool {
	if l.count == l.o.MaxKeys {
		l.page.Truncated, l.page.NextMarker = true, l.last
		return false
	}
	l.count++
	cp, rolled := l.rollUp(obj.Key)
	if rolled {
		l.page.CommonPrefixes = append(l.page.CommonPrefixes, cp)
		l.last, l.rolled, l.skip = cp, true, []byte(cp)
		return true
	}
	l.page.Objects = append(l.page.Objects, obj)
	l.last, l.rolled = obj.Key, false
	return true
}

// A pageLister is what the listers of objects, uploads and versions share.
type pageLister struct {
	view              *view
	bucket            int64
	prefix, delimiter string
	count             int  // entries on the page
	read              int  // rows read
	large             bool // there were many keys below the common prefix before
}

// seeks reports whether to seek past a common prefix of which so many keys were read.
func (l *pageLister) seeks(skipped int) bool {
	if skipped > seekAfter || l.large && skipped > seekSoon {
		l.large = true
		return true
	}
	return false
}

// rollUp returns the common prefix that stands for key, if one does.
func (l *pageLister) rollUp(key string) (prefix string, ok bool) {
	if l.delimiter == "" {
		return "", false
	}
	rest, ok := strings.CutPrefix(key, l.prefix)
	if !ok {
		return "", false
	}
	i := strings.Index(rest, l.delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(l.prefix)+i+len(l.delimiter)], true
}

// successor is the first string after all those that start with prefix. There is none
// for the empty prefix and for one of 0xFF bytes only.
func successor(prefix string) (next string, ok bool) {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1}), true
		}
	}
	return "", false
}
