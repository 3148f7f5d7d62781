package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

const (
	uploadSeqQuery = `SELECT u.seq FROM upload u JOIN bucket b ON b.id = u.bucket_id
		WHERE b.name = ? AND u.key = ? AND u.id = ?`
	uploadQuery = `SELECT u.seq, u.initiated, u.class, u.acl, u.headers, u.tags, u.encryption FROM upload u JOIN bucket b ON b.id = u.bucket_id
		WHERE b.name = ? AND u.key = ? AND u.id = ?`
	partsQuery = "SELECT number, size, etag, crc64, mtime FROM part WHERE upload_seq = ? AND number > ? ORDER BY number LIMIT ?"
)

// An uploadRow is a multipart upload as the index has it.
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

// Initiate starts a multipart upload with what its object is to look like. It
// fails with ErrNoSuchBucket. ForbidOverwrite is judged by Complete only.
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

// CommitPart makes the body a part of a multipart upload, in the place of an
// earlier one with that number. It ends the upload of the body as Commit does
// and fails with ErrNoSuchBucket or ErrNoSuchUpload.
func (u *Upload) CommitPart(ctx context.Context, bucket, key, uploadID string, number int) (PartInfo, error) {
	var part PartInfo
	err := u.end(ctx, func(t *txn, b newBlob) error {
		seq, err := t.uploadSeq(bucket, key, uploadID)
		if err != nil {
			return err
		}
		c, err := t.insertBlob(b)
		if err != nil {
			return err
		}
		sums := u.Sums()
		part = PartInfo{Number: number, Size: sums.Size, ETag: hex.EncodeToString(sums.MD5[:]), CRC64: sums.CRC64, Modified: u.s.now()}
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

// noUpload says why an upload was not found.
func (t *txn) noUpload(bucket string) error {
	if _, err := t.bucketID(bucket); err != nil {
		return err
	}
	return ErrNoSuchUpload
}

// putPart adds a part or replaces the one with its number. The caller has
// counted the reference to c.
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
		// The sweeper lets go of thousands of parts without holding up the others.
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

// removeUpload removes the rows of an upload and its parts. The caller has taken
// care of the bytes of the parts.
func (t *txn) removeUpload(upload int64) error {
	if _, err := t.exec("DELETE FROM part WHERE upload_seq = ?", upload); err != nil {
		return err
	}
	_, err := t.exec("DELETE FROM upload WHERE seq = ?", upload)
	return err
}

var errNoKey = errors.New("store: an object needs a key")
