package cosbackend

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const uploadID = "15e5f3a9-0.b_c~d"

func theUpload() Upload { return Upload{Location: at(testBucket), Key: "k", UploadID: uploadID} }

func initiate(ctx context.Context, c *Client) error {
	_, err := c.InitiateMultipartUpload(ctx, at(testBucket), "k", InitiateOptions{})
	return err
}

func uploadPart(ctx context.Context, c *Client) error {
	_, err := c.UploadPart(ctx, theUpload(), 3, reopenable([]byte("hello")), PartOptions{})
	return err
}

func copyPart(ctx context.Context, c *Client) error {
	_, err := c.UploadPartCopy(ctx, theUpload(), 3, PartCopyOptions{Source: CopySource{Bucket: testBucket, Key: "s"}})
	return err
}

func abort(ctx context.Context, c *Client) error { return c.AbortMultipartUpload(ctx, theUpload()) }

func complete(ctx context.Context, c *Client) error {
	_, err := c.CompleteMultipartUpload(ctx, theUpload(), []CompletedPart{{1, "e1"}}, CompleteOptions{})
	return err
}

func listParts(ctx context.Context, c *Client) error {
	_, err := c.ListParts(ctx, theUpload(), ListPartsOptions{})
	return err
}

func listUploads(ctx context.Context, c *Client) error {
	_, err := c.ListMultipartUploads(ctx, at(testBucket), ListUploadsOptions{})
	return err
}

// TestMultipartUploadRequestsAreSentAsDocumented holds the first line, the headers that matter
// and the body of each request (the signer has put the query in order), with a key that everything on the way would mangle.
func TestMultipartUploadRequestsAreSentAsDocumented(t *testing.T) {
	t.Parallel()
	const key = "a//../b c+%?&#/é"
	const path = "/a%2F%2F%2E%2E%2Fb%20c%2B%25%3F%26%23%2F%C3%A9"
	u := Upload{Location: at(testBucket), Key: key, UploadID: uploadID}
	for _, tc := range []struct {
		name   string
		do     func(context.Context, *Client) error
		target string
		header map[string]string
		body   string
	}{
		{
			name: "initiate", target: "POST " + path + "?uploads=",
			do: func(ctx context.Context, c *Client) error {
				_, err := c.InitiateMultipartUpload(ctx, at(testBucket), key, InitiateOptions{Attributes: Attributes{
					ContentType: "text/plain", Metadata: map[string]string{"a": "b"}, StorageClass: "ARCHIVE",
				}})
				return err
			},
			header: map[string]string{"Content-Type": "text/plain", "X-Cos-Meta-A": "b", "X-Cos-Storage-Class": "ARCHIVE", "Content-Length": "0"},
		},
		{
			name: "upload part", target: "PUT " + path + "?partNumber=10000&uploadId=" + uploadID,
			do: func(ctx context.Context, c *Client) error {
				_, err := c.UploadPart(ctx, u, 10000, reopenable([]byte("hello")), PartOptions{ContentMD5: make([]byte, 16)})
				return err
			},
			header: map[string]string{"Content-Md5": "AAAAAAAAAAAAAAAAAAAAAA==", "Content-Length": "5"}, body: "hello",
		},
		{
			name: "copy part", target: "PUT " + path + "?partNumber=1&uploadId=" + uploadID,
			do: func(ctx context.Context, c *Client) error {
				_, err := c.UploadPartCopy(ctx, u, 1, PartCopyOptions{
					Source: CopySource{Bucket: "other-1250000000", Key: key, VersionID: "v1", Region: "ap-beijing", Conditions: Conditions{IfMatch: "e"}},
					Range:  &Range{Offset: 5, Length: 10},
				})
				return err
			},
			header: map[string]string{
				"X-Cos-Copy-Source":          "other-1250000000.cos.ap-beijing.myqcloud.com" + path + "?versionId=v1",
				"X-Cos-Copy-Source-Range":    "bytes=5-14",
				"X-Cos-Copy-Source-If-Match": `"e"`, "Content-Length": "0",
			},
		},
		{
			name: "copy a whole source", target: "PUT " + path + "?partNumber=1&uploadId=" + uploadID,
			do: func(ctx context.Context, c *Client) error {
				_, err := c.UploadPartCopy(ctx, u, 1, PartCopyOptions{Source: CopySource{Bucket: testBucket, Key: "s"}})
				return err
			},
			header: map[string]string{"X-Cos-Copy-Source": testBucket + ".cos.ap-guangzhou.myqcloud.com/s", "X-Cos-Copy-Source-Range": ""},
		},
		{
			name: "complete", target: "POST " + path + "?uploadId=" + uploadID,
			do: func(ctx context.Context, c *Client) error {
				_, err := c.CompleteMultipartUpload(ctx, u, []CompletedPart{{1, "e1"}, {3, `"<e&3>"`}}, CompleteOptions{ForbidOverwrite: true})
				return err
			},
			header: map[string]string{"Content-Type": "application/xml", "X-Cos-Forbid-Overwrite": "true", "Content-Length": "192"},
			body: `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&#34;e1&#34;</ETag></Part>` +
				`<Part><PartNumber>3</PartNumber><ETag>&#34;&lt;e&amp;3&gt;&#34;</ETag></Part></CompleteMultipartUpload>`,
		},
		{
			name: "abort", target: "DELETE " + path + "?uploadId=" + uploadID,
			do: func(ctx context.Context, c *Client) error { return c.AbortMultipartUpload(ctx, u) },
		},
		{
			name: "list parts", target: "GET " + path + "?encoding-type=url&max-parts=2&part-number-marker=7&uploadId=" + uploadID,
			do: func(ctx context.Context, c *Client) error {
				_, err := c.ListParts(ctx, u, ListPartsOptions{After: 7, Max: 2})
				return err
			},
		},
		{
			name: "list uploads", target: "GET /?delimiter=%2F&encoding-type=url&key-marker=%C3%A9&max-uploads=3&prefix=a%2F%20b&upload-id-marker=x&uploads=",
			do: func(ctx context.Context, c *Client) error {
				_, err := c.ListMultipartUploads(ctx, at(testBucket), ListUploadsOptions{
					Prefix: "a/ b", Delimiter: "/", KeyMarker: "é", UploadIDMarker: "x", Max: 3,
				})
				return err
			},
		},
		{
			name: "append", target: "POST " + path + "?append=&position=0",
			do: func(ctx context.Context, c *Client) error {
				_, err := c.AppendObject(ctx, at(testBucket), key, 0, reopenable([]byte("hello")), AppendOptions{
					Attributes: Attributes{ContentType: "text/plain"}, ContentMD5: make([]byte, 16),
				})
				return err
			},
			header: map[string]string{"Content-Type": "text/plain", "Content-Md5": "AAAAAAAAAAAAAAAAAAAAAA==", "Content-Length": "5"}, body: "hello",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 403, errorXML("AccessDenied", "m")) })
			if e := wantError(t, tc.name, tc.do(t.Context(), c)); e.Code != "AccessDenied" || e.Key == "" && tc.name != "list uploads" {
				t.Errorf("error = %+v, want AccessDenied of the key", e)
			}
			got := s.seen()[0]
			if target := got.Method + " " + got.URI; target != tc.target || string(got.Body) != tc.body {
				t.Errorf("request = %s %q, want %s %q", target, got.Body, tc.target, tc.body)
			}
			for name, want := range tc.header {
				if v := got.Header.Get(name); v != want {
					t.Errorf("%s = %q, want %q", name, v, want)
				}
			}
		})
	}
}

func TestInitiateMultipartUploadReturnsTheUploadID(t *testing.T) {
	t.Parallel()
	for id, ok := range map[string]bool{
		uploadID: true, strings.Repeat("f", 256): true,
		"": false, strings.Repeat("f", 257): false, "a/b": false, "a&amp;b": false, "é": false,
	} {
		t.Run(id, func(t *testing.T) {
			c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				respondXML(w, 200, "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>"+id+"</UploadId></InitiateMultipartUploadResult>")
			})
			got, err := c.InitiateMultipartUpload(t.Context(), at(testBucket), "k", InitiateOptions{})
			if ok && (got.UploadID != id || err != nil) {
				t.Errorf("InitiateMultipartUpload = %q, %v, want %q", got.UploadID, err, id)
			}
			if !ok {
				if e := wantError(t, "InitiateMultipartUpload", err); !errors.Is(err, errUploadID) || !e.OutcomeUnknown || len(s.seen()) != 1 {
					t.Errorf("InitiateMultipartUpload = %q, %v, want %v and an unknown outcome", got, err, errUploadID)
				}
			}
		})
	}
}

func TestUploadPartReturnsWhatCOSStored(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		cosHeader(w)
		if n < 3 {
			w.Header().Set("ETag", `"e3"`)
			w.Header().Set("x-cos-hash-crc64ecma", "7")
		}
	})
	sum := uint64(7)
	o := PartOptions{CRC64: func() uint64 { return sum }}
	got, err := c.UploadPart(t.Context(), theUpload(), 3, Body{Size: 5, Reader: strings.NewReader("hello")}, o)
	if want := (Part{Number: 3, Size: 5, ETag: "e3", CRC64: 7, HasCRC64: true}); err != nil || got != want {
		t.Errorf("UploadPart = %+v, %v, want %+v", got, err, want)
	}
	sum = 8
	_, err = c.UploadPart(t.Context(), theUpload(), 3, Body{Size: 5, Reader: strings.NewReader("hello")}, o)
	want := IntegrityError{Op: "UploadPart", Bucket: testBucket, Key: "k", RequestID: "req-1", Want: 8, Got: 7, Stored: true}
	if e, ok := errors.AsType[*IntegrityError](err); !ok || *e != want {
		t.Errorf("UploadPart = %v, want %v", err, &want)
	}
	if err := uploadPart(t.Context(), c); !errors.Is(err, errNoETag) || len(s.seen()) != 3 {
		t.Errorf("UploadPart = %v after %d requests, want %v: a part without ETag cannot be completed", err, len(s.seen()), errNoETag)
	}
}

func TestUploadPartCopyReadsTheResult(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		respondXML(w, 200, `<CopyPartResult><ETag>"e3"</ETag><CRC64>7</CRC64><LastModified>2019-05-16T06:45:51Z</LastModified></CopyPartResult>`)
	})
	got, err := c.UploadPartCopy(t.Context(), theUpload(), 3, PartCopyOptions{Source: CopySource{Bucket: testBucket, Key: "s"}})
	want := Part{Number: 3, ETag: "e3", CRC64: 7, HasCRC64: true, LastModified: time.Date(2019, 5, 16, 6, 45, 51, 0, time.UTC)}
	if err != nil || got != want {
		t.Errorf("UploadPartCopy = %+v, %v, want %+v", got, err, want)
	}
}

func TestUploadPartCopyFindsTheErrorInSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		codes := []string{"SlowDown", "InternalError", "AccessDenied"}
		c, s := open(t, func(w http.ResponseWriter, _ *http.Request, n int) {
			respondXML(w, 200, "  \n"+errorXML(codes[n-1], "m"))
		})
		e := wantError(t, "UploadPartCopy", copyPart(t.Context(), c))
		if e.Code != "AccessDenied" || !e.InSuccessBody || e.HTTPStatus != 200 || len(s.seen()) != 3 {
			t.Errorf("UploadPartCopy = %v after %d requests, want AccessDenied after 3", e, len(s.seen()))
		}
	})
}

func TestAbortMultipartUploadSucceedsAfterALostResponse(t *testing.T) {
	t.Parallel()
	gone := func(w http.ResponseWriter) { respondXML(w, 404, errorXML("NoSuchUpload", "m")) }
	for name, tc := range map[string]struct {
		first   script
		success bool
	}{
		"lost response":    {func(w http.ResponseWriter, _ *http.Request, _ int) { hijacked(t, w, "") }, true},
		"truncated header": {func(w http.ResponseWriter, _ *http.Request, _ int) { hijacked(t, w, "HTTP/1.1 204 No Con") }, true},
		"500": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			respondXML(w, 500, errorXML("InternalError", "m"))
		}, true},
		"middlebox":    {func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(504) }, true},
		"turned away":  {func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 503, errorXML("SlowDown", "m")) }, false},
		"never begun":  {func(w http.ResponseWriter, _ *http.Request, _ int) { gone(w) }, false},
		"in the first": {func(w http.ResponseWriter, _ *http.Request, _ int) { cosHeader(w); w.WriteHeader(204) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := open(t, func(w http.ResponseWriter, r *http.Request, n int) {
					if n == 1 {
						tc.first(w, r, n)
						return
					}
					gone(w)
				})
				err := abort(t.Context(), c)
				if tc.success && err != nil {
					t.Errorf("AbortMultipartUpload = %v, want success", err)
				}
				if !tc.success {
					if e := wantError(t, "AbortMultipartUpload", err); e.Code != "NoSuchUpload" || e.OutcomeUnknown {
						t.Errorf("AbortMultipartUpload = %v, want NoSuchUpload", err)
					}
				}
			})
		})
	}
}

func TestInitiateMultipartUploadIsUnknownAfterALostResponse(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { hijacked(t, w, "") })
	e := wantError(t, "InitiateMultipartUpload", initiate(t.Context(), c))
	if !e.OutcomeUnknown || e.Retryable || len(s.seen()) != 1 {
		t.Errorf("unknown %v, retryable %v, %d requests; want true, false, 1", e.OutcomeUnknown, e.Retryable, len(s.seen()))
	}
}

func TestUploadPartIsRetriedAfterALostResponseWhenReopenable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, func(w http.ResponseWriter, _ *http.Request, n int) {
			if n%2 == 1 {
				hijacked(t, w, "")
				return
			}
			cosHeader(w)
			w.Header().Set("ETag", `"e"`)
		})
		if err := uploadPart(t.Context(), c); err != nil || len(s.seen()) != 2 {
			t.Errorf("UploadPart = %v after %d requests, want success after 2", err, len(s.seen()))
		}
		_, err := c.UploadPart(t.Context(), theUpload(), 3, Body{Size: 5, Reader: strings.NewReader("hello")}, PartOptions{})
		if e := wantError(t, "UploadPart", err); !e.OutcomeUnknown || len(s.seen()) != 3 {
			t.Errorf("UploadPart of a stream = %v after %d requests, want an unknown outcome after 1", err, len(s.seen())-2)
		}
	})
}

// TestRetryClassesOfMultipartUploads counts attempts as TestRetryClassesAttempts does. Operations that
// look before they report are in tables of their own.
func TestRetryClassesOfMultipartUploads(t *testing.T) {
	t.Parallel()
	calls := []struct {
		name string
		do   func(context.Context, *Client) error
	}{
		{"initiate", initiate},
		{"part", uploadPart},
		{"stream part", func(ctx context.Context, c *Client) error {
			_, err := c.UploadPart(ctx, theUpload(), 3, Body{Size: 5, Reader: io.LimitReader(strings.NewReader("hello"), 5)}, PartOptions{})
			return err
		}},
		{"copy part", copyPart},
		{"abort", abort},
		{"list parts", listParts},
		{"list uploads", listUploads},
	}
	want := map[string][]string{
		"lost response":          {"1!", "4r!", "1r!", "4r!", "4r!", "4r", "4r"},
		"429":                    {"4r", "4r", "1r", "4r", "4r", "4r", "4r"},
		"500":                    {"1r", "4r", "1r", "4r", "4r", "4r", "4r"},
		"503":                    {"4r", "4r", "1r", "4r", "4r", "4r", "4r"},
		"400 RequestTimeout":     {"1r", "4r", "1r", "4r", "4r", "4r", "4r"},
		"400 InvalidArgument":    {"1", "1", "1", "1", "1", "1", "1"},
		"409":                    {"1r", "4r", "1r", "4r", "1r", "1r", "1r"},
		"200 with InternalError": {"1r", "4r", "1r", "4r", "4r", "4r", "4r"},
		"503 not from COS":       {"1!", "4r!", "1r!", "4r!", "4r!", "4r", "4r"},
	}
	for _, f := range failures(t) {
		if want[f.name] == nil {
			continue
		}
		for i, call := range calls {
			t.Run(f.name+"/"+call.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, s := open(t, f.respond)
					e := wantError(t, call.name, call.do(t.Context(), c))
					got := strconv.Itoa(e.Attempts)
					if e.Retryable {
						got += "r"
					}
					if e.OutcomeUnknown {
						got += "!"
					}
					if got != want[f.name][i] || len(s.seen()) != e.Attempts {
						t.Errorf("attempts and marks = %s after %d requests, want %s; the error is %v", got, len(s.seen()), want[f.name][i], e)
					}
				})
			})
		}
	}
}

func TestMultipartUploadArgumentsAreCheckedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(http.ResponseWriter, *http.Request, int) {})
	ctx, body := t.Context(), reopenable([]byte("x"))
	source := CopySource{Bucket: testBucket, Key: "s"}
	part := func(u Upload, n int, b Body, o PartOptions) func() error {
		return func() error { _, err := c.UploadPart(ctx, u, n, b, o); return err }
	}
	copied := func(n int, o PartCopyOptions) func() error {
		return func() error { _, err := c.UploadPartCopy(ctx, theUpload(), n, o); return err }
	}
	completed := func(parts ...CompletedPart) func() error {
		return func() error {
			_, err := c.CompleteMultipartUpload(ctx, theUpload(), parts, CompleteOptions{})
			return err
		}
	}
	listed := func(o ListUploadsOptions) func() error {
		return func() error { _, err := c.ListMultipartUploads(ctx, at(testBucket), o); return err }
	}
	parts := func(u Upload, o ListPartsOptions) func() error {
		return func() error { _, err := c.ListParts(ctx, u, o); return err }
	}
	appended := func(position int64, b Body, o AppendOptions) func() error {
		return func() error { _, err := c.AppendObject(ctx, at(testBucket), "k", position, b, o); return err }
	}
	with := func(change func(*Upload)) Upload { u := theUpload(); change(&u); return u }
	for _, tc := range []struct {
		field string
		do    func() error
	}{
		{"bucket", part(with(func(u *Upload) { u.Bucket = "x" }), 1, body, PartOptions{})},
		{"key", part(with(func(u *Upload) { u.Key = "" }), 1, body, PartOptions{})},
		{"upload_id", part(with(func(u *Upload) { u.UploadID = "" }), 1, body, PartOptions{})},
		{"upload_id", parts(with(func(u *Upload) { u.UploadID = "a&b" }), ListPartsOptions{})},
		{"upload_id", func() error {
			return c.AbortMultipartUpload(ctx, with(func(u *Upload) { u.UploadID = strings.Repeat("a", 257) }))
		}},
		{"part_number", part(theUpload(), 0, body, PartOptions{})},
		{"part_number", part(theUpload(), 10001, body, PartOptions{})},
		{"size", part(theUpload(), 1, Body{Size: maxObject + 1, Reader: strings.NewReader("")}, PartOptions{})},
		{"body", part(theUpload(), 1, Body{Size: 1}, PartOptions{})},
		{"content_md5", part(theUpload(), 1, body, PartOptions{ContentMD5: []byte("x")})},
		{"part_number", copied(0, PartCopyOptions{Source: source})},
		{"source.key", copied(1, PartCopyOptions{Source: CopySource{Bucket: testBucket}})},
		{"source_range", copied(1, PartCopyOptions{Source: source, Range: &Range{Suffix: 1}})},
		{"source_range", copied(1, PartCopyOptions{Source: source, Range: &Range{Offset: 1, Length: -1}})},
		{"source_range", copied(1, PartCopyOptions{Source: source, Range: &Range{Offset: -1, Length: 1}})},
		{"source_range", copied(1, PartCopyOptions{Source: source, Range: &Range{Offset: 1}})},
		{"parts", completed()},
		{"parts", completed(make([]CompletedPart, 10001)...)},
		{"parts[0].part_number", completed(CompletedPart{0, "e"})},
		{"parts[1].part_number", completed(CompletedPart{2, "e"}, CompletedPart{2, "e"})},
		{"parts[1].part_number", completed(CompletedPart{2, "e"}, CompletedPart{1, "e"})},
		{"parts[0].etag", completed(CompletedPart{1, ""})},
		{"parts[0].etag", completed(CompletedPart{1, `""`})},
		{"parts[0].etag", completed(CompletedPart{1, "a\nb"})},
		{"page_size", parts(theUpload(), ListPartsOptions{Max: 1001})},
		{"after", parts(theUpload(), ListPartsOptions{After: -1})},
		{"page_size", listed(ListUploadsOptions{Max: -1})},
		{"prefix", listed(ListUploadsOptions{Prefix: "\xff"})},
		{"upload_id_marker", listed(ListUploadsOptions{UploadIDMarker: "x"})},
		{"upload_id_marker", listed(ListUploadsOptions{KeyMarker: "k", UploadIDMarker: "/"})},
		{"position", appended(-1, body, AppendOptions{})},
		{"position", appended(maxObject, body, AppendOptions{})},
		{"attributes", appended(1, body, AppendOptions{Attributes: Attributes{ContentType: "text/plain"}})},
		{"attributes.storage_class", appended(0, body, AppendOptions{Attributes: Attributes{StorageClass: "x y"}})},
		{"content_md5", appended(0, body, AppendOptions{ContentMD5: []byte{}})},
		{"resume", func() error {
			_, err := c.GetObject(ctx, at(testBucket), "k", ReadOptions{Resume: ResumeOptions{Attempts: -1}})
			return err
		}},
	} {
		t.Run(tc.field, func(t *testing.T) {
			var got string
			if e, ok := errors.AsType[*ValidationError](tc.do()); ok {
				got = e.Field
			}
			if got != tc.field {
				t.Errorf("refused field = %q, want %q", got, tc.field)
			}
		})
	}
	if diff := cmp.Diff(0, len(s.seen())); diff != "" {
		t.Errorf("requests sent (-want +got):\n%s", diff)
	}
}

const completed = `<CompleteMultipartUploadResult><Location>http://h/k</Location><Bucket>b</Bucket><Key>k</Key><ETag>"e-2"</ETag></CompleteMultipartUploadResult>`

var twoParts = []CompletedPart{{1, "e1"}, {2, "e2"}}

// flushed sends s now, as one piece of a chunked response.
func flushed(w http.ResponseWriter, s string) {
	_, _ = io.WriteString(w, s)
	_ = http.NewResponseController(w).Flush()
}

func TestCompleteMultipartUploadWaitsForTheResult(t *testing.T) {
	t.Parallel()
	for name, prefix := range map[string]string{
		"at once": "", "white space": " \n\r\t", "declaration first": `<?xml version="1.0" encoding="utf-8"?>` + "\n ",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
					cosHeader(w)
					w.Header().Set("x-cos-hash-crc64ecma", "7")
					w.Header().Set("x-cos-version-id", "v1")
					flushed(w, prefix)
					for range 100 {
						wait(50 * time.Second)
						flushed(w, "  \n")
					}
					_, _ = io.WriteString(w, completed)
				})
				start, sum := time.Now(), uint64(7)
				got, err := c.CompleteMultipartUpload(t.Context(), theUpload(), twoParts, CompleteOptions{CRC64: &sum})
				want := CompleteResult{ETag: "e-2", VersionID: "v1", Location: "http://h/k", CRC64: 7, HasCRC64: true}
				if diff := cmp.Diff(want, got); err != nil || diff != "" || time.Since(start) != 5000*time.Second {
					t.Errorf("CompleteMultipartUpload = %v after %v (-want +got):\n%s", err, time.Since(start), diff)
				}
				if len(s.seen()) != 1 {
					t.Errorf("%d requests were sent, want 1", len(s.seen()))
				}
			})
		})
	}
}

// wait lets the time of the bubble pass.
func wait(d time.Duration) { <-time.After(d) }

func TestCompleteMultipartUploadReadsEndlessWhiteSpaceInConstantMemory(t *testing.T) {
	const size = 16 << 20
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		cosHeader(w)
		block := strings.Repeat(" ", 32<<10)
		for range size / len(block) {
			_, _ = io.WriteString(w, block)
		}
		_, _ = io.WriteString(w, completed)
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := complete(t.Context(), c); err != nil {
		t.Errorf("CompleteMultipartUpload = %v", err)
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
		t.Errorf("%d bytes were allocated for 16 MiB of white space, want at most 4 MiB", allocated)
	}
}

func TestCompleteMultipartUploadStopsAtTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			cosHeader(w)
			for r.Context().Err() == nil {
				flushed(w, " ")
				select {
				case <-time.After(time.Second):
				case <-r.Context().Done():
				}
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		err := complete(ctx, c)
		e := wantError(t, "CompleteMultipartUpload", err)
		if !errors.Is(err, context.DeadlineExceeded) || !e.OutcomeUnknown || time.Since(start) != time.Hour || len(s.seen()) != 1 {
			t.Errorf("CompleteMultipartUpload = %v, unknown %v, after %v; want DeadlineExceeded, true, 1h", err, e.OutcomeUnknown, time.Since(start))
		}
	})
}

func TestCompleteMultipartUploadComparesChecksums(t *testing.T) {
	t.Parallel()
	object := func(w http.ResponseWriter, etag, crc64 string) {
		cosHeader(w)
		w.Header().Set("ETag", etag)
		w.Header().Set("x-cos-hash-crc64ecma", crc64)
		w.Header().Set("Content-Length", "10")
	}
	for name, tc := range map[string]struct {
		header, element string
		head            script
		want            CompleteResult
		wrong           bool
	}{
		"in the header":  {header: "7", want: CompleteResult{CRC64: 7, HasCRC64: true}},
		"in the result":  {element: "<CRC64>7</CRC64>", want: CompleteResult{CRC64: 7, HasCRC64: true}},
		"wrong":          {header: "8", want: CompleteResult{CRC64: 8, HasCRC64: true}, wrong: true},
		"of a HEAD":      {head: func(w http.ResponseWriter, _ *http.Request, _ int) { object(w, `"e-2"`, "7") }, want: CompleteResult{CRC64: 7, HasCRC64: true}},
		"wrong in HEAD":  {head: func(w http.ResponseWriter, _ *http.Request, _ int) { object(w, `"e-2"`, "8") }, want: CompleteResult{CRC64: 8, HasCRC64: true}, wrong: true},
		"replaced since": {head: func(w http.ResponseWriter, _ *http.Request, _ int) { object(w, `"e-3"`, "8") }},
		"nowhere":        {head: func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 403, "") }},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := open(t, func(w http.ResponseWriter, r *http.Request, n int) {
				if r.Method == http.MethodHead {
					tc.head(w, r, n)
					return
				}
				w.Header().Set("x-cos-hash-crc64ecma", tc.header)
				respondXML(w, 200, strings.Replace(completed, "<Bucket>", tc.element+"<Bucket>", 1))
			})
			sum := uint64(7)
			ctx, trace := WithTrace(t.Context())
			got, err := c.CompleteMultipartUpload(ctx, theUpload(), twoParts, CompleteOptions{CRC64: &sum})
			tc.want.ETag, tc.want.Location = "e-2", "http://h/k"
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("CompleteMultipartUpload (-want +got):\n%s", diff)
			}
			want := IntegrityError{Op: "CompleteMultipartUpload", Bucket: testBucket, Key: "k", RequestID: "req-1", Want: 7, Got: 8, Stored: true}
			if e, ok := errors.AsType[*IntegrityError](err); ok != tc.wrong || ok && *e != want || !ok && err != nil {
				t.Errorf("CompleteMultipartUpload = %v, want a mismatch: %v", err, tc.wrong)
			}
			if heads := len(s.seen()) - 1; (tc.head != nil) != (heads == 1) || trace.Snapshot().Operation != "CompleteMultipartUpload" {
				t.Errorf("%d HEADs were sent, operation %q", heads, trace.Snapshot().Operation)
			}
		})
	}
}

// TestCompleteMultipartUploadIsSettledWhenItsResponseIsLost says for each thing that can happen to the response,
// and each thing that COS can show afterwards, which requests are made and what is
// reported. P, G and H are a completion, a list of parts and a HEAD.
func TestCompleteMultipartUploadIsSettledWhenItsResponseIsLost(t *testing.T) {
	t.Parallel()
	const (
		reset, cut, empty, half, noETag, stall, internal, hidden, slow, unavailable, conflict, middlebox = "reset", "cut", "empty", "half", "no etag", "stall", "500", "hidden", "503 SlowDown", "503", "409", "502"
		gone, exists, denied, ok, refused                                                                = "gone", "exists", "denied", "ok", "invalid part"
		ours, old, other, sum, otherSum, missing, broken                                                 = "ours", "old", "other", "sum", "other sum", "missing", "broken"
	)
	for _, tc := range []struct {
		name      string
		completes []string // responses to completions, the last one for all that follow
		list      string
		head      string
		crc64     bool
		requests  string
		want      string // "" is success; else the code or the origin, "!" when unknown
	}{
		{"lost and made", []string{reset}, gone, ours, false, "PGH", ""},
		{"truncated in the white space and made", []string{cut}, gone, ours, false, "PGH", ""},
		{"ended without a result and made", []string{empty}, gone, ours, false, "PGH", ""},
		{"truncated in the result and made", []string{half}, gone, ours, false, "PGH", ""},
		{"returned without ETag and made", []string{noETag}, gone, ours, false, "PGH", ""},
		{"fallen silent and made", []string{stall}, gone, ours, false, "PGH", ""},
		{"returned 500 and made", []string{internal}, gone, ours, false, "PGH", ""},
		{"500 in the body and made", []string{hidden}, gone, ours, false, "PGH", ""},
		{"a middlebox gave up and made", []string{middlebox}, gone, ours, false, "PGH", ""},
		{"lost and still there", []string{reset, ok}, ok, missing, false, "PGP", ""},
		{"truncated and still there", []string{cut, ok}, ok, missing, false, "PGP", ""},
		{"fallen silent and still there", []string{stall, ok}, ok, missing, false, "PGP", ""},
		{"hidden error and still there", []string{hidden, hidden, ok}, ok, missing, false, "PGPGP", ""},
		{"lost, still there, made meanwhile", []string{reset, gone}, ok, ours, false, "PGPH", ""},
		{"lost, still there, exists now", []string{reset, exists}, ok, missing, false, "PGPG", "FileAlreadyExists!"},
		{"lost, still there, refused", []string{reset, refused}, ok, missing, false, "PGPG", "InvalidPart!"},
		{"lost forever", []string{reset}, ok, missing, false, "PGPGPGPG", "transport!"},
		{"lost and nothing there", []string{reset}, gone, missing, false, "PGH", "transport!"},
		{"lost and an old object there", []string{reset}, gone, old, false, "PGH", "transport!"},
		{"lost and another object there", []string{reset}, gone, other, false, "PGH", "transport!"},
		{"lost and the sum is right", []string{reset}, gone, sum, true, "PGH", ""},
		{"lost and the sum is another", []string{reset}, gone, otherSum, true, "PGH", "transport!"},
		{"lost and the list is denied", []string{reset}, denied, ours, false, "PGH", ""},
		{"lost and everything is denied", []string{reset}, denied, denied, false, "PGH", "transport!"},
		{"lost and COS is broken", []string{reset}, broken, broken, false, "PGGGGHHHH", "transport!"},
		{"throttled, then gone and made", []string{slow, gone}, gone, ours, false, "PPH", ""},
		{"throttled, then gone and nothing there", []string{slow, gone}, gone, missing, false, "PPH", "NoSuchUpload!"},
		{"503 and made", []string{unavailable}, gone, ours, false, "PGH", ""},
		{"503, still there", []string{unavailable, ok}, ok, missing, false, "PGP", ""},
		{"503, still there, made meanwhile", []string{unavailable, gone}, ok, ours, false, "PGPH", ""},
		{"503 and nothing there", []string{unavailable}, gone, missing, false, "PGH", "ServiceUnavailable!"},
		{"409 and made", []string{conflict}, gone, ours, false, "PGH", ""},
		{"409, still there", []string{conflict, ok}, ok, missing, false, "PGP", ""},
		{"409 and nothing there", []string{conflict}, gone, missing, false, "PGH", "OperationAborted!"},
		{"exists at once", []string{exists}, ok, ours, false, "P", "FileAlreadyExists"},
		{"gone at once", []string{gone}, gone, ours, false, "P", "NoSuchUpload"},
		{"refused at once", []string{refused}, ok, ours, false, "P", "InvalidPart"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				requests := ""
				c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
					requests += map[string]string{"POST": "P", "GET": "G", "HEAD": "H"}[r.Method]
					step := tc.head
					switch r.Method {
					case http.MethodPost:
						step = tc.completes[min(strings.Count(requests, "P"), len(tc.completes))-1]
					case http.MethodGet:
						step = tc.list
					}
					respondStep(t, w, r, step, began)
				})
				o := CompleteOptions{}
				if n := uint64(7); tc.crc64 {
					o.CRC64 = &n
				}
				ctx, trace := WithTrace(t.Context())
				got, err := c.CompleteMultipartUpload(ctx, theUpload(), twoParts, o)
				outcome := ""
				if err != nil {
					e := wantError(t, "CompleteMultipartUpload", err)
					if outcome = e.Code; outcome == "" {
						outcome = e.Origin.String()
					}
					if e.OutcomeUnknown {
						outcome += "!"
					}
				} else if got.ETag != "e-2" {
					t.Errorf("CompleteMultipartUpload = %+v, want the ETag e-2", got)
				}
				if requests != tc.requests || outcome != tc.want {
					t.Errorf("requests %s and outcome %q, want %s and %q; the error is %v", requests, outcome, tc.requests, tc.want, err)
				}
				if info := trace.Snapshot(); info.Operation != "CompleteMultipartUpload" || info.Attempts != len(requests) {
					t.Errorf("trace = %+v, want the completion and %d attempts", info, len(requests))
				}
			})
		})
	}
}

// respondStep responds in one of the ways of the table above.
func respondStep(t *testing.T, w http.ResponseWriter, r *http.Request, step string, began time.Time) {
	object := func(etag, crc64 string, modified time.Time) {
		cosHeader(w)
		w.Header().Set("ETag", `"`+etag+`"`)
		w.Header().Set("x-cos-hash-crc64ecma", crc64)
		w.Header().Set("Last-Modified", httpTime(modified))
		w.Header().Set("Content-Length", "10")
	}
	chunked := "HTTP/1.1 200 OK\r\nx-cos-request-id: req-1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n     \r\n"
	switch step {
	case "reset":
		hijacked(t, w, "")
	case "cut":
		hijacked(t, w, chunked)
	case "empty":
		respondXML(w, 200, "     ")
	case "half":
		respondXML(w, 200, completed[:60])
	case "no etag":
		respondXML(w, 200, "<CompleteMultipartUploadResult/>")
	case "stall":
		cosHeader(w)
		flushed(w, "  ")
		<-r.Context().Done()
	case "500":
		respondXML(w, 500, errorXML("InternalError", "m"))
	case "hidden":
		respondXML(w, 200, "   "+errorXML("InternalError", "m"))
	case "503 SlowDown":
		respondXML(w, 503, errorXML("SlowDown", "m"))
	case "503":
		respondXML(w, 503, errorXML("ServiceUnavailable", "m"))
	case "409":
		respondXML(w, 409, errorXML("OperationAborted", "m"))
	case "502":
		w.WriteHeader(502)
	case "broken":
		respondXML(w, 500, "")
	case "gone":
		respondXML(w, 404, errorXML("NoSuchUpload", "m"))
	case "exists":
		respondXML(w, 409, errorXML("FileAlreadyExists", "m"))
	case "invalid part":
		respondXML(w, 400, errorXML("InvalidPart", "m"))
	case "denied":
		respondXML(w, 403, "")
	case "missing":
		respondXML(w, 404, "")
	case "ours":
		object("e-2", "9", began.Add(-10*time.Minute)) // COS's clock may be behind
	case "old":
		object("e-2", "9", began.Add(-16*time.Minute))
	case "other":
		object("e-3", "9", began)
	case "sum":
		object("e-2", "7", began)
	case "other sum":
		object("e-2", "8", began)
	default:
		body := completed
		if r.Method == http.MethodGet {
			body = "<ListPartsResult/>"
		}
		respondXML(w, 200, body)
	}
}

func TestCompleteMultipartUploadTreatsAMinuteOfSilenceAsALostResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Method != http.MethodPost {
				respondXML(w, 404, errorXML("NoSuchUpload", "m"))
				return
			}
			cosHeader(w)
			flushed(w, " ")
			wait(59 * time.Second)
			flushed(w, " ")
			<-r.Context().Done()
		})
		start := time.Now()
		err := complete(t.Context(), c)
		e := wantError(t, "CompleteMultipartUpload", err)
		if took := time.Since(start); took != 119*time.Second || e.Origin != OriginTransport || !e.OutcomeUnknown || !strings.Contains(err.Error(), "no byte was received for 1m0s") {
			t.Errorf("CompleteMultipartUpload = %v after %v, want silence after 1m59s", err, took)
		}
	})
}

func TestCompleteMultipartUploadSettlementStopsWhenTheCallerGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Method == http.MethodPost {
				hijacked(t, w, "")
				return
			}
			<-r.Context().Done()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := complete(ctx, c)
		if e := wantError(t, "CompleteMultipartUpload", err); !errors.Is(err, context.DeadlineExceeded) || !e.OutcomeUnknown || e.Op != "CompleteMultipartUpload" {
			t.Errorf("CompleteMultipartUpload = %v, want DeadlineExceeded and an unknown outcome", err)
		}
	})
}

func TestListPartsReadsAPage(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		respondXML(w, 200, `<ListPartsResult><Bucket>b</Bucket><Encoding-type>url</Encoding-type><Key>k</Key><UploadId>u</UploadId>`+
			`<Initiator><ID>i</ID></Initiator><StorageClass>ARCHIVE</StorageClass><PartNumberMarker>1</PartNumberMarker>`+
			`<NextPartNumberMarker>4</NextPartNumberMarker><MaxParts>2</MaxParts><IsTruncated>true</IsTruncated>`+
			`<Part><PartNumber>2</PartNumber><LastModified>2019-05-16T06:45:51.000Z</LastModified><ETag>"e2"</ETag><Size>6291456000</Size></Part>`+
			`<Part><PartNumber>4</PartNumber><LastModified>nonsense</LastModified><ETag>"e4"</ETag><Size>1</Size></Part></ListPartsResult>`)
	})
	got, err := c.ListParts(t.Context(), theUpload(), ListPartsOptions{After: 1})
	want := PartPage{
		Parts: []Part{
			{Number: 2, Size: 6291456000, ETag: "e2", LastModified: time.Date(2019, 5, 16, 6, 45, 51, 0, time.UTC)},
			{Number: 4, Size: 1, ETag: "e4"},
		},
		NextAfter: 4, Truncated: true, StorageClass: "ARCHIVE", Initiator: Owner{ID: "i"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("ListParts = %v (-want +got):\n%s", err, diff)
	}
}

func TestListPartsReturnsAnEmptyPage(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, "<ListPartsResult/>") })
	got, err := c.ListParts(t.Context(), theUpload(), ListPartsOptions{})
	if diff := cmp.Diff(PartPage{Parts: []Part{}, StorageClass: "STANDARD"}, got); err != nil || diff != "" {
		t.Errorf("ListParts = %v (-want +got):\n%s", err, diff)
	}
}

func TestListPartsAndListMultipartUploadsRefuseAPageWithoutProgress(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"parts without a marker":      "<ListPartsResult><IsTruncated>true</IsTruncated></ListPartsResult>",
		"parts that repeat":           "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>7</NextPartNumberMarker></ListPartsResult>",
		"uploads without a marker":    "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated></ListMultipartUploadsResult>",
		"uploads that repeat":         "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker></ListMultipartUploadsResult>",
		"uploads of another response": "<ListPartsResult/>",
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, body) })
			var err error
			if strings.HasPrefix(name, "parts") {
				_, err = c.ListParts(t.Context(), theUpload(), ListPartsOptions{After: 7})
			} else {
				_, err = c.ListMultipartUploads(t.Context(), at(testBucket), ListUploadsOptions{KeyMarker: "k", UploadIDMarker: "u"})
			}
			if e := wantError(t, "the list", err); e.Origin != OriginCOS || e.Cause == nil || e.Retryable {
				t.Errorf("the list = %v, want a response that cannot be used", err)
			}
			if strings.Contains(name, "another") == errors.Is(err, errNoMarker) {
				t.Errorf("the list = %v, want %v for a page that does not advance", err, errNoMarker)
			}
		})
	}
}

func TestListMultipartUploadsReadsEverySpelling(t *testing.T) {
	t.Parallel()
	for _, spelling := range [][2]string{{"EncodingType", "CommonPrefixes"}, {"Encoding-Type", "CommonPrefixs"}, {"Encoding-type", "CommonPrefixes"}} {
		t.Run(spelling[0], func(t *testing.T) {
			c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				respondXML(w, 200, `<ListMultipartUploadsResult><`+spelling[0]+`>url</`+spelling[0]+`>`+
					`<NextKeyMarker>a%2F%26+b</NextKeyMarker><NextUploadIdMarker>u2</NextUploadIdMarker><IsTruncated>true</IsTruncated>`+
					`<Upload><Key>a%2F%26+b</Key><UploadId>u1</UploadId><StorageClass>Standard_IA</StorageClass><Initiated>2019-05-16T06:45:51.000Z</Initiated></Upload>`+
					`<Upload><Key>a%2F%26+b</Key><UploadId>u2</UploadId></Upload>`+
					`<`+spelling[1]+`><Prefix>c%2F</Prefix></`+spelling[1]+`></ListMultipartUploadsResult>`)
			})
			got, err := c.ListMultipartUploads(t.Context(), at(testBucket), ListUploadsOptions{KeyMarker: "a/& b"})
			want := UploadPage{
				Uploads: []MultipartUpload{
					{Key: "a/& b", UploadID: "u1", StorageClass: "STANDARD_IA", Initiated: time.Date(2019, 5, 16, 6, 45, 51, 0, time.UTC)},
					{Key: "a/& b", UploadID: "u2", StorageClass: "STANDARD"},
				},
				CommonPrefixes: []string{"c/"}, NextKeyMarker: "a/& b", NextUploadIDMarker: "u2", Truncated: true,
			}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("ListMultipartUploads = %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestListMultipartUploadsReadsUnencodedNames(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		respondXML(w, 200, "<ListMultipartUploadsResult><Upload><Key>a%2Fb</Key><UploadId>u</UploadId></Upload></ListMultipartUploadsResult>")
	})
	got, err := c.ListMultipartUploads(t.Context(), at(testBucket), ListUploadsOptions{})
	if err != nil || len(got.Uploads) != 1 || got.Uploads[0].Key != "a%2Fb" || got.Truncated || got.NextKeyMarker != "" {
		t.Errorf("ListMultipartUploads = %+v, %v, want the key a%%2Fb and no next page", got, err)
	}
}
