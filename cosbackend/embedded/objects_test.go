package embedded_test

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// TestPutObjectComesBackAsPut holds E142 and E151.
func TestPutObjectComesBackAsPut(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Clock = at(1597067218) })
	sent := map[string]string{
		"Content-Type": "text/plain", "Cache-Control": "max-age=1", "Content-Disposition": "attachment", "Content-Encoding": "x",
		"Content-Language": "zh", "Expires": "never", "X-Cos-Meta-One": "1", "X-Cos-Meta-Two-2": "中", "X-Cos-Website-Redirect-Location": "/new.html", "X-Cos-Storage-Class": "STANDARD_IA",
	}
	put := c.do(t, call{method: "PUT", key: "a/b", body: []byte("hello"), header: sent}).want(t, 200, "")
	if put.Header.Get("ETag") != etagOf("hello") || put.Header.Get("x-cos-hash-crc64ecma") != crcOf("hello") {
		t.Errorf("headers of PUT = %v", put.Header)
	}
	for _, method := range []string{"GET", "HEAD"} {
		got := c.do(t, call{method: method, key: "a/b"}).want(t, 200, "")
		for name, want := range sent {
			if v := got.Header.Get(name); v != want {
				t.Errorf("%s: %s = %q, want %q", method, name, v, want)
			}
		}
		for name, want := range map[string]string{
			"ETag": etagOf("hello"), "Content-Length": "5", "Last-Modified": "Mon, 10 Aug 2020 13:46:58 GMT", "Connection": "keep-alive",
			"Accept-Ranges": map[string]string{"GET": "bytes"}[method], "x-cos-hash-crc64ecma": crcOf("hello"), "x-cos-object-type": "",
			"Server": "tencent-cos", "x-cos-trace-id": "",
		} {
			if v := got.Header.Get(name); v != want {
				t.Errorf("%s: %s = %q, want %q", method, name, v, want)
			}
		}
		if want := map[string]string{"GET": "hello"}[method]; string(got.body) != want {
			t.Errorf("%s body = %q, want %q", method, got.body, want)
		}
	}
}

// TestPutObjectRefusesNamesOfMetadata holds E141.
func TestPutObjectRefusesNamesOfMetadata(t *testing.T) {
	t.Parallel()
	c := open(t)
	for name, code := range map[string]string{"a-b-9": "", "A": "", "a_b": "InvalidArgument", "a.b": "InvalidArgument", "a~": "InvalidArgument", "": "InvalidArgument"} {
		status := 200
		if code != "" {
			status = 400
		}
		c.do(t, call{method: "PUT", key: "k", header: map[string]string{"x-cos-meta-" + name: "v"}}).want(t, status, code)
	}
}

// TestPutObjectWithoutHeadersHasDefaults holds E017.
func TestPutObjectWithoutHeadersHasDefaults(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "").wantHeaders(t, "x-cos-storage-class", "")
	for _, class := range []string{"STANDARD", "STANDARD_IA"} { // named in the request, and so in the response
		c.put(t, "named", "", "x-cos-storage-class", class).wantHeaders(t, "x-cos-storage-class", class)
	}
	got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, "")
	if got.Header.Get("Content-Type") != "application/octet-stream" || got.Header.Values("x-cos-storage-class") != nil || len(got.body) != 0 {
		t.Errorf("GET = %v %q", got.Header, got.body)
	}
	if got.Header.Get("x-cos-hash-crc64ecma") != "0" {
		t.Errorf("CRC64 of nothing = %s, want 0", got.Header.Get("x-cos-hash-crc64ecma"))
	}
}

func TestPutObjectStoresEverySizeAndFraming(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, size := range []int{0, 1, 32 << 10, 32<<10 + 1, 64 << 10, 64<<10 + 1, 1<<20 + 7} {
		for _, chunked := range []bool{false, true} {
			body := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
			c.do(t, call{method: "PUT", key: "k", body: body, chunked: chunked, header: map[string]string{"Content-MD5": contentMD5(body)}}).want(t, 200, "")
			if got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, ""); !bytes.Equal(got.body, body) {
				t.Errorf("GET of %d bytes, chunked %v: %d other bytes came back", size, chunked, len(got.body))
			}
		}
	}
}

// TestPutObjectRefusesUnsupportedHeaders holds E005 and E016.
func TestPutObjectRefusesUnsupportedHeaders(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "taken", "old")
	sha := fmt.Sprintf("%x", sha1.Sum([]byte("x")))
	tests := map[string]struct {
		key    string
		header map[string]string
		status int
		code   string
	}{
		"wrong md5":           {"k", map[string]string{"Content-MD5": contentMD5([]byte("y"))}, 400, "BadDigest"},
		"md5 no base64":       {"k", map[string]string{"Content-MD5": "zzz"}, 400, "InvalidDigest"},
		"md5 too short":       {"k", map[string]string{"Content-MD5": "YWJj"}, 400, "InvalidDigest"},
		"right md5":           {"k", map[string]string{"Content-MD5": contentMD5([]byte("x"))}, 200, ""},
		"wrong sha1":          {"k", map[string]string{"x-cos-content-sha1": strings.Repeat("0", 40)}, 400, "InvalidSHA1Digest"},
		"sha1 no hex":         {"k", map[string]string{"x-cos-content-sha1": "x"}, 400, "InvalidSHA1Digest"},
		"right sha1":          {"k", map[string]string{"x-cos-content-sha1": sha}, 200, ""},
		"storage class":       {"k", map[string]string{"x-cos-storage-class": "COLD"}, 400, "NotSupportedStorageClass"},
		"acl":                 {"k", map[string]string{"x-cos-acl": "public-read-write"}, 400, "InvalidArgument"},
		"acl known":           {"k", map[string]string{"x-cos-acl": "bucket-owner-read"}, 200, ""},
		"metadata over 2 KB":  {"k", map[string]string{"x-cos-meta-a": strings.Repeat("v", 2048)}, 400, "MetadataTooLarge"},
		"metadata of 2 KB":    {"k", map[string]string{"x-cos-meta-a": strings.Repeat("v", 2047)}, 200, ""},
		"forbid overwrite":    {"taken", map[string]string{"x-cos-forbid-overwrite": "true"}, 409, "FileAlreadyExists"},
		"allow overwrite":     {"taken", map[string]string{"x-cos-forbid-overwrite": "false"}, 200, ""},
		"overwrite perhaps":   {"taken", map[string]string{"x-cos-forbid-overwrite": "maybe"}, 400, "InvalidArgument"},
		"forbid on a new key": {"new", map[string]string{"x-cos-forbid-overwrite": "true"}, 200, ""},
		"key of 850 bytes":    {strings.Repeat("k", 850), nil, 200, ""},
		"key of 851 bytes":    {strings.Repeat("k", 851), nil, 400, "KeyTooLong"},
		"key with SUB":        {"a\x1ab", nil, 400, "InvalidObjectName"},
		"key not UTF-8":       {"a\xff", nil, 400, "InvalidObjectName"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c.do(t, call{method: "PUT", key: tt.key, body: []byte("x"), header: tt.header}).want(t, tt.status, tt.code)
		})
	}
}

func TestPutObjectRefusedKeepsTheOldObject(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "old")
	c.do(t, call{method: "PUT", key: "k", body: []byte("new"), header: map[string]string{"Content-MD5": contentMD5(nil)}}).want(t, 400, "BadDigest")
	c.do(t, call{method: "PUT", key: "k", body: []byte("new"), header: map[string]string{"x-cos-forbid-overwrite": "true"}}).want(t, 409, "FileAlreadyExists")
	if got := c.do(t, call{method: "GET", key: "k"}); string(got.body) != "old" {
		t.Errorf("GET = %q, want old", got.body)
	}
}

// TestGetObjectNamesWhatIsMissing holds E003 and E137.
func TestGetObjectNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	c := open(t)
	get := c.do(t, call{method: "GET", key: "a b/中"}).want(t, 404, "NoSuchKey")
	if want := testHost + "/a b/中"; get.err.Resource != want {
		t.Errorf("Resource = %q, want %q", get.err.Resource, want)
	}
	if id := get.Header.Get("x-cos-request-id"); id == "" || id != get.err.RequestID {
		t.Errorf("request id = %q in the header, %q in the body", id, get.err.RequestID)
	}
	wantBody := "<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n\t<Code>NoSuchKey</Code>\n\t<Message>The specified key does not exist.</Message>" +
		"\n\t<Resource>" + get.err.Resource + "</Resource>\n\t<RequestId>" + get.err.RequestID + "</RequestId>\n\t<TraceId>" + get.err.TraceID + "</TraceId>\n</Error>"
	if string(get.body) != wantBody {
		t.Errorf("error body = %s, want %s", get.body, wantBody)
	}
	head := c.do(t, call{method: "HEAD", key: "absent"}).want(t, 404, "")
	want := map[string]string{"Content-Type": "application/xml", "Content-Length": "0", "Server": "tencent-cos"}
	for name, v := range want {
		if got := head.Header.Get(name); got != v {
			t.Errorf("HEAD of an absent key: %s = %q, want %q", name, got, v)
		}
	}
	if head.Header.Get("x-cos-request-id") == "" || head.Header.Get("x-cos-trace-id") == "" {
		t.Errorf("HEAD of an absent key has no ids: %v", head.Header)
	}
	c.do(t, call{method: "GET", host: hostIn("absent-1", "ap-guangzhou"), key: "k"}).want(t, 404, "NoSuchBucket")
	c.do(t, call{method: "DELETE", key: "absent"}).want(t, 204, "")
	c.do(t, call{method: "DELETE", host: hostIn("absent-1", "ap-guangzhou"), key: "k"}).want(t, 404, "NoSuchBucket")
}

// TestGetObjectConditionsHaveHTTPPrecedence holds E020, E021 and E152.
func TestGetObjectConditionsHaveHTTPPrecedence(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Clock = at(1597067218) })
	c.put(t, "k", "hello")
	const before, same, after = "Mon, 10 Aug 2020 13:46:57 GMT", "Mon, 10 Aug 2020 13:46:58 GMT", "Mon, 10 Aug 2020 13:46:59 GMT"
	tag, bare := etagOf("hello"), strings.Trim(etagOf("hello"), `"`)
	tests := []struct {
		header map[string]string
		want   int
	}{
		{map[string]string{"If-Match": tag}, 200},
		{map[string]string{"If-Match": bare}, 200},
		{map[string]string{"If-Match": "*"}, 200},
		{map[string]string{"If-Match": `"x", ` + tag}, 200},
		{map[string]string{"If-Match": `"x"`}, 412},
		{map[string]string{"If-Match": "W/" + tag}, 412},
		{map[string]string{"If-None-Match": tag}, 304},
		{map[string]string{"If-None-Match": "W/" + tag}, 304},
		{map[string]string{"If-None-Match": "*"}, 304},
		{map[string]string{"If-None-Match": `"x"`}, 200},
		{map[string]string{"If-Modified-Since": before}, 200},
		{map[string]string{"If-Modified-Since": same}, 304},
		{map[string]string{"If-Modified-Since": "no date"}, 200},
		{map[string]string{"If-Unmodified-Since": before}, 412},
		{map[string]string{"If-Unmodified-Since": same}, 200},
		{map[string]string{"If-Match": tag, "If-Unmodified-Since": before}, 200},
		{map[string]string{"If-None-Match": `"x"`, "If-Modified-Since": after}, 200},
		{map[string]string{"If-Match": `"x"`, "If-None-Match": tag}, 412},
		{map[string]string{"If-Match": tag, "If-None-Match": tag}, 304},
		{map[string]string{"If-None-Match": tag, "Range": "bytes=9-"}, 304},
	}
	for _, tt := range tests {
		for _, method := range []string{"GET", "HEAD"} {
			got := c.do(t, call{method: method, key: "k", header: tt.header})
			if got.StatusCode != tt.want {
				t.Errorf("%s %v = %d, want %d", method, tt.header, got.StatusCode, tt.want)
			}
			if got.StatusCode == 304 {
				want := map[string]bool{"ETag": true, "x-cos-hash-crc64ecma": true}
				if method == "HEAD" {
					want = map[string]bool{"x-cos-trace-id": true}
				}
				for _, name := range []string{"ETag", "x-cos-hash-crc64ecma", "x-cos-trace-id", "Last-Modified", "Accept-Ranges"} {
					if (got.Header.Get(name) != "") != want[name] {
						t.Errorf("%s %v: %s = %q", method, tt.header, name, got.Header.Get(name))
					}
				}
			}
			if method == "GET" && got.StatusCode == 412 && got.err.Code != "PreconditionFailed" {
				t.Errorf("GET %v = %s", tt.header, got.err.Code)
			}
		}
	}
}

// TestGetObjectReturnsTheRequestedRange holds E019.
func TestGetObjectReturnsTheRequestedRange(t *testing.T) {
	t.Parallel()
	c := open(t)
	body := strings.Repeat("0123456789", 20_000) // four blocks of the store
	c.put(t, "k", body)
	c.put(t, "empty", "")
	last := len(body) - 1
	tests := []struct {
		header       string
		first, until int // -1: the whole body as 200
	}{
		{"bytes=0-0", 0, 0},
		{"bytes=5-9", 5, 9},
		{"bytes=65530-65545", 65530, 65545},
		{"bytes=199990-", 199990, last},
		{"bytes=-7", last - 6, last},
		{"bytes=-999999999", 0, last},
		{"bytes=10-99999999999999999999999", 10, last},
		{"BYTES=1-2", 1, 2},
		{"bytes=5-4", -1, 0},
		{"bytes=", -1, 0},
		{"bytes=-", -1, 0},
		{"bytes=a-b", -1, 0},
		{"items=1-2", -1, 0},
		{"bytes=1--2", -1, 0},
		{"bytes=+1-2", -1, 0},
	}
	for _, tt := range tests {
		got := c.do(t, call{method: "GET", key: "k", header: map[string]string{"Range": tt.header}})
		want, status, contentRange := body, 200, ""
		if tt.first >= 0 {
			want, status = body[tt.first:tt.until+1], 206
			contentRange = fmt.Sprintf("bytes %d-%d/%d", tt.first, tt.until, len(body))
		}
		if got.StatusCode != status || string(got.body) != want || got.Header.Get("Content-Range") != contentRange || got.Header.Get("x-cos-hash-crc64ecma") != crcOf(body) {
			t.Errorf("Range %s = %d, %s, %d bytes, want %d, %s, %d bytes", tt.header, got.StatusCode, got.Header.Get("Content-Range"), len(got.body), status, contentRange, len(want))
		}
	}
	for _, header := range []string{"bytes=200000-", "bytes=99999999999999999999-", "bytes=-0"} {
		got := c.do(t, call{method: "GET", key: "k", header: map[string]string{"Range": header}}).want(t, 416, "InvalidRange")
		if cr := got.Header.Get("Content-Range"); cr != "bytes */200000" {
			t.Errorf("Range %s: Content-Range = %q", header, cr)
		}
	}
	for _, header := range []string{"bytes=0-", "bytes=0-0", "bytes=-1", "bytes=0--1", "bytes=5-4", "bytes=x"} {
		c.do(t, call{method: "GET", key: "empty", header: map[string]string{"Range": header}}).want(t, 416, "InvalidRange")
	}
	c.do(t, call{method: "GET", key: "empty", header: map[string]string{"Range": "items=0-1"}}).want(t, 200, "")
	c.do(t, call{method: "GET", key: "k", header: map[string]string{"Range": "bytes=0-1,3-4"}}).want(t, 501, "NotImplemented")
	for value, status := range map[string]int{etagOf(body): 206, `"x"`: 200, "Mon, 10 Aug 2020 13:46:58 GMT": 200} {
		got := c.do(t, call{method: "GET", key: "k", header: map[string]string{"Range": "bytes=0-1", "If-Range": value}})
		if got.StatusCode != status {
			t.Errorf("If-Range %s = %d, want %d", value, got.StatusCode, status)
		}
	}
}

func TestGetObjectResponseHeadersCanBeOverridden(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x", "Content-Type", "text/plain")
	query := "response-content-type=a%2Fb&response-cache-control=c&Response-Expires=e&response-content-language=l&response-content-disposition=d&response-content-encoding=x"
	got := c.do(t, call{method: "GET", key: "k", query: query}).want(t, 200, "")
	want := map[string]string{"Content-Type": "a/b", "Cache-Control": "c", "Expires": "e", "Content-Language": "l", "Content-Disposition": "d", "Content-Encoding": "x"}
	for name, v := range want {
		if got.Header.Get(name) != v {
			t.Errorf("%s = %q, want %q", name, got.Header.Get(name), v)
		}
	}
	c.do(t, call{method: "GET", key: "k", query: "response-content-type=a%0D%0Ab"}).want(t, 400, "InvalidArgument")
	c.do(t, call{method: "GET", key: "k", query: "response-date=x"}).want(t, 200, "") // unknown to COS (E170)
}

// TestGetObjectAndCopyObjectRefuseArchivedObjects holds E029.
func TestGetObjectAndCopyObjectRefuseArchivedObjects(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x", "x-cos-storage-class", "DEEP_ARCHIVE")
	head := c.do(t, call{method: "HEAD", key: "k"}).want(t, 200, "")
	if head.Header.Get("x-cos-storage-class") != "DEEP_ARCHIVE" {
		t.Errorf("x-cos-storage-class = %q", head.Header.Get("x-cos-storage-class"))
	}
	get := c.do(t, call{method: "GET", key: "k"}).want(t, 403, "InvalidObjectState")
	if get.Header.Get("x-cos-storage-class") != "DEEP_ARCHIVE" {
		t.Errorf("the refusal does not name the class: %v", get.Header)
	}
	c.do(t, call{method: "PUT", key: "copy", header: map[string]string{"x-cos-copy-source": testHost + "/k"}}).want(t, 403, "InvalidObjectState")
}

func TestPutObjectChecksTheLength(t *testing.T) {
	t.Parallel()
	c := open(t)
	for name, tt := range map[string]struct {
		head, body string
		status     int
		code       string
	}{
		"none":      {"", "", 411, "MissingContentLength"},
		"too large": {"Content-Length: 5368709121\r\n", "", 400, "EntityTooLarge"},
		"short":     {"Content-Length: 10\r\n", "12345", 400, "IncompleteBody"},
		"bad chunk": {"Transfer-Encoding: chunked\r\n", "zz\r\n", 400, "IncompleteBody"},
		"zero":      {"Content-Length: 0\r\n", "", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.request(t, call{method: "PUT", key: "k"})
			text := "PUT /k HTTP/1.1\r\nHost: " + testHost + "\r\nAuthorization: " + r.Header.Get("Authorization") + "\r\n" + tt.head + "\r\n" + tt.body
			if name == "short" {
				c.cut(t, text).want(t, tt.status, tt.code)
				return
			}
			c.raw(t, text).want(t, tt.status, tt.code)
		})
	}
}

func TestPutObjectReplacesEverything(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "one", "x-cos-meta-a", "1", "x-cos-storage-class", "STANDARD_IA", "Content-Type", "a/b")
	c.put(t, "k", "two")
	got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, "")
	if string(got.body) != "two" || got.Header.Get("x-cos-meta-a") != "" || got.Header.Get("x-cos-storage-class") != "" || got.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("GET = %q %v", got.body, got.Header)
	}
}

func TestResponseRequestIDsDiffer(t *testing.T) {
	t.Parallel()
	c := open(t)
	seen := make(map[string]bool)
	for range 50 {
		id := c.do(t, call{method: "HEAD"}).Header.Get("x-cos-request-id")
		if seen[id] {
			t.Fatalf("request id %s was given twice", id)
		}
		seen[id] = true
	}
}

// TestPutObjectMemoryFullIsServiceUnavailable holds E031.
func TestPutObjectMemoryFullIsServiceUnavailable(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.MaxBytes = 100_000 })
	c.put(t, "first", strings.Repeat("x", 80_000))
	got := c.do(t, call{method: "PUT", key: "second", body: make([]byte, 80_000)}).want(t, 503, "ServiceUnavailable")
	if !strings.Contains(got.err.Message, "full") {
		t.Errorf("message = %q, want it to say that the storage is full", got.err.Message)
	}
	c.do(t, call{method: "GET", key: "first"}).want(t, 200, "")
	c.do(t, call{method: "DELETE", key: "first"}).want(t, 204, "")
}

// A slow reader of a big body gets all of it.
func TestGetObjectWaitsForAPausedReader(t *testing.T) {
	t.Parallel()
	c := open(t)
	body := strings.Repeat("0123456789abcdef", 1<<16)
	c.put(t, "k", body)
	resp, err := c.http.Do(c.request(t, call{method: "GET", key: "k"}))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	c.put(t, "k", "other") // the reader keeps the body it began with
	c.do(t, call{method: "DELETE", key: "k"}).want(t, 204, "")
	got, err := io.ReadAll(resp.Body)
	if err != nil || !cmp.Equal(string(got), body) {
		t.Errorf("read %d bytes, %v, want the %d of the object as it was", len(got), err, len(body))
	}
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status = %d", resp.StatusCode)
	}
}
