package cosbackend_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	"github.com/cosgate/cosgate/internal/crc64ecma"
)

const minPart = 1 << 20

// pattern returns size bytes that differ from place to place.
func pattern(size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i>>8) ^ byte(i)
	}
	return data
}

func again(data []byte) cosbackend.Body {
	return cosbackend.Body{Size: int64(len(data)), Reopen: func() io.Reader { return bytes.NewReader(data) }}
}

func begin(t *testing.T, c *cosbackend.Client, key string, a cosbackend.Attributes) cosbackend.Upload {
	t.Helper()
	begun, err := c.InitiateMultipartUpload(t.Context(), here, key, cosbackend.InitiateOptions{Attributes: a})
	if err != nil {
		t.Fatalf("InitiateMultipartUpload(%q) = %v", key, err)
	}
	return cosbackend.Upload{Location: here, Key: key, UploadID: begun.UploadID}
}

func send(t *testing.T, c *cosbackend.Client, u cosbackend.Upload, number int, data []byte) cosbackend.CompletedPart {
	t.Helper()
	sum := crc64ecma.Checksum(data)
	part, err := c.UploadPart(t.Context(), u, number, again(data), cosbackend.PartOptions{CRC64: func() uint64 { return sum }})
	if err != nil || part.Number != number || part.Size != int64(len(data)) || !part.HasCRC64 || part.CRC64 != sum {
		t.Fatalf("UploadPart(%d) = %+v, %v", number, part, err)
	}
	return cosbackend.CompletedPart{Number: number, ETag: part.ETag}
}

func TestEmbeddedMultipartUpload(t *testing.T) {
	t.Parallel()
	c, _ := start(t)
	ctx, data := t.Context(), pattern(3*minPart)
	const key = "a//../b c+%?&#/腾讯"
	u := begin(t, c, key, cosbackend.Attributes{ContentType: "text/plain", Metadata: map[string]string{"author": "腾讯"}})
	parts := []cosbackend.CompletedPart{send(t, c, u, 1, data[:minPart]), send(t, c, u, 2, data[minPart:2*minPart])}
	store(t, c, "source", data, cosbackend.PutOptions{})
	copied, err := c.UploadPartCopy(ctx, u, 3, cosbackend.PartCopyOptions{
		Source: cosbackend.CopySource{Bucket: bucket, Key: "source"}, Range: &cosbackend.Range{Offset: 2 * minPart, Length: minPart - 1},
	})
	if err != nil || copied.Number != 3 || copied.ETag == "" || copied.LastModified.IsZero() {
		t.Fatalf("UploadPartCopy = %+v, %v", copied, err)
	}
	parts = append(parts, cosbackend.CompletedPart{Number: 3, ETag: copied.ETag})

	var numbers []int
	for after := 0; ; {
		page, err := c.ListParts(ctx, u, cosbackend.ListPartsOptions{After: after, Max: 2})
		if err != nil {
			t.Fatalf("ListParts = %v", err)
		}
		for _, p := range page.Parts {
			numbers = append(numbers, p.Number)
		}
		if after = page.NextAfter; !page.Truncated {
			break
		}
	}
	if diff := cmp.Diff([]int{1, 2, 3}, numbers); diff != "" {
		t.Errorf("parts listed (-want +got):\n%s", diff)
	}

	whole := data[:3*minPart-1]
	sum := crc64ecma.Checksum(whole)
	result, err := c.CompleteMultipartUpload(ctx, u, parts, cosbackend.CompleteOptions{CRC64: &sum, ForbidOverwrite: true})
	if err != nil || !strings.HasSuffix(result.ETag, "-3") || result.CRC64 != sum || !result.HasCRC64 {
		t.Errorf("CompleteMultipartUpload = %+v, %v, want an ETag that ends in -3 and the CRC64 %d", result, err, sum)
	}
	o, got := load(t, c, key, cosbackend.ReadOptions{})
	if got != string(whole) || o.ETag != result.ETag || o.ContentType != "text/plain" || o.Metadata["author"] != "腾讯" {
		t.Errorf("the object holds %d bytes, ETag %s, %+v", len(got), o.ETag, o.Attributes)
	}
	_, err = c.ListParts(ctx, u, cosbackend.ListPartsOptions{})
	cosError(t, "ListParts", err, http.StatusNotFound, "NoSuchUpload")
	cosError(t, "AbortMultipartUpload", c.AbortMultipartUpload(ctx, u), http.StatusNotFound, "NoSuchUpload")
}

func TestEmbeddedListMultipartUploadsAndAbort(t *testing.T) {
	t.Parallel()
	c, _ := start(t)
	keys := []string{"a b", "a/1", "a/2", "b+%", "腾讯"}
	uploads := map[string]cosbackend.Upload{}
	for _, key := range keys {
		uploads[key] = begin(t, c, key, cosbackend.Attributes{})
	}
	var got []string
	for o := (cosbackend.ListUploadsOptions{Delimiter: "/", Max: 2}); ; {
		page, err := c.ListMultipartUploads(t.Context(), here, o)
		if err != nil {
			t.Fatalf("ListMultipartUploads = %v", err)
		}
		for _, u := range page.Uploads {
			got = append(got, u.Key)
			if u.UploadID != uploads[u.Key].UploadID || u.Initiated.IsZero() {
				t.Errorf("upload of %q = %+v, want the id %s", u.Key, u, uploads[u.Key].UploadID)
			}
		}
		got = append(got, page.CommonPrefixes...)
		if o.KeyMarker, o.UploadIDMarker = page.NextKeyMarker, page.NextUploadIDMarker; !page.Truncated {
			break
		}
	}
	if diff := cmp.Diff([]string{"a b", "a/", "b+%", "腾讯"}, got); diff != "" {
		t.Errorf("uploads listed (-want +got):\n%s", diff)
	}
	for key, u := range uploads {
		if err := c.AbortMultipartUpload(t.Context(), u); err != nil {
			t.Errorf("AbortMultipartUpload(%q) = %v", key, err)
		}
	}
	if page, err := c.ListMultipartUploads(t.Context(), here, cosbackend.ListUploadsOptions{}); err != nil || len(page.Uploads) != 0 {
		t.Errorf("ListMultipartUploads = %+v, %v, want none", page, err)
	}
}

func TestEmbeddedUploadPartRefusals(t *testing.T) {
	t.Parallel()
	c, _ := start(t)
	ctx, u := t.Context(), begin(t, c, "k", cosbackend.Attributes{})
	small := []cosbackend.CompletedPart{send(t, c, u, 1, pattern(10)), send(t, c, u, 2, pattern(10))}
	finish := func(parts []cosbackend.CompletedPart, o cosbackend.CompleteOptions) error {
		_, err := c.CompleteMultipartUpload(ctx, u, parts, o)
		return err
	}
	cosError(t, "Complete", finish(small, cosbackend.CompleteOptions{}), http.StatusBadRequest, "EntityTooSmall")
	cosError(t, "Complete", finish([]cosbackend.CompletedPart{{Number: 3, ETag: "x"}}, cosbackend.CompleteOptions{}), http.StatusBadRequest, "InvalidPart")
	cosError(t, "Complete", finish([]cosbackend.CompletedPart{{Number: 1, ETag: "x"}}, cosbackend.CompleteOptions{}), http.StatusBadRequest, "InvalidPart")
	store(t, c, "k", []byte("here"), cosbackend.PutOptions{})
	cosError(t, "Complete", finish(small[:1], cosbackend.CompleteOptions{ForbidOverwrite: true}), http.StatusConflict, "FileAlreadyExists")
	sum := uint64(1)
	if _, ok := errors.AsType[*cosbackend.IntegrityError](finish(small[:1], cosbackend.CompleteOptions{CRC64: &sum})); !ok {
		t.Error("CompleteMultipartUpload with another CRC64 did not find the mismatch")
	}
	_, err := c.UploadPart(ctx, cosbackend.Upload{Location: here, Key: "k", UploadID: "absent"}, 1, again(nil), cosbackend.PartOptions{})
	cosError(t, "UploadPart", err, http.StatusNotFound, "NoSuchUpload")
	_, err = c.UploadPartCopy(ctx, begin(t, c, "l", cosbackend.Attributes{}), 1, cosbackend.PartCopyOptions{
		Source: cosbackend.CopySource{Bucket: bucket, Key: "k"}, Range: &cosbackend.Range{Offset: 100, Length: 1},
	})
	cosError(t, "UploadPartCopy", err, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
}

func TestEmbeddedCompleteMultipartUploadWithALostResponse(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]embedded.Fault{
		"lost":                            {LoseResponse: true, Nth: 1},
		"truncated":                       {Truncate: 20, Nth: 1},
		"truncated after the white space": {KeepAlive: time.Millisecond, Truncate: 20, Nth: 1},
		"500 before the work":             {Status: 500, Code: "InternalError", Nth: 1},
		"hidden before the work":          {KeepAlive: time.Millisecond, ErrorInSuccess: "InternalError", Nth: 1},
		"white space":                     {KeepAlive: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := start(t)
			u, data := begin(t, c, "k", cosbackend.Attributes{}), pattern(10)
			parts := []cosbackend.CompletedPart{send(t, c, u, 1, data)}
			fault.Operation = "CompleteMultipartUpload"
			id := s.Faults().Add(fault)
			result, err := c.CompleteMultipartUpload(t.Context(), u, parts, cosbackend.CompleteOptions{})
			if err != nil || !strings.HasSuffix(result.ETag, "-1") || s.Faults().Hits(id) != 1 {
				t.Errorf("CompleteMultipartUpload = %+v, %v after %d faults, want success after 1", result, err, s.Faults().Hits(id))
			}
			if _, got := load(t, c, "k", cosbackend.ReadOptions{}); got != string(data) {
				t.Errorf("the object holds %q", got)
			}
		})
	}
}

func TestEmbeddedAbortMultipartUploadWithALostResponse(t *testing.T) {
	t.Parallel()
	c, s := start(t)
	u := begin(t, c, "k", cosbackend.Attributes{})
	s.Faults().Add(embedded.Fault{Operation: "AbortMultipartUpload", LoseResponse: true, Nth: 1})
	if err := c.AbortMultipartUpload(t.Context(), u); err != nil {
		t.Errorf("AbortMultipartUpload = %v, want success: the first attempt did it", err)
	}
}

func TestEmbeddedAppendObject(t *testing.T) {
	t.Parallel()
	c, s := start(t)
	ctx, data := t.Context(), pattern(300_000)
	var base *uint64
	position := int64(0)
	for i, end := range []int64{100_000, 100_001, 300_000} {
		if i == 2 {
			s.Faults().Add(embedded.Fault{Operation: "AppendObject", LoseResponse: true, Count: 1})
		}
		piece := data[position:end]
		sum := crc64ecma.Checksum(piece)
		got, err := c.AppendObject(ctx, here, "k", position, cosbackend.Body{Size: end - position, Reader: bytes.NewReader(piece)},
			cosbackend.AppendOptions{CRC64: func() uint64 { return sum }, BaseCRC64: base})
		if whole := crc64ecma.Checksum(data[:end]); err != nil || got.NextPosition != end || !got.HasCRC64 || got.CRC64 != whole {
			t.Fatalf("AppendObject = %+v, %v, want the end %d and the CRC64 %d", got, err, end, whole)
		}
		position, base = end, &got.CRC64
	}
	if o, got := load(t, c, "k", cosbackend.ReadOptions{}); got != string(data) || o.Type != "appendable" {
		t.Errorf("the object holds %d bytes and is %s", len(got), o.Type)
	}
	_, err := c.AppendObject(ctx, here, "k", 7, again([]byte("x")), cosbackend.AppendOptions{})
	if p, ok := errors.AsType[*cosbackend.AppendPositionError](err); !ok || p.Position != 300_000 {
		t.Errorf("AppendObject at 7 = %v, want an *AppendPositionError at 300000", err)
	}
	store(t, c, "n", []byte("x"), cosbackend.PutOptions{})
	_, err = c.AppendObject(ctx, here, "n", 1, again([]byte("x")), cosbackend.AppendOptions{})
	cosError(t, "AppendObject", err, http.StatusConflict, "ObjectNotAppendable")
	_, err = c.AppendObject(ctx, here, "m", 0, again([]byte("x")), cosbackend.AppendOptions{ContentMD5: make([]byte, 16)})
	if e, ok := errors.AsType[*cosbackend.Error](err); !ok || e.HTTPStatus != http.StatusBadRequest {
		t.Errorf("AppendObject with another MD5 = %v, want a refusal", err)
	}
}

func TestEmbeddedGetObjectResumes(t *testing.T) {
	t.Parallel()
	c, s := start(t)
	data := pattern(200_000)
	store(t, c, "k", data, cosbackend.PutOptions{})
	resume := cosbackend.ResumeOptions{Attempts: 3, Stall: time.Minute}
	s.Faults().Add(embedded.Fault{Operation: "GetObject", Truncate: 50_000, Count: 2})
	s.Faults().Add(embedded.Fault{Operation: "GetObject", Status: 503, Code: "SlowDown", Nth: 3})
	if _, got := load(t, c, "k", cosbackend.ReadOptions{Resume: resume}); got != string(data) {
		t.Errorf("read %d bytes, want all of %d", len(got), len(data))
	}
	s.Faults().Clear()
	s.Faults().Add(embedded.Fault{Operation: "GetObject", Truncate: 1000, Count: 1})
	if _, got := load(t, c, "k", cosbackend.ReadOptions{Resume: resume, Range: &cosbackend.Range{Suffix: 5000}}); got != string(data[195_000:]) {
		t.Errorf("read %d bytes, want the last 5000", len(got))
	}

	s.Faults().Add(embedded.Fault{Operation: "GetObject", Truncate: 100_000, Count: 1})
	o, err := c.GetObject(t.Context(), here, "k", cosbackend.ReadOptions{Resume: resume})
	if err != nil {
		t.Fatalf("GetObject = %v", err)
	}
	defer func() { _ = o.Body.Close() }()
	store(t, c, "k", data[1:], cosbackend.PutOptions{})
	got, err := io.ReadAll(o.Body)
	if changed, ok := errors.AsType[*cosbackend.ChangedError](err); !ok || changed.ETag != o.ETag || !bytes.Equal(got, data[:100_000]) {
		t.Errorf("read %d bytes until %v, want a *ChangedError after 100000", len(got), err)
	}
}
