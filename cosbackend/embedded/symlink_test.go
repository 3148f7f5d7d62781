package embedded_test

import (
	"strings"
	"testing"

	cos "github.com/tencentyun/cos-go-sdk-v5"
)

// link makes a symbolic link.
func (c *client) link(t testing.TB, key, target string, header ...string) response {
	t.Helper()
	h := headers(header)
	h["x-cos-symlink-target"] = escape(target)
	return c.do(t, call{method: "PUT", key: key, query: "symlink", header: h})
}

// TestPutSymlinkIsReadAsItsTarget holds E065 and E066.
func TestPutSymlinkIsReadAsItsTarget(t *testing.T) {
	t.Parallel()
	c := open(t)
	const target = "目录/a b+c"
	c.link(t, "link", target).want(t, 200, "").wantHeaders(t, "ETag", etagOf(target))
	for _, method := range []string{"GET", "HEAD"} {
		code := map[string]string{"GET": "NoSuchKey"}[method]
		c.do(t, call{method: method, key: "link"}).want(t, 404, code) // there is no target yet
	}
	c.put(t, target, "hello", "Content-Type", "text/plain", "x-cos-meta-a", "1", "x-cos-tagging", "a=b")
	for _, method := range []string{"GET", "HEAD"} {
		got := c.do(t, call{method: method, key: "link"}).want(t, 200, "")
		got.wantHeaders(t, "ETag", etagOf("hello"), "Content-Length", "5", "Content-Type", "text/plain", "x-cos-meta-a", "1",
			"x-cos-object-type", "symlink", "x-cos-hash-crc64ecma", crcOf("hello"), "x-cos-tagging-count", "1")
		if method == "GET" && string(got.body) != "hello" {
			t.Errorf("GET of a link = %q, want hello", got.body)
		}
	}
	c.do(t, call{method: "GET", key: "link", header: map[string]string{"Range": "bytes=1-2"}}).want(t, 206, "")
	c.do(t, call{method: "GET", key: "link", header: map[string]string{"If-Match": etagOf(target)}}).want(t, 412, "PreconditionFailed")
	c.do(t, call{method: "GET", key: "link", query: "symlink"}).want(t, 200, "").
		wantHeaders(t, "x-cos-symlink-target", escape(target), "ETag", etagOf(target))
	c.do(t, call{method: "GET", key: target, query: "symlink"}).want(t, 400, "InvalidArgument")
	c.do(t, call{method: "GET", key: "absent", query: "symlink"}).want(t, 404, "NoSuchKey")
	c.copy(t, "copy", testHost+"/link").want(t, 200, "")
	if got := c.do(t, call{method: "GET", key: "copy"}).want(t, 200, ""); string(got.body) != "hello" || got.Header.Get("x-cos-object-type") != "" {
		t.Errorf("a copy of a link = %q %v, want its target", got.body, got.Header)
	}
	list := c.list(t, "prefix=link").Contents
	if len(list) != 1 || list[0].Size != int64(len(target)) || list[0].ETag != etagOf(target) {
		t.Errorf("the listed link = %+v", list)
	}
	c.put(t, "link", "an object again")
	c.do(t, call{method: "GET", key: "link", query: "symlink"}).want(t, 400, "InvalidArgument")
	c.do(t, call{method: "DELETE", key: target}).want(t, 204, "")
	if got := c.do(t, call{method: "GET", key: "link"}).want(t, 200, ""); string(got.body) != "an object again" {
		t.Errorf("GET = %q", got.body)
	}
}

// TestPutSymlinkRefusesInvalidLinks holds E066.
func TestPutSymlinkRefusesInvalidLinks(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	c.do(t, call{method: "PUT", key: "l", query: "symlink"}).want(t, 400, "InvalidArgument")
	c.do(t, call{method: "PUT", key: "l", query: "symlink", header: map[string]string{"x-cos-symlink-target": "%zz"}}).want(t, 400, "InvalidArgument")
	c.link(t, "l", strings.Repeat("k", 851)).want(t, 400, "InvalidArgument")
	c.do(t, call{method: "PUT", key: "l", query: "symlink", body: []byte("x"), header: map[string]string{"x-cos-symlink-target": "k"}}).want(t, 400, "InvalidRequest")
	c.link(t, "k", "other", "x-cos-forbid-overwrite", "true").want(t, 409, "FileAlreadyExists")
	c.link(t, "l", "k", "x-cos-storage-class", "ARCHIVE").want(t, 501, "NotImplemented")
	c.do(t, call{method: "HEAD", key: "l"}).want(t, 404, "")

	c.link(t, "one", "two").want(t, 200, "")
	c.link(t, "two", "k").want(t, 200, "")
	c.do(t, call{method: "GET", key: "one"}).want(t, 400, "InvalidArgument")
	c.do(t, call{method: "HEAD", key: "one"}).want(t, 400, "")
	c.copy(t, "to", testHost+"/one").want(t, 400, "InvalidArgument")
	c.link(t, "nowhere", "gone").want(t, 200, "")
	c.copy(t, "to", testHost+"/nowhere").want(t, 404, "NoSuchCopySource")
	id := c.initiate(t, "parts")
	c.copyPart(t, "parts", id, 1, testHost+"/two").want(t, 200, "")
	c.copyPart(t, "parts", id, 1, testHost+"/nowhere").want(t, 404, "NoSuchCopySource")
}

// TestGetObjectThroughASymlinkNeedsAccessToTheTarget holds E066.
func TestGetObjectThroughASymlinkNeedsAccessToTheTarget(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "closed", "x")
	c.put(t, "open", "x", "x-cos-acl", "public-read")
	c.link(t, "to closed", "closed", "x-cos-acl", "public-read")
	c.link(t, "to open", "open", "x-cos-acl", "public-read")
	c.link(t, "closed to open", "open")
	c.link(t, "to nothing", "absent", "x-cos-acl", "public-read")
	for key, status := range map[string]int{"to closed": 403, "to open": 200, "closed to open": 403, "to nothing": 403} {
		for _, method := range []string{"GET", "HEAD"} {
			if got := c.do(t, call{method: method, key: key, unsigned: true}); got.StatusCode != status {
				t.Errorf("%s %q unsigned = %d, want %d", method, key, got.StatusCode, status)
			}
		}
	}
}

func TestPutSymlinkHasVersions(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.versioning(t, "Enabled")
	c.put(t, "a", "1")
	c.put(t, "b", "2")
	first := c.link(t, "l", "a").want(t, 200, "").version()
	c.link(t, "l", "b").want(t, 200, "")
	if got := c.do(t, call{method: "GET", key: "l", query: "versionId=" + first}).want(t, 200, ""); string(got.body) != "1" || got.version() != first {
		t.Errorf("GET of an older link = %q, version %q", got.body, got.version())
	}
	c.do(t, call{method: "GET", key: "l", query: "symlink&versionId=" + first}).want(t, 200, "").wantHeaders(t, "x-cos-symlink-target", "a", "x-cos-version-id", first)
	c.do(t, call{method: "DELETE", key: "a"}).want(t, 204, "")
	c.do(t, call{method: "GET", key: "l", query: "versionId=" + first}).want(t, 404, "NoSuchKey")
}

func TestGetObjectThroughASymlinkNeedsTheCustomerKey(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "secret", customerKey(customer, 1)...)
	c.link(t, "l", "k")
	c.do(t, call{method: "GET", key: "l"}).want(t, 400, "SsecDecryptHeaderInvalid")
	c.do(t, call{method: "GET", key: "l", header: headers(customerKey(customer, 1))}).want(t, 200, "")
}

func TestSDKUsesSymlinks(t *testing.T) {
	t.Parallel()
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	c.put(t, "a/ü", "x")
	if _, err := sdk.Object.PutSymlink(ctx, "l", &cos.ObjectPutSymlinkOptions{SymlinkTarget: "a/ü"}); err != nil {
		t.Fatalf("PutSymlink = %v", err)
	}
	if got, _, err := sdk.Object.GetSymlink(ctx, "l", nil); err != nil || got != escape("a/ü") {
		t.Errorf("GetSymlink = %q, %v, want %q", got, err, escape("a/ü"))
	}
}
