package store

import (
	"context"
	"crypto/md5" //nolint:gosec // COS speaks MD5
	"encoding/hex"
	"fmt"

	"github.com/cosgate/cosgate/internal/crc64ecma"
)

// Complete strings the parts together to one object, in one transaction and
// without copying a byte; parts that are not named are dropped. Every part but
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

// choose marks and returns the parts that are named, and judges them.
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

// joined is what the object of an upload looks like. Its ETag is the MD5 of the
// MD5s of its parts, with their number.
func joined(u UploadInfo, parts []*partRow) Object {
	obj := Object{Key: u.Key, StorageClass: u.StorageClass, Type: typeNormal, ACL: u.ACL, Headers: u.Headers, Tags: u.Tags, Encryption: u.Encryption}
	sum := md5.New() //nolint:gosec // COS speaks MD5
	for _, p := range parts {
		raw, _ := hex.DecodeString(p.etag) // written by this package
		_, _ = sum.Write(raw)              // hashes do not fail
		obj.CRC64 = crc64ecma.Combine(obj.CRC64, p.crc64, p.size)
		obj.Size += p.size
	}
	obj.ETag = fmt.Sprintf("%x-%d", sum.Sum(nil), len(parts))
	return obj
}
