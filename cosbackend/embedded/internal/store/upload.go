package store

import (
	"context"
	"crypto/md5"  //nolint:gosec // COS speaks MD5
	"crypto/sha1" //nolint:gosec // and SHA-1
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"hash/crc32"
	"sync"

	"github.com/cosgate/cosgate/internal/crc64ecma"
)

// Sums are the checksums of a body.
type Sums struct {
	MD5   [16]byte
	SHA1  [20]byte // zero unless [Upload.WantSHA1] was called before the first Write
	CRC64 uint64
	Size  int64
}

// A blockPool reuses buffers of blockSize bytes.
type blockPool struct{ pool sync.Pool }

func (p *blockPool) get() []byte {
	if b, ok := p.pool.Get().(*[blockSize]byte); ok {
		return b[:]
	}
	return make([]byte, blockSize)
}

func (p *blockPool) put(b []byte) {
	p.pool.Put((*[blockSize]byte)(b[:blockSize]))
}

// An Upload receives one body. It is not safe for concurrent use.
type Upload struct {
	s     *Store
	md5   hash.Hash
	sha1  hash.Hash // nil unless wanted
	crc64 uint64
	size  int64
	sums  []byte     // CRC32C of each full block
	buf   []byte     // the block being filled, of blockSize bytes
	fill  int        // bytes in it
	body  bodyWriter // nil until the body outgrows buf or the index
	err   error      // what Write failed with
	ended bool
}

// NewUpload starts a body. End it with Commit or Abort; Abort may be deferred,
// because it does nothing after Commit.
func (s *Store) NewUpload(ctx context.Context) (*Upload, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return &Upload{
		s:   s,
		md5: md5.New(), //nolint:gosec // COS speaks MD5
		buf: s.pool.get(),
	}, nil
}

// WantSHA1 makes Sums hold the SHA-1 too. It must come before the first Write.
func (u *Upload) WantSHA1() {
	if u.size == 0 && u.sha1 == nil {
		u.sha1 = sha1.New() //nolint:gosec // COS speaks SHA-1
	}
}

// Write adds bytes. It fails with ErrNoSpace when the disk or the memory limit is full;
// after an error the upload can only be aborted.
func (u *Upload) Write(p []byte) (int, error) {
	if u.ended {
		return 0, errUploadEnded
	}
	if u.err != nil {
		return 0, u.err
	}
	if u.err = u.s.reserve(int64(len(p))); u.err != nil {
		return 0, u.err
	}
	u.size += int64(len(p))
	_, _ = u.md5.Write(p) // hashes do not fail
	u.crc64 = crc64ecma.Update(u.crc64, p)
	if u.sha1 != nil {
		_, _ = u.sha1.Write(p)
	}
	if u.err = u.store(p); u.err != nil {
		return 0, u.err
	}
	return len(p), nil
}

// store divides the bytes into blocks.
func (u *Upload) store(p []byte) error {
	for len(p) > 0 {
		if u.fill == 0 && len(p) >= blockSize { // no copy of whole blocks
			if err := u.flush(p[:blockSize]); err != nil {
				return err
			}
			p = p[blockSize:]
			continue
		}
		n := copy(u.buf[u.fill:], p)
		p = p[n:]
		if u.fill += n; u.fill == blockSize {
			if err := u.flush(u.buf); err != nil {
				return err
			}
			u.fill = 0
		}
	}
	return nil
}

func (u *Upload) flush(block []byte) error {
	if u.body == nil {
		var err error
		if u.body, err = u.s.bodies.create(); err != nil {
			return err
		}
	}
	u.sums = binary.BigEndian.AppendUint32(u.sums, crc32.Checksum(block, u.s.castagnoli))
	return u.body.write(block)
}

// Sums returns the checksums of what was written so far.
func (u *Upload) Sums() Sums {
	s := Sums{CRC64: u.crc64, Size: u.size}
	u.md5.Sum(s.MD5[:0])
	if u.sha1 != nil {
		u.sha1.Sum(s.SHA1[:0])
	}
	return s
}

// Commit makes the body the object at key, in one transaction that evaluates the
// conditions: ErrNoSuchBucket, ErrExists, ErrLocked. It ends the upload in any case.
// When it returns nil the object is on stable storage; when it returns an error the old
// object is unchanged.
func (u *Upload) Commit(ctx context.Context, bucket, key string, o PutOptions) (Object, error) {
	var obj Object
	err := u.end(ctx, func(t *txn, b newBlob) error {
		obj = u.object(key, o)
		return t.putNew(bucket, &obj, b, o.ForbidOverwrite)
	})
	if err != nil {
		return Object{}, err
	}
	return obj, nil
}

// end passes the sealed body to a closure of the writer and ends the upload.
func (u *Upload) end(ctx context.Context, do func(*txn, newBlob) error) error {
	if u.ended {
		return errUploadEnded
	}
	defer u.Abort()
	if err := u.s.enter(ctx); err != nil {
		return err
	}
	defer u.s.leave()
	if u.err != nil {
		return u.err
	}
	blob, err := u.seal()
	if err != nil {
		return err
	}
	j := &job{weight: len(blob.inline), do: func(t *txn) error { return do(t, blob) }}
	err = u.s.write(ctx, j)
	if j.mayBeCommitted() {
		u.keep()
	}
	return err
}

func (u *Upload) object(key string, o PutOptions) Object {
	sums := u.Sums()
	obj := Object{
		Key: key, Size: u.size, ETag: hex.EncodeToString(sums.MD5[:]), CRC64: sums.CRC64,
		Modified: u.s.now(), StorageClass: o.StorageClass, Type: typeNormal, ACL: o.ACL, Headers: cloneHeaders(o.Headers),
		Tags: o.Tags, Encryption: o.Encryption, LinkTarget: o.LinkTarget,
	}
	if o.LinkTarget != "" {
		obj.Type = typeSymlink
	}
	if obj.StorageClass == "" {
		obj.StorageClass = defaultClass
	}
	obj.encrypt(o.ETagKey)
	return obj
}

// seal puts the body where the row can point to.
func (u *Upload) seal() (newBlob, error) {
	rest := u.buf[:u.fill]
	if u.body == nil && u.size <= maxInline {
		sum := crc32.Checksum(rest, u.s.castagnoli)
		return newBlob{size: u.size, sums: binary.BigEndian.AppendUint32(nil, sum), inline: rest}, nil
	}
	if len(rest) > 0 {
		if err := u.flush(rest); err != nil {
			return newBlob{}, err
		}
	}
	name, err := u.body.finish()
	if err != nil {
		return newBlob{}, err
	}
	return newBlob{name: name, size: u.size, sums: u.sums}, nil
}

// keep ends the upload and leaves its body to the index. After a commit with an unknown
// outcome the next start decides about the file.
func (u *Upload) keep() {
	u.ended = true
	u.s.pool.put(u.buf)
	u.buf = nil
}

// Abort drops the body. It does nothing when the upload has ended.
func (u *Upload) Abort() {
	if u.ended {
		return
	}
	u.keep()
	if u.body != nil {
		u.body.abort()
	}
	u.s.bodies.release(u.size)
}

var errUploadEnded = errors.New("store: the upload has ended")
