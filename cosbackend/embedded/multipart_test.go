package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
func (c *client) complete(t testing.TB, key, id string, parts map[int]string, header ...string) response {
	t.Helper()
	return c.do(t, completeCall(key, id, parts, header...))
}

func completeCall(key, id string, parts map[int]string, header ...string) call {
	var etags []string
	for n := 1; n <= 10; n++ {
		if body, ok := parts[n]; ok {
			etags = append(etags, strconv.Itoa(n), etagOf(body))
		}
	}
	return completeWith(key, id, etags, header...)
}

// completeWith names parts by number and ETag.
func completeWith(key, id string, parts []string, header ...string) call {
	var b strings.Builder
	b.WriteString("<CompleteMultipartUpload>")
	for i := 0; i < len(parts); i += 2 {
		fmt.Fprintf(&b, "<Part><PartNumber>%s</PartNumber><ETag>%s</ETag></Part>", parts[i], parts[i+1])
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

// isETagOfParts reports whether an ETag is one of an object of so many parts: which one
// depends on the upload (E150).
func isETagOfParts(etag string, n int) bool {
	return regexp.MustCompile(`^"[0-9a-f]{32}-` + strconv.Itoa(n) + `"$`).MatchString(etag)
}

// TestCompleteMultipartUploadJoinsParts holds E034 and E150.
func TestCompleteMultipartUploadJoinsParts(t *testing.T) {
	t.Parallel()
	c := open(t, smallParts)
	const key = "a b/ü+&"
	id := c.initiate(t, key, "Content-Type", "a/b", "x-cos-meta-a", "1", "x-cos-storage-class", "STANDARD_IA", "x-cos-acl", "public-read")
	c.part(t, key, id, 3, "not named")
	c.part(t, key, id, 2, "end")
	c.part(t, key, id, 1, "replaced")
	c.part(t, key, id, 1, "begin ")
	c.do(t, call{method: "HEAD", key: key}).want(t, 404, "")
	a := c.complete(t, key, id, map[int]string{1: "begin ", 2: "end"}).want(t, 200, "")
	etag := between(string(a.body), "<ETag>", "</ETag>")
	if !isETagOfParts(etag, 2) {
		t.Errorf("ETag = %s", etag)
	}
	wantXML := "<?xml version='1.0' encoding='utf-8' ?>\n<CompleteMultipartUploadResult xmlns=\"http://www.qcloud.com/document/product/436/7751\">" +
		"<Location>http://" + testHost + "/a%20b/%C3%BC+&amp;</Location><Bucket>" + testBucket + "</Bucket><Key>a b/ü+&amp;</Key>" +
		"<ETag>" + etag + "</ETag></CompleteMultipartUploadResult>"
	if diff := cmp.Diff(wantXML, string(a.body)); diff != "" {
		t.Errorf("response to Complete (-want +got):\n%s", diff)
	}
	if got := a.Header.Get("x-cos-hash-crc64ecma"); got != crcOf("begin end") || a.ContentLength != int64(len(wantXML)) {
		t.Errorf("headers of Complete = %v", a.Header)
	}
	got := c.do(t, call{method: "GET", key: key, unsigned: true}).want(t, 200, "")
	h := got.Header
	if string(got.body) != "begin end" || h.Get("ETag") != etag || h.Get("x-cos-hash-crc64ecma") != crcOf("begin end") ||
		h.Get("Content-Type") != "a/b" || h.Get("x-cos-meta-a") != "1" || h.Get("x-cos-storage-class") != "STANDARD_IA" || h.Get("x-cos-object-type") != "" {
		t.Errorf("GET = %q %v", got.body, h)
	}
	c.complete(t, key, id, map[int]string{1: "begin ", 2: "end"}).want(t, 404, "NoSuchUpload")
	c.do(t, call{method: "PUT", key: key, query: partQuery(1, id), body: []byte("late")}).want(t, 404, "NoSuchUpload")
	if list := c.do(t, call{method: "GET", query: "uploads"}).want(t, 200, ""); strings.Contains(string(list.body), "<Upload>") {
		t.Errorf("uploads after Complete: %s", list.body)
	}
}

// TestUploadPartIsCheckedBeforeItIsStored holds E032.
func TestUploadPartIsCheckedBeforeItIsStored(t *testing.T) {
	t.Parallel()
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

// TestInitiateMultipartUploadAcceptsTheHeadersOfAPut holds E033.
func TestInitiateMultipartUploadAcceptsTheHeadersOfAPut(t *testing.T) {
	t.Parallel()
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

// TestAbortMultipartUploadDropsAnUpload holds E044.
func TestAbortMultipartUploadDropsAnUpload(t *testing.T) {
	t.Parallel()
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

func TestUploadPartUnsignedToAPublicBucket(t *testing.T) {
	t.Parallel()
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

func (c *client) copyPart(t testing.TB, key, id string, number int, source string, header ...string) response {
	t.Helper()
	h := headers(header)
	h["x-cos-copy-source"] = source
	return c.do(t, call{method: http.MethodPut, key: key, query: partQuery(number, id), header: h, body: []byte{}})
}

// TestUploadPartCopyCopiesARange holds E042 and E043.
func TestUploadPartCopyCopiesARange(t *testing.T) {
	t.Parallel()
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
		t.Errorf("response = %s, want %s", a.body, want)
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

// twoParts begins an upload of k with the parts "begin " and "end".
func (c *client) twoParts(t testing.TB) (id string, parts map[int]string) {
	t.Helper()
	id, parts = c.initiate(t, "k"), map[int]string{1: "begin ", 2: "end"}
	c.part(t, "k", id, 1, parts[1])
	c.part(t, "k", id, 2, parts[2])
	return id, parts
}

// TestCompleteMultipartUploadRefusesWhatDoesNotFit holds E035, E036 and E045.
func TestCompleteMultipartUploadRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	c := open(t, smallParts)
	id, parts := c.twoParts(t)
	c.part(t, "k", id, 3, "abc")
	c.part(t, "k", id, 4, "last")
	part := func(number, etag string) string {
		return "<Part><PartNumber>" + number + "</PartNumber><ETag>" + etag + "</ETag></Part>"
	}
	one, two := part("1", etagOf("begin ")), part("2", etagOf("end"))
	for name, tt := range map[string]struct {
		inner  string
		status int
		code   string
	}{
		"out of order":       {two + one, 400, "InvalidPartOrder"},
		"twice":              {one + one, 400, "InvalidPartOrder"},
		"a gap":              {one + part("3", etagOf("abc")), 400, "InvalidPart"},
		"another tag":        {part("1", etagOf("x")), 400, "InvalidPart"},
		"never uploaded":     {part("9", etagOf("x")), 400, "InvalidPart"},
		"too small":          {one + two + part("3", etagOf("abc")), 400, "EntityTooSmall"},
		"number 0":           {part("0", etagOf("x")), 400, "InvalidArgument"},
		"number 10001":       {part("10001", etagOf("x")), 400, "InvalidArgument"},
		"a word":             {part("one", etagOf("x")), 400, "MalformedXML"},
		"no number":          {"<Part><ETag>x</ETag></Part>", 400, "MalformedXML"},
		"two numbers":        {"<Part><PartNumber>1</PartNumber><PartNumber>1</PartNumber><ETag>x</ETag></Part>", 400, "MalformedXML"},
		"no tag":             {"<Part><PartNumber>1</PartNumber></Part>", 400, "MalformedXML"},
		"an empty tag":       {part("1", `""`), 400, "MalformedXML"},
		"unknown in a part":  {"<Part><Number>1</Number></Part>", 400, "MalformedXML"},
		"unknown":            {"<Parts/>", 400, "MalformedXML"},
		"stray text":         {one + "text", 400, "MalformedXML"},
		"no parts":           {"", 400, "MalformedXML"},
		"not closed":         {"<Part>", 400, "MalformedXML"},
		"too long":           {strings.Repeat(" ", 2<<20), 400, "XMLSizeLimit"},
		"markup in a number": {"<Part><PartNumber><b>1</b></PartNumber><ETag>x</ETag></Part>", 400, "MalformedXML"},
	} {
		t.Run(name, func(t *testing.T) {
			body := []byte("<CompleteMultipartUpload>" + tt.inner + "</CompleteMultipartUpload>")
			c.do(t, call{method: "POST", key: "k", query: "uploadId=" + id, body: body}).want(t, tt.status, tt.code)
		})
	}
	for body, code := range map[string]string{
		"": "MalformedXML", "x": "MalformedXML", "<Complete>" + one + "</Complete>": "MalformedXML",
		"<!DOCTYPE a []><CompleteMultipartUpload>" + one + "</CompleteMultipartUpload>": "MalformedXML",
	} {
		c.do(t, call{method: "POST", key: "k", query: "uploadId=" + id, body: []byte(body)}).want(t, 400, code)
	}
	c.complete(t, "k", id, parts, "Content-MD5", contentMD5(nil)).want(t, 400, "BadDigest")
	c.complete(t, "k", id, parts, "x-cos-forbid-overwrite", "maybe").want(t, 400, "InvalidArgument")
	for header, value := range map[string]string{"x-cos-storage-class": "STANDARD_IA", "x-cos-acl": "public-read", "x-cos-meta-a": "1", "x-cos-traffic-limit": "1"} {
		c.complete(t, "k", id, parts, header, value).want(t, 400, "InvalidArgument")
	}
	c.complete(t, "k", "absent", parts, "x-cos-meta-a", "1").want(t, 404, "NoSuchUpload")
	c.complete(t, "k", id, parts, "x-cos-tagging", "a=b").want(t, 501, "NotImplemented")
	c.complete(t, "other", id, parts).want(t, 404, "NoSuchUpload")
	c.complete(t, "k", "", parts).want(t, 404, "NoSuchUpload")
	c.put(t, "k", "taken")
	c.complete(t, "k", id, parts, "x-cos-forbid-overwrite", "true").want(t, 409, "FileAlreadyExists")
	c.do(t, call{method: "DELETE", key: "k"}).want(t, 204, "")

	// None of that cost the upload anything. Tags may come without quotes, and with
	// what a list of parts says of them.
	body := "<?xml version='1.0'?><CompleteMultipartUpload xmlns='x'>\n <Part> <ETag>" + strings.Trim(etagOf("begin "), `"`) + "</ETag> <PartNumber> 1 </PartNumber></Part>" +
		"<Part><PartNumber>2</PartNumber><ETag>&quot;" + strings.Trim(etagOf("end"), `"`) + "&quot;</ETag><Size>3</Size><LastModified>x</LastModified></Part></CompleteMultipartUpload>"
	c.do(t, call{method: "POST", key: "k", query: "uploadId=" + id, body: []byte(body), header: headers([]string{"x-cos-forbid-overwrite", "true"})}).want(t, 200, "")
	if got := c.do(t, call{method: "GET", key: "k"}); string(got.body) != "begin end" {
		t.Errorf("GET = %q", got.body)
	}
}

func TestCompleteMultipartUploadNeedsPartsOf1MiB(t *testing.T) {
	t.Parallel()
	c := open(t)
	least := strings.Repeat("x", 1<<20)
	id := c.initiate(t, "k")
	c.part(t, "k", id, 1, least[1:])
	c.part(t, "k", id, 2, "end")
	c.complete(t, "k", id, map[int]string{1: least[1:], 2: "end"}).want(t, 400, "EntityTooSmall")
	c.part(t, "k", id, 1, least)
	c.complete(t, "k", id, map[int]string{1: least, 2: "end"}).want(t, 200, "")
	if _, err := embedded.New(embedded.Options{MinPartSize: -1}); err == nil {
		t.Error("New with a negative least part size = nil, want an error")
	}
}

// timed reads a response and measures how long its first byte and its end took.
func (c *client) timed(t testing.TB, in call) (a response, first, end time.Duration) {
	t.Helper()
	began := time.Now()
	resp, err := c.http.Do(c.request(t, in))
	if err != nil {
		t.Fatal(err)
	}
	first = time.Since(began)
	if a, err = readResponse(resp); err != nil {
		t.Fatal(err)
	}
	return a, first, time.Since(began)
}

// TestCompleteMultipartUploadSendsSpacesWhileItIsSlow holds E040.
func TestCompleteMultipartUploadSendsSpacesWhileItIsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		id, parts := c.twoParts(t)
		c.server.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", SlowWork: 10*time.Second + time.Second/2})
		a, first, end := c.timed(t, completeCall("k", id, parts))
		want := strings.Repeat(" ", 10) + "<CompleteMultipartUploadResult xmlns=\"http://www.qcloud.com/document/product/436/7751\"><Location>http://" + testHost +
			"/k</Location><Bucket>" + testBucket + "</Bucket><Key>k</Key><ETag>" + between(string(a.body), "<ETag>", "</ETag>") + "</ETag></CompleteMultipartUploadResult>"
		if a.StatusCode != 200 || string(a.body) != want || a.Header.Get("x-cos-hash-crc64ecma") != crcOf("begin end") || a.Header.Get("x-cos-request-id") == "" {
			t.Errorf("response = %d %v %q, want %q", a.StatusCode, a.Header, a.body, want)
		}
		if a.ContentLength != -1 || fmt.Sprint(a.TransferEncoding) != "[chunked]" || a.Header.Get("Content-Type") != "application/xml" {
			t.Errorf("response has length %d and transfer encoding %v", a.ContentLength, a.TransferEncoding)
		}
		if first != time.Second || end != 10*time.Second+time.Second/2 {
			t.Errorf("headers after %v and the end after %v", first, end)
		}
		es := c.server.Journal().Entries()
		if e := es[len(es)-1]; e.Status != 200 || e.Code != "" || !e.ResponseDelivered {
			t.Errorf("journal = %+v", e)
		}
	})
}

// TestCompleteMultipartUploadSlowHasNoVersionID holds E055.
func TestCompleteMultipartUploadSlowHasNoVersionID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		c.versioning(t, "Enabled")
		id, parts := c.twoParts(t)
		c.server.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", SlowWork: 2 * time.Second})
		if a, _, _ := c.timed(t, completeCall("k", id, parts)); a.StatusCode != 200 || a.Header.Values("x-cos-version-id") != nil {
			t.Errorf("response = %d %v, want no version id", a.StatusCode, a.Header)
		}
		if head := c.do(t, call{method: "HEAD", key: "k"}).want(t, 200, ""); head.version() == "" {
			t.Errorf("HEAD = %v, want a version id", head.Header)
		}
	})
}

func TestCompleteMultipartUploadCanFailInsideA200(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		id, parts := c.twoParts(t)
		c.server.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", Count: 1, SlowWork: 2*time.Second + time.Second/2})
		parts[2] = "another"
		a, _, _ := c.timed(t, completeCall("k", id, parts))
		a.want(t, 200, "InvalidPart")
		if !strings.HasPrefix(string(a.body), "  <Error>") || a.err.RequestID != a.Header.Get("x-cos-request-id") || a.err.TraceID == "" {
			t.Errorf("response = %v %q", a.Header, a.body)
		}
		es := c.server.Journal().Entries()
		if e := es[len(es)-1]; e.Status != 200 || e.Code != "InvalidPart" || !e.ResponseDelivered {
			t.Errorf("journal = %+v", e)
		}
		parts[2] = "end"
		c.complete(t, "k", id, parts).want(t, 200, "")
	})
}

func TestCompleteMultipartUploadContinuesWithoutItsClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		id, parts := c.twoParts(t)
		c.server.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", SlowWork: time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		resp, err := c.http.Do(c.request(t, completeCall("k", id, parts)).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want a deadline", err)
		}
		c.do(t, call{method: "HEAD", key: "k"}).want(t, 404, "")
		c.do(t, call{method: "GET", key: "k", query: "uploadId=" + id}).want(t, 200, "")
		<-time.After(30 * time.Second)
		synctest.Wait()
		if got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, ""); string(got.body) != "begin end" {
			t.Errorf("GET = %q", got.body)
		}
		c.do(t, call{method: "GET", key: "k", query: "uploadId=" + id}).want(t, 404, "NoSuchUpload")
	})
}

func TestCompleteMultipartUploadEndsWhenTheServerCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		id, parts := c.twoParts(t)
		c.server.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", SlowWork: time.Hour})
		resp, err := c.http.Do(c.request(t, completeCall("k", id, parts)))
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() { closed <- c.server.Close() }()
		a, err := readResponse(resp)
		if err != nil || !strings.HasSuffix(string(a.body), "</CompleteMultipartUploadResult>") {
			t.Errorf("response = %q, %v", a.body, err)
		}
		if err := <-closed; err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

func TestFaultKeepAliveForcesSpaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		f := c.server.Faults()
		id, parts := c.twoParts(t)

		fault := f.Add(embedded.Fault{Operation: "CompleteMultipartUpload", KeepAlive: 3*time.Second + time.Second/2, ErrorInSuccess: "InternalError", Message: "m"})
		a, first, end := c.timed(t, completeCall("k", id, parts))
		a.want(t, 200, "InternalError")
		if first != 0 || end != 3*time.Second+time.Second/2 || !strings.HasPrefix(string(a.body), "    <Error>") || a.err.Message != "m" {
			t.Errorf("headers after %v, end after %v: %q", first, end, a.body)
		}
		f.Remove(fault)
		c.do(t, call{method: "HEAD", key: "k"}).want(t, 404, "")

		f.Add(embedded.Fault{Operation: "CompleteMultipartUpload", KeepAlive: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		resp, err := c.http.Do(c.request(t, completeCall("k", id, parts)).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got, err := io.ReadAll(resp.Body); !errors.Is(err, context.DeadlineExceeded) || strings.Trim(string(got), " ") != "" || len(got) < 30 {
			t.Errorf("endless spaces: %q, %v", got, err)
		}
		if resp.Header.Get("x-cos-hash-crc64ecma") != crcOf("begin end") {
			t.Errorf("headers = %v", resp.Header)
		}
		c.do(t, call{method: "HEAD", key: "k"}).want(t, 200, "") // the work is done before the spaces

		f.Add(embedded.Fault{Operation: "CopyObject", KeepAlive: time.Second})
		copied := c.copy(t, "to", testHost+"/k").want(t, 200, "")
		if !strings.HasPrefix(string(copied.body), " <CopyObjectResult>") {
			t.Errorf("copy = %q", copied.body)
		}
	})
}

func TestFaultTruncatesAResponseOfSpaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		id, parts := c.twoParts(t)
		c.server.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", SlowWork: time.Minute, Truncate: 3})
		a, err := c.broken(t, completeCall("k", id, parts))
		if !errors.Is(err, io.ErrUnexpectedEOF) || string(a.body) != "   " {
			t.Errorf("response = %q, %v", a.body, err)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		c.do(t, call{method: "HEAD", key: "k"}).want(t, 200, "")
	})
}

func TestFaultLoseResponseOfCompleteMultipartUpload(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]embedded.Fault{"fast": {LoseResponse: true}, "slow": {LoseResponse: true, SlowWork: 5 * time.Second}, "spaces": {LoseResponse: true, KeepAlive: 5 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, smallParts)
				id, parts := c.twoParts(t)
				fault.Operation = "CompleteMultipartUpload"
				c.server.Faults().Add(fault)
				if a, err := c.broken(t, completeCall("k", id, parts)); a.Response != nil || !errors.Is(err, io.EOF) {
					t.Errorf("response = %v, %v, want none", a.Response, err)
				}
				c.server.Faults().Clear()
				c.do(t, call{method: "HEAD", key: "k"}).want(t, 200, "")
				c.complete(t, "k", id, parts).want(t, 404, "NoSuchUpload")
			})
		})
	}
}

// A lost response leaves parts and appends in place, too.
func TestFaultMatchesMultipartOperations(t *testing.T) {
	t.Parallel()
	c := open(t, smallParts)
	id, parts := c.twoParts(t)
	c.append(t, "log", 0, "one").want(t, 200, "")
	for operation, in := range map[string]call{
		"InitiateMultipartUpload": {method: "POST", key: "k", query: "uploads", body: []byte{}},
		"UploadPart":              {method: "PUT", key: "k", query: partQuery(1, id), body: []byte("x")},
		"UploadPartCopy":          {method: "PUT", key: "k", query: partQuery(1, id), header: headers([]string{"x-cos-copy-source", testHost + "/log"})},
		"CompleteMultipartUpload": completeCall("k", id, parts),
		"AbortMultipartUpload":    {method: "DELETE", key: "k", query: "uploadId=" + id},
		"ListParts":               {method: "GET", key: "k", query: "uploadId=" + id},
		"ListMultipartUploads":    {method: "GET", query: "uploads"},
		"AppendObject":            {method: "POST", key: "log", query: "append&position=3", body: []byte("x")},
	} {
		rule := c.server.Faults().Add(embedded.Fault{Operation: operation, Code: "SlowDown"})
		c.do(t, in).want(t, 503, "SlowDown")
		c.server.Faults().Remove(rule)
		if es := c.server.Journal().Entries(); es[len(es)-1].Operation != operation {
			t.Errorf("%s %s?%s is %s in the journal, want %s", in.method, in.key, in.query, es[len(es)-1].Operation, operation)
		}
	}
	lost := c.server.Faults().Add(embedded.Fault{Operation: "AppendObject", LoseResponse: true})
	if _, err := c.broken(t, call{method: "POST", key: "log", query: "append&position=3", body: []byte("two")}); err == nil {
		t.Error("the response to an append was not lost")
	}
	c.server.Faults().Remove(lost)
	if a := c.append(t, "log", 3, "two").want(t, 409, "AppendPositionErr"); a.Header.Get("x-cos-next-append-position") != "6" {
		t.Errorf("headers = %v", a.Header)
	}
	wrong := c.server.Faults().Add(embedded.Fault{WrongCRC64: true})
	if a := c.do(t, call{method: "PUT", key: "k", query: partQuery(1, id), body: []byte("begin ")}); a.Header.Get("x-cos-hash-crc64ecma") == crcOf("begin ") {
		t.Errorf("headers = %v", a.Header)
	}
	if a := c.copyPart(t, "k", id, 3, testHost+"/log"); strings.Contains(string(a.body), crcOf("onetwo")) {
		t.Errorf("response = %s", a.body)
	}
	c.server.Faults().Remove(wrong)
}

// document is the body without its declaration, if it has one (E160).
func (a response) document() string { return strings.TrimPrefix(string(a.body), xmlDeclaration) }

const xmlDeclaration = "<?xml version='1.0' encoding='utf-8' ?>\n"

// lines puts each element of a response on a line of its own.
func lines(text string) string {
	text = strings.ReplaceAll(strings.TrimPrefix(text, xmlDeclaration), "\n", "")
	return strings.ReplaceAll(text, "><", ">\n<")
}

// The element names are those of the COS documentation, whose spelling differs
// from list to list.
// It holds E025 and E041.
func TestListPartsListsByNumber(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Clock = at(1573095863) })
	id := c.initiate(t, "a b", "x-cos-storage-class", "STANDARD_IA")
	for _, n := range []int{10000, 2, 7} {
		c.part(t, "a b", id, n, strings.Repeat("x", n))
	}
	part := func(number, size string, body string) string {
		return "<Part>\n<PartNumber>" + number + "</PartNumber>\n<LastModified>2019-11-07T03:04:23.000Z</LastModified>\n<ETag>" + etagOf(body) + "</ETag>\n<Size>" + size + "</Size>\n</Part>\n"
	}
	head := func(encoding, key, marker string) string {
		return "<ListPartsResult>\n<Bucket>" + testBucket + "</Bucket>\n<EncodingType>" + encoding + "</EncodingType>\n<Key>" + key + "</Key>\n<UploadId>" + id + "</UploadId>\n" +
			"<Owner>\n<ID>1250000000</ID>\n<DisplayName>1250000000</DisplayName>\n</Owner>\n<PartNumberMarker>" + marker + "</PartNumberMarker>\n" +
			"<Initiator>\n<ID>1250000000</ID>\n<DisplayName>1250000000</DisplayName>\n</Initiator>\n"
	}
	tail := func(limit, truncated string) string {
		return "<StorageClass>STANDARD_IA</StorageClass>\n<MaxParts>" + limit + "</MaxParts>\n<IsTruncated>" + truncated + "</IsTruncated>\n</ListPartsResult>"
	}
	two, seven, last := part("2", "2", "xx"), part("7", "7", "xxxxxxx"), part("10000", "10000", strings.Repeat("x", 10000))
	for query, want := range map[string]string{
		"":                                         head("", "a b", "0") + two + seven + last + tail("1000", "false"),
		"&max-parts=2&encoding-type=url":           head("url", "a%20b", "0") + two + seven + "<NextPartNumberMarker>7</NextPartNumberMarker>\n" + tail("2", "true"),
		"&max-parts=1&part-number-marker=7":        head("", "a b", "7") + last + tail("1", "false"),
		"&max-parts=&part-number-marker=10000":     head("", "a b", "10000") + tail("1000", "false"),
		"&max-parts=0":                             head("", "a b", "0") + tail("0", "false"),
		"&part-number-marker=&encoding-type=":      head("", "a b", "0") + two + seven + last + tail("1000", "false"),
		"&PART-NUMBER-MARKER=2&Max-Parts=1":        head("", "a b", "2") + seven + "<NextPartNumberMarker>7</NextPartNumberMarker>\n" + tail("1", "true"),
		"&part-number-marker=99999&max-parts=1000": head("", "a b", "99999") + tail("1000", "false"),
	} {
		got := c.do(t, call{method: "GET", key: "a b", query: "uploadId=" + id + query}).want(t, 200, "")
		if diff := cmp.Diff(lines(want), lines(string(got.body))); diff != "" {
			t.Errorf("list of parts with %q (-want +got):\n%s", query, diff)
		}
	}
	for _, query := range []string{"&max-parts=1001", "&max-parts=-1", "&max-parts=x", "&part-number-marker=-1", "&part-number-marker=x", "&encoding-type=base64"} {
		c.do(t, call{method: "GET", key: "a b", query: "uploadId=" + id + query}).want(t, 400, "InvalidArgument")
	}
	c.do(t, call{method: "GET", key: "a b", query: "uploadId=absent"}).want(t, 404, "NoSuchUpload")
	c.do(t, call{method: "GET", key: "a b", query: "uploadId="}).want(t, 404, "NoSuchUpload")
	c.do(t, call{method: "GET", key: "other", query: "uploadId=" + id}).want(t, 404, "NoSuchUpload")
}

// TestListMultipartUploadsListsByKey holds E025, E041 and E161.
func TestListMultipartUploadsListsByKey(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Clock = at(1573095863) })
	first, second := c.initiate(t, "b c"), c.initiate(t, "b c")
	if first > second { // the clock stands still
		first, second = second, first
	}
	low := c.initiate(t, "a/1")
	c.initiate(t, "a/2")
	upload := func(key, id, class string) string {
		return "<Upload>\n<Key>" + key + "</Key>\n<UploadId>" + id + "</UploadId>\n<Initiator>\n<ID>1250000000</ID>\n<DisplayName>1250000000</DisplayName>\n</Initiator>\n" +
			"<Owner>\n<ID>1250000000</ID>\n<DisplayName>1250000000</DisplayName>\n</Owner>\n<StorageClass>" + class + "</StorageClass>\n<Initiated>2019-11-07T03:04:23.000Z</Initiated>\n</Upload>\n"
	}
	result := func(inner ...string) string {
		return "<ListMultipartUploadsResult>\n<Bucket>" + testBucket + "</Bucket>\n" + strings.Join(inner, "") + "</ListMultipartUploadsResult>"
	}
	for query, want := range map[string]string{
		"&prefix=b": result("<Encoding-Type></Encoding-Type>\n<KeyMarker></KeyMarker>\n<UploadIdMarker></UploadIdMarker>\n<MaxUploads>1000</MaxUploads>\n<Prefix>b</Prefix>\n<Delimiter></Delimiter>\n<IsTruncated>false</IsTruncated>\n",
			upload("b c", first, "Standard"), upload("b c", second, "Standard")),
		"&delimiter=%2F&max-uploads=2&encoding-type=url": result("<Encoding-Type>url</Encoding-Type>\n<KeyMarker></KeyMarker>\n<UploadIdMarker></UploadIdMarker>\n",
			"<NextKeyMarker>b%20c</NextKeyMarker>\n<NextUploadIdMarker>"+first+"</NextUploadIdMarker>\n<MaxUploads>2</MaxUploads>\n<Prefix></Prefix>\n<Delimiter>/</Delimiter>\n<IsTruncated>true</IsTruncated>\n",
			upload("b%20c", first, "Standard"), "<CommonPrefixes>\n<Prefix>a/</Prefix>\n</CommonPrefixes>\n"),
		"&delimiter=%2F&key-marker=b+c&upload-id-marker=" + first: result("<Encoding-Type></Encoding-Type>\n<KeyMarker>b c</KeyMarker>\n<UploadIdMarker>"+first+"</UploadIdMarker>\n",
			"<MaxUploads>1000</MaxUploads>\n<Prefix></Prefix>\n<Delimiter>/</Delimiter>\n<IsTruncated>false</IsTruncated>\n", upload("b c", second, "Standard")),
		"&prefix=a%2F&max-uploads=1": result("<Encoding-Type></Encoding-Type>\n<KeyMarker></KeyMarker>\n<UploadIdMarker></UploadIdMarker>\n",
			"<NextKeyMarker>a/1</NextKeyMarker>\n<NextUploadIdMarker>"+low+"</NextUploadIdMarker>\n<MaxUploads>1</MaxUploads>\n<Prefix>a/</Prefix>\n<Delimiter></Delimiter>\n<IsTruncated>true</IsTruncated>\n", upload("a/1", low, "Standard")),
		"&max-uploads=0": result("<Encoding-Type></Encoding-Type>\n<KeyMarker></KeyMarker>\n<UploadIdMarker></UploadIdMarker>\n",
			"<MaxUploads>0</MaxUploads>\n<Prefix></Prefix>\n<Delimiter></Delimiter>\n<IsTruncated>false</IsTruncated>\n"),
	} {
		got := c.do(t, call{method: "GET", query: "uploads" + query}).want(t, 200, "")
		if diff := cmp.Diff(lines(want), lines(string(got.body))); diff != "" {
			t.Errorf("list of uploads with %q (-want +got):\n%s", query, diff)
		}
	}
	for query, code := range map[string]string{
		"max-uploads=1001": "InvalidArgument", "max-uploads=x": "InvalidArgument", "encoding-type=x": "InvalidArgument", "prefix=%FF": "InvalidArgument",
		"delimiter=ab": "InvalidDelimiter", "key-marker=" + strings.Repeat("x", 1025): "InvalidURI", "upload-id-marker=" + strings.Repeat("x", 1025): "InvalidURI",
	} {
		c.do(t, call{method: "GET", query: "uploads&" + query}).want(t, 400, code)
	}
	c.do(t, call{method: "GET", query: "uploads&marker=x"}).want(t, 200, "") // of another list (E171)
}
