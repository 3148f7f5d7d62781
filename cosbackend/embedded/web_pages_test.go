package embedded_test

import (
	"context"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// openForBrowsers starts a server that pages on the same machine can reach: on a TCP
// listener, whatever the host of a request is.
func openForBrowsers(t *testing.T, change ...func(*embedded.Options)) *client {
	t.Helper()
	c := open(t, append([]func(*embedded.Options){func(o *embedded.Options) { o.RefuseWebPages = true }}, change...)...)
	addr, err := c.server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.http.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr.String())
	}
	return c
}

const (
	browserHost = testBucket + ".cos.ap-guangzhou.localhost:9000"
	ownOrigin   = "http://" + browserHost
	// appOrigin is a developer's own page on another port.
	appOrigin  = "http://localhost:3000"
	evilOrigin = "http://evil.example.com"
)

// Each request has a valid signature: a page may have got hold of one.
func TestWebPagesOfOtherOriginsAreRefused(t *testing.T) {
	t.Parallel()
	c := openForBrowsers(t)
	c.put(t, "k", "x")
	for name, header := range map[string]map[string]string{
		"another site":                   {"Sec-Fetch-Site": "cross-site"},
		"another port":                   {"Sec-Fetch-Site": "same-site"},
		"another bucket":                 {"Sec-Fetch-Site": "same-site", "Origin": "http://other-1250000000.cos.ap-guangzhou.localhost:9000"},
		"a link":                         {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"},
		"an image":                       {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Referer": evilOrigin + "/"},
		"an unknown value":               {"Sec-Fetch-Site": "everywhere"},
		"an origin":                      {"Origin": evilOrigin},
		"an opaque origin":               {"Origin": "null"},
		"https of this name":             {"Origin": "https://" + browserHost},
		"another port of this name":      {"Origin": ownOrigin + "0"},
		"a script in the page of an app": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Origin": appOrigin},
	} {
		for _, r := range []call{
			{method: "GET", key: "k"},
			{method: "HEAD", key: "k"},
			{method: "PUT", key: "stored", body: []byte("x")},
			{method: "DELETE", key: "k"},
			{method: "GET", key: "k", query: "response-content-type=text%2Fhtml"},
			{method: "GET"},
			{method: "PUT", query: "acl", header: map[string]string{"x-cos-acl": "public-read"}},
			{method: "DELETE"},
			{method: "POST", query: "delete", body: []byte("<Delete><Object><Key>k</Key></Object></Delete>")},
			{method: "POST", key: "k", query: "uploads"},
			{method: "PUT", query: "cors"},
		} {
			r.host = browserHost
			all := map[string]string{}
			for _, m := range []map[string]string{r.header, header} {
				maps.Copy(all, m)
			}
			r.header = all
			got := c.do(t, r)
			if got.StatusCode != 403 || r.method != "HEAD" && !strings.Contains(got.err.Message, "web page of another origin") || got.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: %s %s?%s = %d %v, want it refused as a page's", name, r.method, r.key, r.query, got.StatusCode, got.err)
			}
		}
	}
	c.do(t, call{method: "GET", host: "service.cos.localhost:9000", header: map[string]string{"Sec-Fetch-Site": "cross-site"}}).want(t, 403, "AccessDenied")
	c.do(t, call{method: "GET", key: "k"}).want(t, 200, "")
	c.do(t, call{method: "GET", key: "stored"}).want(t, 404, "NoSuchKey")
	for name, header := range map[string]map[string]string{
		"no browser":       {},
		"a typed address":  {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
		"the page itself":  {"Sec-Fetch-Site": "same-origin", "Origin": ownOrigin},
		"a referring page": {"Referer": evilOrigin + "/"}, // SDKs send it for the hotlink rules of a bucket
	} {
		if got := c.do(t, call{method: "GET", host: browserHost, key: "k", header: header}); got.StatusCode != 200 {
			t.Errorf("%s: GET = %d %v, want 200", name, got.StatusCode, got.err)
		}
	}
}

// A form of a page is a POST of another site that needs no preflight, whatever signs it.
func TestWebPagesOfOtherOriginsCannotPostForms(t *testing.T) {
	t.Parallel()
	c := openForBrowsers(t, func(o *embedded.Options) { o.Signature = embedded.SignatureOff })
	post := func(header map[string]string) response {
		body := "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nposted\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nx\r\n--b--\r\n"
		all := map[string]string{"Content-Type": "multipart/form-data; boundary=b"}
		maps.Copy(all, header)
		return c.do(t, call{method: "POST", host: browserHost, body: []byte(body), header: all, unsigned: true})
	}
	post(map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Origin": evilOrigin}).want(t, 403, "AccessDenied")
	c.do(t, call{method: "GET", key: "posted"}).want(t, 404, "NoSuchKey")
	post(nil).want(t, 204, "")
}

// The pages of a developer use COS's JavaScript SDK and presigned URLs from another port:
// a CORS rule of the bucket lets them in, for its origins and methods only.
func TestWebPagesAreLetInByCORSRules(t *testing.T) {
	t.Parallel()
	c := openForBrowsers(t)
	rules := "<CORSConfiguration><CORSRule><AllowedOrigin>" + appOrigin + "</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod><AllowedHeader>*</AllowedHeader></CORSRule></CORSConfiguration>"
	page := map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Origin": appOrigin}
	preflight := call{method: "OPTIONS", host: browserHost, key: "k", unsigned: true, header: map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": appOrigin, "Access-Control-Request-Method": "PUT"}}
	put := call{method: "PUT", host: browserHost, key: "k", body: []byte("x"), header: page}
	c.do(t, preflight).want(t, 403, "AccessForbidden")
	c.do(t, put).want(t, 403, "AccessDenied")
	c.configure(t, "cors", rules).want(t, 200, "")
	c.do(t, preflight).want(t, 200, "")
	if got := c.do(t, put); got.StatusCode != 200 || got.Header.Get("Access-Control-Allow-Origin") != appOrigin {
		t.Errorf("PUT of an allowed page = %d %v, Access-Control-Allow-Origin %q", got.StatusCode, got.err, got.Header.Get("Access-Control-Allow-Origin"))
	}
	c.do(t, call{method: "GET", host: browserHost, key: "k", header: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image", "Referer": appOrigin + "/"}}).want(t, 200, "")
	for name, r := range map[string]call{
		"another method":        {method: "DELETE", key: "k", header: page},
		"another origin":        {method: "PUT", key: "k", header: map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": evilOrigin}},
		"two origins":           {method: "PUT", key: "k", header: map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": appOrigin + "," + evilOrigin}},
		"an image, elsewhere":   {method: "GET", key: "k", header: map[string]string{"Sec-Fetch-Site": "cross-site", "Referer": evilOrigin + "/" + appOrigin}},
		"an image, no referrer": {method: "GET", key: "k", header: map[string]string{"Sec-Fetch-Site": "cross-site"}},
	} {
		r.host = browserHost
		if got := c.do(t, r); got.StatusCode != 403 || got.err.Code != "AccessDenied" {
			t.Errorf("%s: %s = %d %v, want 403", name, r.method, got.StatusCode, got.err)
		}
	}
}

// What a browser shows of an object is a document of no origin, except on a website.
func TestWebPagesMadeOfObjectsHaveNoOrigin(t *testing.T) {
	t.Parallel()
	c := openForBrowsers(t, func(o *embedded.Options) { o.DefaultBucket = testBucket })
	c.do(t, call{method: "PUT", key: "index.html", body: []byte("<script>alert(1)</script>"), header: map[string]string{"x-cos-acl": "public-read", "Content-Type": "text/html"}}).want(t, 200, "")
	c.do(t, call{method: "PUT", query: "website", body: []byte("<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>")}).want(t, 200, "")
	for name, r := range map[string]call{
		"a page":            {method: "GET", key: "index.html"},
		"made one":          {method: "GET", key: "index.html", query: "response-content-type=text%2Fhtml"},
		"by address":        {method: "GET", host: "127.0.0.1:9000", key: "index.html", query: "response-content-type=text%2Fhtml"},
		"an error":          {method: "GET", key: "absent"},
		"a host of nothing": {method: "GET", host: "a.b.c.localhost"},
	} {
		got := c.do(t, r)
		if csp, sniff := got.Header.Get("Content-Security-Policy"), got.Header.Get("X-Content-Type-Options"); csp != "sandbox" || sniff != "nosniff" {
			t.Errorf("%s: Content-Security-Policy %q, X-Content-Type-Options %q, want sandbox, nosniff", name, csp, sniff)
		}
	}
	website := c.do(t, call{method: "GET", host: testBucket + ".cos-website.ap-guangzhou.localhost:9000", unsigned: true})
	if csp := website.Header.Get("Content-Security-Policy"); website.StatusCode != 200 || csp != "" {
		t.Errorf("website = %d, Content-Security-Policy %q, want 200 and none", website.StatusCode, csp)
	}
}

// A page can make its own name resolve to this machine. For the browser it is then of the
// same origin as the server.
func TestWebPagesCannotBringTheirOwnName(t *testing.T) {
	t.Parallel()
	c := openForBrowsers(t, func(o *embedded.Options) { o.DefaultBucket, o.Signature = testBucket, embedded.SignatureOff })
	c.put(t, "k", "x")
	for host, status := range map[string]int{
		"rebound.example.com": 400, "rebound.example.com:9000": 400, "127.0.0.1.example.com": 400, "localhost.example.com": 400, "cosgate": 403,
		"127.0.0.1:9000": 200, "localhost": 200, "[::1]:9000": 200, browserHost: 200,
	} {
		if got := c.do(t, call{method: "GET", host: host, key: "k", unsigned: true, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}); got.StatusCode != status {
			t.Errorf("GET with host %s = %d %v, want %d", host, got.StatusCode, got.err, status)
		}
	}
}

// Without the option the server does what COS does.
func TestWebPagesAreServedAsCOSDoes(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	got := c.do(t, call{method: "GET", host: browserHost, key: "k", header: map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": evilOrigin}})
	if got.StatusCode != 200 || got.Header.Get("Content-Security-Policy") != "" {
		t.Errorf("GET = %d, Content-Security-Policy %q, want 200 and none", got.StatusCode, got.Header.Get("Content-Security-Policy"))
	}
}

func TestCredentialIsRandomAndStaysWithItsFolder(t *testing.T) {
	t.Parallel()
	seen := map[embedded.Credential]string{}
	for _, dir := range []string{t.TempDir(), t.TempDir(), "", ""} {
		first := openCredential(t, dir)
		if other, ok := seen[first]; ok || len(first.SecretID) < 20 || len(first.SecretKey) < 26 {
			t.Errorf("the pair of %q, %v, is short, or that of %q", dir, first, other)
		}
		seen[first] = dir
		if again := openCredential(t, dir); (again == first) != (dir != "") {
			t.Errorf("the next pair of %q is the same: %v", dir, again == first)
		}
	}
}

func openCredential(t *testing.T, dir string) embedded.Credential {
	t.Helper()
	s, err := embedded.New(embedded.Options{Dir: dir, Buckets: []string{testBucket}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	c := &client{server: s, cred: s.Credential(), clock: time.Now, http: &http.Client{Transport: &http.Transport{DialContext: s.DialContext}}}
	defer c.http.CloseIdleConnections()
	c.put(t, "k", "x")
	c.cred.SecretKey = strings.ToLower(c.cred.SecretKey)
	c.do(t, call{method: "GET", key: "k"}).want(t, 403, "SignatureDoesNotMatch")
	return s.Credential()
}
