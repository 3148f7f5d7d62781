package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // COS speaks MD5
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cosgate/cosgate/internal/crc64ecma"
)

// An UploadInfo is a multipart upload that is neither complete nor aborted.
type UploadInfo struct {
	Key          string
	ID           string
	Initiated    time.Time
	StorageClass string
	ACL          string
	Headers      map[string]string // as in Object; Uploads leaves it and what follows empty
	Tags         []Tag
	Encryption   Encryption
}

// A PartInfo is one part of a multipart upload.
type PartInfo struct {
	Number   int
	Size     int64
	ETag     string // without quotes
	CRC64    uint64
	Modified time.Time
}

// A CompletePart names one part that Complete is to use.
type CompletePart struct {
	Number int
	ETag   string // without quotes
}

// ListUploadsOptions selects one page of the open uploads.
type ListUploadsOptions struct {
	Prefix string
	// Delimiter rolls up keys as in ListOptions.
	Delimiter string
	// KeyMarker is exclusive. With UploadIDMarker, the uploads of that very key
	// with a greater ID are listed too.
	KeyMarker      string
	UploadIDMarker string // ignored without KeyMarker
	// Max limits uploads and common prefixes together; 0 means 1000.
	Max int
}

// An UploadsPage is one part of a list of uploads, by key in byte order, then by
// ID, which is the order in which they were initiated.
type UploadsPage struct {
	Uploads        []UploadInfo
	CommonPrefixes []string
	// The markers of the next page are set only when Truncated. After a common
	// prefix NextUploadIDMarker is empty.
	NextKeyMarker      string
	NextUploadIDMarker string
	Truncated          bool
}

const (
	uploadSeqQuery = `SELECT u.seq FROM upload u JOIN bucket b ON b.id = u.bucket_id
		WHERE b.name = ? AND u.key = ? AND u.id = ?`
	uploadQuery = `SELECT u.seq, u.initiated, u.class, u.acl, u.headers, u.tags, u.encryption FROM upload u JOIN bucket b ON b.id = u.bucket_id
		WHERE b.name = ? AND u.key = ? AND u.id = ?`
	partsQuery = "SELECT number, size, etag, crc64, mtime FROM part WHERE upload_seq = ? AND number > ? ORDER BY number LIMIT ?"
)

// An uploadRow is the row of a multipart upload.
type uploadRow struct {
	UploadInfo
	seq       int64
	initiated int64
	headers   []byte
	tags, enc []byte
}

// dest takes the columns of uploadQuery.
func (r *uploadRow) dest() []any {
	return []any{&r.seq, &r.initiated, &r.StorageClass, &r.ACL, &r.headers, &r.tags, &r.enc}
}

// finish turns what was scanned into an UploadInfo.
func (r *uploadRow) finish(key, id string) error {
	r.Key, r.ID, r.Initiated = key, id, timeOf(r.initiated)
	var err error
	if r.Headers, err = decodeHeaders(r.headers); err != nil {
		return err
	}
	if r.Tags, err = decodeTags(r.tags); err != nil {
		return err
	}
	r.Encryption, err = decodeEncryption(r.enc)
	return err
}

// Initiate starts a multipart upload with the attributes of its object. It fails with
// ErrNoSuchBucket. ForbidOverwrite is checked by Complete only.
func (s *Store) Initiate(ctx context.Context, bucket, key string, o PutOptions) (id string, err error) {
	if key == "" {
		return "", errNoKey
	}
	now := s.now()
	id = newUploadID(now)
	err = s.change(ctx, func(t *txn) error {
		b, err := t.bucketID(bucket)
		if err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO upload(bucket_id, key, id, initiated, class, acl, headers, tags, encryption) VALUES(?,?,?,?,?,?,?,?,?)",
			b, []byte(key), id, now.UnixNano(), defaultTo(o.StorageClass, defaultClass), o.ACL, encodeHeaders(o.Headers),
			encodeTags(o.Tags), o.Encryption.encode())
		return err
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// newUploadID returns a fresh ID. IDs in byte order are in order of time.
func newUploadID(now time.Time) string {
	return fmt.Sprintf("%010d%09d%s", now.Unix(), now.Nanosecond(), newName())
}

// A PartTarget is the part that a body becomes.
type PartTarget struct {
	Bucket, Key, UploadID string
	Number                int
	ETagKey               []byte // as in PutOptions
}

// CommitPart makes the body a part of a multipart upload and replaces an earlier one
// with that number. It ends the upload of the body as Commit does and fails with
// ErrNoSuchBucket or ErrNoSuchUpload.
func (u *Upload) CommitPart(ctx context.Context, to PartTarget) (PartInfo, error) {
	var part PartInfo
	err := u.end(ctx, func(t *txn, b newBlob) error {
		seq, err := t.uploadSeq(to.Bucket, to.Key, to.UploadID)
		if err != nil {
			return err
		}
		c, err := t.insertBlob(b)
		if err != nil {
			return err
		}
		sums := u.Sums()
		etag := encryptedETag(hex.EncodeToString(sums.MD5[:]), to.ETagKey)
		part = PartInfo{Number: to.Number, Size: sums.Size, ETag: etag, CRC64: sums.CRC64, Modified: u.s.now()}
		return t.putPart(seq, part, c)
	})
	if err != nil {
		return PartInfo{}, err
	}
	return part, nil
}

// uploadSeq finds a multipart upload.
func (t *txn) uploadSeq(bucket, key, id string) (seq int64, err error) {
	found, err := t.row(uploadSeqQuery, []any{bucket, []byte(key), id}, &seq)
	if err == nil && !found {
		err = t.noUpload(bucket)
	}
	return seq, err
}

// noUpload is why an upload was not found.
func (t *txn) noUpload(bucket string) error {
	if _, err := t.bucketID(bucket); err != nil {
		return err
	}
	return ErrNoSuchUpload
}

// putPart adds a part or replaces the one with its number. The caller has added the
// reference to c.
func (t *txn) putPart(upload int64, p PartInfo, c content) error {
	var old content
	_, err := t.row("SELECT blob_id, manifest_id FROM part WHERE upload_seq = ? AND number = ?", []any{upload, p.Number}, &old.blob, &old.manifest)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO part(upload_seq, number, blob_id, manifest_id, size, etag, crc64, mtime)
		VALUES(?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET blob_id = excluded.blob_id, manifest_id = excluded.manifest_id,
		size = excluded.size, etag = excluded.etag, crc64 = excluded.crc64, mtime = excluded.mtime`,
		upload, p.Number, c.blob, c.manifest, p.Size, p.ETag,
		int64(p.CRC64), //nolint:gosec // the index has signed integers only; the bits are kept
		p.Modified.UnixNano())
	if err != nil {
		return err
	}
	return t.release(old)
}

// Parts returns an upload and up to limit of its parts with numbers above after,
// in order; limit 0 means 1000. It fails with ErrNoSuchBucket or ErrNoSuchUpload.
func (s *Store) Parts(ctx context.Context, bucket, key, uploadID string, after, limit int) (info UploadInfo, parts []PartInfo, truncated bool, err error) {
	if limit <= 0 {
		limit = defaultMaxKeys
	}
	err = s.look(ctx, func(v *view) error {
		var u uploadRow
		found, err := v.row(uploadQuery, []any{bucket, []byte(key), uploadID}, u.dest()...)
		if err != nil {
			return err
		}
		if !found {
			if _, err := v.bucketID(bucket); err != nil {
				return err
			}
			return ErrNoSuchUpload
		}
		if err := u.finish(key, uploadID); err != nil {
			return err
		}
		info = u.UploadInfo
		parts, err = v.parts(u.seq, after, limit+1)
		return err
	})
	if err != nil {
		return UploadInfo{}, nil, false, err
	}
	if len(parts) > limit {
		return info, parts[:limit], true, nil
	}
	return info, parts, false, nil
}

func (v *view) parts(upload int64, after, limit int) ([]PartInfo, error) {
	rows, err := v.rows(partsQuery, upload, after, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // only read
	var parts []PartInfo
	for rows.Next() {
		var p PartInfo
		var crc, mtime int64
		if err := rows.Scan(&p.Number, &p.Size, &p.ETag, &crc, &mtime); err != nil {
			return nil, fmt.Errorf("store: list parts: %w", indexError(err))
		}
		p.CRC64 = uint64(crc) //nolint:gosec // the index has signed integers only; the bits are kept
		p.Modified = timeOf(mtime)
		parts = append(parts, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: list parts: %w", indexError(err))
	}
	return parts, nil
}

// AbortUpload drops a multipart upload and its parts. It fails with
// ErrNoSuchBucket or ErrNoSuchUpload.
func (s *Store) AbortUpload(ctx context.Context, bucket, key, uploadID string) error {
	return s.free(ctx, func(t *txn) error {
		seq, err := t.uploadSeq(bucket, key, uploadID)
		if err != nil {
			return err
		}
		// The sweeper removes thousands of parts without delaying other writes.
		manifest, err := t.newManifest(0)
		if err != nil {
			return err
		}
		t.unused = append(t.unused, manifest)
		return t.gather(seq, manifest)
	})
}

// gather moves the bytes of all parts of an upload into an empty manifest, in
// their order, and removes the upload.
func (t *txn) gather(upload, manifest int64) error {
	_, err := t.exec(`INSERT INTO segment(manifest_id, pos, len, blob_id, off)
		SELECT ?1, p.start + coalesce(s.pos, 0), coalesce(s.len, p.size), coalesce(s.blob_id, p.blob_id), coalesce(s.off, 0)
		FROM (SELECT blob_id, manifest_id, size, sum(size) OVER (ORDER BY number) - size AS start FROM part WHERE upload_seq = ?2) p
		LEFT JOIN segment s ON s.manifest_id = p.manifest_id WHERE p.size > 0`, manifest, upload)
	if err != nil {
		return err
	}
	emptied, err := t.partManifests(upload)
	if err != nil {
		return err
	}
	if err := t.removeUpload(upload); err != nil {
		return err
	}
	for _, m := range emptied {
		if _, err := t.exec("DELETE FROM segment WHERE manifest_id = ?", m); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM manifest WHERE id = ?", m); err != nil {
			return err
		}
	}
	return nil
}

// partManifests are the manifests of the parts of an upload. Each belongs to
// one part alone.
func (t *txn) partManifests(upload int64) ([]int64, error) {
	rows, err := t.rows("SELECT manifest_id FROM part WHERE upload_seq = ? AND manifest_id IS NOT NULL", upload)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // only read
	var all []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("store: read index: %w", indexError(err))
		}
		all = append(all, id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: read index: %w", indexError(err))
	}
	return all, nil
}

// removeUpload removes the rows of an upload and its parts. The caller has handled the
// bytes of the parts.
func (t *txn) removeUpload(upload int64) error {
	if _, err := t.exec("DELETE FROM part WHERE upload_seq = ?", upload); err != nil {
		return err
	}
	_, err := t.exec("DELETE FROM upload WHERE seq = ?", upload)
	return err
}

var errNoKey = errors.New("store: an object needs a key")

// Complete joins the parts to one object, in one transaction and without copying a
// byte; parts that are not named are dropped. Every part but
// the last must have minPart bytes. It fails with ErrNoSuchBucket,
// ErrNoSuchUpload, ErrPartOrder, ErrInvalidPart, ErrPartTooSmall, ErrExists or ErrLocked,
// and leaves the upload as it was.
func (s *Store) Complete(ctx context.Context, bucket, key, uploadID string, parts []CompletePart, forbidOverwrite bool, minPart int64) (Object, error) {
	var obj Object
	now := s.now()
	err := s.change(ctx, func(t *txn) error {
		var u uploadRow
		found, err := t.row(uploadQuery, []any{bucket, []byte(key), uploadID}, u.dest()...)
		if err != nil {
			return err
		}
		if !found {
			return t.noUpload(bucket)
		}
		if err := u.finish(key, uploadID); err != nil {
			return err
		}
		have, err := t.parts(u.seq)
		if err != nil {
			return err
		}
		chosen, err := choose(have, parts, minPart)
		if err != nil {
			return err
		}
		p, err := t.target(bucket, key, forbidOverwrite)
		if err != nil {
			return err
		}
		c, err := t.join(u.seq, have, chosen)
		if err != nil {
			return err
		}
		obj = joined(u.UploadInfo, chosen)
		obj.Modified = now
		return t.put(p, &obj, c)
	})
	if err != nil {
		return Object{}, err
	}
	return obj, nil
}

// A partRow is a part as Complete needs it.
type partRow struct {
	content
	number int
	size   int64
	etag   string
	crc64  uint64
	chosen bool
}

// parts reads all parts of an upload in their order.
func (t *txn) parts(upload int64) ([]*partRow, error) {
	rows, err := t.rows("SELECT number, blob_id, manifest_id, size, etag, crc64 FROM part WHERE upload_seq = ? ORDER BY number", upload)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // only read
	var parts []*partRow
	for rows.Next() {
		var p partRow
		var crc int64
		if err := rows.Scan(&p.number, &p.blob, &p.manifest, &p.size, &p.etag, &crc); err != nil {
			return nil, fmt.Errorf("store: read index: %w", indexError(err))
		}
		p.crc64 = uint64(crc) //nolint:gosec // the index has signed integers only; the bits are kept
		parts = append(parts, &p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: read index: %w", indexError(err))
	}
	return parts, nil
}

// choose marks, validates and returns the parts that are named.
func choose(have []*partRow, named []CompletePart, minPart int64) ([]*partRow, error) {
	if len(named) == 0 {
		return nil, fmt.Errorf("%w: none is named", ErrInvalidPart)
	}
	for i := 1; i < len(named); i++ {
		if named[i].Number <= named[i-1].Number {
			return nil, fmt.Errorf("%w: %d comes after %d", ErrPartOrder, named[i].Number, named[i-1].Number)
		}
	}
	byNumber := make(map[int]*partRow, len(have))
	for _, p := range have {
		byNumber[p.number] = p
	}
	chosen := make([]*partRow, len(named))
	for i, n := range named {
		p := byNumber[n.Number]
		if p == nil {
			return nil, fmt.Errorf("%w: number %d", ErrInvalidPart, n.Number)
		}
		if p.etag != n.ETag {
			return nil, fmt.Errorf("%w: number %d has another ETag", ErrInvalidPart, n.Number)
		}
		p.chosen = true
		chosen[i] = p
	}
	for _, p := range chosen[:len(chosen)-1] {
		if p.size < minPart {
			return nil, fmt.Errorf("%w: number %d has %d bytes, want %d", ErrPartTooSmall, p.number, p.size, minPart)
		}
	}
	return chosen, nil
}

// join removes an upload and returns the bytes of its chosen parts.
func (t *txn) join(upload int64, have, chosen []*partRow) (content, error) {
	for _, p := range have {
		if p.chosen {
			continue
		}
		if _, err := t.exec("DELETE FROM part WHERE upload_seq = ? AND number = ?", upload, p.number); err != nil {
			return content{}, err
		}
		if err := t.release(p.content); err != nil {
			return content{}, err
		}
	}
	if len(chosen) == 1 {
		return chosen[0].content, t.removeUpload(upload)
	}
	manifest, err := t.newManifest(1)
	if err != nil {
		return content{}, err
	}
	c := content{}
	c.manifest.Int64, c.manifest.Valid = manifest, true
	return c, t.gather(upload, manifest)
}

// joined is the object of an upload. Its ETag is made of the id of the upload and the
// ETags of its parts, and ends in their number: the same parts have another ETag in
// another upload, as in COS.
func joined(u UploadInfo, parts []*partRow) Object {
	obj := Object{Key: u.Key, StorageClass: u.StorageClass, Type: typeNormal, ACL: u.ACL, Headers: u.Headers, Tags: u.Tags, Encryption: u.Encryption}
	sum := md5.New() //nolint:gosec // COS speaks MD5
	_, _ = io.WriteString(sum, u.ID)
	for _, p := range parts {
		_, _ = io.WriteString(sum, p.etag) // hashes do not fail
		obj.CRC64 = crc64ecma.Combine(obj.CRC64, p.crc64, p.size)
		obj.Size += p.size
	}
	obj.ETag = fmt.Sprintf("%x-%d", sum.Sum(nil), len(parts))
	return obj
}

const (
	uploadColumns  = "SELECT key, id, initiated, class, acl FROM upload WHERE bucket_id = ? AND (key, id) > (?, ?)"
	uploadsBounded = uploadColumns + " AND key < ? ORDER BY key, id"
	uploadsToEnd   = uploadColumns + " ORDER BY key, id"
)

// Uploads returns one page of the open multipart uploads, as of one moment.
// It fails with ErrNoSuchBucket.
func (s *Store) Uploads(ctx context.Context, bucket string, o ListUploadsOptions) (UploadsPage, error) {
	if o.Max <= 0 {
		o.Max = defaultMaxKeys
	}
	l := &uploadLister{o: o, pageLister: pageLister{prefix: o.Prefix, delimiter: o.Delimiter}}
	err := s.list(ctx, bucket, &l.pageLister, l.run)
	if err != nil {
		return UploadsPage{}, err
	}
	return l.page, nil
}

// An uploadLister fills one page.
type uploadLister struct {
	pageLister
	o    ListUploadsOptions
	page UploadsPage
	last UploadInfo // the newest entry; a common prefix has no ID
}

// An uploadPosition is a place in the order of uploads: behind those with this key and an
// ID up to this one. With no ID it is before those with this key.
type uploadPosition struct{ key, id string }

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
func (l *uploadLister) start() (from uploadPosition, ok bool) {
	from = uploadPosition{key: l.o.Prefix}
	marker := l.o.KeyMarker
	if marker == "" {
		return from, true
	}
	after := uploadPosition{key: marker + "\x00"}
	if l.o.UploadIDMarker != "" {
		after = uploadPosition{marker, l.o.UploadIDMarker}
	}
	if cp, rolled := l.rollUp(marker); rolled && cp == marker {
		next, ok := successor(cp)
		if !ok {
			return uploadPosition{}, false
		}
		after = uploadPosition{key: next}
	}
	if after.key >= from.key {
		from = after
	}
	return from, true
}

// scan adds entries from one run of the index. It returns where to continue when the
// uploads below a common prefix are to be skipped.
func (l *uploadLister) scan(ctx context.Context, from uploadPosition) (next uploadPosition, more bool, err error) {
	rows, err := l.query(from)
	if err != nil {
		return uploadPosition{}, false, err
	}
	defer func() { _ = rows.Close() }() // only read
	skipped := 0
	for rows.Next() {
		var raw sql.RawBytes
		var u UploadInfo
		var initiated int64
		if err := rows.Scan(&raw, &u.ID, &initiated, &u.StorageClass, &u.ACL); err != nil {
			return uploadPosition{}, false, fmt.Errorf("store: list uploads: %w", indexError(err))
		}
		if l.read++; l.read%checkEvery == 0 && ctx.Err() != nil {
			return uploadPosition{}, false, ctx.Err()
		}
		if l.rolledUp() && bytes.HasPrefix(raw, []byte(l.last.Key)) {
			if skipped++; skipped > seekAfter {
				key, ok := successor(l.last.Key)
				return uploadPosition{key: key}, ok, nil
			}
			continue
		}
		u.Key, u.Initiated = string(raw), timeOf(initiated)
		if !l.add(u) {
			return uploadPosition{}, false, nil
		}
		skipped = 0
	}
	if err := rows.Err(); err != nil {
		return uploadPosition{}, false, fmt.Errorf("store: list uploads: %w", indexError(err))
	}
	return uploadPosition{}, false, nil
}

func (l *uploadLister) query(from uploadPosition) (*sql.Rows, error) {
	if end, ok := successor(l.o.Prefix); ok {
		return l.view.rows(uploadsBounded, l.bucket, []byte(from.key), from.id, []byte(end))
	}
	return l.view.rows(uploadsToEnd, l.bucket, []byte(from.key), from.id)
}

// rolledUp reports whether the last entry is a common prefix.
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

// A Source is an object that something is copied from.
type Source struct {
	Bucket, Key string
	VersionID   string // "" is the newest
}

// CopyPart makes a part from length bytes at off of an object; length -1 means
// all that follow. The part refers to the bodies of the source. Its checksums
// are computed by reading the range, unless it is all of a source whose MD5 is known.
// check validates the source inside the transaction; nil means no condition, and
// its error is returned unchanged. CopyPart fails with
// ErrNoSuchBucket for either bucket, ErrNoSuchSource, which a [*MarkerError] may
// be, ErrNoSuchVersion, ErrRange or ErrNoSuchUpload.
func (s *Store) CopyPart(ctx context.Context, from Source, off, length int64, check func(Object) error, to PartTarget) (PartInfo, error) {
	h := &heldRange{s: s}
	defer h.drop()
	var part PartInfo
	done := false
	err := s.change(ctx, func(t *txn) error {
		seq, err := t.uploadSeq(to.Bucket, to.Key, to.UploadID)
		if err != nil {
			return err
		}
		src, err := t.source(from.Bucket, from.Key, from.VersionID)
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(src.Object); err != nil {
				return err
			}
		}
		n, err := within(off, length, src.Size)
		if err != nil {
			return err
		}
		plain := cmp.Or(src.Encryption.PlainETag, src.ETag)
		part = PartInfo{Number: to.Number, Size: n, ETag: encryptedETag(plain, to.ETagKey), CRC64: src.CRC64}
		whole := n == src.Size && !src.manifest.Valid && len(plain) == 2*md5.Size
		if done = whole; !done {
			return h.hold(t, src, off, n)
		}
		if err := t.share(src.content); err != nil {
			return err
		}
		part.Modified = s.now()
		return t.putPart(seq, part, src.content)
	})
	if err == nil && !done {
		err = h.sum(ctx, &part, to.ETagKey)
	}
	if err == nil && !done {
		err = h.commit(ctx, to, &part)
	}
	if err != nil {
		return PartInfo{}, err
	}
	return part, nil
}

// within returns how many bytes a range has.
func within(off, length, size int64) (int64, error) {
	if length == -1 && off >= 0 && off <= size {
		return size - off, nil
	}
	if off < 0 || length < 1 || off > size || length > size-off {
		return 0, ErrRange
	}
	return length, nil
}

// A heldRange holds the bytes of a part copy while they are read, whatever happens to
// their source: in a manifest without references, which the sweeper skips while it is
// pinned. After a crash it is swept.
type heldRange struct {
	s        *Store
	manifest int64 // 0 = none yet
}

// hold makes the manifest. The closure it is called from may run again.
func (h *heldRange) hold(t *txn, src objectRow, off, n int64) error {
	h.drop()
	id, err := t.newManifest(0)
	if err != nil {
		return err
	}
	h.manifest = id
	h.s.sweeper.pin(id)
	if n == 0 {
		return nil
	}
	if src.manifest.Valid {
		return t.shareRange(id, src.manifest.Int64, off, off+n)
	}
	if err := t.share(src.content); err != nil {
		return err
	}
	return t.addSegment(id, segment{len: n, blob: src.blob.Int64, off: off})
}

// drop passes the manifest to the sweeper, which skips it when a part refers to it.
func (h *heldRange) drop() {
	if h.manifest == 0 {
		return
	}
	h.s.sweeper.unpin(h.manifest)
	h.s.sweeper.add(h.manifest)
	h.manifest = 0
}

// sum computes the checksums.
func (h *heldRange) sum(ctx context.Context, part *PartInfo, etagKey []byte) error {
	body := h.s.readManifest(ctx, h.manifest, part.Size, func(err error) {
		h.s.log.Error("stored body is damaged", "part_copy", part.Number, "error", err)
	})
	defer func() { _ = body.Close() }() // only read
	buf := h.s.pool.get()
	defer h.s.pool.put(buf)
	sum := md5.New() //nolint:gosec // COS speaks MD5
	part.CRC64 = 0
	for ctx.Err() == nil {
		n, err := body.Read(buf)
		_, _ = sum.Write(buf[:n]) // hashes do not fail
		part.CRC64 = crc64ecma.Update(part.CRC64, buf[:n])
		if errors.Is(err, io.EOF) {
			part.ETag = encryptedETag(hex.EncodeToString(sum.Sum(nil)), etagKey)
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// commit makes a part of the held range.
func (h *heldRange) commit(ctx context.Context, to PartTarget, part *PartInfo) error {
	part.Modified = h.s.now()
	return h.s.change(ctx, func(t *txn) error {
		seq, err := t.uploadSeq(to.Bucket, to.Key, to.UploadID)
		if err != nil {
			return err
		}
		c := content{}
		if part.Size > 0 {
			c.manifest.Int64, c.manifest.Valid = h.manifest, true
			if err := t.share(c); err != nil {
				return err
			}
		}
		return t.putPart(seq, *part, c)
	})
}
