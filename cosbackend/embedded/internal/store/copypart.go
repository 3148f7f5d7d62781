package store

import (
	"context"
	"crypto/md5" //nolint:gosec // COS speaks MD5
	"encoding/hex"
	"errors"
	"io"

	"github.com/cosgate/cosgate/internal/crc64ecma"
)

// A Source is an object that something is copied from.
type Source struct {
	Bucket, Key string
	VersionID   string // "" is the newest
}

// CopyPart makes a part from length bytes at off of an object; length -1 means
// all that follow. The part refers to the bodies of the source. Its checksums
// are computed by reading the range, unless it is the whole of a source whose
// ETag is its MD5. check judges the source, inside a transaction; nil means no
// condition, and its error comes back unchanged. CopyPart fails with
// ErrNoSuchBucket for either bucket, ErrNoSuchSource, which a [*MarkerError] may
// be, ErrNoSuchVersion, ErrRange or ErrNoSuchUpload.
func (s *Store) CopyPart(ctx context.Context, from Source, off, length int64, check func(Object) error,
	bucket, key, uploadID string, number int,
) (PartInfo, error) {
	h := &heldRange{s: s}
	defer h.drop()
	var part PartInfo
	done := false
	err := s.change(ctx, func(t *txn) error {
		seq, err := t.uploadSeq(bucket, key, uploadID)
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
		part = PartInfo{Number: number, Size: n, ETag: src.ETag, CRC64: src.CRC64}
		whole := n == src.Size && !src.manifest.Valid && len(src.ETag) == 2*md5.Size
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
		err = h.sum(ctx, &part)
	}
	if err == nil && !done {
		err = h.commit(ctx, bucket, key, uploadID, &part)
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

// A heldRange keeps the bytes of a part copy while they are read, whatever
// happens to their source: in a manifest without reference, which the sweeper
// leaves alone while it is pinned. After a crash it is swept.
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

// drop gives the manifest to the sweeper, which leaves it alone when a part has
// it.
func (h *heldRange) drop() {
	if h.manifest == 0 {
		return
	}
	h.s.sweeper.unpin(h.manifest)
	h.s.sweeper.add(h.manifest)
	h.manifest = 0
}

// sum computes the checksums.
func (h *heldRange) sum(ctx context.Context, part *PartInfo) error {
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
			part.ETag = hex.EncodeToString(sum.Sum(nil))
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// commit makes the part of what is held.
func (h *heldRange) commit(ctx context.Context, bucket, key, uploadID string, part *PartInfo) error {
	part.Modified = h.s.now()
	return h.s.change(ctx, func(t *txn) error {
		seq, err := t.uploadSeq(bucket, key, uploadID)
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
