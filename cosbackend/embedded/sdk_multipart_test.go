package embedded_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	cos "github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

func TestTheOfficialSDKCanUploadInParts(t *testing.T) {
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	body := bytes.Repeat([]byte("0123456789abcdef"), 5<<16/2) // 2.5 MiB
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	const key = "目录/parts +&.bin"
	res, resp, err := sdk.Object.Upload(ctx, key, file, &cos.MultiUploadOptions{
		PartSize: 1, ThreadPoolSize: 3,
		OptIni: &cos.InitiateMultipartUploadOptions{
			ACLHeaderOptions:       &cos.ACLHeaderOptions{XCosACL: "private"},
			ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{ContentType: "a/b", XCosMetaXXX: &http.Header{"x-cos-meta-a": {"1"}}, XCosTrafficLimit: 838860800},
		},
	})
	if err != nil {
		t.Fatalf("Upload = %v", err)
	}
	want := etagOfParts(string(body[:1<<20]), string(body[1<<20:2<<20]), string(body[2<<20:]))
	if res.ETag != want || res.Key != key || res.Bucket != testBucket || resp.Header.Get("x-cos-hash-crc64ecma") != crcOf(string(body)) {
		t.Errorf("Upload = %+v %v, want the ETag %s", res, resp.Header, want)
	}
	got := c.do(t, call{method: "GET", key: key}).want(t, 200, "")
	if !bytes.Equal(got.body, body) || got.Header.Get("Content-Type") != "a/b" || got.Header.Get("x-cos-meta-a") != "1" {
		t.Errorf("GET = %d bytes %v", len(got.body), got.Header)
	}
}

// The SDK finds the upload and its parts with both lists, and sends what is missing.
func TestTheOfficialSDKCanResumeAnUpload(t *testing.T) {
	c := open(t)
	sdk := c.sdk(t)
	body := strings.Repeat("0123456789abcdef", 5<<16/2)
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	id := c.initiate(t, "a b/k")
	c.part(t, "a b/k", id, 2, body[1<<20:2<<20])
	_, _, err := sdk.Object.Upload(t.Context(), "a b/k", file, &cos.MultiUploadOptions{PartSize: 1, CheckPoint: true})
	if err != nil {
		t.Fatalf("Upload = %v", err)
	}
	operations := map[string]int{}
	for _, e := range c.server.Journal().Entries() {
		operations[e.Operation]++
	}
	if operations["InitiateMultipartUpload"] != 1 || operations["UploadPart"] != 3 || operations["CompleteMultipartUpload"] != 1 {
		t.Errorf("operations = %v, want no second upload and no part twice", operations)
	}
	if got := c.do(t, call{method: "GET", key: "a b/k"}); string(got.body) != body {
		t.Errorf("GET = %d bytes, want %d", len(got.body), len(body))
	}
}

func TestTheOfficialSDKCanDoEachStepOfMultipart(t *testing.T) {
	c := open(t, smallParts)
	sdk, ctx := c.sdk(t), t.Context()
	c.put(t, "from/ü", "0123456789")
	ini, _, err := sdk.Object.InitiateMultipartUpload(ctx, "k", nil)
	if err != nil || ini.UploadID == "" || ini.Key != "k" || ini.Bucket != testBucket {
		t.Fatalf("InitiateMultipartUpload = %+v, %v", ini, err)
	}
	if _, err := sdk.Object.UploadPart(ctx, "k", ini.UploadID, 2, strings.NewReader("end"), nil); err != nil {
		t.Errorf("UploadPart = %v", err)
	}
	part, _, err := sdk.Object.CopyPart(ctx, "k", ini.UploadID, 1, testHost+"/from/ü", &cos.ObjectCopyPartOptions{XCosCopySourceRange: "bytes=1-4"})
	if err != nil || part.ETag != etagOf("1234") {
		t.Fatalf("CopyPart = %+v, %v", part, err)
	}
	parts, _, err := sdk.Object.ListParts(ctx, "k", ini.UploadID, &cos.ObjectListPartsOptions{MaxParts: "1", PartNumberMarker: "1"})
	if err != nil || len(parts.Parts) != 1 || parts.Parts[0].PartNumber != 2 || parts.Parts[0].ETag != etagOf("end") || parts.IsTruncated || parts.UploadID != ini.UploadID {
		t.Errorf("ListParts = %+v, %v", parts, err)
	}
	uploads, _, err := sdk.Object.ListUploads(ctx, &cos.ObjectListUploadsOptions{EncodingType: "url", Delimiter: "/"})
	if err != nil || len(uploads.Upload) != 1 || uploads.Upload[0].UploadID != ini.UploadID || uploads.EncodingType != "url" || uploads.Delimiter != "%2F" {
		t.Errorf("ListUploads = %+v, %v", uploads, err)
	}
	_, _, err = sdk.Object.CompleteMultipartUpload(ctx, "k", ini.UploadID, &cos.CompleteMultipartUploadOptions{Parts: []cos.Object{{PartNumber: 2, ETag: etagOf("end")}, {PartNumber: 1, ETag: etagOf("1234")}}})
	if e, ok := cos.IsCOSError(err); !ok || e.Code != "InvalidPartOrder" {
		t.Errorf("CompleteMultipartUpload out of order = %v", err)
	}
	done, _, err := sdk.Object.CompleteMultipartUpload(ctx, "k", ini.UploadID, &cos.CompleteMultipartUploadOptions{Parts: []cos.Object{{PartNumber: 1, ETag: etagOf("1234")}, {PartNumber: 2, ETag: etagOf("end")}}})
	if err != nil || done.ETag != etagOfParts("1234", "end") || done.Location != "http://"+testHost+"/k" {
		t.Errorf("CompleteMultipartUpload = %+v, %v", done, err)
	}
	if _, err := sdk.Object.AbortMultipartUpload(ctx, "k", ini.UploadID); !cos.IsNotFoundError(err) {
		t.Errorf("AbortMultipartUpload of a completed upload = %v", err)
	}
}

// MultiCopy goes by parts above 5 GB only, and asks for the size first: a HEAD of a
// fault says that the object is so large.
func TestTheOfficialSDKCanCopyInParts(t *testing.T) {
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	c.put(t, "from", "0123456789")
	copied, _, err := sdk.Object.MultiCopy(ctx, "small", testHost+"/from", &cos.MultiCopyOptions{PartSize: 1})
	if err != nil || copied.ETag != etagOf("0123456789") {
		t.Errorf("MultiCopy of a small object = %+v, %v", copied, err)
	}
	c.server.Faults().Add(embedded.Fault{Operation: "HeadObject", Count: 1, Header: http.Header{"Content-Length": {"6442450944"}}})
	if _, _, err := sdk.Object.MultiCopy(ctx, "large", testHost+"/from", &cos.MultiCopyOptions{PartSize: 1024, ThreadPoolSize: 2}); err == nil || !strings.Contains(err.Error(), "InvalidRange") {
		t.Errorf("MultiCopy of ranges that the source does not have = %v, want InvalidRange", err)
	}
	operations := map[string]int{}
	for _, e := range c.server.Journal().Entries() {
		operations[e.Operation]++
	}
	if operations["InitiateMultipartUpload"] != 1 || operations["UploadPartCopy"] < 6 {
		t.Errorf("operations = %v, want copies of parts", operations)
	}
}

func TestTheOfficialSDKCanAppend(t *testing.T) {
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	position, _, err := sdk.Object.Append(ctx, "日志.log", 0, strings.NewReader("first "), &cos.ObjectPutOptions{
		ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{ContentType: "text/plain"},
	})
	if err != nil || position != 6 {
		t.Fatalf("Append = %d, %v", position, err)
	}
	if position, _, err = sdk.Object.Append(ctx, "日志.log", position, strings.NewReader("second"), nil); err != nil || position != 12 {
		t.Fatalf("second Append = %d, %v", position, err)
	}
	_, _, err = sdk.Object.Append(ctx, "日志.log", 6, strings.NewReader("again"), nil)
	if e, ok := cos.IsCOSError(err); !ok || e.Code != "AppendPositionErr" || e.Response.Header.Get("x-cos-next-append-position") != "12" {
		t.Errorf("Append at an old position = %v", err)
	}
	if got := c.do(t, call{method: "GET", key: "日志.log"}); string(got.body) != "first second" {
		t.Errorf("GET = %q", got.body)
	}
}

func TestTheOfficialSDKUnderstandsASlowComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		sdk := c.sdk(t)
		id, parts := c.twoParts(t)
		c.server.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", SlowWork: 90 * time.Second})
		done, resp, err := sdk.Object.CompleteMultipartUpload(t.Context(), "k", id, &cos.CompleteMultipartUploadOptions{
			Parts: []cos.Object{{PartNumber: 1, ETag: etagOf(parts[1])}, {PartNumber: 2, ETag: etagOf(parts[2])}},
		})
		if err != nil || done.ETag != etagOfParts("begin ", "end") || resp.Header.Get("x-cos-hash-crc64ecma") != crcOf("begin end") {
			t.Errorf("CompleteMultipartUpload = %+v, %v", done, err)
		}
	})
}
