package service

import (
	"bytes"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func TestCopyObjectCopiesLargeObjectsInParts(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) {
		s.cos.MaxCopySize, s.cos.MinPartSize = 2_000_000, 1
		s.options.CopyPart = 1_000_000
	})
	data := noise(3_500_000)
	sp := spec(int64(len(data)))
	sp.Attributes = &cosgatev1.ObjectAttributes{Content: &cosgatev1.ContentHeaders{ContentType: "text/large"}, Metadata: map[string]string{"a": "1"}}
	if _, err := g.send(t.Context(), chunks(sp, data, 1<<20)...); err != nil {
		t.Fatal(err)
	}
	src := &cosgatev1.CopySource{Bucket: testBucket, Key: "k"}
	copied, err := g.objects.CopyObject(t.Context(), &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "copy", Source: src})
	if err != nil || copied.GetObject().GetCrc64Ecma() != ecma(data) {
		t.Fatalf("CopyObject = %v, %v, want CRC64 %d", copied, err, ecma(data))
	}
	got, ms, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "copy"})
	if o := ms[0].GetObject(); err != nil || !bytes.Equal(got, data) || o.GetContent().GetContentType() != "text/large" || o.GetMetadata()["a"] != "1" {
		t.Errorf("the copy is %v with %d bytes, %v, want content and attributes of the source", o, len(got), err)
	}
	if n := count(g.requests(), "UploadPartCopy"); n != 4 {
		t.Errorf("the copy took %d parts, want 4", n)
	}
	replaced := &cosgatev1.CopyObjectRequest{
		Bucket: testBucket, Key: "replaced", Source: src, MetadataDirective: "Replaced",
		Attributes: &cosgatev1.ObjectAttributes{Metadata: map[string]string{"b": "2"}},
	}
	if _, err := g.objects.CopyObject(t.Context(), replaced); err != nil {
		t.Fatal(err)
	}
	head, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "replaced"})
	if o := head.GetObject(); err != nil || len(o.GetMetadata()) != 1 || o.GetMetadata()["b"] != "2" {
		t.Errorf("the replaced copy has %v, %v", o, err)
	}
}

func TestCopyObjectInPartsThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) {
		s.cos.MaxCopySize, s.cos.MinPartSize = 2_000_000, 1
		s.options.CopyPart = 1_000_000
	})
	g.store(t, 3_500_000)
	g.cos.Faults().Add(embedded.Fault{Operation: "UploadPartCopy", Nth: 3, Status: 403, Code: "AccessDenied"})
	_, err := g.objects.CopyObject(t.Context(), &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "failed", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k"}})
	wantCode(t, "a copy with a refused part", err, codes.PermissionDenied, "AccessDenied")
	g.mustMissing(t, "failed")
	g.noUploads(t)
}

func TestCopyObjectReturnsOtherRefusalsUnchanged(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.put(t, "k", []byte("x"))
	_, err := g.objects.CopyObject(t.Context(), &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "k", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k"}})
	wantCode(t, "a copy onto itself", err, codes.InvalidArgument, "InvalidRequest")
}

func TestCopyObjectKeepsOrReplacesAttributes(t *testing.T) {
	t.Parallel()
	g := open(t)
	s := spec(-1)
	s.Attributes = &cosgatev1.ObjectAttributes{Content: &cosgatev1.ContentHeaders{ContentType: "text/plain"}, Metadata: map[string]string{"a": "1"}}
	if _, err := g.send(t.Context(), &putRequest{Spec: s, Chunk: chunk("x"), Finish: true}); err != nil {
		t.Fatal(err)
	}
	src := &cosgatev1.CopySource{Bucket: testBucket, Key: "k"}
	other := &cosgatev1.ObjectAttributes{Metadata: map[string]string{"b": "2"}, StorageClass: "STANDARD_IA"}
	for _, c := range []struct {
		req  *cosgatev1.CopyObjectRequest
		want string
		code codes.Code
	}{
		{&cosgatev1.CopyObjectRequest{Key: "kept", Source: src}, "text/plain map[a:1] STANDARD", codes.OK},
		{&cosgatev1.CopyObjectRequest{Key: "moved", Source: src, Attributes: &cosgatev1.ObjectAttributes{StorageClass: "STANDARD_IA"}}, "text/plain map[a:1] STANDARD_IA", codes.OK},
		{&cosgatev1.CopyObjectRequest{Key: "replaced", Source: src, MetadataDirective: "Replaced", Attributes: other}, "application/octet-stream map[b:2] STANDARD_IA", codes.OK},
		{&cosgatev1.CopyObjectRequest{Key: "ignored", Source: src, Attributes: other}, "", codes.InvalidArgument},
		{&cosgatev1.CopyObjectRequest{Key: "k", Source: src}, "", codes.InvalidArgument},
		{&cosgatev1.CopyObjectRequest{Key: "absent", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "missing"}}, "", codes.NotFound},
		{&cosgatev1.CopyObjectRequest{Key: "changed", Source: src, SourcePreconditions: &cosgatev1.Preconditions{IfMatch: "other"}}, "", codes.FailedPrecondition},
	} {
		t.Run(c.req.GetKey(), func(t *testing.T) {
			c.req.Bucket = testBucket
			resp, err := g.objects.CopyObject(t.Context(), c.req)
			if status.Code(err) != c.code {
				t.Fatalf("CopyObject = %v, want %v", err, c.code)
			}
			if c.code != codes.OK {
				return
			}
			if o := resp.GetObject(); o.GetEtag() == "" || o.GetCrc64Ecma() != ecma([]byte("x")) || o.GetLastModified() == nil {
				t.Errorf("CopyObject = %v", o)
			}
			head, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: c.req.GetKey()})
			o := head.GetObject()
			if got := fmt.Sprint(o.GetContent().GetContentType(), " ", o.GetMetadata(), " ", o.GetStorageClass()); err != nil || got != c.want {
				t.Errorf("the copy has %s, %v, want %s", got, err, c.want)
			}
		})
	}
}
