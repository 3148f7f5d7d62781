package store

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"sync"
)

// firstSeq is the only version an unversioned key has.
const firstSeq = 1

const objectColumns = "c.seq, v.blob_id, v.manifest_id, v.size, v.etag, v.crc64, v.mtime, v.class, v.type, v.acl, v.headers"

const (
	objectQuery = "SELECT " + objectColumns + ` FROM bucket b
		JOIN current c ON c.bucket_id = b.id
		JOIN version v ON v.bucket_id = c.bucket_id AND v.key = c.key AND v.seq = c.seq
		WHERE b.name = ? AND c.key = ?`
	bodyQuery = "SELECT " + objectColumns + `, o.name, o.sums, i.data FROM bucket b
		JOIN current c ON c.bucket_id = b.id
		JOIN version v ON v.bucket_id = c.bucket_id AND v.key = c.key AND v.seq = c.seq
		LEFT JOIN blob o ON o.id = v.blob_id
		LEFT JOIN inline i ON i.blob_id = v.blob_id
		WHERE b.name = ? AND c.key = ?`
)

// An objectRow is a version as the index has it.
type objectRow struct {
	Object
	content
	seq     int64
	crc     int64
	mtime   int64
	headers []byte
}

// dest takes objectColumns.
func (r *objectRow) dest(more ...any) []any {
	return append([]any{
		&r.seq, &r.blob, &r.manifest, &r.Size, &r.ETag, &r.crc, &r.mtime, &r.StorageClass, &r.Type, &r.ACL, &r.headers,
	}, more...)
}

// finish turns what was scanned into an Object.
func (r *objectRow) finish(key string) error {
	r.Key = key
	r.CRC64 = uint64(r.crc) //nolint:gosec // the index has signed integers only; the bits are kept
	r.Modified = timeOf(r.mtime)
	var err error
	r.Headers, err = decodeHeaders(r.headers)
	return err
}

// Head returns an object without its body. It fails with ErrNoSuchBucket or
// ErrNoSuchKey.
func (s *Store) Head(ctx context.Context, bucket, key string) (Object, error) {
	if err := s.enter(ctx); err != nil {
		return Object{}, err
	}
	defer s.leave()
	defer s.lockReads()()
	var r objectRow
	found, err := s.row(ctx, objectQuery, []any{bucket, []byte(key)}, r.dest()...)
	if err != nil {
		return Object{}, err
	}
	if !found {
		return Object{}, s.absent(ctx, bucket)
	}
	err = r.finish(key)
	return r.Object, err
}

// Open returns an object and a reader of its whole body. An overwrite or delete
// meanwhile does not disturb the reader. The reader hands out no byte of a block
// that fails its checksum: it fails with ErrCorrupt. The caller closes it.
func (s *Store) Open(ctx context.Context, bucket, key string) (Object, io.ReadSeekCloser, error) {
	if err := s.enter(ctx); err != nil {
		return Object{}, nil, err
	}
	defer s.leave()
	s.gate.RLock()
	defer s.gate.RUnlock()
	var r objectRow
	var name sql.NullString
	var sums, data []byte
	found, err := s.row(ctx, bodyQuery, []any{bucket, []byte(key)}, r.dest(&name, &sums, &data)...)
	if err != nil {
		return Object{}, nil, err
	}
	if !found {
		return Object{}, nil, s.absent(ctx, bucket)
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

// absent says why a key was not found.
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

// Delete removes an object; an absent one is fine. It fails with
// ErrNoSuchBucket.
func (s *Store) Delete(ctx context.Context, bucket, key string) error {
	return s.DeleteMany(ctx, bucket, []string{key})
}

// DeleteMany removes objects in one transaction; absent ones are fine. It fails
// with ErrNoSuchBucket.
func (s *Store) DeleteMany(ctx context.Context, bucket string, keys []string) error {
	return s.free(ctx, func(t *txn) error {
		id, err := t.bucketID(bucket)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := t.remove(id, []byte(key)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Copy makes the object at dstKey from the one at srcKey, as a normal object even
// when that one is appendable. Both refer to the same immutable bodies: no byte is copied, and the copy is as atomic as a change of
// metadata. It fails with ErrNoSuchBucket for either bucket, ErrNoSuchSource,
// ErrExists, or what o.Check returns; src is then set when it was found.
func (s *Store) Copy(ctx context.Context, srcBucket, srcKey, dstBucket, dstKey string, o CopyOptions) (src, dst Object, err error) {
	now := s.now()
	err = s.change(ctx, func(t *txn) error {
		src, dst = Object{}, Object{} // the closure may run again
		from, err := t.source(srcBucket, srcKey)
		if err != nil {
			return err
		}
		src = from.Object
		if o.Check != nil {
			if err := o.Check(src); err != nil {
				return err
			}
		}
		to, old, err := t.target(dstBucket, dstKey, o.Put.ForbidOverwrite)
		if err != nil {
			return err
		}
		obj := copied(src, dstKey, o)
		obj.Modified = now
		if err := t.share(from.content); err != nil {
			return err
		}
		if err := t.replace(to, obj, from.content, old); err != nil {
			return err
		}
		dst = obj
		return nil
	})
	return src, dst, err
}

// copied is what the target of a copy looks like.
func copied(src Object, key string, o CopyOptions) Object {
	dst := src
	dst.Key, dst.ACL, dst.Type = key, o.Put.ACL, typeNormal
	dst.Headers = cloneHeaders(src.Headers)
	if o.Replace {
		dst.Headers = cloneHeaders(o.Put.Headers)
	}
	if o.Put.StorageClass != "" {
		dst.StorageClass = o.Put.StorageClass
	}
	return dst
}

// source reads the object that is copied.
func (t *txn) source(bucket, key string) (objectRow, error) {
	var r objectRow
	found, err := t.row(objectQuery, []any{bucket, []byte(key)}, r.dest()...)
	if err != nil {
		return objectRow{}, err
	}
	if !found {
		if _, err := t.bucketID(bucket); err != nil {
			return objectRow{}, err
		}
		return objectRow{}, ErrNoSuchSource
	}
	return r, r.finish(key)
}

// target judges whether the key may be written and returns the bytes it has.
func (t *txn) target(bucket, key string, forbidOverwrite bool) (id int64, old content, err error) {
	if key == "" {
		return 0, old, errNoKey
	}
	if id, err = t.bucketID(bucket); err != nil {
		return 0, old, err
	}
	old, found, err := t.currentContent(id, []byte(key))
	if err == nil && found && forbidOverwrite {
		err = ErrExists
	}
	return id, old, err
}

func (t *txn) currentContent(bucket int64, key []byte) (c content, found bool, err error) {
	found, err = t.row(`SELECT v.blob_id, v.manifest_id FROM current c
		JOIN version v ON v.bucket_id = c.bucket_id AND v.key = c.key AND v.seq = c.seq
		WHERE c.bucket_id = ? AND c.key = ?`, []any{bucket, key}, &c.blob, &c.manifest)
	return c, found, err
}

func cloneHeaders(h map[string]string) map[string]string {
	if len(h) == 0 {
		return nil
	}
	return maps.Clone(h)
}

// requireRow turns a statement without effect into the error given.
func requireRow(res sql.Result, none error) error {
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("store: write index: %w", err)
	}
	if n == 0 {
		return none
	}
	return nil
}

// A stmtCache keeps statements prepared on the connections that read.
type stmtCache struct {
	mu   sync.Mutex
	held map[string]*sql.Stmt
}

// stmt returns the prepared statement for a constant text.
func (s *Store) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	s.stmts.mu.Lock()
	defer s.stmts.mu.Unlock()
	if st, ok := s.stmts.held[text]; ok {
		return st, nil
	}
	st, err := s.index.readers.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("store: read index: %w", indexError(err))
	}
	if s.stmts.held == nil {
		s.stmts.held = map[string]*sql.Stmt{}
	}
	s.stmts.held[text] = st
	return st, nil
}

// row reads one row outside the writer. It takes microseconds, so it is not
// worth interrupting: a context that can end costs a goroutine in the driver.
func (s *Store) row(ctx context.Context, text string, args []any, dest ...any) (found bool, err error) {
	ctx = context.WithoutCancel(ctx)
	st, err := s.stmt(ctx, text)
	if err != nil {
		return false, err
	}
	return scanOne(st.QueryRowContext(ctx, args...), dest...)
}
