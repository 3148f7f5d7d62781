package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"io"
	"maps"
	"slices"
	"time"
)

// firstSeq is the only version of an unversioned key, and the oldest of any.
const firstSeq = 1

// An Object describes one stored body. List fills Key, Size, ETag, Modified,
// StorageClass, Type, and of Restoration the times At and Until only.
type Object struct {
	Key string
	// VersionID is "" while versioning was never set in the bucket.
	VersionID    string
	Size         int64
	ETag         string // without quotes
	CRC64        uint64
	Modified     time.Time
	StorageClass string
	Type         string // "normal", "appendable" or "symlink"
	ACL          string
	// Headers has the headers to return with the object: content headers and
	// x-cos-meta-*, names in lower case.
	Headers     map[string]string
	Tags        []Tag
	Encryption  Encryption
	LinkTarget  string    // the key of the target of a symlink
	RetainUntil time.Time // when its lock ends; zero when it was never locked
	Restoration Restoration
}

// PutOptions says how a body becomes an object.
type PutOptions struct {
	StorageClass    string // "" = STANDARD
	ACL             string
	Headers         map[string]string
	Tags            []Tag
	Encryption      Encryption
	ETagKey         []byte // makes the ETag another one than the MD5, as encryption does; nil for none
	LinkTarget      string // makes a symlink; the body is to be this key
	ForbidOverwrite bool   // refuse with ErrExists when the key exists
}

// CopyOptions says how an object becomes another one.
type CopyOptions struct {
	// SourceVersion is the version to be copied; "" is the newest.
	SourceVersion string
	// Check validates the source inside the transaction; nil means no condition. Its
	// error is returned unchanged. It must not call the store.
	Check func(src Object) error
	// Replace takes the headers of Put instead of those of the source.
	Replace bool
	// ReplaceTags takes the tags of Put instead of those of the source.
	ReplaceTags bool
	// Put is as for an upload, except that StorageClass "" keeps the source's.
	// The ACL, the encryption and a lock are never copied.
	Put PutOptions
}

const objectColumns = `SELECT v.seq, v.version_id, v.marker, b.versioning, v.blob_id, v.manifest_id,
	v.size, v.etag, v.crc64, v.mtime, v.class, v.type, v.acl, v.headers, ` + attributeColumns

// The versions of a key: the newest one, unless it is a marker; the one with an
// ID; the one called null.
const (
	fromNewest = ` FROM bucket b
		JOIN current c ON c.bucket_id = b.id AND c.key = ?2
		JOIN version v ON v.bucket_id = c.bucket_id AND v.key = c.key AND v.seq = c.seq`
	fromID   = " FROM bucket b JOIN version v ON v.bucket_id = b.id AND v.key = ?2 AND v.seq = ?3 AND v.version_id = ?4"
	fromNull = ` FROM bucket b JOIN version v ON v.bucket_id = b.id AND v.key = ?2 AND v.version_id IS NULL
		AND v.seq = coalesce((SELECT n.seq FROM version n
			WHERE n.bucket_id = b.id AND n.key = ?2 AND n.version_id IS NULL AND n.seq <> 1), 1)`
	inBucket = " WHERE b.name = ?1"

	bodyColumns = objectColumns + ", o.name, o.sums, i.data"
	bodyJoins   = " LEFT JOIN blob o ON o.id = v.blob_id LEFT JOIN inline i ON i.blob_id = v.blob_id"

	objectQuery = objectColumns + fromNewest + inBucket
)

// A statement is a query for one version of a key.
type statement struct {
	object, body string // without and with the body
	args         []any
}

// versionStatement is how a version is read; "" means the newest. There is none
// when no version can have the ID.
func versionStatement(bucket, key, version string) (q statement, ok bool) {
	q.args = []any{bucket, []byte(key)}
	switch version {
	case "":
		q.object, q.body = objectQuery, bodyColumns+fromNewest+bodyJoins+inBucket
	case NullVersion:
		q.object, q.body = objectColumns+fromNull+inBucket, bodyColumns+fromNull+bodyJoins+inBucket
	default:
		var seq int64
		if seq, ok = versionSeq(version); !ok {
			return q, false
		}
		q.object, q.body = objectColumns+fromID+inBucket, bodyColumns+fromID+bodyJoins+inBucket
		q.args = append(q.args, seq, version)
	}
	return q, true
}

// An objectRow is the row of a version.
type objectRow struct {
	Object
	content
	attributeRow
	seq        int64
	id         sql.NullString
	marker     bool
	versioning Versioning
	crc        int64
	mtime      int64
	headers    []byte
}

// dest takes objectColumns.
func (r *objectRow) dest(more ...any) []any {
	return slices.Concat([]any{
		&r.seq, &r.id, &r.marker, &r.versioning, &r.blob, &r.manifest, &r.Size, &r.ETag, &r.crc, &r.mtime, &r.StorageClass, &r.Type, &r.ACL, &r.headers,
	}, r.attributeRow.dest(), more)
}

// finish turns what was scanned into an Object. A marker is a MarkerError.
func (r *objectRow) finish(key string) error {
	r.Key = key
	r.VersionID = shownVersion(r.versioning, r.id)
	if r.marker {
		return &MarkerError{VersionID: r.VersionID, cause: ErrNoSuchKey}
	}
	r.CRC64 = uint64(r.crc) //nolint:gosec // the index has signed integers only; the bits are kept
	r.Modified = timeOf(r.mtime)
	var err error
	if r.Headers, err = decodeHeaders(r.headers); err != nil {
		return err
	}
	return r.attributeRow.finish(&r.Object)
}

// Head returns an object without its body. It fails with ErrNoSuchBucket,
// ErrNoSuchKey, or a [*MarkerError], which is an ErrNoSuchKey too.
func (s *Store) Head(ctx context.Context, bucket, key string) (Object, error) {
	return s.HeadVersion(ctx, bucket, key, "")
}

// HeadVersion is Head for one version, or for the newest when version is "". It
// also fails with ErrNoSuchVersion.
func (s *Store) HeadVersion(ctx context.Context, bucket, key, version string) (Object, error) {
	if err := s.enter(ctx); err != nil {
		return Object{}, err
	}
	defer s.leave()
	defer s.lockReads()()
	var r objectRow
	q, found := versionStatement(bucket, key, version)
	if found {
		var err error
		if found, err = s.row(ctx, q.object, q.args, r.dest()...); err != nil {
			return Object{}, err
		}
	}
	if !found {
		return Object{}, s.absentVersion(ctx, bucket, key, version)
	}
	if err := r.finish(key); err != nil {
		return Object{}, err
	}
	return r.Object, nil
}

// Open returns an object and a reader of its body. An overwrite or delete meanwhile does
// not disturb the reader. The reader returns no byte of a block that fails its
// checksum: it fails with ErrCorrupt. The caller closes it.
func (s *Store) Open(ctx context.Context, bucket, key string) (Object, io.ReadSeekCloser, error) {
	return s.OpenVersion(ctx, bucket, key, "")
}

// OpenVersion is Open for one version, as HeadVersion is Head for one.
func (s *Store) OpenVersion(ctx context.Context, bucket, key, version string) (Object, io.ReadSeekCloser, error) {
	if err := s.enter(ctx); err != nil {
		return Object{}, nil, err
	}
	defer s.leave()
	s.gate.RLock()
	defer s.gate.RUnlock()
	var r objectRow
	var name sql.NullString
	var sums, data []byte
	q, found := versionStatement(bucket, key, version)
	if found {
		var err error
		if found, err = s.row(ctx, q.body, q.args, r.dest(&name, &sums, &data)...); err != nil {
			return Object{}, nil, err
		}
	}
	if !found {
		return Object{}, nil, s.absentVersion(ctx, bucket, key, version)
	}
	if err := r.finish(key); err != nil {
		return Object{}, nil, err
	}
	damaged := func(err error) {
		s.log.Error("stored body is damaged", "bucket", bucket, "key", key, "error", err)
	}
	if r.manifest.Valid {
		return r.Object, s.readManifest(ctx, r.manifest.Int64, r.Size, damaged), nil
	}
	body, err := s.readBlob(name.String, r.Size, sums, data, damaged)
	if err != nil {
		return Object{}, nil, err
	}
	return r.Object, body, nil
}

// absent is why a key was not found.
func (s *Store) absent(ctx context.Context, bucket string) error {
	var id int64
	found, err := s.row(ctx, bucketIDQuery, []any{bucket}, &id)
	if err != nil {
		return err
	}
	if !found {
		return ErrNoSuchBucket
	}
	return ErrNoSuchKey
}

// absentVersion is why a version was not found.
func (s *Store) absentVersion(ctx context.Context, bucket, key, version string) error {
	why := s.absent(ctx, bucket)
	if !errors.Is(why, ErrNoSuchKey) {
		return why
	}
	if version != "" {
		return ErrNoSuchVersion
	}
	var marker bool
	var id sql.NullString
	found, err := s.row(ctx, `SELECT marker, version_id FROM version WHERE bucket_id = (SELECT id FROM bucket WHERE name = ?) AND key = ?
		ORDER BY seq LIMIT 1`, []any{bucket, []byte(key)}, &marker, &id)
	if err != nil {
		return err
	}
	if found && marker {
		return &MarkerError{VersionID: shownVersion(VersioningSuspended, id), cause: ErrNoSuchKey}
	}
	return why
}

// Copy makes the object at dstKey from the one at srcKey, as a normal object even
// when that one is appendable. Both refer to the same immutable bodies: no byte is
// copied, and the copy is as atomic as a change of metadata. It fails with ErrNoSuchBucket for either bucket, ErrNoSuchSource,
// which a [*MarkerError] may be, ErrNoSuchVersion, ErrExists, or what o.Check
// returns; src is then set when it was found.
func (s *Store) Copy(ctx context.Context, srcBucket, srcKey, dstBucket, dstKey string, o CopyOptions) (src, dst Object, err error) {
	now := s.now()
	err = s.change(ctx, func(t *txn) error {
		src, dst = Object{}, Object{} // the closure may run again
		from, err := t.source(srcBucket, srcKey, o.SourceVersion)
		if err != nil {
			return err
		}
		src = from.Object
		if o.Check != nil {
			if err := o.Check(src); err != nil {
				return err
			}
		}
		to, err := t.target(dstBucket, dstKey, o.Put.ForbidOverwrite)
		if err != nil {
			return err
		}
		obj := copied(src, dstKey, o)
		obj.Modified = now
		if err := t.share(from.content); err != nil {
			return err
		}
		if err := t.put(to, &obj, from.content); err != nil {
			return err
		}
		dst = obj
		return nil
	})
	return src, dst, err
}

// copied is the target of a copy.
func copied(src Object, key string, o CopyOptions) Object {
	dst := src
	dst.ETag = cmp.Or(src.Encryption.PlainETag, src.ETag)
	dst.VersionID, dst.LinkTarget, dst.Restoration, dst.Encryption = "", "", Restoration{}, o.Put.Encryption
	if o.ReplaceTags {
		dst.Tags = o.Put.Tags
	}
	dst.Key, dst.ACL, dst.Type = key, o.Put.ACL, typeNormal
	dst.Headers = cloneHeaders(src.Headers)
	if o.Replace {
		dst.Headers = cloneHeaders(o.Put.Headers)
	}
	if o.Put.StorageClass != "" {
		dst.StorageClass = o.Put.StorageClass
	}
	dst.encrypt(o.Put.ETagKey)
	return dst
}

// source reads the object that is copied. A link stands for its target.
func (t *txn) source(bucket, key, version string) (objectRow, error) {
	r, err := t.object(bucket, key, version)
	if err == nil && r.Type == typeSymlink {
		if r, err = t.object(bucket, r.LinkTarget, ""); err == nil && r.Type == typeSymlink {
			err = ErrLinkToLink
		}
	}
	if m, ok := errors.AsType[*MarkerError](err); ok {
		m.cause = ErrNoSuchSource
	} else if errors.Is(err, ErrNoSuchKey) {
		err = ErrNoSuchSource
	}
	return r, err
}

// object reads one version.
func (t *txn) object(bucket, key, version string) (objectRow, error) {
	var r objectRow
	q, found := versionStatement(bucket, key, version)
	if found {
		var err error
		if found, err = t.row(q.object, q.args, r.dest()...); err != nil {
			return objectRow{}, err
		}
	}
	if found {
		err := r.finish(key)
		return r, err
	}
	b, err := t.bucket(bucket)
	if err != nil {
		return objectRow{}, err
	}
	if version != "" {
		return objectRow{}, ErrNoSuchVersion
	}
	p, err := t.place(b, key)
	if err == nil {
		err = ErrNoSuchKey
		if p.taken {
			err = &MarkerError{VersionID: shownVersion(b.versioning, p.newest.id), cause: ErrNoSuchKey}
		}
	}
	return objectRow{}, err
}

func cloneHeaders(h map[string]string) map[string]string {
	if len(h) == 0 {
		return nil
	}
	return maps.Clone(h)
}
