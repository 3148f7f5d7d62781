package embedded_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// What COS does not know it ignores, and so does this server: on each operation, with each
// kind of signature, and without adding to what an unsigned request may do (E170).
func TestUnknownParametersAndHeadersAreIgnored(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "public.txt", "content", "x-cos-acl", "public-read")
	c.put(t, "private.txt", "content")
	unknown := map[string]string{"x-cos-test": "1", "x-cos-test2": "%41/~`", "x-ci-unheard-of": "v", "X-Other": "v"}
	upload := "uploadId=" + between(string(c.do(t, call{method: "POST", key: "parts", query: "uploads&t=1", header: unknown}).want(t, 200, "").body), "<UploadId>", "</UploadId>")
	for _, in := range []call{
		{method: "GET", key: "private.txt"},
		{method: "HEAD", key: "private.txt"},
		{method: "PUT", key: "k", body: []byte("x")},
		{method: "PUT", key: "copy", header: map[string]string{"x-cos-copy-source": testHost + "/private.txt"}},
		{method: "POST", key: "log", query: "append&position=0", body: []byte("x")},
		{method: "PUT", key: "parts", query: "partNumber=1&" + upload, body: []byte("x")},
		{method: "GET", key: "parts", query: upload},
		{method: "GET"},
		{method: "HEAD"},
		{method: "GET", query: "acl"},
		{method: "GET", query: "versions&prefix=k"},
		{method: "GET", host: "service.cos.myqcloud.com"},
	} {
		for _, more := range []string{"t=1", "v=abc", "_=17", "utm_source=mail&ref", "x-cos-test=1", "unheard-of", "id=7&page=2"} {
			plain := in
			plain.query = strings.TrimPrefix(in.query+"&"+more, "&")
			plain.header = maps.Clone(unknown)
			maps.Copy(plain.header, in.header)
			if strings.HasPrefix(in.query, "append") {
				plain.key += url.QueryEscape(more) // another object each time
			}
			if got := c.do(t, plain); got.StatusCode != 200 {
				t.Errorf("%s /%s?%s = %d %s %s, want 200", plain.method, plain.key, plain.query, got.StatusCode, got.err.Code, got.err.Message)
			}
		}
	}
	for _, query := range []string{"t=1", "v=abc", "_=17", "acl-of=x"} {
		c.do(t, call{method: "GET", key: "public.txt", query: query, unsigned: true}).want(t, 200, "")
		c.do(t, call{method: "GET", key: "private.txt", query: query, unsigned: true}).want(t, 403, "AccessDenied")
	}
	c.do(t, call{method: "DELETE", key: "k", query: "t=1", header: unknown}).want(t, 204, "")
	c.do(t, call{method: "GET", key: "k"}).want(t, 404, "NoSuchKey")
}

// A presigned URL may be given further parameters, as caches and counters do; one that
// the signature covers is checked, known or not.
func TestUnknownParametersOfAPresignedURL(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "content")
	now := c.clock().Unix()
	presigned := func(query string) string {
		r := c.request(t, call{method: "GET", key: "k", query: query, unsigned: true})
		return strings.TrimPrefix(query+"&"+signature(r, c.cred, now-5, now+600), "&")
	}
	for _, tt := range []struct {
		signed, added string
		status        int
	}{
		{"", "t=1", 200},
		{"", "_=17&v=abc", 200},
		{"t=1", "", 200},
		{"t=1", "v=2", 200},
		{"t=1", "t=2", 403}, // another value of a parameter that is covered
		{"", "acl", 200},    // the ACL itself: what is not covered is not protected
		{"", "torrent", 501},
	} {
		query := presigned(tt.signed)
		if tt.added != "" {
			query += "&" + tt.added
		}
		if got := c.do(t, call{method: "GET", key: "k", query: query, unsigned: true}); got.StatusCode != tt.status {
			t.Errorf("GET of a URL with %q signed and %q added = %d %s, want %d", tt.signed, tt.added, got.StatusCode, got.err.Code, tt.status)
		}
	}
	query := strings.Replace(presigned("t=1"), "t=1&", "t=2&", 1)
	c.do(t, call{method: "GET", key: "k", query: query, unsigned: true}).want(t, 403, "SignatureDoesNotMatch")
}

// A parameter that COS may take for an operation of its own never makes a request one on
// the object or the bucket itself (E171).
func TestKnownParametersNeverBecomeAnotherOperation(t *testing.T) {
	t.Parallel()
	empty, c := open(t), open(t)
	c.put(t, "k", "content")
	always, _ := embedded.KnownParams()
	always = append(always, "imageMogr2/thumbnail/50x", "imageView2/2/w/50|imageMogr2/rotate/90", "watermark/1/text/YQ", "Torrent", "x-cos-callback", "x-cos-meta-a", "versionId=x")
	for _, name := range always {
		if strings.HasPrefix(name, "q-") || slices.Contains([]string{"sign", "x-cos-security-token", "x-cos-traffic-limit", "versionid"}, name) {
			continue // the signature, and what an object or a version is written with
		}
		for _, method := range []string{"PUT", "DELETE", "POST"} {
			if got := empty.do(t, call{method: method, query: name, body: []byte("other")}); got.StatusCode < 300 && got.StatusCode != 204 {
				t.Errorf("%s /?%s = %d", method, name, got.StatusCode)
			}
			if got := empty.do(t, call{method: "HEAD"}); got.StatusCode != 200 {
				t.Fatalf("%s /?%s removed the bucket", method, name)
			}
			c.do(t, call{method: method, key: "k", query: name, body: []byte("other")})
			if got := c.do(t, call{method: "GET", key: "k"}); got.StatusCode != 200 || string(got.body) != "content" {
				t.Fatalf("%s /k?%s changed the object: %d %q", method, name, got.StatusCode, got.body)
			}
		}
	}
}

// Whatever a route understands is a word of COS, so that each other operation refuses it
// or, where it is an ordinary word, ignores it.
func TestVocabularyHasEveryNameOfTheRoutes(t *testing.T) {
	t.Parallel()
	always, elsewhere := embedded.KnownParams()
	params, headers := slices.Concat(always, elsewhere), embedded.KnownHeaders()
	for i, names := range [][]string{params, headers} {
		for j, name := range names {
			if slices.Contains(names[:j], name) || name != strings.ToLower(name) {
				t.Errorf("list %d has %q twice, or not in lower case", i, name)
			}
		}
	}
	for _, r := range embedded.Routes() {
		if r.Sub != "" && !slices.Contains(always, r.Sub) {
			t.Errorf("%s: ?%s is not in the vocabulary", r.Operation, r.Sub)
		}
		for _, name := range r.Params {
			if !slices.Contains(params, name) {
				t.Errorf("%s: ?%s is not in the vocabulary", r.Operation, name)
			}
		}
		for _, name := range r.Headers {
			if !slices.Contains(headers, name) {
				t.Errorf("%s: the header %s is not in the vocabulary", r.Operation, name)
			}
		}
	}
}
