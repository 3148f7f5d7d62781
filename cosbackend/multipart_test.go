package cosbackend

import (
	"context"
	"errors"
	"io"
	"net/http"
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

// TestOperationsOnPartsAsTheyAreSent holds the first line, the headers that matter
// and the body of each request (the signer has put the query in order), with a key that everything on the way would mangle.
func TestOperationsOnPartsAsTheyAreSent(t *testing.T) {
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
			c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { answerXML(w, 403, errorXML("AccessDenied", "m")) })
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

func TestInitiateReturnsTheUploadID(t *testing.T) {
	for id, ok := range map[string]bool{
		uploadID: true, strings.Repeat("f", 256): true,
		"": false, strings.Repeat("f", 257): false, "a/b": false, "a&amp;b": false, "é": false,
	} {
		t.Run(id, func(t *testing.T) {
			c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				answerXML(w, 200, "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>"+id+"</UploadId></InitiateMultipartUploadResult>")
			})
			got, err := c.InitiateMultipartUpload(t.Context(), at(testBucket), "k", InitiateOptions{})
			if ok && (got != id || err != nil) {
				t.Errorf("InitiateMultipartUpload = %q, %v, want %q", got, err, id)
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
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		answerXML(w, 200, `<CopyPartResult><ETag>"e3"</ETag><CRC64>7</CRC64><LastModified>2019-05-16T06:45:51Z</LastModified></CopyPartResult>`)
	})
	got, err := c.UploadPartCopy(t.Context(), theUpload(), 3, PartCopyOptions{Source: CopySource{Bucket: testBucket, Key: "s"}})
	want := Part{Number: 3, ETag: "e3", CRC64: 7, HasCRC64: true, LastModified: time.Date(2019, 5, 16, 6, 45, 51, 0, time.UTC)}
	if err != nil || got != want {
		t.Errorf("UploadPartCopy = %+v, %v, want %+v", got, err, want)
	}
}

func TestCopyOfAPartHidesItsErrorInSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		codes := []string{"SlowDown", "InternalError", "AccessDenied"}
		c, s := open(t, func(w http.ResponseWriter, _ *http.Request, n int) {
			answerXML(w, 200, "  \n"+errorXML(codes[n-1], "m"))
		})
		e := wantError(t, "UploadPartCopy", copyPart(t.Context(), c))
		if e.Code != "AccessDenied" || !e.InSuccessBody || e.HTTPStatus != 200 || len(s.seen()) != 3 {
			t.Errorf("UploadPartCopy = %v after %d requests, want AccessDenied after 3", e, len(s.seen()))
		}
	})
}

func TestAbortAfterALostAnswerIsDone(t *testing.T) {
	gone := func(w http.ResponseWriter) { answerXML(w, 404, errorXML("NoSuchUpload", "m")) }
	for name, tc := range map[string]struct {
		first   script
		success bool
	}{
		"lost answer":  {func(w http.ResponseWriter, _ *http.Request, _ int) { hijacked(t, w, "") }, true},
		"cut header":   {func(w http.ResponseWriter, _ *http.Request, _ int) { hijacked(t, w, "HTTP/1.1 204 No Con") }, true},
		"500":          {func(w http.ResponseWriter, _ *http.Request, _ int) { answerXML(w, 500, errorXML("InternalError", "m")) }, true},
		"middlebox":    {func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(504) }, true},
		"turned away":  {func(w http.ResponseWriter, _ *http.Request, _ int) { answerXML(w, 503, errorXML("SlowDown", "m")) }, false},
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

func TestALostAnswerOfInitiateIsUnknown(t *testing.T) {
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { hijacked(t, w, "") })
	e := wantError(t, "InitiateMultipartUpload", initiate(t.Context(), c))
	if !e.OutcomeUnknown || e.Retryable || len(s.seen()) != 1 {
		t.Errorf("unknown %v, retryable %v, %d requests; want true, false, 1", e.OutcomeUnknown, e.Retryable, len(s.seen()))
	}
}

func TestALostAnswerOfAPartIsSentAgainIfItCan(t *testing.T) {
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

// TestRetryTableOfParts counts attempts as TestRetryTable does. Operations that
// look before they report are in tables of their own.
func TestRetryTableOfParts(t *testing.T) {
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
		"lost answer":            {"1!", "4r!", "1r!", "4r!", "4r!", "4r", "4r"},
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
					c, s := open(t, f.answer)
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

func TestPartsAreCheckedBeforeAnythingIsSent(t *testing.T) {
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
