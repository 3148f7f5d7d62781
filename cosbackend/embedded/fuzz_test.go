package embedded_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

// fuzzed serves a request that no client library would send, and fails when the
// server blames itself: panics become 500.
func fuzzed(t *testing.T, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	rec := newRecorder()
	h.ServeHTTP(rec, r.WithContext(t.Context()))
	if rec.Code >= 500 && rec.Code != 501 || rec.Header().Get("X-Cos-Request-Id") == "" {
		t.Errorf("%s %s %v = %d %s", r.Method, r.URL, r.Header, rec.Code, rec.Body)
	}
	return rec
}

func fuzzServer(f *testing.F, mode embedded.SignatureMode) http.Handler {
	c := open(f, func(o *embedded.Options) {
		o.Signature, o.DefaultBucket, o.Clock = mode, testBucket, at(1700000000)
		o.Credentials = []embedded.Credential{{SecretID: "AKIDoftests", SecretKey: "secretkeyoftests"}}
	})
	return c.server.Handler()
}

func rawRequest(method, path, query string) *http.Request {
	return &http.Request{
		Method: method, URL: &url.URL{Path: path, RawQuery: query}, Host: testHost, Header: make(http.Header),
		Body: http.NoBody, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}

func FuzzAuthorization(f *testing.F) {
	h := fuzzServer(f, embedded.SignatureStrict)
	valid := "q-sign-algorithm=sha1&q-ak=AKIDoftests&q-sign-time=1699999990;1700000600&q-key-time=1699999990;1700000600" +
		"&q-header-list=host;content-length;x%21y&q-url-param-list=a&q-signature=" + strings.Repeat("0", 40)
	f.Add(valid, "a=1")
	f.Add("", "sign="+url.QueryEscape(valid))
	f.Add("", strings.ReplaceAll(valid, ";", "%3B"))
	f.Add("q-ak=&&=;;", "q-signature&sign=%26&x-cos-security-token=1")
	f.Fuzz(func(t *testing.T, auth, query string) {
		r := rawRequest(http.MethodGet, "/k", query)
		if auth != "" {
			r.Header.Set("Authorization", auth)
		}
		// Nobody can guess a signature: the object is absent, so 404 would mean being let in.
		if rec := fuzzed(t, h, r); rec.Code != 403 && rec.Code != 400 && rec.Code != 501 {
			t.Errorf("%q with query %q was let in: %d", auth, query, rec.Code)
		}
	})
}

func FuzzListParameters(f *testing.F) {
	h := fuzzServer(f, embedded.SignatureOff)
	for _, key := range []string{"a/1", "a/2", "b", "\x01", "中/文"} {
		fuzzSeed(f, h, key)
	}
	for _, q := range []string{
		"", "versions&key-marker=a&version-id-marker=%00", "versions&delimiter=%2F&max-keys=1", "prefix=a&delimiter=%2F&marker=a%2F1&max-keys=1&encoding-type=url", "max-keys=0", "delimiter=%E4%B8%AD&MARKER=%FF", "prefix=%00&max-keys=-1", "location", "a;b",
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		fuzzed(t, h, rawRequest(http.MethodGet, "/", query))
	})
}

func FuzzCopySource(f *testing.F) {
	h := fuzzServer(f, embedded.SignatureOff)
	fuzzSeed(f, h, "k")
	for _, s := range []string{
		testHost + "/k", testHost + "/%6b?versionId=", "127.0.0.1:1/k", "/k", "//", testHost + "/%zz", testHost + "/k?a=b&c", "[::1/k", "service.cos.myqcloud.com/k", "..myqcloud.com/k",
	} {
		f.Add(s, "Copy", "*")
	}
	f.Add(testHost+"/k", "Replaced", `W/"x", "`)
	f.Fuzz(func(t *testing.T, source, directive, match string) {
		r := rawRequest(http.MethodPut, "/to", "")
		r.Header.Set("X-Cos-Copy-Source", source)
		r.Header.Set("X-Cos-Metadata-Directive", directive)
		r.Header.Set("X-Cos-Copy-Source-If-Match", match)
		r.Header.Set("X-Cos-Copy-Source-If-Modified-Since", match)
		fuzzed(t, h, r)
	})
}

func FuzzDeleteXML(f *testing.F) {
	h := fuzzServer(f, embedded.SignatureOff)
	for _, s := range []string{
		"<Delete><Quiet>true</Quiet><Object><Key>a</Key><VersionId/></Object></Delete>", "<Delete/>", "<Delete", "<!DOCTYPE a><Delete/>",
		"<?xml version='1.0' encoding='latin1'?><Delete/>", "<Delete><Object><Key>&#x1;&bogus;</Key></Object></Delete>", "\xff\xfe",
		"<Delete><Object><Key><![CDATA[<]]></Key></Object></Delete>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := rawRequest(http.MethodPost, "/", "delete")
		r.Body = readCloser{strings.NewReader(body)}
		r.ContentLength = int64(len(body))
		r.Header.Set("Content-MD5", contentMD5([]byte(body)))
		fuzzed(t, h, r)
	})
}

func FuzzCompleteXML(f *testing.F) {
	h := fuzzServer(f, embedded.SignatureOff)
	rec := newRecorder()
	h.ServeHTTP(rec, rawRequest(http.MethodPost, "/k", "uploads").WithContext(f.Context()))
	id := between(rec.Body.String(), "<UploadId>", "</UploadId>")
	part := rawRequest(http.MethodPut, "/k", partQuery(1, id))
	part.Header.Set("Content-Length", "1")
	part.ContentLength, part.Body = 1, readCloser{strings.NewReader("x")}
	rec = newRecorder()
	if h.ServeHTTP(rec, part.WithContext(f.Context())); rec.Code != 200 {
		f.Fatalf("PUT of a part = %d %s", rec.Code, rec.Body)
	}
	for _, s := range []string{
		"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;0&quot;</ETag></Part><Part><PartNumber>2</PartNumber><ETag>1</ETag><Size>1</Size></Part></CompleteMultipartUpload>",
		"<CompleteMultipartUpload/>", "<CompleteMultipartUpload", "<!DOCTYPE a><CompleteMultipartUpload/>", "\xff\xfe",
		"<CompleteMultipartUpload><Part><PartNumber>-1</PartNumber><ETag>\"</ETag></Part></CompleteMultipartUpload>",
		"<CompleteMultipartUpload><Part><PartNumber>99999999999999999999</PartNumber><ETag/></Part></CompleteMultipartUpload>",
		"<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>1</ETag></Part><Part><PartNumber>2</PartNumber><ETag>1</ETag></Part></CompleteMultipartUpload>",
		"<CompleteMultipartUpload><!-- --><Part><ETag><![CDATA[<]]></ETag><PartNumber>&#49;</PartNumber></Part></CompleteMultipartUpload> ",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := rawRequest(http.MethodPost, "/k", "uploadId="+id)
		r.Body = readCloser{strings.NewReader(body)}
		r.ContentLength = int64(len(body))
		// Nobody guesses the MD5 of the part, so the upload stays.
		if rec := fuzzed(t, h, r); rec.Code != 400 {
			t.Errorf("Complete with %q = %d %s", body, rec.Code, rec.Body)
		}
	})
}

// FuzzSettingXML sends one document to everything that is set by one.
func FuzzSettingXML(f *testing.F) {
	h := fuzzServer(f, embedded.SignatureOff)
	fuzzSeed(f, h, "k")
	for _, s := range []string{
		"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", "<VersioningConfiguration><Status/><Status/></VersioningConfiguration>",
		"<Tagging><TagSet><Tag><Key>&#x1;</Key><Value>\xff</Value></Tag><Tag/></TagSet></Tagging>", "<Tagging><TagSet>x</TagSet></Tagging>",
		"<RestoreRequest><Days>99999999999999999999</Days><CASJobParameters><Tier/></CASJobParameters></RestoreRequest>",
		"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Days>+1</Days></DefaultRetention></Rule></ObjectLockConfiguration>",
		"<Retention><Mode/><RetainUntilDate>-0001-01-01T00:00:00Z</RetainUntilDate></Retention>", "<Retention", "<!DOCTYPE a><Retention/>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, to := range []struct{ method, path, query string }{
			{http.MethodPut, "/", "versioning"},
			{http.MethodPut, "/", "object-lock"},
			{http.MethodPut, "/k", "tagging"},
			{http.MethodPost, "/k", "restore"},
			{http.MethodPut, "/k", "retention&versionId=null"},
		} {
			r := rawRequest(to.method, to.path, to.query)
			r.Body = readCloser{strings.NewReader(body)}
			r.ContentLength = int64(len(body))
			r.Header.Set("Content-MD5", contentMD5([]byte(body)))
			fuzzed(t, h, r)
		}
	})
}

// FuzzObjectHeaders writes an object with headers that are read apart.
func FuzzObjectHeaders(f *testing.F) {
	h := fuzzServer(f, embedded.SignatureOff)
	f.Add("a=b&c=%E4", "AES256", "AAAA", "%2Fa")
	f.Add("&=&%zz", "cos/kms", "", "%")
	f.Fuzz(func(t *testing.T, tags, algorithm, key, target string) {
		r := rawRequest(http.MethodPut, "/k", "")
		r.Header.Set("Content-Length", "0")
		r.Header.Set("X-Cos-Tagging", tags)
		r.Header.Set("X-Cos-Server-Side-Encryption", algorithm)
		r.Header.Set("X-Cos-Server-Side-Encryption-Context", key)
		fuzzed(t, h, r)
		r = rawRequest(http.MethodPut, "/k", "")
		r.Header.Set("Content-Length", "0")
		for _, name := range []string{"Algorithm", "Key", "Key-MD5"} {
			r.Header.Set("X-Cos-Server-Side-Encryption-Customer-"+name, map[string]string{"Algorithm": algorithm}[name]+key)
		}
		fuzzed(t, h, r)
		r = rawRequest(http.MethodPut, "/l", "symlink")
		r.Header.Set("X-Cos-Symlink-Target", target)
		fuzzed(t, h, r)
		fuzzed(t, h, rawRequest(http.MethodGet, "/l", ""))
		fuzzed(t, h, rawRequest(http.MethodGet, "/l", "symlink&versionId="+url.QueryEscape(key)))
	})
}

func FuzzMultipartParameters(f *testing.F) {
	h := fuzzServer(f, embedded.SignatureOff)
	fuzzSeed(f, h, "k")
	f.Add("PUT", "partNumber=1&uploadId=x", "bytes=0-0")
	f.Add("PUT", "uploadId=&partNumber=%2B1", "bytes=-")
	f.Add("POST", "append&position=0", "819200")
	f.Add("POST", "position=9223372036854775807&append", "")
	f.Add("GET", "uploadId=x&max-parts=0&part-number-marker=-0&encoding-type=url", "x")
	f.Add("DELETE", "uploadId", "")
	f.Fuzz(func(t *testing.T, method, query, header string) {
		r := rawRequest(method, "/k", query)
		if strings.HasPrefix(header, "bytes=") {
			r.Header.Set("X-Cos-Copy-Source", testHost+"/k")
			r.Header.Set("X-Cos-Copy-Source-Range", header)
		} else {
			r.Header.Set("X-Cos-Traffic-Limit", header)
		}
		fuzzed(t, h, r)
		list := rawRequest(http.MethodGet, "/", "uploads&"+query)
		fuzzed(t, h, list)
	})
}

// A document that is taken comes back as one that is taken and comes back the same.
func FuzzConfigurations(f *testing.F) {
	h := fuzzServer(f, embedded.SignatureOff)
	for _, d := range documents() {
		f.Add(d.sub, d.text)
	}
	f.Add("policy", readPolicy)
	f.Add("acl", string(aclBody(aclGrant("<ID>"+someone+"</ID>", "READ"))))
	f.Add("domaincertificate", certificate("id", "", ""))
	f.Fuzz(func(t *testing.T, query, body string) {
		sub, _, _ := strings.Cut(query, "&")
		put := func(body string) *httptest.ResponseRecorder {
			r := rawRequest(http.MethodPut, "/", query)
			r.Header.Set("Content-MD5", contentMD5([]byte(body)))
			r.Body, r.ContentLength = readCloser{strings.NewReader(body)}, int64(len(body))
			return fuzzed(t, h, r)
		}
		known := sub == "policy" || slices.ContainsFunc(documents(), func(d document) bool { return strings.HasPrefix(d.sub, sub) })
		if rec := put(body); rec.Code >= 300 || !known || body == "" {
			return
		}
		first := fuzzed(t, h, rawRequest(http.MethodGet, "/", query))
		if first.Code != 200 {
			return // another parameter made it another request
		}
		if rec := put(first.Body.String()); rec.Code >= 300 {
			t.Fatalf("PUT ?%s of what came back = %d %s\n%s", query, rec.Code, rec.Body, first.Body)
		}
		if second := fuzzed(t, h, rawRequest(http.MethodGet, "/", query)); second.Body.String() != first.Body.String() {
			t.Errorf("GET ?%s = %s, then %s", query, first.Body, second.Body)
		}
	})
}

func FuzzRequestTarget(f *testing.F) {
	h := fuzzServer(f, embedded.SignatureOff)
	fuzzSeed(f, h, "k")
	f.Add("GET", "/k", "versionId=&acl", testHost, "bytes=0-")
	f.Add("HEAD", "//..//", "", "service.cos.myqcloud.com", "bytes=-")
	f.Add("POST", "", "uploads", "[::1", "bytes=9-1,")
	f.Add("CONNECT", "x", "%", ".", "bytes=-0")
	f.Add("DELETE", "/\x00", "sign", "a..myqcloud.com:x", "x")
	f.Fuzz(func(t *testing.T, method, path, query, host, header string) {
		r := rawRequest(method, path, query)
		r.Host = host
		r.Header.Set("Range", header)
		r.Header.Set("If-None-Match", header)
		fuzzed(t, h, r)
	})
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func fuzzSeed(f *testing.F, h http.Handler, key string) {
	f.Helper()
	r := rawRequest(http.MethodPut, "/"+key, "")
	r.Header.Set("Content-Length", "1")
	r.ContentLength, r.Body = 1, readCloser{strings.NewReader("x")}
	rec := newRecorder()
	h.ServeHTTP(rec, r.WithContext(f.Context()))
	if rec.Code != 200 {
		f.Fatalf("PUT %q = %d %s", key, rec.Code, rec.Body)
	}
}
