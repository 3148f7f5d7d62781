package embedded_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// raw sends bytes over a TCP connection of their own and reads one response.
func (c *client) raw(t testing.TB, text string) response { return c.exchange(t, text, false) }

// cut is raw by a client that says nothing more after its bytes.
func (c *client) cut(t testing.TB, text string) response { return c.exchange(t, text, true) }

func (c *client) exchange(t testing.TB, text string, halfClose bool) response {
	t.Helper()
	addr := c.listen(t)
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	if halfClose {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	method, _, _ := strings.Cut(text, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("response to %q: %v", text, err)
	}
	a, err := readResponse(resp)
	if err != nil && resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Fatalf("response to %q: %v", text, err)
	}
	return a
}

func (c *client) listen(t testing.TB) string {
	t.Helper()
	addr, err := c.server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return addr.String()
}

func TestListenersServeTheSameObjects(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "over memory")
	for range 2 {
		addr := c.listen(t)
		over := *c
		tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", addr)
		}}
		defer tr.CloseIdleConnections()
		over.http = &http.Client{Transport: tr}
		if got := over.do(t, call{method: "GET", key: "k"}).want(t, 200, ""); string(got.body) != "over memory" {
			t.Errorf("GET over TCP = %q", got.body)
		}
	}
}

// TestRequestTargetIsNotCleaned holds E157.
func TestRequestTargetIsNotCleaned(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Signature = embedded.SignatureOff })
	h := "Host: " + testHost + "\r\n"
	tests := []struct {
		line, host, key string
	}{
		{"/a//b", h, "a//b"},
		{"//lead", h, "/lead"},
		{"/a/../b", h, "a/../b"},
		{"/./a/.", h, "./a/."},
		{"/a%2Fb%2f", h, "a/b/"},
		{"/a%2F..%2Fb", h, "a/../b"},
		{"/%252F", h, "%2F"},
		{"/a+b%2Bc%20d", h, "a+b+c d"},
		{"/a;b=c", h, "a;b=c"},
		{"/a:b@c", h, "a:b@c"},
		{"/%00", h, "\x00"},
		{"/a%3Fb", h, "a?b"},
		{"/%E4%B8%AD", h, "中"},
		{"http://" + testHost + "/a//b", "Host: proxy.example\r\n", "a//b"},
		{"http://" + testHost + "//lead", "Host: proxy.example\r\n", "/lead"},
		{"https://" + testHost + "/secure", "Host: proxy.example\r\n", "secure"},
		{"https://" + testHost + ":443/a%2Fb", "Host: " + testHost + "\r\n", "a/b"},
		{"http://TEST-1250000000.COS.ap-guangzhou.MyQCloud.com./x", "Host: x\r\n", "x"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			c.raw(t, "PUT "+tt.line+" HTTP/1.1\r\n"+tt.host+"Content-Length: 1\r\n\r\nx").want(t, 200, "")
			last := c.server.Journal().Entries()
			if e := last[len(last)-1]; e.Key != tt.key || e.Bucket != testBucket || e.Operation != "PutObject" {
				t.Errorf("PUT %s stored %s/%q by %s, want %s/%q", tt.line, e.Bucket, e.Key, e.Operation, testBucket, tt.key)
			}
			if got := c.do(t, call{method: "GET", key: tt.key}).want(t, 200, ""); string(got.body) != "x" {
				t.Errorf("GET %q = %q", tt.key, got.body)
			}
		})
	}
}

// TestRequestTargetsThatSimplifyToTheBucketAreTheBucket holds E144.
func TestRequestTargetsThatSimplifyToTheBucketAreTheBucket(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Signature = embedded.SignatureOff })
	c.put(t, "k", "x")
	for _, target := range []string{"/", "//", "///////", "/.", "/./", "/..", "/a/..", "/a/../", "/%2F", "/%2E%2E", "/a%2F.."} {
		for method, operation := range map[string]string{"GET": "ListObjects", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"} {
			_ = c.raw(t, method+" "+target+" HTTP/1.1\r\nHost: "+testHost+"\r\nConnection: close\r\n\r\n")
			all := c.server.Journal().Entries()
			if e := all[len(all)-1]; e.Operation != operation || e.Key != "" {
				t.Errorf("%s %s is %s of %q, want %s", method, target, e.Operation, e.Key, operation)
			}
		}
	}
}

// TestHostSelectsTheResource holds E132 and E134.
func TestHostSelectsTheResource(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) {
		o.Signature, o.DefaultBucket = embedded.SignatureOff, "default-1"
		o.Buckets = []string{testBucket, "default-1"}
		o.Suffixes = []string{"localhost", "cos.example.org", ".myqcloud.com", "tencentcos.cn"}
	})
	tests := []struct {
		host, key, bucket string
		status            int
	}{
		{testHost, "k", testBucket, 404},
		{testHost + ":8080", "k", testBucket, 404},
		{testBucket + ".cos.ap-guangzhou.localhost:9000", "k", testBucket, 404},
		{testBucket + ".cos.ap-guangzhou.cos.example.org", "k", testBucket, 404},
		{"127.0.0.1:9000", "k", "default-1", 404},
		{"[::1]:9000", "k", "default-1", 404},
		{"localhost:9000", "k", "default-1", 404},
		{"cos", "k", "default-1", 404},
		{"cos.example.org", "k", "default-1", 404},
		{"my.custom.domain", "", "", 400},
		{testBucket + ".cos.ap-guangzhou.example.com", "k", "", 400},
		{"service.cos.myqcloud.com", "", "", 200},
		{"cos.ap-guangzhou.localhost", "", "", 200},
		{"cos.ap-guangzhou.myqcloud.com", testBucket + "/k", "", 403}, // path style
		{"service.cos.myqcloud.com", testBucket, "", 403},
		{testBucket + ".cos.accelerate.myqcloud.com", "k", "", 501},
		{testBucket + ".cos-website.ap-guangzhou.myqcloud.com", "k", testBucket, 404},
		{testBucket + ".cos-internal.ap-guangzhou.tencentcos.cn", "k", "", 501},
		{testBucket + ".ci.ap-guangzhou.myqcloud.com", "k", "", 501},
		{"a." + testHost, "k", "", 501},
	}
	for _, tt := range tests {
		got := c.do(t, call{method: "GET", host: tt.host, key: tt.key})
		entries := c.server.Journal().Entries()
		if e := entries[len(entries)-1]; got.StatusCode != tt.status || e.Bucket != tt.bucket {
			t.Errorf("GET of host %s = %d in bucket %q, want %d in %q", tt.host, got.StatusCode, e.Bucket, tt.status, tt.bucket)
		}
	}
}

func TestPathStyleIsForbidden(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		c.do(t, call{method: method, host: "cos.ap-guangzhou.myqcloud.com", key: testBucket + "/k"}).want(t, 403, "PathStyleDomainForbidden")
	}
}

func TestHostWithoutBucketIsExplained(t *testing.T) {
	t.Parallel()
	c := open(t)
	got := c.do(t, call{method: "GET", host: "127.0.0.1:9000", key: "k"}).want(t, 400, "InvalidRequest")
	for _, want := range []string{"127.0.0.1:9000", "<bucket>-<appid>.cos.<region>", "default bucket"} {
		if !strings.Contains(got.err.Message, want) {
			t.Errorf("message %q does not mention %s", got.err.Message, want)
		}
	}
}

func TestListenerServesAProxyClient(t *testing.T) {
	t.Parallel()
	c := open(t)
	addr := c.listen(t)
	over := *c
	tr := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse("http://" + addr) }}
	defer tr.CloseIdleConnections()
	over.http = &http.Client{Transport: tr}
	over.put(t, "a//b", "by proxy")
	if got := over.do(t, call{method: "GET", key: "a//b"}).want(t, 200, ""); string(got.body) != "by proxy" {
		t.Errorf("GET by proxy = %q", got.body)
	}
}

// Clients of a proxy show the reason phrase and little else.
func TestListenerSaysThatItIsNoTunnel(t *testing.T) {
	t.Parallel()
	c := open(t)
	addr := c.listen(t)
	tr := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse("http://" + addr) }}
	defer tr.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+testHost+"/k", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: tr}).Do(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "use http:// URLs") {
		t.Errorf("GET of https through the proxy = %v, want an error that says to use http://", err)
	}
	got := c.raw(t, "CONNECT "+testHost+":443 HTTP/1.1\r\nHost: "+testHost+":443\r\n\r\n").want(t, 501, "NotImplemented")
	if !strings.Contains(got.err.Message, "use http:// URLs") || got.Header.Get("x-cos-request-id") == "" {
		t.Errorf("CONNECT = %q %v, want a message that says what to do, and a request id", got.err.Message, got.Header)
	}
}

// A client that speaks TLS is told at once, and does not wait for the end of a request line.
func TestListenerTellsClientsThatSpeakTLS(t *testing.T) {
	t.Parallel()
	c := open(t)
	addr := c.listen(t)
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr+"/k", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: tr}).Do(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		t.Errorf("GET of https = %v, want an error that says that the server speaks HTTP", err)
	}
	v := c.talk(t)
	v.say(t, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
	got := v.hear(t)
	if got.StatusCode != 400 || string(got.body) != "This port speaks plain HTTP: use http:// URLs." || got.Header.Get("x-cos-request-id") == "" {
		t.Errorf("response to TLS = %d %v %q", got.StatusCode, got.Header, got.body)
	}
}

func TestListenerRespondsToOddRequestLines(t *testing.T) {
	t.Parallel()
	c := open(t)
	h := " HTTP/1.1\r\nHost: " + testHost + "\r\n\r\n"
	for line, want := range map[string]struct {
		status int
		code   string
	}{
		"OPTIONS *":                        {400, "InvalidURI"},
		"CONNECT a.example:443":            {501, "NotImplemented"},
		"PATCH /k":                         {405, "MethodNotAllowed"},
		"TRACE /":                          {405, "MethodNotAllowed"},
		"GET /?a=%zz":                      {400, "InvalidURI"},
		"GET /?%zz=1":                      {400, "InvalidURI"},
		"GET /" + strings.Repeat("k", 851): {400, "KeyTooLong"},
	} {
		got := c.raw(t, line+h)
		if got.StatusCode != want.status || got.err.Code != want.code || got.Header.Get("x-cos-request-id") == "" {
			t.Errorf("%s = %d %s %v, want %d %s with a request id", line, got.StatusCode, got.err.Code, got.Header, want.status, want.code)
		}
	}
	big := c.raw(t, "GET /k HTTP/1.1\r\nHost: "+testHost+"\r\nX-Big: "+strings.Repeat("x", 80<<10)+"\r\n\r\n")
	if big.StatusCode != 431 || big.Header.Get("x-cos-request-id") == "" {
		t.Errorf("80 KiB of headers = %d %v, want 431 with a request id", big.StatusCode, big.Header)
	}
}

// net/http responds by itself to what it cannot read, also after a valid request.
func TestListenerGivesUnreadableRequestsARequestID(t *testing.T) {
	t.Parallel()
	c := open(t)
	good := call{method: "GET", key: "absent"}
	for name, tt := range map[string]struct {
		text   string
		status int
	}{
		"no HTTP":       {"hello\r\n\r\n", 400},
		"no host":       {"GET / HTTP/1.1\r\n\r\n", 400},
		"bad header":    {"GET / HTTP/1.1\r\nHost: x\r\na b: c\r\n\r\n", 400},
		"HTTP/3":        {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505},
		"odd transfer":  {"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		"large headers": {"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("x", 80<<10) + "\r\n\r\n", 431},
	} {
		t.Run(name, func(t *testing.T) {
			v := c.talk(t)
			v.say(t, "GET /absent HTTP/1.1\r\nHost: "+testHost+"\r\n"+c.authorizationFor(t, good)+"\r\n")
			v.hear(t).want(t, 404, "NoSuchKey")
			v.say(t, tt.text)
			a := v.hear(t)
			if a.StatusCode != tt.status || len(a.Header.Values("x-cos-request-id")) != 1 || a.Header.Get("x-cos-trace-id") == "" {
				t.Errorf("response = %d %v, want %d with ids", a.StatusCode, a.Header, tt.status)
			}
		})
	}
}

func TestCloseDoesNotWaitForUnusedConnections(t *testing.T) {
	t.Parallel()
	s, err := embedded.New(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.DialContext(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatalf("Close = %v", err)
		}
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open after Close")
	}
	if _, err := s.DialContext(t.Context(), "", ""); err == nil {
		t.Error("DialContext after Close = nil error")
	}
	if _, err := s.Listen("127.0.0.1:0"); err == nil {
		t.Error("Listen after Close = nil error")
	}
}

func TestListenNamesTheProblem(t *testing.T) {
	t.Parallel()
	c := open(t)
	if _, err := c.server.Listen("256.0.0.1:0"); err == nil || !strings.HasPrefix(err.Error(), "embedded: listen on 256.0.0.1:0: ") {
		t.Errorf("Listen = %v", err)
	}
}
