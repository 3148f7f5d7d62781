package cosbackend

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func get(ctx context.Context, c *Client) error {
	o, err := c.GetObject(ctx, at(testBucket), "k", ReadOptions{})
	if err == nil {
		_ = o.Body.Close()
	}
	return err
}

func head(ctx context.Context, c *Client) error {
	_, err := c.HeadObject(ctx, at(testBucket), "k", ReadOptions{})
	return err
}

func list(ctx context.Context, c *Client) error {
	_, err := c.ListObjects(ctx, at(testBucket), ListOptions{})
	return err
}

func put(ctx context.Context, c *Client) error {
	_, err := c.PutObject(ctx, at(testBucket), "k", reopenable([]byte("hello")), PutOptions{})
	return err
}

func copyObject(ctx context.Context, c *Client) error {
	_, err := c.CopyObject(ctx, at(testBucket), "k", CopyOptions{Source: CopySource{Bucket: testBucket, Key: "s"}})
	return err
}

func deleteMany(ctx context.Context, c *Client) error {
	_, err := c.DeleteObjects(ctx, at(testBucket), []ObjectID{{Key: "k"}}, false)
	return err
}

// TestErrorFormsBecomeOneError goes through the forms in which COS sends an error.
func TestErrorFormsBecomeOneError(t *testing.T) {
	t.Parallel()
	cos := func(e Error) Error {
		e.Bucket, e.Region, e.Profile, e.Attempts = testBucket, testRegion, "default", 1
		return e
	}
	object := func(op string, e Error) Error { e.Op, e.Key = op, "k"; return cos(e) }
	const host = testBucket + ".cos.ap-guangzhou.myqcloud.com/k"
	for _, tc := range []struct {
		name    string
		do      func(context.Context, *Client) error
		respond script
		want    Error
		cause   string
	}{
		{
			name: "XML", do: get,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("x-cos-trace-id", "trace-header")
				w.Header().Set("Set-Cookie", "a=b")
				respondXML(w, 404, errorXML("NoSuchKey", "The specified key does not exist."))
			},
			want: object("GetObject", Error{
				HTTPStatus: 404, Code: "NoSuchKey", Message: "The specified key does not exist.", Resource: host,
				RequestID: "req-1", TraceID: "trace-header",
				Headers: map[string]string{"content-type": "application/xml", "x-cos-request-id": "req-1", "x-cos-trace-id": "trace-header"},
			}),
		},
		{
			name: "XML with the ids in the body only", do: get,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.WriteHeader(403)
				_, _ = io.WriteString(w, errorXML("AccessDenied", "Access Denied."))
			},
			want: object("GetObject", Error{
				HTTPStatus: 403, Code: "AccessDenied", Message: "Access Denied.", Resource: host, RequestID: "req-1", TraceID: "trace-1",
				Headers: map[string]string{"content-type": "text/xml; charset=utf-8"},
			}),
		},
		{
			name: "XML truncated", do: get,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				respondXML(w, 404, "<Error><Code>NoSuchKey</Code><Message>The specified key do")
			},
			want: object("GetObject", Error{
				HTTPStatus: 404, Code: "NoSuchKey", Message: "The specified key do", RequestID: "req-1",
				Headers: map[string]string{"content-type": "application/xml", "x-cos-request-id": "req-1"},
			}),
		},
		{
			name: "error body whose connection breaks", do: get,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				hijacked(t, w, "HTTP/1.1 404 Not Found\r\nx-cos-request-id: req-1\r\nContent-Length: 500\r\n\r\n<Error><Code>NoSuchKey</Code><Mess")
			},
			want: object("GetObject", Error{
				HTTPStatus: 404, Code: "NoSuchKey", RequestID: "req-1",
				Headers: map[string]string{"content-length": "500", "x-cos-request-id": "req-1"},
			}),
		},
		{
			name: "HEAD without body", do: head,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("x-cos-trace-id", "trace-1")
				respondXML(w, 404, "")
			},
			want: object("HeadObject", Error{
				HTTPStatus: 404, RequestID: "req-1", TraceID: "trace-1",
				Headers: map[string]string{"content-type": "application/xml", "x-cos-request-id": "req-1", "x-cos-trace-id": "trace-1"},
			}),
		},
		{
			name: "not modified", do: get,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				cosHeader(w)
				w.Header().Set("ETag", `"e"`)
				w.Header().Set("x-cos-hash-crc64ecma", "7")
				w.WriteHeader(304)
			},
			want: object("GetObject", Error{
				HTTPStatus: 304, RequestID: "req-1",
				Headers: map[string]string{"etag": `"e"`, "x-cos-hash-crc64ecma": "7", "x-cos-request-id": "req-1"},
			}),
		},
		{
			name: "precondition failed", do: get,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				respondXML(w, 412, errorXML("PreconditionFailed", "Precondition not match."))
			},
			want: object("GetObject", Error{
				HTTPStatus: 412, Code: "PreconditionFailed", Message: "Precondition not match.", Resource: host, RequestID: "req-1", TraceID: "trace-1",
				Headers: map[string]string{"content-type": "application/xml", "x-cos-request-id": "req-1"},
			}),
		},
		{
			name: "copy with the error inside 200", do: copyObject,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				respondXML(w, 200, "   \n"+errorXML("AccessDenied", "You have no authority to read the source file"))
			},
			want: object("CopyObject", Error{
				HTTPStatus: 200, Code: "AccessDenied", Message: "You have no authority to read the source file", Resource: host,
				RequestID: "req-1", TraceID: "trace-1", InSuccessBody: true,
				Headers: map[string]string{"content-type": "application/xml", "x-cos-request-id": "req-1"},
			}),
		},
		{
			name: "list with the error inside 200", do: list,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				respondXML(w, 200, "<Error><Code>Odd</Code></Error>")
			},
			want: cos(Error{
				Op: "ListObjects", HTTPStatus: 200, Code: "Odd", RequestID: "req-1", InSuccessBody: true,
				Headers: map[string]string{"content-type": "application/xml", "x-cos-request-id": "req-1"},
			}),
		},
		{
			name: "put with the error inside 200", do: put,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				respondXML(w, 200, "<Error><Code>CallbackFailed</Code></Error>")
			},
			want: object("PutObject", Error{
				HTTPStatus: 200, Code: "CallbackFailed", RequestID: "req-1", InSuccessBody: true,
				Headers: map[string]string{"content-type": "application/xml", "x-cos-request-id": "req-1"},
			}),
		},
		{
			name: "JSON with a number", do: get,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("x-ci-request-id", "ci-1")
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(400)
				_, _ = io.WriteString(w, `{"code":-46628,"message":"bad rule","request_id":"other"}`)
			},
			want: object("GetObject", Error{
				HTTPStatus: 400, Code: "-46628", Message: "bad rule", RequestID: "ci-1",
				Headers: map[string]string{"content-type": "application/json", "x-ci-request-id": "ci-1", "content-length": "57"},
			}),
		},
		{
			name: "HTML of COS", do: get,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				cosHeader(w)
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(405)
				_, _ = io.WriteString(w, "<html><body>Not allowed</body></html>")
			},
			want: object("GetObject", Error{
				HTTPStatus: 405, RequestID: "req-1",
				Headers: map[string]string{"content-type": "text/html", "x-cos-request-id": "req-1", "content-length": "37"},
			}),
		},
		{
			name: "HTML of a middlebox", do: get,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(502)
				_, _ = io.WriteString(w, "<html><h1>502</h1></html>")
			},
			want: object("GetObject", Error{
				HTTPStatus: 502, Origin: OriginTransport, NotFromCOS: true, Retryable: true,
				Headers: map[string]string{"content-type": "text/html", "content-length": "25"},
			}),
		},
		{
			name: "captive portal", do: get,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, "<html>log in</html>")
			},
			want: object("GetObject", Error{
				HTTPStatus: 200, Origin: OriginTransport, NotFromCOS: true,
				Headers: map[string]string{"content-type": "text/html", "content-length": "19"},
			}),
		},
		{
			name: "redirect", do: get,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				cosHeader(w)
				w.Header().Set("Location", "http://user:pass@169.254.169.254/latest?q-signature=abc#f")
				w.WriteHeader(302)
			},
			want: object("GetObject", Error{
				HTTPStatus: 302, RequestID: "req-1",
				Headers: map[string]string{"location": "http://169.254.169.254/latest", "x-cos-request-id": "req-1", "content-length": "0"},
			}),
		},
		{
			name: "empty response where XML was due", do: list,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) { cosHeader(w) },
			want: cos(Error{
				Op: "ListObjects", HTTPStatus: 200, RequestID: "req-1",
				Headers: map[string]string{"x-cos-request-id": "req-1", "content-length": "0"},
			}),
			cause: "parse the response: the response is empty where XML was expected",
		},
		{
			name: "other XML than was due", do: list,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, "<Other/>") },
			want: cos(Error{
				Op: "ListObjects", HTTPStatus: 200, RequestID: "req-1",
				Headers: map[string]string{"content-type": "application/xml", "x-cos-request-id": "req-1", "content-length": "8"},
			}),
			cause: `parse the response: the element is "Other" where "ListBucketResult" was expected`,
		},
		{
			name: "XML that ends early in a whole response", do: list,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				respondXML(w, 200, "<ListBucketResult><Contents><Key>a</Key>")
			},
			want: cos(Error{
				Op: "ListObjects", HTTPStatus: 200, RequestID: "req-1",
				Headers: map[string]string{"content-type": "application/xml", "x-cos-request-id": "req-1", "content-length": "40"},
			}),
			cause: "parse the response: XML syntax error on line 1: unexpected EOF",
		},
		{
			name: "damaged response to a change", do: deleteMany,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, "garbage") },
			want: cos(Error{
				Op: "DeleteObjects", HTTPStatus: 200, RequestID: "req-1", OutcomeUnknown: true,
				Headers: map[string]string{"content-type": "application/xml", "x-cos-request-id": "req-1", "content-length": "7"},
			}),
			cause: "parse the response: the document has something besides its root element",
		},
		{
			name: "truncated response", do: list,
			respond: func(w http.ResponseWriter, _ *http.Request, _ int) {
				hijacked(t, w, "HTTP/1.1 200 OK\r\nx-cos-request-id: req-1\r\nContent-Length: 500\r\n\r\n<ListBucketResult>")
			},
			want: cos(Error{
				Op: "ListObjects", HTTPStatus: 200, RequestID: "req-1", Origin: OriginTransport, Retryable: true,
				Headers: map[string]string{"x-cos-request-id": "req-1", "content-length": "500"},
			}),
			cause: "read the response: unexpected EOF",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s := open(t, tc.respond, attempts(1))
			got := wantError(t, "the call", tc.do(t.Context(), c))
			cause := ""
			if got.Cause != nil {
				cause = got.Cause.Error()
			}
			if cause != tc.cause {
				t.Errorf("Cause = %q, want %q", cause, tc.cause)
			}
			if _, explicit := tc.want.Headers["content-length"]; !explicit {
				delete(got.Headers, "content-length")
			}
			if diff := cmp.Diff(&tc.want, got, cmpopts.IgnoreFields(Error{}, "Cause")); diff != "" {
				t.Errorf("Error (-want +got):\n%s", diff)
			}
			if n := len(s.seen()); n != 1 {
				t.Errorf("%d requests were sent, want 1: no redirect is followed, nothing retried", n)
			}
		})
	}
}

func TestErrorBodyIsReadToALimit(t *testing.T) {
	const size = 64 << 20
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		cosHeader(w)
		w.WriteHeader(503)
		_, _ = io.WriteString(w, "<Error><Code>SlowDown</Code><Message>")
		block := []byte(strings.Repeat("x", 32<<10))
		for range size / len(block) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}, attempts(1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e := wantError(t, "GetObject", get(t.Context(), c))
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
		t.Errorf("%d bytes were allocated for an error body of 64 MiB, want at most 4 MiB", allocated)
	}
	if e.Code != "SlowDown" || len(e.Message) != maxMessage {
		t.Errorf("Code, len(Message) = %q, %d, want SlowDown, %d", e.Code, len(e.Message), maxMessage)
	}
}

func TestListObjectsRefusesAHugeResponse(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		respondXML(w, 200, "<ListBucketResult><Name/>"+strings.Repeat("<Contents><Key>"+strings.Repeat("k", maxEntry)+"</Key></Contents>", maxListKeys+20))
	}, attempts(1))
	if err := list(t.Context(), c); !errors.Is(err, errResponseTooLarge) {
		t.Errorf("ListObjects = %v, want %v", err, errResponseTooLarge)
	}
}

func TestErrorHeadersAreBounded(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		for i := range 50 {
			w.Header().Set("x-cos-meta-"+string(rune('a'+i%26))+strings.Repeat("z", i), strings.Repeat("é", 300))
		}
		w.Header().Set("x-cos-security-token", "secret")
		w.Header().Set("x-cos-server-side-encryption-customer-key", "secret")
		w.Header().Set("Authorization", "secret")
		respondXML(w, 412, "")
	}, attempts(1))
	e := wantError(t, "HeadObject", head(t.Context(), c))
	if len(e.Headers) != maxHeaders || e.Headers["x-cos-request-id"] != "req-1" {
		t.Errorf("%d headers, request id %q, want 32 and COS's own first", len(e.Headers), e.Headers["x-cos-request-id"])
	}
	for name, value := range e.Headers {
		if len(value) > 256 || strings.Contains(value, "secret") || strings.ToValidUTF8(value, "") != value {
			t.Errorf("header %s = %q, want at most 256 bytes of valid UTF-8 and no secret", name, value)
		}
	}
}
