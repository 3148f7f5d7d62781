package service

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func TestObjectsTooLargeForOneCopyAreCopiedInParts(t *testing.T) {
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
		Bucket: testBucket, Key: "replaced", Source: src, MetadataDirective: cosgatev1.MetadataDirective_METADATA_DIRECTIVE_REPLACED,
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

func TestFailedCopiesInPartsLeaveNothingBehind(t *testing.T) {
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

func TestOtherRefusalsOfACopyStayWhatTheyAre(t *testing.T) {
	g := open(t)
	g.put(t, "k", []byte("x"))
	_, err := g.objects.CopyObject(t.Context(), &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "k", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k"}})
	wantCode(t, "a copy onto itself", err, codes.InvalidArgument, "InvalidRequest")
}
