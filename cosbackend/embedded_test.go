package cosbackend_test

import (
	"bytes"
	"context"
	"errors"
	"hash/crc64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
)

const (
	bucket = "photos-1250000000"
	region = "ap-guangzhou"
)

// testPair is the key pair of the embedded servers of tests.
func testPair() embedded.Credential {
	return embedded.Credential{SecretID: "AKIDoftests", SecretKey: "secretkeyoftests"}
}

// start runs the embedded server with one bucket, and a client at its in-memory
// listener. The server checks every signature with code of its own.
func start(t *testing.T, change ...func(*cosbackend.Config)) (*cosbackend.Client, *embedded.Server) {
	t.Helper()
	s, err := embedded.New(embedded.Options{Region: region, Buckets: []string{bucket}, Credentials: []embedded.Credential{testPair()}})
	if err != nil {
		t.Fatalf("embedded.New = %v", err)
	}
	demo := testPair()
	cfg := cosbackend.Config{
		Endpoint: "http://{bucket}.cos.{region}.myqcloud.com", Region: region,
		Credentials: cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: demo.SecretID, SecretKey: demo.SecretKey}),
		Transport:   cosbackend.TransportOptions{DialContext: s.DialContext},
		Retry:       cosbackend.RetryOptions{BaseDelay: time.Millisecond, MaxDelay: 5 * time.Millisecond},
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := cosbackend.New(cfg)
	if err != nil {
		t.Fatalf("New = %v", err)
	}
	t.Cleanup(func() {
		c.Close()
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return c, s
}

var here = cosbackend.Location{Bucket: bucket}

func store(t *testing.T, c *cosbackend.Client, key string, data []byte, o cosbackend.PutOptions) cosbackend.PutResult {
	t.Helper()
	sum := crc64.Checksum(data, crc64.MakeTable(crc64.ECMA))
	o.CRC64 = func() uint64 { return sum }
	r, err := c.PutObject(t.Context(), here, key, cosbackend.Body{Size: int64(len(data)), Reader: bytes.NewReader(data)}, o)
	if err != nil {
		t.Fatalf("PutObject(%q) = %v", key, err)
	}
	if !r.HasCRC64 || r.CRC64 != sum || r.ETag == "" {
		t.Errorf("PutObject(%q) = %+v, want the CRC64 %d and an ETag", key, r, sum)
	}
	return r
}

func load(t *testing.T, c *cosbackend.Client, key string, o cosbackend.ReadOptions) (*cosbackend.Object, string) {
	t.Helper()
	object, err := c.GetObject(t.Context(), here, key, o)
	if err != nil {
		t.Fatalf("GetObject(%q) = %v", key, err)
	}
	defer func() { _ = object.Body.Close() }()
	data, err := io.ReadAll(object.Body)
	if err != nil {
		t.Fatalf("read %q: %v", key, err)
	}
	return object, string(data)
}

func cosError(t *testing.T, op string, err error, status int, code string) *cosbackend.Error {
	t.Helper()
	e, ok := errors.AsType[*cosbackend.Error](err)
	if !ok || e.Origin != cosbackend.OriginCOS || e.HTTPStatus != status || e.Code != code || e.RequestID == "" {
		t.Fatalf("%s = %v, want COS's %d %s with a request id", op, err, status, code)
	}
	return e
}

func TestEmbeddedPutGetHeadDeleteObject(t *testing.T) {
	t.Parallel()
	c, _ := start(t)
	ctx := t.Context()
	attributes := cosbackend.Attributes{
		ContentType: "text/plain", CacheControl: "no-cache", StorageClass: "STANDARD_IA",
		Metadata: map[string]string{"author": "腾讯"},
	}
	put := store(t, c, "a/b.txt", []byte("0123456789"), cosbackend.PutOptions{Attributes: attributes})
	info, err := c.HeadObject(ctx, here, "a/b.txt", cosbackend.ReadOptions{})
	if err != nil {
		t.Fatalf("HeadObject = %v", err)
	}
	want := cosbackend.ObjectInfo{
		Key: "a/b.txt", ETag: put.ETag, Size: 10, CRC64: put.CRC64, HasCRC64: true, Attributes: attributes,
	}
	if diff := cmp.Diff(want, info, cmpopts.IgnoreFields(cosbackend.ObjectInfo{}, "LastModified")); diff != "" || info.LastModified.IsZero() {
		t.Errorf("HeadObject (-want +got):\n%s", diff)
	}
	if _, got := load(t, c, "a/b.txt", cosbackend.ReadOptions{Conditions: cosbackend.Conditions{IfMatch: put.ETag}}); got != "0123456789" {
		t.Errorf("GetObject = %q", got)
	}
	o, got := load(t, c, "a/b.txt", cosbackend.ReadOptions{Range: &cosbackend.Range{Offset: 3, Length: 4}})
	if got != "3456" || o.Offset != 3 || o.Length != 4 || o.Size != 10 {
		t.Errorf("GetObject of a range = %q at %d of %d", got, o.Offset, o.Size)
	}
	if _, got := load(t, c, "a/b.txt", cosbackend.ReadOptions{Range: &cosbackend.Range{Suffix: 2}}); got != "89" {
		t.Errorf("GetObject of a suffix = %q", got)
	}
	if _, err := c.DeleteObject(ctx, here, "a/b.txt", ""); err != nil {
		t.Errorf("DeleteObject = %v", err)
	}
	if _, err := c.DeleteObject(ctx, here, "a/b.txt", ""); err != nil {
		t.Errorf("DeleteObject of an absent key = %v, want success", err)
	}
	_, err = c.GetObject(ctx, here, "a/b.txt", cosbackend.ReadOptions{})
	cosError(t, "GetObject", err, http.StatusNotFound, "NoSuchKey")
	_, err = c.HeadObject(ctx, here, "a/b.txt", cosbackend.ReadOptions{})
	cosError(t, "HeadObject", err, http.StatusNotFound, "")
}

func TestEmbeddedGetObjectConditions(t *testing.T) {
	t.Parallel()
	c, _ := start(t)
	ctx := t.Context()
	etag := store(t, c, "k", []byte("x"), cosbackend.PutOptions{}).ETag
	_, err := c.HeadObject(ctx, here, "k", cosbackend.ReadOptions{Conditions: cosbackend.Conditions{IfNoneMatch: etag}})
	cosError(t, "HeadObject", err, http.StatusNotModified, "")
	_, err = c.GetObject(ctx, here, "k", cosbackend.ReadOptions{Conditions: cosbackend.Conditions{IfMatch: "other"}})
	cosError(t, "GetObject", err, http.StatusPreconditionFailed, "PreconditionFailed")
	_, err = c.GetObject(ctx, here, "k", cosbackend.ReadOptions{Range: &cosbackend.Range{Offset: 5, Length: 1}})
	cosError(t, "GetObject", err, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
	_, err = c.PutObject(ctx, here, "k", cosbackend.Body{}, cosbackend.PutOptions{ForbidOverwrite: true})
	cosError(t, "PutObject", err, http.StatusConflict, "FileAlreadyExists")
}

func TestEmbeddedObjectSizes(t *testing.T) {
	t.Parallel()
	c, _ := start(t)
	for _, size := range []int{0, 1, 64 << 10, 1 << 20, 5<<20 + 3} {
		data := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		store(t, c, "k", data, cosbackend.PutOptions{})
		if o, got := load(t, c, "k", cosbackend.ReadOptions{}); got != string(data) || o.Size != int64(size) {
			t.Errorf("%d bytes were read back as %d, Size %d", size, len(got), o.Size)
		}
	}
}

func TestEmbeddedHostileKeys(t *testing.T) {
	t.Parallel()
	c, _ := start(t)
	keys := []string{
		" ", "a b", "a//b", "/a", "//a", "a/", "a/.", "...", "a/../b", "./a", "a%2Fb", "%", "a+b", "a?b=c&d", "a#b", "腾讯/云", "😀",
		"\"<&>'", "tab\t", strings.Repeat("k", 850), strings.Repeat("腾", 283),
	}
	for _, key := range keys {
		store(t, c, key, []byte(key), cosbackend.PutOptions{})
	}
	for _, key := range keys {
		if _, got := load(t, c, key, cosbackend.ReadOptions{}); got != key {
			t.Errorf("key %q holds %q", key, got)
		}
	}
	listed := map[string]bool{}
	for marker := ""; ; {
		page, err := c.ListObjects(t.Context(), here, cosbackend.ListOptions{Marker: marker, MaxKeys: 3})
		if err != nil {
			t.Fatalf("ListObjects = %v", err)
		}
		for _, o := range page.Objects {
			listed[o.Key] = true
		}
		if marker = page.NextMarker; !page.Truncated {
			break
		}
	}
	for _, key := range keys {
		if !listed[key] {
			t.Errorf("key %q is not listed", key)
		}
		target := "copy of " + strings.Trim(key[:min(len(key), 9)], "/")
		if _, err := c.CopyObject(t.Context(), here, strings.ToValidUTF8(target, ""), cosbackend.CopyOptions{Source: cosbackend.CopySource{Bucket: bucket, Key: key}}); err != nil {
			t.Errorf("CopyObject from %q = %v", key, err)
		}
	}
	if len(listed) != len(keys) {
		t.Errorf("%d keys are listed, want %d", len(listed), len(keys))
	}
	if _, err := c.DeleteObject(t.Context(), here, "tab\t", ""); err != nil {
		t.Errorf("DeleteObject = %v", err)
	}
}

func TestEmbeddedListCopyDelete(t *testing.T) {
	t.Parallel()
	c, _ := start(t)
	ctx := t.Context()
	for _, key := range []string{"a/1", "a/2", "b c/1", "d"} {
		store(t, c, key, []byte(key), cosbackend.PutOptions{Attributes: cosbackend.Attributes{ContentType: "text/plain"}})
	}
	page, err := c.ListObjects(ctx, here, cosbackend.ListOptions{Delimiter: "/"})
	if err != nil || len(page.Objects) != 1 || page.Objects[0].Key != "d" || page.Objects[0].Size != 1 || page.Truncated {
		t.Errorf("ListObjects = %+v, %v", page, err)
	}
	if diff := cmp.Diff([]string{"a/", "b c/"}, page.CommonPrefixes); diff != "" {
		t.Errorf("common prefixes (-want +got):\n%s", diff)
	}
	copied, err := c.CopyObject(ctx, here, "e", cosbackend.CopyOptions{
		Source: cosbackend.CopySource{Bucket: bucket, Key: "d"}, Replace: true, Attributes: cosbackend.Attributes{ContentType: "text/html"},
	})
	if err != nil || copied.ETag == "" || !copied.HasCRC64 || copied.LastModified.IsZero() {
		t.Errorf("CopyObject = %+v, %v", copied, err)
	}
	if o, got := load(t, c, "e", cosbackend.ReadOptions{}); got != "d" || o.ContentType != "text/html" {
		t.Errorf("the copy holds %q of type %s", got, o.ContentType)
	}
	_, err = c.CopyObject(ctx, here, "e", cosbackend.CopyOptions{Source: cosbackend.CopySource{Bucket: bucket, Key: "absent"}})
	cosError(t, "CopyObject", err, http.StatusNotFound, "NoSuchCopySource")
	result, err := c.DeleteObjects(ctx, here, []cosbackend.ObjectID{{Key: "a/1"}, {Key: "absent <&>"}}, false)
	want := []cosbackend.DeletedObject{{Key: "a/1"}, {Key: "absent <&>"}}
	if diff := cmp.Diff(want, result.Deleted); err != nil || diff != "" || len(result.Failures) != 0 || result.RequestID == "" {
		t.Errorf("DeleteObjects = %+v, %v (-want +got):\n%s", result, err, diff)
	}
}

func TestEmbeddedBuckets(t *testing.T) {
	t.Parallel()
	c, _ := start(t)
	ctx, other := t.Context(), cosbackend.Location{Bucket: "other-1250000000", Region: "ap-beijing"}
	if err := c.CreateBucket(ctx, other, cosbackend.CreateBucketOptions{ACL: "private"}); err != nil {
		t.Fatalf("CreateBucket = %v", err)
	}
	if head, err := c.HeadBucket(ctx, other); err != nil || head.Region != "ap-beijing" {
		t.Errorf("HeadBucket = %+v, %v", head, err)
	}
	if got, err := c.GetBucketLocation(ctx, other); err != nil || got != "ap-beijing" {
		t.Errorf("GetBucketLocation = %q, %v", got, err)
	}
	for filter, want := range map[string][]string{"": {"other-1250000000", bucket}, "ap-beijing": {"other-1250000000"}} {
		page, err := c.ListBuckets(ctx, cosbackend.ListBucketsOptions{Region: filter})
		var names []string
		for _, b := range page.Buckets {
			names = append(names, b.Name)
		}
		if diff := cmp.Diff(want, names); err != nil || diff != "" {
			t.Errorf("ListBuckets(%q) = %v (-want +got):\n%s", filter, err, diff)
		}
	}
	err := c.DeleteBucket(ctx, cosbackend.Location{Bucket: "other-1250000000"}) // in the default region
	cosError(t, "DeleteBucket", err, http.StatusNotFound, "NoSuchBucket")
	if err := c.DeleteBucket(ctx, other); err != nil {
		t.Errorf("DeleteBucket = %v", err)
	}
	store(t, c, "k", nil, cosbackend.PutOptions{})
	cosError(t, "DeleteBucket", c.DeleteBucket(ctx, here), http.StatusConflict, "BucketNotEmpty")
}

func TestEmbeddedRegionLookup(t *testing.T) {
	t.Parallel()
	c, s := start(t, func(cfg *cosbackend.Config) { cfg.Region = "" })
	store(t, c, "k", []byte("x"), cosbackend.PutOptions{})
	load(t, c, "k", cosbackend.ReadOptions{})
	lists := 0
	for _, e := range s.Journal().Entries() {
		if e.Operation == "ListBuckets" {
			lists++
		}
	}
	if lists != 1 {
		t.Errorf("%d lookups were made, want 1", lists)
	}
}

func TestEmbeddedRefusesAWrongKey(t *testing.T) {
	t.Parallel()
	demo := testPair()
	c, _ := start(t, func(cfg *cosbackend.Config) {
		cfg.Credentials = cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: demo.SecretID, SecretKey: "wrongsecretkey"})
	})
	ctx, trace := cosbackend.WithTrace(t.Context())
	_, err := c.ListObjects(ctx, here, cosbackend.ListOptions{})
	cosError(t, "ListObjects", err, http.StatusForbidden, "SignatureDoesNotMatch")
	if trace.Snapshot().CredentialsAccepted {
		t.Error("CredentialsAccepted = true after SignatureDoesNotMatch")
	}
	own := cosbackend.WithCallerCredentials(ctx, cosbackend.Credentials{SecretID: demo.SecretID, SecretKey: demo.SecretKey})
	if _, err := c.ListObjects(own, here, cosbackend.ListOptions{}); err != nil {
		t.Errorf("ListObjects with the caller's key = %v", err)
	}
	if trace.Snapshot().CredentialsAccepted {
		t.Error("CredentialsAccepted = true of the profile's after a call with the caller's")
	}
}

func TestEmbeddedFaults(t *testing.T) {
	t.Parallel()
	c, s := start(t)
	ctx := t.Context()
	store(t, c, "k", []byte("0123456789"), cosbackend.PutOptions{})
	faulty := func(f embedded.Fault) func() {
		id := s.Faults().Add(f)
		return func() { s.Faults().Remove(id) }
	}
	put := func(ctx context.Context, o cosbackend.PutOptions) error {
		_, err := c.PutObject(ctx, here, "p", cosbackend.Body{Size: 5, Reader: strings.NewReader("hello")}, o)
		return err
	}

	remove := faulty(embedded.Fault{Operation: "PutObject", LoseResponse: true})
	err := put(ctx, cosbackend.PutOptions{ForbidOverwrite: true})
	if e, ok := errors.AsType[*cosbackend.Error](err); !ok || !e.OutcomeUnknown || e.Attempts != 1 || e.Retryable {
		t.Errorf("PutObject whose response was lost = %+v, want an unknown outcome after one attempt", err)
	}
	remove()

	remove = faulty(embedded.Fault{Operation: "PutObject", WrongCRC64: true})
	err = put(ctx, cosbackend.PutOptions{CRC64: func() uint64 { return crc64.Checksum([]byte("hello"), crc64.MakeTable(crc64.ECMA)) }})
	if i, ok := errors.AsType[*cosbackend.IntegrityError](err); !ok || !i.Stored {
		t.Errorf("PutObject with another checksum = %v, want a stored *IntegrityError", err)
	}
	remove()

	remove = faulty(embedded.Fault{Operation: "GetObject", Truncate: 4})
	o, err := c.GetObject(ctx, here, "k", cosbackend.ReadOptions{})
	if err != nil {
		t.Fatalf("GetObject = %v", err)
	}
	data, err := io.ReadAll(o.Body)
	_ = o.Body.Close()
	if e, ok := errors.AsType[*cosbackend.Error](err); !ok || string(data) != "0123" || e.Origin != cosbackend.OriginTransport {
		t.Errorf("a truncated download = %q, %v; want 0123 and a transport error", data, err)
	}
	remove()

	remove = faulty(embedded.Fault{Operation: "CopyObject", ErrorInSuccess: "SlowDown"})
	_, err = c.CopyObject(ctx, here, "c", cosbackend.CopyOptions{Source: cosbackend.CopySource{Bucket: bucket, Key: "k"}})
	if e := cosError(t, "CopyObject", err, http.StatusOK, "SlowDown"); !e.InSuccessBody || e.Attempts != 4 || !e.Retryable {
		t.Errorf("CopyObject = %+v, want four attempts and InSuccessBody", e)
	}
	remove()

	remove = faulty(embedded.Fault{Operation: "HeadObject", Status: 503, Count: 2})
	ctx, trace := cosbackend.WithTrace(ctx)
	if _, err := c.HeadObject(ctx, here, "k", cosbackend.ReadOptions{}); err != nil || trace.Snapshot().Attempts != 3 {
		t.Errorf("HeadObject = %v after %d attempts, want success in the third", err, trace.Snapshot().Attempts)
	}
	remove()
}
