package embedded_test

import (
	"crypto/md5"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

func smallParts(o *embedded.Options) { o.MinPartSize = 4 }

// initiate begins an upload and returns its id.
func (c *client) initiate(t testing.TB, key string, header ...string) string {
	t.Helper()
	a := c.do(t, call{method: "POST", key: key, query: "uploads", header: headers(header), body: []byte{}}).want(t, 200, "")
	return between(string(a.body), "<UploadId>", "</UploadId>")
}

// part uploads one part and returns its ETag.
func (c *client) part(t testing.TB, key, id string, number int, body string) string {
	t.Helper()
	a := c.do(t, call{method: "PUT", key: key, query: partQuery(number, id), body: []byte(body)}).want(t, 200, "")
	if a.Header.Get("ETag") != etagOf(body) || a.Header.Get("x-cos-hash-crc64ecma") != crcOf(body) {
		t.Errorf("UploadPart %d = %v", number, a.Header)
	}
	return a.Header.Get("ETag")
}

// complete names parts by number; each has the body given for its number.
func (c *client) complete(t testing.TB, key, id string, parts map[int]string, header ...string) answer {
	t.Helper()
	return c.do(t, completeCall(key, id, parts, header...))
}

func completeCall(key, id string, parts map[int]string, header ...string) call {
	var b strings.Builder
	b.WriteString("<CompleteMultipartUpload>")
	for n := 1; n <= 10; n++ {
		if body, ok := parts[n]; ok {
			fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", n, etagOf(body))
		}
	}
	b.WriteString("</CompleteMultipartUpload>")
	return call{method: "POST", key: key, query: "uploadId=" + id, body: []byte(b.String()), header: headers(header)}
}

func partQuery(number int, id string) string {
	return fmt.Sprintf("partNumber=%d&uploadId=%s", number, id)
}

func headers(pairs []string) map[string]string {
	h := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = pairs[i+1]
	}
	return h
}

func between(s, open, end string) string {
	_, s, _ = strings.Cut(s, open)
	s, _, _ = strings.Cut(s, end)
	return s
}

// etagOfParts is what COS makes of several parts: the MD5 of their MD5s.
func etagOfParts(bodies ...string) string {
	h := md5.New()
	for _, b := range bodies {
		sum := md5.Sum([]byte(b))
		h.Write(sum[:])
	}
	return fmt.Sprintf(`"%x-%d"`, h.Sum(nil), len(bodies))
}

func TestPartsBecomeOneObject(t *testing.T) {
	c := open(t, smallParts)
	const key = "a b/ü+&"
	id := c.initiate(t, key, "Content-Type", "a/b", "x-cos-meta-a", "1", "x-cos-storage-class", "STANDARD_IA", "x-cos-acl", "public-read")
	c.part(t, key, id, 3, "not named")
	c.part(t, key, id, 2, "end")
	c.part(t, key, id, 1, "replaced")
	c.part(t, key, id, 1, "begin ")
	c.do(t, call{method: "HEAD", key: key}).want(t, 404, "")
	a := c.complete(t, key, id, map[int]string{1: "begin ", 2: "end"}).want(t, 200, "")
	wantXML := "<?xml version='1.0' encoding='utf-8' ?>\n<CompleteMultipartUploadResult><Location>http://" + testHost + "/a%20b/%C3%BC+&amp;</Location>" +
		"<Bucket>" + testBucket + "</Bucket><Key>a b/ü+&amp;</Key><ETag>" + etagOfParts("begin ", "end") + "</ETag></CompleteMultipartUploadResult>"
	if diff := cmp.Diff(wantXML, string(a.body)); diff != "" {
		t.Errorf("answer to Complete (-want +got):\n%s", diff)
	}
	if got := a.Header.Get("x-cos-hash-crc64ecma"); got != crcOf("begin end") || a.ContentLength != int64(len(wantXML)) {
		t.Errorf("headers of Complete = %v", a.Header)
	}
	got := c.do(t, call{method: "GET", key: key, unsigned: true}).want(t, 200, "")
	h := got.Header
	if string(got.body) != "begin end" || h.Get("ETag") != etagOfParts("begin ", "end") || h.Get("x-cos-hash-crc64ecma") != crcOf("begin end") ||
		h.Get("Content-Type") != "a/b" || h.Get("x-cos-meta-a") != "1" || h.Get("x-cos-storage-class") != "STANDARD_IA" || h.Get("x-cos-object-type") != "normal" {
		t.Errorf("GET = %q %v", got.body, h)
	}
	c.complete(t, key, id, map[int]string{1: "begin ", 2: "end"}).want(t, 404, "NoSuchUpload")
	c.do(t, call{method: "PUT", key: key, query: partQuery(1, id), body: []byte("late")}).want(t, 404, "NoSuchUpload")
	if list := c.do(t, call{method: "GET", query: "uploads"}).want(t, 200, ""); strings.Contains(string(list.body), "<Upload>") {
		t.Errorf("uploads after Complete: %s", list.body)
	}
}

func TestAPartIsJudgedBeforeItIsKept(t *testing.T) {
	c := open(t)
	id := c.initiate(t, "k")
	for name, tt := range map[string]struct {
		query  string
		header map[string]string
		change func(*call)
		status int
		code   string
	}{
		"the other order":    {query: "uploadId=" + id + "&partNumber=1", status: 200},
		"names in any case":  {query: "PartNumber=10000&UPLOADID=" + id, status: 200},
		"number 0":           {query: partQuery(0, id), status: 400, code: "InvalidArgument"},
		"number 10001":       {query: partQuery(10001, id), status: 400, code: "InvalidArgument"},
		"no number":          {query: "uploadId=" + id, status: 400, code: "InvalidArgument"},
		"a word":             {query: "partNumber=one&uploadId=" + id, status: 400, code: "InvalidArgument"},
		"no upload":          {query: "partNumber=1", status: 404, code: "NoSuchUpload"},
		"an empty upload":    {query: partQuery(1, ""), status: 404, code: "NoSuchUpload"},
		"another upload":     {query: partQuery(1, "absent"), status: 404, code: "NoSuchUpload"},
		"another key":        {query: partQuery(1, id), change: func(in *call) { in.key = "other" }, status: 404, code: "NoSuchUpload"},
		"chunked":            {query: partQuery(1, id), change: func(in *call) { in.chunked = true }, status: 411, code: "MissingContentLength"},
		"its MD5":            {query: partQuery(1, id), header: map[string]string{"Content-MD5": contentMD5([]byte("part"))}, status: 200},
		"another MD5":        {query: partQuery(1, id), header: map[string]string{"Content-MD5": contentMD5(nil)}, status: 400, code: "BadDigest"},
		"no MD5 at all":      {query: partQuery(1, id), header: map[string]string{"Content-MD5": "x"}, status: 400, code: "InvalidDigest"},
		"another SHA-1":      {query: partQuery(1, id), header: map[string]string{"x-cos-content-sha1": strings.Repeat("0", 40)}, status: 400, code: "InvalidSHA1Digest"},
		"headers of the key": {query: partQuery(1, id), header: map[string]string{"x-cos-meta-a": "1"}, status: 501, code: "NotImplemented"},
		"a key of SSE-C":     {query: partQuery(1, id), header: map[string]string{"x-cos-server-side-encryption-customer-key": "1"}, status: 400, code: "SsecDecryptHeaderInvalid"},
		"unsigned":           {query: partQuery(1, id), change: func(in *call) { in.unsigned = true }, status: 403, code: "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			in := call{method: "PUT", key: "k", query: tt.query, header: tt.header, body: []byte("part")}
			if tt.change != nil {
				tt.change(&in)
			}
			c.do(t, in).want(t, tt.status, tt.code)
		})
	}
	big := "PUT /k?" + partQuery(1, id) + " HTTP/1.1\r\nHost: " + testHost + "\r\nContent-Length: 5368709121\r\n"
	c.raw(t, big+c.authorizationFor(t, call{method: "PUT", key: "k", query: partQuery(1, id)})+"\r\n").want(t, 400, "EntityTooLarge")
}

// authorizationFor is the header line that signs a call.
func (c *client) authorizationFor(t testing.TB, in call) string {
	t.Helper()
	return "Authorization: " + c.request(t, in).Header.Get("Authorization") + "\r\n"
}

func TestInitiateTakesTheHeadersOfAPut(t *testing.T) {
	c := open(t)
	for header, want := range map[string]struct {
		value  string
		status int
		code   string
	}{
		"x-cos-storage-class":          {"NONE", 400, "NotSupportedStorageClass"},
		"x-cos-acl":                    {"none", 400, "InvalidArgument"},
		"x-cos-meta-a":                 {strings.Repeat("x", 2<<10), 400, "MetadataTooLarge"},
		"x-cos-traffic-limit":          {"1", 400, "InvalidArgument"},
		"x-cos-forbid-overwrite":       {"true", 501, "NotImplemented"},
		"x-cos-server-side-encryption": {"AES128", 400, "SSEContentNotSupported"},
		"x-cos-tagging":                {"a=", 400, "InvalidTag"},
	} {
		c.do(t, call{method: "POST", key: "k", query: "uploads", header: map[string]string{header: want.value}}).want(t, want.status, want.code)
	}
	c.do(t, call{method: "POST", key: "k", query: "uploads=", header: map[string]string{"x-cos-traffic-limit": "819200"}}).want(t, 200, "")
	c.do(t, call{method: "POST", query: "uploads"}).want(t, 405, "MethodNotAllowed")
}

func TestAbortDropsAnUpload(t *testing.T) {
	c := open(t, smallParts)
	id, other := c.initiate(t, "k"), c.initiate(t, "k")
	if id == other {
		t.Fatalf("two uploads have the id %s", id)
	}
	c.part(t, "k", id, 1, "part")
	c.part(t, "k", other, 1, "kept")
	c.do(t, call{method: "DELETE"}).want(t, 409, "BucketNotEmpty")
	c.do(t, call{method: "DELETE", key: "k", query: "uploadId="}).want(t, 404, "NoSuchUpload")
	c.do(t, call{method: "DELETE", key: "other", query: "uploadId=" + id}).want(t, 404, "NoSuchUpload")
	c.do(t, call{method: "DELETE", key: "k", query: "uploadId=" + id}).want(t, 204, "")
	c.do(t, call{method: "DELETE", key: "k", query: "uploadId=" + id}).want(t, 404, "NoSuchUpload")
	c.complete(t, "k", id, map[int]string{1: "part"}).want(t, 404, "NoSuchUpload")
	c.complete(t, "k", other, map[int]string{1: "kept"}).want(t, 200, "")
	c.do(t, call{method: "DELETE", key: "k"}).want(t, 204, "")
	c.do(t, call{method: "DELETE"}).want(t, 204, "")
}

func TestAPublicBucketTakesPartsFromAnybody(t *testing.T) {
	c := open(t, smallParts)
	host := hostIn("public-1", "ap-guangzhou")
	c.do(t, call{method: "PUT", host: host, header: map[string]string{"x-cos-acl": "public-read-write"}}).want(t, 200, "")
	a := c.do(t, call{method: "POST", host: host, key: "k", query: "uploads", unsigned: true}).want(t, 200, "")
	id := between(string(a.body), "<UploadId>", "</UploadId>")
	c.do(t, call{method: "PUT", host: host, key: "k", query: partQuery(1, id), body: []byte("part"), unsigned: true}).want(t, 200, "")
	c.do(t, call{method: "GET", host: host, key: "k", query: "uploadId=" + id, unsigned: true}).want(t, 403, "AccessDenied")
	c.do(t, call{method: "GET", host: host, query: "uploads", unsigned: true}).want(t, 403, "AccessDenied")
	in := completeCall("k", id, map[int]string{1: "part"})
	in.host, in.unsigned = host, true
	c.do(t, in).want(t, 200, "")
}

func (c *client) copyPart(t testing.TB, key, id string, number int, source string, header ...string) answer {
	t.Helper()
	h := headers(header)
	h["x-cos-copy-source"] = source
	return c.do(t, call{method: http.MethodPut, key: key, query: partQuery(number, id), header: h, body: []byte{}})
}

func TestPartsCanBeCopied(t *testing.T) {
	c := open(t, smallParts, func(o *embedded.Options) { o.Clock = at(1573095863) })
	c.put(t, "from", "0123456789")
	c.put(t, "cold", "0123456789", "x-cos-storage-class", "ARCHIVE")
	id := c.initiate(t, "k")
	for name, tt := range map[string]struct {
		source string
		header []string
		status int
		code   string
	}{
		"absent key":      {testHost + "/absent", nil, 404, "NoSuchCopySource"},
		"absent bucket":   {hostIn("absent-1", "ap-guangzhou") + "/k", nil, 404, "NoSuchCopySource"},
		"an archive":      {testHost + "/cold", nil, 403, "InvalidObjectState"},
		"tag differs":     {testHost + "/from", []string{"x-cos-copy-source-If-Match", "x"}, 412, "PreconditionFailed"},
		"behind the end":  {testHost + "/from", []string{"x-cos-copy-source-range", "bytes=8-10"}, 416, "InvalidRange"},
		"open range":      {testHost + "/from", []string{"x-cos-copy-source-range", "bytes=8-"}, 400, "InvalidArgument"},
		"suffix":          {testHost + "/from", []string{"x-cos-copy-source-range", "bytes=-8"}, 400, "InvalidArgument"},
		"signed number":   {testHost + "/from", []string{"x-cos-copy-source-range", "bytes=+0-8"}, 400, "InvalidArgument"},
		"backwards":       {testHost + "/from", []string{"x-cos-copy-source-range", "bytes=8-2"}, 400, "InvalidArgument"},
		"another unit":    {testHost + "/from", []string{"x-cos-copy-source-range", "lines=0-2"}, 400, "InvalidArgument"},
		"too much":        {testHost + "/from", []string{"x-cos-copy-source-range", "bytes=0-5368709120"}, 400, "EntityTooLarge"},
		"no source":       {"x", nil, 400, "InvalidCopySource"},
		"a class":         {testHost + "/from", []string{"x-cos-storage-class", "STANDARD"}, 501, "NotImplemented"},
		"a traffic limit": {testHost + "/from", []string{"x-cos-traffic-limit", "819200"}, 501, "NotImplemented"},
	} {
		t.Run(name, func(t *testing.T) { c.copyPart(t, "k", id, 1, tt.source, tt.header...).want(t, tt.status, tt.code) })
	}
	c.copyPart(t, "k", "absent", 1, testHost+"/from").want(t, 404, "NoSuchUpload")
	c.copyPart(t, "k", id, 0, testHost+"/from").want(t, 400, "InvalidArgument")
	a := c.copyPart(t, "k", id, 1, testHost+"/from", "x-cos-copy-source-range", "bytes=2-5", "x-cos-copy-source-If-Match", etagOf("0123456789")).want(t, 200, "")
	want := "<CopyPartResult><ETag>" + etagOf("2345") + "</ETag><CRC64>" + crcOf("2345") + "</CRC64><LastModified>2019-11-07T03:04:23Z</LastModified></CopyPartResult>"
	if !strings.HasSuffix(string(a.body), want) {
		t.Errorf("answer = %s, want %s", a.body, want)
	}
	c.copyPart(t, "k", id, 2, testHost+"/from").want(t, 200, "")
	c.part(t, "k", id, 3, "x")
	c.do(t, call{method: "DELETE", key: "from"}).want(t, 204, "") // the parts keep what they need
	c.complete(t, "k", id, map[int]string{1: "2345", 2: "0123456789", 3: "x"}).want(t, 200, "")
	if got := c.do(t, call{method: "GET", key: "k", header: map[string]string{"Range": "bytes=3-4"}}).want(t, 206, ""); string(got.body) != "50" {
		t.Errorf("the seam of two parts = %q, want 50", got.body)
	}
	if got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, ""); string(got.body) != "23450123456789x" || got.Header.Get("x-cos-hash-crc64ecma") != crcOf("23450123456789x") {
		t.Errorf("GET = %q %v", got.body, got.Header)
	}
}
