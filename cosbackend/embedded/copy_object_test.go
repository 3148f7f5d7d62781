package embedded_test

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

func (c *client) copy(t *testing.T, key, source string, header ...string) response {
	t.Helper()
	h := map[string]string{"x-cos-copy-source": source}
	for i := 0; i < len(header); i += 2 {
		h[header[i]] = header[i+1]
	}
	return c.do(t, call{method: "PUT", key: key, header: h, body: []byte{}})
}

// TestCopyObjectCopiesBodyAndHeaders holds E028.
func TestCopyObjectCopiesBodyAndHeaders(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Clock = at(1573095863) })
	c.put(t, "from/中+ ?", "hello", "x-cos-meta-a", "1", "Content-Type", "a/b", "x-cos-storage-class", "STANDARD_IA", "x-cos-acl", "public-read")
	a := c.copy(t, "to", testHost+"/from/%E4%B8%AD+%20%3F").want(t, 200, "")
	var r struct {
		XMLName                   xml.Name `xml:"CopyObjectResult"`
		ETag, CRC64, LastModified string
	}
	if err := xml.Unmarshal(a.body, &r); err != nil {
		t.Fatal(err)
	}
	if r.ETag != etagOf("hello") || r.CRC64 != crcOf("hello") || r.LastModified != "2019-11-07T03:04:23Z" {
		t.Errorf("CopyObjectResult = %+v", r)
	}
	got := c.do(t, call{method: "GET", key: "to"}).want(t, 200, "")
	h := got.Header
	if string(got.body) != "hello" || h.Get("x-cos-meta-a") != "1" || h.Get("Content-Type") != "a/b" || h.Get("x-cos-storage-class") != "" {
		t.Errorf("copy = %q %v", got.body, h)
	}
	c.do(t, call{method: "GET", key: "to", unsigned: true}).want(t, 403, "AccessDenied")
}

func TestCopyObjectCanReplaceTheHeaders(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "hello", "x-cos-meta-a", "1", "Content-Type", "a/b")
	c.copy(t, "k", testHost+"/k", "x-cos-metadata-directive", "Replaced", "x-cos-meta-b", "2", "x-cos-storage-class", "STANDARD_IA").want(t, 200, "")
	got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, "")
	h := got.Header
	if string(got.body) != "hello" || h.Get("x-cos-meta-a") != "" || h.Get("x-cos-meta-b") != "2" || h.Get("Content-Type") != "application/octet-stream" || h.Get("x-cos-storage-class") != "STANDARD_IA" {
		t.Errorf("copy = %q %v", got.body, h)
	}
}

func TestCopyObjectAcrossBucketsAndRegions(t *testing.T) {
	t.Parallel()
	c := open(t)
	other := hostIn("other-1", "ap-beijing")
	c.do(t, call{method: "PUT", host: other}).want(t, 200, "")
	c.do(t, call{method: "PUT", host: other, key: "k", body: []byte("far")}).want(t, 200, "")
	c.copy(t, "near", other+"/k").want(t, 200, "")
	if got := c.do(t, call{method: "GET", key: "near"}); string(got.body) != "far" {
		t.Errorf("GET = %q, want far", got.body)
	}
}

// TestCopyObjectChecksItsSource holds E022, E023 and E030.
func TestCopyObjectChecksItsSource(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Clock = at(1597067218); o.DefaultBucket = testBucket })
	c.put(t, "k", "hello")
	c.put(t, "taken", "old")
	const before, same = "Mon, 10 Aug 2020 13:46:57 GMT", "Mon, 10 Aug 2020 13:46:58 GMT"
	tests := map[string]struct {
		key, source string
		header      []string
		status      int
		code        string
	}{
		"plain":             {"to", testHost + "/k", nil, 200, ""},
		"empty version":     {"to", testHost + "/k?versionId=", nil, 200, ""},
		"default bucket":    {"to", "127.0.0.1:9000/k", nil, 200, ""},
		"tag matches":       {"to", testHost + "/k", []string{"x-cos-copy-source-If-Match", etagOf("hello")}, 200, ""},
		"tag differs":       {"to", testHost + "/k", []string{"x-cos-copy-source-If-Match", "x"}, 412, "PreconditionFailed"},
		"tag must differ":   {"to", testHost + "/k", []string{"x-cos-copy-source-If-None-Match", etagOf("hello")}, 412, "PreconditionFailed"},
		"not modified":      {"to", testHost + "/k", []string{"x-cos-copy-source-If-Modified-Since", same}, 412, "PreconditionFailed"},
		"modified":          {"to", testHost + "/k", []string{"x-cos-copy-source-If-Unmodified-Since", before}, 412, "PreconditionFailed"},
		"forbid overwrite":  {"taken", testHost + "/k", []string{"x-cos-forbid-overwrite", "true"}, 409, "FileAlreadyExists"},
		"onto itself":       {"k", testHost + "/k", nil, 400, "InvalidRequest"},
		"onto itself, Copy": {"k", testHost + "/k", []string{"x-cos-metadata-directive", "Copy"}, 400, "InvalidRequest"},
		"directive":         {"to", testHost + "/k", []string{"x-cos-metadata-directive", "REPLACE"}, 400, "InvalidArgument"},
		"absent key":        {"to", testHost + "/absent", nil, 404, "NoSuchCopySource"},
		"absent bucket":     {"to", hostIn("absent-1", "ap-guangzhou") + "/k", nil, 404, "NoSuchCopySource"},
		"another region":    {"to", hostIn(testBucket, "ap-beijing") + "/k", nil, 404, "NoSuchCopySource"},
		"no key":            {"to", testHost + "/", nil, 400, "InvalidCopySource"},
		"no slash":          {"to", testHost, nil, 400, "InvalidCopySource"},
		"leading slash":     {"to", "/" + testBucket + "/k", nil, 400, "InvalidCopySource"},
		"bad escape":        {"to", testHost + "/%zz", nil, 400, "InvalidCopySource"},
		"bad key":           {"to", testHost + "/%1A", nil, 400, "InvalidCopySource"},
		"another parameter": {"to", testHost + "/k?acl", nil, 400, "InvalidCopySource"},
		"bad parameter":     {"to", testHost + "/k?%zz", nil, 400, "InvalidCopySource"},
		"service host":      {"to", "service.cos.myqcloud.com/k", nil, 400, "InvalidCopySource"},
		"a version":         {"to", testHost + "/k?versionId=1", nil, 404, "NoSuchVersion"},
		"tagging directive": {"to", testHost + "/k", []string{"x-cos-tagging-directive", "copy"}, 400, "InvalidArgument"},
		"storage class":     {"to", testHost + "/k", []string{"x-cos-storage-class", "X"}, 400, "NotSupportedStorageClass"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c.copy(t, tt.key, tt.source, tt.header...).want(t, tt.status, tt.code)
		})
	}
	if got := c.do(t, call{method: "GET", key: "taken"}); string(got.body) != "old" {
		t.Errorf("the key that was not to be overwritten = %q", got.body)
	}
	open(t).copy(t, "to", "127.0.0.1/k").want(t, 400, "InvalidCopySource")
}

type deleteResult struct {
	XMLName xml.Name `xml:"DeleteResult"`
	Deleted []struct{ Key string }
	Error   []struct{ Key, Code, Message string }
}

func (c *client) deleteMany(t *testing.T, body string) response {
	t.Helper()
	return c.do(t, call{method: "POST", query: "delete", body: []byte(body), header: map[string]string{"Content-MD5": contentMD5([]byte(body))}})
}

func (a response) deleted(t *testing.T) (keys, failures string) {
	t.Helper()
	var r deleteResult
	if err := xml.Unmarshal(a.want(t, 200, "").body, &r); err != nil {
		t.Fatalf("delete result %q: %v", a.body, err)
	}
	var ks, fs []string
	for _, d := range r.Deleted {
		ks = append(ks, d.Key)
	}
	for _, e := range r.Error {
		fs = append(fs, e.Code)
	}
	return strings.Join(ks, " "), strings.Join(fs, " ")
}

func TestDeleteObjectsDeletesManyAtOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, key := range []string{"a", "b<&", "keep"} {
		c.put(t, key, "x")
	}
	long := strings.Repeat("k", 851)
	body := "<?xml version='1.0'?><Delete><Quiet>false</Quiet><Object><Key>a</Key></Object><Object><Key>b&lt;&amp;</Key><VersionId></VersionId></Object>" +
		"<Object><Key>absent</Key></Object><Object><Key>" + long + "</Key></Object></Delete>"
	keys, failures := c.deleteMany(t, body).deleted(t)
	if keys != "a b<& absent" || failures != "KeyTooLong" {
		t.Errorf("deleted %q, failures %q", keys, failures)
	}
	if got := c.list(t, "").keys(); len(got) != 1 || got[0] != "keep" {
		t.Errorf("left over: %q, want keep", got)
	}
	quiet := "<Delete xmlns='x'><Quiet>true</Quiet><Object><Key>keep</Key></Object><Object><Key>" + long + "</Key></Object></Delete>"
	keys, failures = c.deleteMany(t, quiet).deleted(t)
	if keys != "" || failures != "KeyTooLong" || len(c.list(t, "").Contents) != 0 {
		t.Errorf("quiet: deleted %q, failures %q", keys, failures)
	}
}

func TestDeleteObjectsRefusesMalformedRequests(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "a", "x")
	object := "<Object><Key>a</Key></Object>"
	for name, tt := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"empty":           {"", 400, "MalformedXML"},
		"no XML":          {"a", 400, "MalformedXML"},
		"no objects":      {"<Delete></Delete>", 400, "MalformedXML"},
		"another root":    {"<Remove>" + object + "</Remove>", 400, "MalformedXML"},
		"no key":          {"<Delete><Object></Object></Delete>", 400, "MalformedXML"},
		"empty key":       {"<Delete><Object><Key></Key></Object></Delete>", 400, "MalformedXML"},
		"two keys":        {"<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>", 400, "MalformedXML"},
		"unknown element": {"<Delete><Loud>true</Loud>" + object + "</Delete>", 400, "MalformedXML"},
		"quiet perhaps":   {"<Delete><Quiet>maybe</Quiet>" + object + "</Delete>", 400, "MalformedXML"},
		"stray text":      {"<Delete>text" + object + "</Delete>", 400, "MalformedXML"},
		"not closed":      {"<Delete>" + object, 400, "MalformedXML"},
		"two roots":       {"<Delete>" + object + "</Delete><Delete/>", 400, "MalformedXML"},
		"a DTD":           {"<!DOCTYPE a []><Delete>" + object + "</Delete>", 400, "MalformedXML"},
		"1001 keys":       {"<Delete>" + strings.Repeat(object, 1001) + "</Delete>", 400, "MalformedXML"},
		"two versions":    {"<Delete><Object><Key>a</Key><VersionId>1</VersionId><VersionId>2</VersionId></Object></Delete>", 400, "MalformedXML"},
		"over 2 MiB":      {"<Delete>" + strings.Repeat(" ", 2<<20) + object + "</Delete>", 400, "XMLSizeLimit"},
	} {
		t.Run(name, func(t *testing.T) { c.deleteMany(t, tt.body).want(t, tt.status, tt.code) })
	}
	body := []byte("<Delete>" + object + "</Delete>")
	in := call{method: "POST", query: "delete", body: body}
	c.do(t, in).want(t, 400, "InvalidRequest")
	in.header = map[string]string{"Content-MD5": contentMD5(nil)}
	c.do(t, in).want(t, 400, "BadDigest")
	in.header = map[string]string{"Content-MD5": "x"}
	c.do(t, in).want(t, 400, "InvalidDigest")
	c.do(t, call{method: "HEAD", key: "a"}).want(t, 200, "") // none of them deleted it
	if keys, _ := c.deleteMany(t, "<Delete>"+strings.Repeat(object, 1000)+"</Delete>").deleted(t); len(keys) != 1999 {
		t.Errorf("1000 mentions of one key give %d bytes of keys", len(keys))
	}
}
