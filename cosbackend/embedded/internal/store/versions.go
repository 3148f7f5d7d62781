package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"time"
)

// Versioning is what happens to an object that is overwritten or deleted.
type Versioning string

// The states of a bucket. One that was ever enabled does not return to VersioningNever.
const (
	// VersioningNever: the object is removed.
	VersioningNever Versioning = ""
	// VersioningEnabled: it stays as an older version.
	VersioningEnabled Versioning = "Enabled"
	// VersioningSuspended: versions stay, except the one called NullVersion, which the
	// new one replaces.
	VersioningSuspended Versioning = "Suspended"
)

// NullVersion is the ID of a version that was written while versioning was not
// enabled.
const NullVersion = "null"

// Versioning returns the state of a bucket or ErrNoSuchBucket.
func (s *Store) Versioning(ctx context.Context, bucket string) (Versioning, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.leave()
	defer s.lockReads()()
	var v Versioning
	found, err := s.row(ctx, "SELECT versioning FROM bucket WHERE name = ?", []any{bucket}, &v)
	if err == nil && !found {
		err = ErrNoSuchBucket
	}
	return v, err
}

// SetVersioning enables or suspends versioning. Writes that come later see it,
// those before it do not. It fails with ErrNoSuchBucket, and with ErrSuspended where
// there is an object lock.
func (s *Store) SetVersioning(ctx context.Context, bucket string, v Versioning) error {
	if v != VersioningEnabled && v != VersioningSuspended {
		return fmt.Errorf("store: a bucket cannot be set to versioning %q", v)
	}
	return s.change(ctx, func(t *txn) error {
		b, err := t.bucket(bucket)
		if err != nil {
			return err
		}
		if b.objectLock && v == VersioningSuspended {
			return ErrSuspended
		}
		_, err = t.exec("UPDATE bucket SET versioning = ? WHERE id = ?", v, b.id)
		return err
	})
}

// newVersionID returns an ID that no version had before: random bits, and the seq of
// the version under a mask made of them. The seq finds the row, and the place of a
// deleted one.
func newVersionID(seq int64) string {
	var raw [16]byte
	_, _ = rand.Read(raw[8:]) // never fails
	mask := binary.BigEndian.Uint64(raw[8:])
	binary.BigEndian.PutUint64(raw[:8], uint64(seq)^mask) //nolint:gosec // the bits are kept
	return hex.EncodeToString(raw[:])
}

// versionSeq is the seq in an ID; ok is false when no version can have the ID.
func versionSeq(id string) (seq int64, ok bool) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 16 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(raw[:8]) ^ binary.BigEndian.Uint64(raw[8:])), true //nolint:gosec // the bits are kept
}

// PossibleVersion reports whether a version can have the ID.
func PossibleVersion(id string) bool {
	_, ok := versionSeq(id)
	return ok || id == NullVersion
}

// shownVersion is the ID of a version for callers.
func shownVersion(v Versioning, id sql.NullString) string {
	switch {
	case id.Valid:
		return id.String
	case v == VersioningNever:
		return ""
	default:
		return NullVersion
	}
}

// A bucketRow is a bucket as a write needs it.
type bucketRow struct {
	id         int64
	versioning Versioning
	objectLock bool
	lockDays   int64
}

const bucketQuery = "SELECT id, versioning, object_lock, lock_days FROM bucket WHERE name = ?"

func (b *bucketRow) dest() []any {
	return []any{&b.id, &b.versioning, &b.objectLock, &b.lockDays}
}

func (t *txn) bucket(name string) (b bucketRow, err error) {
	found, err := t.row(bucketQuery, []any{name}, b.dest()...)
	if err == nil && !found {
		err = ErrNoSuchBucket
	}
	return b, err
}

// A versionRow is a version or marker as a write needs it.
type versionRow struct {
	content
	seq    int64
	id     sql.NullString
	marker bool
	mtime  int64
	retain sql.NullInt64
}

const (
	versionRowColumns = "SELECT seq, version_id, marker, mtime, blob_id, manifest_id, retain_until FROM version WHERE bucket_id = ?1 AND key = ?2"
	newestQuery       = versionRowColumns + " ORDER BY seq LIMIT 1"
)

func (r *versionRow) dest() []any {
	return []any{&r.seq, &r.id, &r.marker, &r.mtime, &r.blob, &r.manifest, &r.retain}
}

// A place is a key that is about to be written.
type place struct {
	bucket bucketRow
	key    []byte
	newest versionRow
	taken  bool // newest exists; it may be a marker
}

func (t *txn) place(b bucketRow, key string) (p place, err error) {
	p.bucket, p.key = b, []byte(key)
	p.taken, err = t.row(newestQuery, []any{b.id, p.key}, p.newest.dest()...)
	return p, err
}

// target checks whether the key may be written. Where versioning was ever set nothing is
// overwritten permanently, so forbidOverwrite has no effect.
func (t *txn) target(bucket, key string, forbidOverwrite bool) (p place, err error) {
	if key == "" {
		return p, errNoKey
	}
	b, err := t.bucket(bucket)
	if err != nil {
		return p, err
	}
	p, err = t.place(b, key)
	if err == nil && p.taken && forbidOverwrite && b.versioning == VersioningNever {
		err = ErrExists
	}
	return p, err
}

// version finds one version of the key of a place.
func (t *txn) version(p place, id string) (r versionRow, found bool, err error) {
	if id == NullVersion {
		return t.nullVersion(p)
	}
	seq, ok := versionSeq(id)
	if !ok {
		return r, false, nil
	}
	found, err = t.row(versionRowColumns+" AND seq = ?3 AND version_id = ?4", []any{p.bucket.id, p.key, seq, id}, r.dest()...)
	return r, found, err
}

func (t *txn) nullVersion(p place) (r versionRow, found bool, err error) {
	if !p.taken || !p.newest.id.Valid {
		return p.newest, p.taken, nil
	}
	found, err = t.row(versionRowColumns+" AND version_id IS NULL AND seq <> 1", []any{p.bucket.id, p.key}, r.dest()...)
	if err == nil && !found {
		found, err = t.row(versionRowColumns+" AND version_id IS NULL AND seq = 1", []any{p.bucket.id, p.key}, r.dest()...)
	}
	return r, found, err
}

// vacate makes room for a new version: it returns its seq, its ID, and the bytes that
// the caller releases once the new row is written at that seq. It fails with ErrLocked
// before it changes anything.
func (t *txn) vacate(p place, now time.Time) (seq int64, id sql.NullString, old content, err error) {
	seq = firstSeq
	if p.taken {
		seq = p.newest.seq - 1
	}
	if p.bucket.versioning == VersioningEnabled {
		return seq, sql.NullString{String: newVersionID(seq), Valid: true}, old, nil
	}
	r, found, err := t.nullVersion(p)
	if err == nil && found {
		err = r.checkLock(now)
	}
	if err != nil || !found {
		return seq, id, old, err
	}
	if r.seq == p.newest.seq {
		return r.seq, id, r.content, nil
	}
	_, err = t.exec("DELETE FROM version WHERE bucket_id = ? AND key = ? AND seq = ?", p.bucket.id, p.key, r.seq)
	return seq, id, r.content, err
}

// put makes obj the newest version at a place, and sets its version ID. The caller has
// added the reference to c.
func (t *txn) put(p place, obj *Object, c content) error {
	seq, id, old, err := t.vacate(p, obj.Modified)
	if err != nil {
		return err
	}
	obj.VersionID = shownVersion(p.bucket.versioning, id)
	obj.RetainUntil = p.bucket.retention(obj.Modified)
	if err := t.writeVersion(p.bucket.id, seq, id, *obj, c); err != nil {
		return err
	}
	return t.release(old)
}

// writeVersion writes the row of the newest version, and that of the list.
func (t *txn) writeVersion(bucket, seq int64, id sql.NullString, obj Object, c content) error {
	if err := t.writeRow(bucket, seq, id, false, obj, c); err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO current(bucket_id, key, seq, size, etag, mtime, class, type)
		VALUES(?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET seq = excluded.seq, size = excluded.size,
		etag = excluded.etag, mtime = excluded.mtime, class = excluded.class, type = excluded.type`,
		bucket, []byte(obj.Key), seq, obj.Size, obj.ETag, obj.Modified.UnixNano(), obj.StorageClass, obj.Type)
	return err
}

// writeRow writes a version or marker, over the one that has the seq.
func (t *txn) writeRow(bucket, seq int64, id sql.NullString, marker bool, obj Object, c content) error {
	_, err := t.exec(`INSERT INTO version(bucket_id, key, seq, version_id, marker, blob_id, manifest_id, size, etag, crc64, mtime, class, type, acl, headers,
		tags, encryption, link, retain_until)
		VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(bucket_id, key, seq) DO UPDATE SET
		version_id = excluded.version_id, marker = excluded.marker,
		blob_id = excluded.blob_id, manifest_id = excluded.manifest_id, size = excluded.size,
		etag = excluded.etag, crc64 = excluded.crc64, mtime = excluded.mtime, class = excluded.class,
		type = excluded.type, acl = excluded.acl, headers = excluded.headers,
		tags = excluded.tags, encryption = excluded.encryption, link = excluded.link,
		retain_until = excluded.retain_until, restored_at = NULL, restored_until = NULL, restore_asked = NULL, restore_tier = NULL`,
		bucket, []byte(obj.Key), seq, id, marker, c.blob, c.manifest, obj.Size, obj.ETag,
		int64(obj.CRC64), //nolint:gosec // the index has signed integers only; the bits are kept
		obj.Modified.UnixNano(), obj.StorageClass, obj.Type, obj.ACL, encodeHeaders(obj.Headers),
		encodeTags(obj.Tags), obj.Encryption.encode(), linkOrNull(obj.LinkTarget), nanoOrNull(obj.RetainUntil))
	return err
}

func linkOrNull(target string) []byte {
	if target == "" {
		return nil
	}
	return []byte(target)
}

// promote makes the newest version that has a seq above after the one that is
// listed, unless it is a marker.
func (t *txn) promote(bucket int64, key []byte, after int64) error {
	if _, err := t.exec("DELETE FROM current WHERE bucket_id = ? AND key = ?", bucket, key); err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO current(bucket_id, key, seq, size, etag, mtime, class, type)
		SELECT bucket_id, key, seq, size, etag, mtime, class, type FROM
			(SELECT * FROM version WHERE bucket_id = ?1 AND key = ?2 AND seq > ?3 ORDER BY seq LIMIT 1) WHERE marker = 0`,
		bucket, key, after)
	return err
}

// beforeAll is a seq before every version of a key.
const beforeAll = math.MinInt64

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
	// KeyMarker is exclusive. With VersionIDMarker, the older versions of that key are
	// listed too. A deleted version keeps its place, except NullVersion: then the key
	// is listed from its newest version on.
	KeyMarker       string
	VersionIDMarker string // ignored without KeyMarker
	// Max limits versions, markers and common prefixes together; 0 means 1000.
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

// ListVersions returns one page, as of one moment. Its cost depends on the entries
// returned, not on the versions below a common prefix. It fails with ErrNoSuchBucket, or
// with ErrNoSuchVersion for a VersionIDMarker that no version can have.
func (s *Store) ListVersions(ctx context.Context, bucket string, o ListVersionsOptions) (VersionsPage, error) {
	if o.Max <= 0 {
		o.Max = defaultMaxKeys
	}
	l := &versionLister{o: o, pageLister: pageLister{prefix: o.Prefix, delimiter: o.Delimiter}}
	err := s.list(ctx, bucket, &l.pageLister, l.run)
	if err != nil {
		return VersionsPage{}, err
	}
	return l.page, nil
}

// A versionLister fills one page.
type versionLister struct {
	pageLister
	o      ListVersionsOptions
	page   VersionsPage
	last   Version // the newest entry
	rolled bool    // last is a common prefix
	key    string  // of the row read last
	newest int64   // seq of the newest version of key
	status Versioning
}

// A versionPosition is a place in the order of versions: behind this one.
type versionPosition struct {
	key string
	seq int64
}

func (l *versionLister) run(ctx context.Context) error {
	if _, err := l.view.row("SELECT versioning FROM bucket WHERE id = ?", []any{l.bucket}, &l.status); err != nil {
		return err
	}
	from, ok, err := l.start()
	for ok && err == nil {
		from, ok, err = l.scan(ctx, from)
	}
	return err
}

// start is where the listing begins; there is nothing to list when ok is false.
func (l *versionLister) start() (from versionPosition, ok bool, err error) {
	from = versionPosition{l.o.Prefix, beforeAll}
	marker := l.o.KeyMarker
	if marker == "" {
		return from, true, nil
	}
	after := versionPosition{marker + "\x00", beforeAll}
	if cp, rolled := l.rollUp(marker); rolled && cp == marker {
		next, ok := successor(cp)
		if !ok {
			return versionPosition{}, false, nil
		}
		after = versionPosition{next, beforeAll}
	} else if l.o.VersionIDMarker != "" {
		if after, err = l.within(marker, l.o.VersionIDMarker); err != nil {
			return versionPosition{}, false, err
		}
	}
	if after.key >= from.key {
		from = after
	}
	return from, true, nil
}

// within is the place behind one version of a key.
func (l *versionLister) within(key, id string) (versionPosition, error) {
	after := versionPosition{key, beforeAll}
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

// scan adds entries from one run of the index. It returns where to continue when the
// versions below a common prefix are to be skipped.
func (l *versionLister) scan(ctx context.Context, from versionPosition) (next versionPosition, more bool, err error) {
	rows, err := l.query(from)
	if err != nil {
		return versionPosition{}, false, err
	}
	defer func() { _ = rows.Close() }() // only read
	skipped, first := 0, true
	for rows.Next() {
		var raw sql.RawBytes
		var r Version
		var id sql.NullString
		var seq, mtime int64
		if err := rows.Scan(&raw, &seq, &id, &r.Marker, &r.Size, &r.ETag, &mtime, &r.StorageClass, &r.Type); err != nil {
			return versionPosition{}, false, fmt.Errorf("store: list versions: %w", indexError(err))
		}
		if l.read++; l.read%checkEvery == 0 && ctx.Err() != nil {
			return versionPosition{}, false, ctx.Err()
		}
		if l.rolled && bytes.HasPrefix(raw, []byte(l.last.Key)) {
			if skipped++; l.seeks(skipped) {
				key, ok := successor(l.last.Key)
				return versionPosition{key, beforeAll}, ok, nil
			}
			continue
		}
		if string(raw) != l.key {
			l.key, l.newest = string(raw), seq
		}
		r.Key, r.Modified, r.IsLatest = l.key, timeOf(mtime), seq == l.newest
		r.VersionID = shownVersion(l.status, id)
		if !l.add(r) {
			return versionPosition{}, false, nil
		}
		skipped, l.large = 0, l.large && first
		first = false
	}
	if err := rows.Err(); err != nil {
		return versionPosition{}, false, fmt.Errorf("store: list versions: %w", indexError(err))
	}
	return versionPosition{}, false, nil
}

func (l *versionLister) query(from versionPosition) (*sql.Rows, error) {
	if end, ok := successor(l.o.Prefix); ok {
		return l.view.rows(versionsBounded, l.bucket, []byte(from.key), from.seq, []byte(end))
	}
	return l.view.rows(versionsToEnd, l.bucket, []byte(from.key), from.seq)
}

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
		l.last, l.rolled = Version{Object: Object{Key: cp}}, true
		return true
	}
	l.page.Versions = append(l.page.Versions, r)
	l.last, l.rolled = r, false
	return true
}
