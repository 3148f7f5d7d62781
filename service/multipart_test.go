package service

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// partSize is small, so that tests have many parts.
const partSize = 100_000

func smallParts(s *setup) {
	s.options.PartSize = partSize
	s.cos.MinPartSize = 1
}

func TestPutObjectInPartsStoresAnySizeAndSplit(t *testing.T) {
	t.Parallel()
	g := open(t, smallParts)
	for _, size := range []int{0, 1, partSize - 1, partSize, partSize + 1, 3 * partSize, 5*partSize - 1, 5 * partSize, 5*partSize + 1} {
		for _, piece := range []int{1000, 16 << 10, partSize, 300_000} {
			data := noise(size)
			resp, err := g.send(t.Context(), chunks(spec(-1), data, piece)...)
			if err != nil {
				t.Fatalf("PutObject of %d bytes in pieces of %d = %v", size, piece, err)
			}
			if o := resp.GetObject(); o.GetSize() != int64(size) || o.GetCrc64Ecma() != ecma(data) || o.GetEtag() == "" {
				t.Errorf("PutObject = %v, want size %d and CRC64 %d", o, size, ecma(data))
			}
			got, ms, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
			if err != nil || !bytes.Equal(got, data) || !ms[len(ms)-1].GetSummary().GetCrc64EcmaVerified() {
				t.Errorf("GetObject gave %d bytes and %v, want the %d bytes stored, verified", len(got), err, size)
			}
		}
	}
	g.noUploads(t)
}

// noUploads checks that no multipart upload was left behind.
func (g *gateway) noUploads(t *testing.T) {
	t.Helper()
	g.cos.Faults().Clear()
	resp, err := g.uploads.ListMultipartUploads(t.Context(), &cosgatev1.ListMultipartUploadsRequest{Bucket: testBucket})
	if err != nil || len(resp.GetUploads()) != 0 {
		t.Errorf("uploads left behind: %v, %v", resp.GetUploads(), err)
	}
}

func TestPutObjectInPartsChecksChecksums(t *testing.T) {
	t.Parallel()
	g := open(t, smallParts)
	data := noise(3 * partSize)
	for name, sums := range map[string]*cosgatev1.Checksums{
		"crc64": {Crc64Ecma: new(uint64(1))},
		"md5":   {Md5: make([]byte, 16)},
	} {
		ms := chunks(spec(-1), data, partSize)
		ms[0].Checksums = sums
		_, err := g.send(t.Context(), ms...)
		if info, _ := detail[*errdetails.ErrorInfo](err); status.Code(err) != codes.InvalidArgument || info.GetReason() != cosstatus.ReasonChecksumMismatch {
			t.Errorf("%s: PutObject = %v, want INVALID_ARGUMENT, %s", name, err, cosstatus.ReasonChecksumMismatch)
		}
		g.mustMissing(t, "k")
		g.noUploads(t)
	}
}

func TestPutObjectInPartsThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	data := noise(5 * partSize)
	all := chunks(spec(-1), data, 16<<10)
	for _, c := range []struct {
		name     string
		fault    embedded.Fault
		messages []*putRequest
		code     codes.Code
	}{
		{"a part is refused", embedded.Fault{Operation: "UploadPart", Nth: 3, Status: 403, Code: "AccessDenied"}, all, codes.PermissionDenied},
		{"a part fails for good", embedded.Fault{Operation: "UploadPart", Key: "k", Status: 500, Code: "InternalError"}, all, codes.Internal},
		{"completing is refused", embedded.Fault{Operation: "CompleteMultipartUpload", Status: 403, Code: "AccessDenied"}, all, codes.PermissionDenied},
		{"completing fails inside 200", embedded.Fault{Operation: "CompleteMultipartUpload", ErrorInSuccess: "AccessDenied"}, all, codes.PermissionDenied},
		{"no finish", embedded.Fault{}, all[:len(all)-1], codes.InvalidArgument},
		{"misuse in the middle", embedded.Fault{}, append(append([]*putRequest{}, all[:20]...), &putRequest{Spec: spec(1)}), codes.InvalidArgument},
		{"initiating is refused", embedded.Fault{Operation: "InitiateMultipartUpload", Status: 403, Code: "AccessDenied"}, all, codes.PermissionDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := open(t, smallParts)
			if c.fault.Operation != "" {
				g.cos.Faults().Add(c.fault)
			}
			if _, err := g.send(t.Context(), c.messages...); status.Code(err) != c.code {
				t.Errorf("PutObject = %v, want %v", err, c.code)
			}
			g.noUploads(t)
			g.mustMissing(t, "k")
		})
	}
}

func TestPutObjectInPartsRetriesPartsFromMemory(t *testing.T) {
	t.Parallel()
	g := open(t, smallParts, func(s *setup) { s.backend.Retry.MaxAttempts = 8 }) // one part may meet them all
	data := noise(4 * partSize)
	for _, f := range []embedded.Fault{
		{Operation: "UploadPart", Nth: 1, Status: 503, Code: "SlowDown"},
		{Operation: "UploadPart", Nth: 2, Reset: true},
		{Operation: "UploadPart", Nth: 3, LoseResponse: true},
		{Operation: "UploadPart", Nth: 4, WrongCRC64: true},
		{Operation: "CompleteMultipartUpload", Nth: 1, LoseResponse: true},
	} {
		g.cos.Faults().Add(f)
	}
	if _, err := g.send(t.Context(), chunks(spec(-1), data, 30_000)...); err != nil {
		t.Fatal(err)
	}
	if got, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"}); err != nil || !bytes.Equal(got, data) {
		t.Errorf("GetObject gave %d bytes and %v", len(got), err)
	}
	g.noUploads(t)
}

func TestPutObjectInPartsIsAbortedWhenCancelled(t *testing.T) {
	t.Parallel()
	g := open(t, smallParts)
	all := chunks(spec(-1), noise(5*partSize), 50_000)
	for stop := range len(all) + 1 {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := g.objects.PutObject(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all[:stop] {
			if err := stream.Send(m); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if err := stream.RecvMsg(&cosgatev1.PutObjectResponse{}); status.Code(err) != codes.Canceled {
			t.Errorf("RecvMsg after %d messages = %v, want CANCELLED", stop, err)
		}
	}
	// The gateway aborts behind the callers' backs; stopping it waits for that.
	g.stop()
	if err := <-g.stopped; err != nil {
		t.Error(err)
	}
	g.stopped <- nil
	begun, ended := count(g.requests(), "InitiateMultipartUpload"), count(g.requests(), "AbortMultipartUpload")
	if begun == 0 || ended < begun {
		t.Errorf("%d uploads were begun and %d aborted, want all of them", begun, ended)
	}
}

func TestPartSizesGrowSoThatTheirNumberSuffices(t *testing.T) {
	t.Parallel()
	s := newPartSettings(Options{}.withDefaults(), newByteLimit(512<<20), nil)
	var sum int64
	for number := 1; number <= maxParts; number++ {
		if s.fits(number, unsized) != nil {
			t.Fatalf("part %d does not fit", number)
		}
		sum += s.sizeOf(number, unsized)
	}
	if sum < 800<<30 {
		t.Errorf("10,000 parts of an unsized object hold %d GiB, want 800", sum>>30)
	}
	for _, total := range []int64{maxSinglePut + 1, 100 << 30, 1200 << 30} {
		if size := s.sizeOf(1, total); size*maxParts < total || s.fits(1, total) != nil {
			t.Errorf("parts of %d bytes for an object of %d", size, total)
		}
	}
	for _, err := range []error{s.fits(maxParts+1, unsized), s.fits(1, 1300<<30)} {
		if info, _ := detail[*errdetails.ErrorInfo](err); info.GetReason() != cosstatus.ReasonObjectTooLarge {
			t.Errorf("an object too large for the memory = %v, want %s", err, cosstatus.ReasonObjectTooLarge)
		}
	}
}

func TestMultipartServiceMakesAnObjectOfParts(t *testing.T) {
	t.Parallel()
	g := open(t, smallParts)
	begun, err := g.uploads.InitiateMultipartUpload(t.Context(), &cosgatev1.InitiateMultipartUploadRequest{
		Bucket: testBucket, Key: "big", Attributes: &cosgatev1.ObjectAttributes{Metadata: map[string]string{"a": "1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	g.store(t, 1000)
	var parts []*cosgatev1.CompletedPart
	var whole []byte
	for number := int32(1); number <= 3; number++ {
		data := noise(1000 + int(number))
		part := g.part(t, begun.GetUploadId(), number, data)
		if part.GetSize() != int64(len(data)) || part.GetCrc64Ecma() != ecma(data) || part.GetPartNumber() != number {
			t.Errorf("UploadPart = %v, want size %d and CRC64 %d", part, len(data), ecma(data))
		}
		parts = append(parts, &cosgatev1.CompletedPart{PartNumber: number, Etag: part.GetEtag()})
		whole = append(whole, data...)
	}
	copied, err := g.uploads.UploadPartCopy(t.Context(), &cosgatev1.UploadPartCopyRequest{
		Bucket: testBucket, Key: "big", UploadId: begun.GetUploadId(), PartNumber: 4,
		Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k"}, SourceRange: &cosgatev1.ByteRange{Offset: 10, Length: new(int64(500))},
	})
	if err != nil {
		t.Fatal(err)
	}
	whole = append(whole, noise(1000)[10:510]...)
	parts = append(parts, &cosgatev1.CompletedPart{PartNumber: 4, Etag: copied.GetPart().GetEtag()})
	g.wantParts(t, begun.GetUploadId(), 4)
	crc := ecma(whole)
	done, err := g.uploads.CompleteMultipartUpload(t.Context(), &cosgatev1.CompleteMultipartUploadRequest{
		Bucket: testBucket, Key: "big", UploadId: begun.GetUploadId(), Parts: parts, Crc64Ecma: &crc,
	})
	if err != nil || done.GetObject().GetCrc64Ecma() != crc || done.GetObject().GetEtag() == "" {
		t.Fatalf("CompleteMultipartUpload = %v, %v, want CRC64 %d", done, err, crc)
	}
	got, ms, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "big"})
	if err != nil || !bytes.Equal(got, whole) || ms[0].GetObject().GetMetadata()["a"] != "1" {
		t.Errorf("GetObject = %d bytes of %v, %v", len(got), ms[0].GetObject(), err)
	}
}

func (g *gateway) part(t *testing.T, id string, number int32, data []byte) *cosgatev1.Part {
	t.Helper()
	stream, err := g.uploads.UploadPart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&cosgatev1.UploadPartRequest{
		Spec:  &cosgatev1.UploadPartSpec{Bucket: testBucket, Key: "big", UploadId: id, PartNumber: number, Size: new(int64(len(data)))},
		Chunk: &cosgatev1.Chunk{Data: data}, Finish: true,
	}); err != nil {
		t.Fatal(err)
	}
	resp, err := stream.CloseAndRecv()
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetPart()
}

// wantParts lists the parts page by page.
func (g *gateway) wantParts(t *testing.T, id string, n int) {
	t.Helper()
	req := &cosgatev1.ListPartsRequest{Bucket: testBucket, Key: "big", UploadId: id, PageSize: 3}
	var numbers []int32
	for {
		page, err := g.uploads.ListParts(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.GetParts() {
			numbers = append(numbers, p.GetPartNumber())
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	if len(numbers) != n || numbers[0] != 1 || numbers[n-1] != int32(n) {
		t.Errorf("ListParts = %v, want 1 to %d", numbers, n)
	}
}

func TestMultipartServiceReportsFailures(t *testing.T) {
	t.Parallel()
	g := open(t, smallParts)
	ctx := t.Context()
	_, err := g.uploads.AbortMultipartUpload(ctx, &cosgatev1.AbortMultipartUploadRequest{Bucket: testBucket, Key: "big", UploadId: "absent"})
	wantCode(t, "AbortMultipartUpload", err, codes.NotFound, "NoSuchUpload")
	begun, err := g.uploads.InitiateMultipartUpload(ctx, &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: "big"})
	if err != nil {
		t.Fatal(err)
	}
	id := begun.GetUploadId()
	one := g.part(t, id, 1, []byte("one"))
	complete := func(parts ...*cosgatev1.CompletedPart) error {
		_, err := g.uploads.CompleteMultipartUpload(ctx, &cosgatev1.CompleteMultipartUploadRequest{Bucket: testBucket, Key: "big", UploadId: id, Parts: parts})
		return err
	}
	wantCode(t, "a missing part", complete(&cosgatev1.CompletedPart{PartNumber: 2, Etag: "x"}), codes.FailedPrecondition, "InvalidPart")
	wantCode(t, "another ETag", complete(&cosgatev1.CompletedPart{PartNumber: 1, Etag: "x"}), codes.FailedPrecondition, "InvalidPart")
	err = complete(&cosgatev1.CompletedPart{PartNumber: 1, Etag: one.GetEtag()}, &cosgatev1.CompletedPart{PartNumber: 1, Etag: one.GetEtag()})
	if bad, _ := detail[*errdetails.BadRequest](err); status.Code(err) != codes.InvalidArgument || bad.GetFieldViolations()[0].GetField() != "parts[1].part_number" {
		t.Errorf("parts twice = %v, want INVALID_ARGUMENT of parts[1].part_number", err)
	}
	list, err := g.uploads.ListMultipartUploads(ctx, &cosgatev1.ListMultipartUploadsRequest{Bucket: testBucket, Prefix: "b"})
	if err != nil || len(list.GetUploads()) != 1 || list.GetUploads()[0].GetUploadId() != id {
		t.Errorf("ListMultipartUploads = %v, %v, want the one upload", list, err)
	}
	if _, err := g.uploads.AbortMultipartUpload(ctx, &cosgatev1.AbortMultipartUploadRequest{Bucket: testBucket, Key: "big", UploadId: id}); err != nil {
		t.Error(err)
	}
	wantCode(t, "after the abort", complete(&cosgatev1.CompletedPart{PartNumber: 1, Etag: one.GetEtag()}), codes.NotFound, "NoSuchUpload")
	g.noUploads(t)
}

func wantCode(t *testing.T, what string, err error, code codes.Code, cosCode string) {
	t.Helper()
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != code || e.GetCode() != cosCode {
		t.Errorf("%s = %v, want %v, %s", what, err, code, cosCode)
	}
}

func TestListMultipartUploadsIsPaged(t *testing.T) {
	t.Parallel()
	g := open(t)
	want := map[string]bool{}
	for i := range 5 {
		key := fmt.Sprintf("dir/k%d", i/2)
		begun, err := g.uploads.InitiateMultipartUpload(t.Context(), &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		want[key+" "+begun.GetUploadId()] = true
	}
	req := &cosgatev1.ListMultipartUploadsRequest{Bucket: testBucket, PageSize: 2}
	for {
		page, err := g.uploads.ListMultipartUploads(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.GetUploads() {
			delete(want, u.GetKey()+" "+u.GetUploadId())
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	if len(want) != 0 {
		t.Errorf("the pages lack %v", want)
	}
	page, err := g.uploads.ListMultipartUploads(t.Context(), &cosgatev1.ListMultipartUploadsRequest{Bucket: testBucket, Delimiter: "/"})
	if err != nil || len(page.GetUploads()) != 0 || len(page.GetCommonPrefixes()) != 1 || page.GetCommonPrefixes()[0] != "dir/" {
		t.Errorf("ListMultipartUploads by folder = %v, %v", page, err)
	}
}
