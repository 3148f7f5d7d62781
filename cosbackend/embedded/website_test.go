package embedded_test

import (
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

const websiteHost = testBucket + ".cos-website.ap-guangzhou.myqcloud.com"

// browse asks for a page without a signature.
func (c *client) browse(t *testing.T, key string, header ...string) response {
	t.Helper()
	return c.do(t, call{method: "GET", host: websiteHost, key: key, header: headers(header), unsigned: true})
}

func openWebsite(t *testing.T, rest string, change ...func(*embedded.Options)) *client {
	t.Helper()
	c := open(t, change...)
	c.do(t, call{method: "PUT", query: "acl", header: map[string]string{"x-cos-acl": "public-read"}}).want(t, 200, "")
	for _, key := range []string{"index.html", "a/index.html", "page.html", "plain", "error.html"} {
		c.put(t, key, "this is "+key, "Content-Type", "text/html")
	}
	c.configure(t, "website", "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument>"+rest+"</WebsiteConfiguration>").want(t, 200, "")
	return c
}

// TestGetPageShowsPages holds E091.
func TestGetPageShowsPages(t *testing.T) {
	t.Parallel()
	c := openWebsite(t, "")
	for key, want := range map[string]string{"": "index.html", "a/": "a/index.html", "page.html": "page.html", "plain": "plain"} {
		got := c.browse(t, key).want(t, 200, "")
		if string(got.body) != "this is "+want || got.Header.Get("Content-Type") != "text/html" || got.Header.Get("ETag") != etagOf("this is "+want) {
			t.Errorf("page %q = %q %v, want %s", key, got.body, got.Header, want)
		}
	}
	for key, want := range map[string]string{"a": "http://" + websiteHost + "/a/"} {
		if got := c.browse(t, key).want(t, 302, ""); got.Header.Get("Location") != want || got.Header.Get("x-cos-request-id") == "" {
			t.Errorf("page %q leads to %q, want %q", key, got.Header.Get("Location"), want)
		}
	}
	c.browse(t, "page").want(t, 404, "NoSuchKey")
	c.browse(t, "b/").want(t, 404, "NoSuchKey")
	c.browse(t, "", "If-None-Match", etagOf("this is index.html")).want(t, 304, "")
	if got := c.browse(t, "", "Range", "bytes=0-3").want(t, 206, ""); string(got.body) != "this" {
		t.Errorf("a range = %q", got.body)
	}
	head := c.do(t, call{method: "HEAD", host: websiteHost, key: "a/", unsigned: true}).want(t, 200, "")
	if head.ContentLength != int64(len("this is a/index.html")) {
		t.Errorf("HEAD = %v", head.Header)
	}
	c.do(t, call{method: "GET", host: websiteHost, query: "v=1", unsigned: true}).want(t, 200, "")
}

func TestGetPageFindsPagesWithoutTheirSuffix(t *testing.T) {
	t.Parallel()
	c := openWebsite(t, "<AutoAddressing><Status>Enabled</Status></AutoAddressing>")
	if got := c.browse(t, "page").want(t, 200, ""); string(got.body) != "this is page.html" {
		t.Errorf("page = %q", got.body)
	}
	c.browse(t, "other").want(t, 404, "NoSuchKey")
}

// TestGetPageShowsTheErrorDocument holds E091.
func TestGetPageShowsTheErrorDocument(t *testing.T) {
	t.Parallel()
	for status, setting := range map[int]string{
		404: "", 200: "<OriginalHttpStatus>Disabled</OriginalHttpStatus>",
	} {
		c := openWebsite(t, "<ErrorDocument><Key>error.html</Key>"+setting+"</ErrorDocument>")
		if got := c.browse(t, "absent").want(t, status, ""); string(got.body) != "this is error.html" || got.Header.Get("Content-Type") != "text/html" {
			t.Errorf("an absent page = %q %v", got.body, got.Header)
		}
		c.put(t, "closed", "x", "x-cos-acl", "private")
		if got := c.browse(t, "closed"); string(got.body) != "this is error.html" {
			t.Errorf("a closed page = %q", got.body)
		}
		c.do(t, call{method: "DELETE", key: "error.html"}).want(t, 204, "")
		c.browse(t, "absent").want(t, 404, "NoSuchKey")
	}
}

// TestGetPageRedirectsByItsRules holds E091 and E125.
func TestGetPageRedirectsByItsRules(t *testing.T) {
	t.Parallel()
	rule := func(condition, redirect string) string {
		return "<RoutingRule><Condition>" + condition + "</Condition><Redirect>" + redirect + "</Redirect></RoutingRule>"
	}
	c := openWebsite(t, "<RoutingRules>"+
		rule("<KeyPrefixEquals>docs/</KeyPrefixEquals>", "<Protocol>https</Protocol><ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith>")+
		rule("<KeyPrefixEquals>old</KeyPrefixEquals>", "<ReplaceKeyWith>page.html</ReplaceKeyWith><URLRedirect>Disabled</URLRedirect>")+
		rule("<KeyPrefixEquals>safe</KeyPrefixEquals>", "<Protocol>https</Protocol>")+
		rule("<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>", "<ReplaceKeyWith>error.html</ReplaceKeyWith>")+
		"</RoutingRules>")
	for key, want := range map[string]string{
		"docs/a b": "https://" + websiteHost + "/documents/a%20b", "old/thing": "http://" + websiteHost + "/page.html",
		"safe/x": "https://" + websiteHost + "/safe/x", "absent": "http://" + websiteHost + "/error.html",
	} {
		if got := c.browse(t, key).want(t, 302, ""); got.Header.Get("Location") != want {
			t.Errorf("page %q leads to %q, want %q", key, got.Header.Get("Location"), want)
		}
	}
	c.browse(t, "plain").want(t, 200, "")
}

// TestGetPageRedirectsToHTTPS holds E091.
func TestGetPageRedirectsToHTTPS(t *testing.T) {
	t.Parallel()
	c := openWebsite(t, "<RedirectAllRequestsTo><Protocol>https</Protocol></RedirectAllRequestsTo>")
	got := c.do(t, call{method: "GET", host: websiteHost, key: "plain", query: "v=1", unsigned: true}).want(t, 301, "")
	if want := "https://" + websiteHost + "/plain?v=1"; got.Header.Get("Location") != want {
		t.Errorf("Location = %q, want %q", got.Header.Get("Location"), want)
	}
}

func TestGetPageAllowsReadingOnly(t *testing.T) {
	t.Parallel()
	c := openWebsite(t, "")
	for _, method := range []string{"PUT", "POST", "DELETE", "PATCH"} {
		c.do(t, call{method: method, host: websiteHost, key: "plain", body: []byte("x")}).want(t, 405, "MethodNotAllowed")
	}
	for _, query := range []string{"acl", "uploads", "website", "v=1&tagging"} {
		c.do(t, call{method: "GET", host: websiteHost, query: query}).want(t, 405, "MethodNotAllowed")
	}
	c.do(t, call{method: "OPTIONS", host: websiteHost, key: "plain", unsigned: true}).want(t, 403, "AccessForbidden")
	if got := c.do(t, call{method: "GET", key: "plain"}); !strings.HasPrefix(string(got.body), "this") {
		t.Errorf("afterwards the page is %q", got.body)
	}
}

func TestGetPageChecksTheACLs(t *testing.T) {
	t.Parallel()
	c := openWebsite(t, "")
	c.do(t, call{method: "PUT", query: "acl", header: map[string]string{"x-cos-acl": "private"}}).want(t, 200, "")
	c.browse(t, "").want(t, 403, "AccessDenied")
	c.browse(t, "absent").want(t, 403, "AccessDenied")
	c.do(t, call{method: "PUT", key: "index.html", query: "acl", header: map[string]string{"x-cos-acl": "public-read"}}).want(t, 200, "")
	c.browse(t, "").want(t, 200, "")
	c.do(t, call{method: "DELETE", query: "website"}).want(t, 204, "")
	c.browse(t, "").want(t, 404, "NoSuchWebsiteConfiguration")
	c.do(t, call{method: "GET", host: strings.Replace(websiteHost, "guangzhou", "beijing", 1), unsigned: true}).want(t, 404, "NoSuchBucket")
	off := openWebsite(t, "", func(o *embedded.Options) { o.Signature = embedded.SignatureOff })
	off.do(t, call{method: "PUT", query: "acl", header: map[string]string{"x-cos-acl": "private"}}).want(t, 200, "")
	off.browse(t, "").want(t, 200, "")
}
