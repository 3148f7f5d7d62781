package embedded_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// What this server does not do is refused by name, and nothing happens.
func TestUnsupportedOperationsAre501(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "old")
	bucketSubs := "notification"
	var calls []call
	for sub := range strings.FieldsSeq(bucketSubs) {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			calls = append(calls, call{method: method, query: sub})
		}
	}
	for query, methods := range map[string]string{
		"select&select-type=2": "POST", "versionId=1": "PUT", "ci-process=x": "GET PUT POST",
		"rename": "PUT", "live": "GET PUT DELETE", "torrent": "GET PUT DELETE", "cors": "GET PUT DELETE", "x-cos-traffic-limit=819200": "HEAD DELETE",
		"imageMogr2/thumbnail/50x": "GET PUT", "x-cos-acl=private": "PUT",
	} {
		for method := range strings.FieldsSeq(methods) {
			calls = append(calls, call{method: method, key: "k", query: query})
		}
	}
	for _, query := range []string{"list-type=2", "location&uploads"} {
		calls = append(calls, call{method: "GET", query: query})
	}
	for header, methods := range map[string]string{
		"x-cos-tagging": "GET", "x-cos-server-side-encryption": "DELETE", "x-cos-server-side-encryption-customer-key": "DELETE",
		"x-cos-traffic-limit": "HEAD DELETE", "x-cos-callback": "PUT", "x-cos-callback-var": "PUT", "x-cos-return-body": "PUT", "pic-operations": "PUT",
		"x-cos-grant-read": "GET", "x-cos-mime-limit": "PUT", "x-ci-security-token": "GET",
		"x-cos-meta-a": "GET DELETE", "if-match": "PUT DELETE", "if-none-match": "PUT", "if-unmodified-since": "DELETE", "content-range": "PUT",
		"x-cos-copy-source": "GET DELETE", "x-cos-copy-source-if-match": "PUT", "x-cos-acl": "GET", "x-cos-forbid-overwrite": "GET",
	} {
		for method := range strings.FieldsSeq(methods) {
			calls = append(calls, call{method: method, key: "k", header: map[string]string{header: "v"}})
		}
	}
	for _, header := range []string{"x-cos-callback", "x-cos-callback-var", "pic-operations"} {
		for _, query := range []string{"uploadId=x", "uploads", "append&position=0"} {
			calls = append(calls, call{method: "POST", key: "k", query: query, header: map[string]string{header: "v"}})
		}
	}
	for _, in := range calls {
		if in.method == "PUT" || in.method == "POST" {
			in.body = []byte("new")
		}
		got := c.do(t, in)
		if got.StatusCode != 501 || in.method != "HEAD" && got.err.Code != "NotImplemented" {
			t.Errorf("%s %s?%s %v = %d %s, want 501", in.method, in.key, in.query, in.header, got.StatusCode, got.err.Code)
			continue
		}
		name, _, _ := strings.Cut(in.query, "&")
		name, _, _ = strings.Cut(name, "=")
		for header := range in.header {
			name = header
		}
		if in.method != "HEAD" && !strings.Contains(strings.ToLower(got.err.Message), strings.ToLower(name)) && in.query != "location&uploads" {
			t.Errorf("%s %s?%s %v: message %q does not name it", in.method, in.key, in.query, in.header, got.err.Message)
		}
	}
	if got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, ""); string(got.body) != "old" {
		t.Errorf("after all this the object is %q, want old", got.body)
	}
}

func TestGetObjectRefusesEncryptionHeaders(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	in := call{method: "GET", key: "k", header: map[string]string{"x-cos-server-side-encryption": "AES256"}}
	c.do(t, in).want(t, 400, "SSEHeaderNotAllowed")
	in.method = "HEAD"
	c.do(t, in).want(t, 400, "")
}

func TestUnsupportedMethodsAreRefused(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, in := range []call{
		{method: "POST", key: "k"},
		{method: "PATCH", key: "k"},
		{method: "PUT", query: "location"},
		{method: "DELETE", query: "accelerate"},
		{method: "DELETE", query: "intelligenttiering"},
		{method: "DELETE", query: "logging"},
		{method: "DELETE", query: "referer"},
		{method: "POST", query: "policy"},
		{method: "GET", query: "delete"},
		{method: "PUT", host: "service.cos.myqcloud.com"},
		{method: "DELETE", host: "service.cos.myqcloud.com"},
	} {
		c.do(t, in).want(t, 405, "MethodNotAllowed")
	}
}

func TestGetObjectEmptyVersionIsTheNewest(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	c.do(t, call{method: "GET", key: "k", query: "versionId="}).want(t, 200, "")
	c.do(t, call{method: "HEAD", key: "k", query: "versionid"}).want(t, 200, "")
	c.do(t, call{method: "DELETE", key: "k", query: "VersionId="}).want(t, 204, "")
}

// TestUnsupportedCallbacksReachNobody has the server called to call: it makes no request to
// an address that comes with one, wherever that stands.
func TestUnsupportedCallbacksReachNobody(t *testing.T) {
	t.Parallel()
	var called atomic.Bool
	host := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Store(true) }))
	defer host.Close()
	c := openForms(t)
	c.put(t, "k", "x")
	value := base64.StdEncoding.EncodeToString([]byte(`{"callbackUrl":"` + host.URL + `","callbackBody":"x"}`))
	with := func(name, text string) map[string]string {
		return map[string]string{"x-cos-callback": value, name: text}
	}
	part := "partNumber=1&uploadId=" + between(string(c.do(t, call{method: "POST", key: "k", query: "uploads"}).want(t, 200, "").body), "<UploadId>", "</UploadId>")
	for _, in := range []call{
		{method: "PUT", key: "k", header: with("", "")},
		{method: "PUT", key: "k", query: "x-cos-callback=" + url.QueryEscape(value)},
		{method: "PUT", key: "link", query: "symlink", header: with("x-cos-symlink-target", "k")},
		{method: "PUT", key: "copy", header: with("x-cos-copy-source", testHost+"/k")},
		{method: "PUT", key: "k", query: part, header: with("", "")},
		{method: "POST", key: "k", query: "append&position=0", header: with("", "")},
		{method: "POST", key: "k", query: "uploads", header: with("", "")},
		{method: "POST", key: "k", query: strings.TrimPrefix(part, "partNumber=1&"), header: with("", "")},
	} {
		delete(in.header, "")
		in.body = []byte("x")
		c.do(t, in).want(t, 501, "NotImplemented")
	}
	c.post(t, formUpload{fields: []string{"key", "k", "x-cos-callback", value}, file: "x"}).want(t, 501, "NotImplemented")
	c.post(t, formUpload{fields: []string{"key", "k", "callback", value}, file: "x"}).want(t, 204, "") // no field of COS
	if called.Load() {
		t.Error("the server called an address that came with a request")
	}
}
