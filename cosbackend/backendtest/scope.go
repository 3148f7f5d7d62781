package backendtest

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // COS's ETags and Content-MD5 are MD5.
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

// A scope is what one check may touch: the keys under a prefix of its own, and
// buckets that it creates.
type scope struct {
	Target
	prefix string
}

// key returns a key of the scope.
func (s scope) key(name string) string { return s.prefix + name }

// in returns a scope in another bucket.
func (s scope) in(bucket, region string) scope {
	s.Bucket, s.Region = bucket, region
	return s
}

// region is where the bucket is, as far as it is known without asking.
func (s scope) region() string {
	if s.Region != "" {
		return s.Region
	}
	return s.Client.Region()
}

// otherRegion is a region of COS in which the bucket is not.
func (s scope) otherRegion() string {
	if s.region() == "ap-shanghai" {
		return "ap-guangzhou"
	}
	return "ap-shanghai"
}

// bucketName returns the name of a bucket that nobody has, of the same account. It is
// short enough for every region: the host of a new bucket has at most 60 characters.
func (s scope) bucketName() string { return "cgs" + random() + s.appid() }

// appid returns "-" and the digits at the end of every bucket of the account.
func (s scope) appid() string { return s.Bucket[strings.LastIndexByte(s.Bucket, '-'):] }

// newBucket creates a bucket that is deleted with all it holds after the check.
func (s scope) newBucket(t *testing.T, region string) scope {
	t.Helper()
	return s.newBucketOf(t, region, cosbackend.CreateBucketOptions{})
}

// newBucketOf is newBucket with options.
func (s scope) newBucketOf(t *testing.T, region string, o cosbackend.CreateBucketOptions) scope {
	t.Helper()
	b := s.in(s.bucketName(), region)
	if err := s.Client.CreateBucket(t.Context(), b.location(), o); err != nil {
		t.Fatalf("CreateBucket(%s in %s) = %v", b.Bucket, region, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), cleanTimeout)
		defer cancel()
		b.drop(ctx, t)
	})
	return b
}

// drop deletes the bucket, unless the check has done so.
func (s scope) drop(ctx context.Context, t *testing.T) {
	err := empty(ctx, s.Client, s.location(), "")
	if err == nil {
		err = s.Client.DeleteBucket(ctx, s.location())
	}
	if e, ok := errors.AsType[*cosbackend.Error](err); ok && e.Code == "NoSuchBucket" {
		return
	}
	if err != nil {
		t.Errorf("bucket %s of the suite stays in %s: %v", s.Bucket, s.Region, err)
	}
}

// body is an upload that can be repeated.
func body(data []byte) cosbackend.Body {
	return cosbackend.Body{Size: int64(len(data)), Reopen: func() io.Reader { return bytes.NewReader(data) }}
}

// put stores data.
func (s scope) put(t *testing.T, key string, data []byte) cosbackend.PutResult {
	t.Helper()
	return s.putAs(t, key, data, cosbackend.PutOptions{})
}

func (s scope) putAs(t *testing.T, key string, data []byte, o cosbackend.PutOptions) cosbackend.PutResult {
	t.Helper()
	result, err := s.Client.PutObject(t.Context(), s.location(), key, body(data), o)
	if err != nil {
		t.Fatalf("PutObject(%q, %d bytes) = %v", key, len(data), err)
	}
	return result
}

func (s scope) head(t *testing.T, key string) cosbackend.ObjectInfo {
	t.Helper()
	info, err := s.Client.HeadObject(t.Context(), s.location(), key, cosbackend.ReadOptions{})
	if err != nil {
		t.Fatalf("HeadObject(%q) = %v", key, err)
	}
	return info
}

func (s scope) get(t *testing.T, key string, o cosbackend.ReadOptions) (*cosbackend.Object, []byte) {
	t.Helper()
	object, data, err := s.read(t.Context(), key, o)
	if err != nil {
		t.Fatalf("GetObject(%q, %s) = %v", key, described(o), err)
	}
	return object, data
}

// read is GetObject with all of the body.
func (s scope) read(ctx context.Context, key string, o cosbackend.ReadOptions) (*cosbackend.Object, []byte, error) {
	object, err := s.Client.GetObject(ctx, s.location(), key, o)
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(object.Body)
	return object, data, errors.Join(err, object.Body.Close())
}

// described shows what was asked for, the range too.
func described(o cosbackend.ReadOptions) string {
	text := fmt.Sprintf("%+v", o.Conditions)
	if o.Range != nil {
		text += fmt.Sprintf(", range %+v", *o.Range)
	}
	return text
}

// wantContent checks that key holds data.
func (s scope) wantContent(t *testing.T, key string, data []byte) {
	t.Helper()
	if _, got := s.get(t, key, cosbackend.ReadOptions{}); !bytes.Equal(got, data) {
		t.Errorf("GetObject(%q) = %s, want %s", key, abbreviated(got), abbreviated(data))
	}
}

// wantAbsent checks that there is no such key.
func (s scope) wantAbsent(t *testing.T, key string) {
	t.Helper()
	_, err := s.Client.HeadObject(t.Context(), s.location(), key, cosbackend.ReadOptions{})
	wantRefused(t, "HeadObject("+key+")", err, 404, "")
}

// wantRefused checks that COS refused, with the status and one of the codes.
func wantRefused(t *testing.T, op string, err error, status int, codes ...string) cosbackend.Error {
	t.Helper()
	e, ok := errors.AsType[*cosbackend.Error](err)
	if !ok || e.Origin != cosbackend.OriginCOS || e.HTTPStatus != status || !slices.Contains(codes, e.Code) {
		t.Fatalf("%s = %v, want an error from COS with status %d and code %q", op, err, status, codes)
	}
	if e.RequestID == "" {
		t.Errorf("%s: the error has no request id (A008)", op)
	}
	return *e
}

// pattern returns n bytes that look random and differ from one seed to the next.
func pattern(seed uint64, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		seed = seed*6364136223846793005 + 1442695040888963407
		data[i] = byte(seed >> 56)
	}
	return data
}

// abbreviated shows data so that a difference can be found in a log.
func abbreviated(data []byte) string {
	if len(data) > 64 {
		return fmt.Sprintf("%d bytes with CRC64 %d", len(data), crcOf(data))
	}
	return fmt.Sprintf("%q", data)
}

func crcOf(data []byte) uint64 { return crc64.Checksum(data, crc64.MakeTable(crc64.ECMA)) }

func md5Of(data []byte) []byte {
	sum := md5.Sum(data) //nolint:gosec // COS's ETags and Content-MD5 are MD5.
	return sum[:]
}
