package store

import (
	"context"
	"crypto/md5" //nolint:gosec // COS speaks MD5
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/cosgate/cosgate/internal/crc64ecma"
)

// CommitAppend adds the body at the end of the object at key, which must be at
// position, or creates an appendable object when there is none and position is
// 0. Headers, ACL and class apply when the object is created; ForbidOverwrite never
// applies, because nothing is overwritten. It ends the upload as Commit does
// and fails with ErrNoSuchBucket, ErrVersioned, ErrNotAppendable,
// ErrLocked or a [*PositionError].
func (u *Upload) CommitAppend(ctx context.Context, bucket, key string, position int64, o PutOptions) (Object, error) {
	var obj Object
	err := u.end(ctx, func(t *txn, b newBlob) error {
		p, err := t.target(bucket, key, false)
		if err != nil {
			return err
		}
		if p.bucket.versioning == VersioningEnabled {
			return ErrVersioned
		}
		var r objectRow
		found, err := t.row(objectQuery, []any{bucket, []byte(key)}, r.dest()...)
		if err == nil && found {
			err = r.finish(key)
		}
		if err != nil {
			return err
		}
		if found && r.Type != typeAppendable {
			return ErrNotAppendable
		}
		if r.RetainUntil.After(u.s.now()) {
			return ErrLocked
		}
		if position != r.Size {
			return &PositionError{Size: r.Size}
		}
		added := u.object(key, o)
		added.Type = typeAppendable
		if !found {
			obj = added
			return t.putNew(bucket, &obj, b, false)
		}
		c, err := t.extend(r, b)
		if err != nil {
			return err
		}
		obj = extended(r.Object, added)
		return t.writeVersion(p.bucket.id, r.seq, r.id, obj, c)
	})
	if err != nil {
		return Object{}, err
	}
	return obj, nil
}

// extend adds a body to the bytes of a version and takes over the version's reference.
func (t *txn) extend(r objectRow, b newBlob) (content, error) {
	if b.size == 0 {
		return r.content, nil
	}
	added, err := t.insertBlob(b)
	if err != nil || r.Size == 0 {
		return added, err
	}
	c := content{}
	c.manifest.Valid = true
	if c.manifest.Int64, err = t.ownManifest(r.content, r.Size); err != nil {
		return content{}, err
	}
	return c, t.addSegment(c.manifest.Int64, segment{pos: r.Size, len: b.size, blob: added.blob.Int64})
}

// extended is an object after an append. Its ETag is made of its former one and that
// of what was added, because computing the MD5 of all bytes would mean reading them;
// the number after it is how many appends there were.
func extended(obj, added Object) Object {
	obj.Modified = added.Modified
	if added.Size == 0 {
		return obj
	}
	text, count, _ := strings.Cut(obj.ETag, "-")
	former, _ := hex.DecodeString(text) // written by this package
	latter, _ := hex.DecodeString(added.ETag)
	appends, err := strconv.Atoi(count)
	if err != nil {
		appends = 1
	}
	sum := md5.Sum(append(former, latter...)) //nolint:gosec // COS speaks MD5
	obj.ETag = fmt.Sprintf("%x-%d", sum, appends+1)
	obj.CRC64 = crc64ecma.Combine(obj.CRC64, added.CRC64, added.Size)
	obj.Size += added.Size
	return obj
}
