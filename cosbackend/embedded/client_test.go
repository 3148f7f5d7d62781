package embedded_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"hash/crc64"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

const (
	testBucket = "test-1250000000"
	testHost   = testBucket + ".cos.ap-guangzhou.myqcloud.com"
)

// A client speaks plain HTTP to one server and signs with its own signer, which
// shares nothing with the server's verifier.
type client struct {
	server *embedded.Server
	http   *http.Client
	cred   embedded.Credential
	clock  func() time.Time
}

// open starts a memory server with testBucket and a client on its in-memory listener.
func open(t testing.TB, change ...func(*embedded.Options)) *client {
	t.Helper()
	opts := embedded.Options{Buckets: []string{testBucket}}
	for _, f := range change {
		f(&opts)
	}
	s, err := embedded.New(opts)
	if err != nil {
		t.Fatalf("New = %v", err)
	}
	tr := &http.Transport{DialContext: s.DialContext, DisableCompression: true}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	clock := opts.Clock
	if clock == nil {
		clock = time.Now
	}
	return &client{
		server: s, cred: s.Credential(), clock: clock,
		http: &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// A call is a request to be made. Zero fields have the usual value.
type call struct {
	method   string
	host     string // testHost when ""
	key      string
	query    string // raw
	body     []byte
	chunked  bool
	header   map[string]string
	unsigned bool
}

type response struct {
	*http.Response
	body []byte
	err  cosError // of an XML error body
}

type cosError struct {
	XMLName                    xml.Name `xml:"Error"`
	Code, Message, Resource    string
	RequestID                  string `xml:"RequestId"`
	TraceID                    string `xml:"TraceId"`
	StringToSign, FormatString string
	ServerTime                 string
}

func (c *client) request(t testing.TB, in call) *http.Request {
	t.Helper()
	if in.host == "" {
		in.host = testHost
	}
	var body io.Reader
	if in.body != nil {
		body = bytes.NewReader(in.body)
		if in.chunked {
			body = io.MultiReader(body) // hides the length
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), in.method, "http://"+in.host+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Path = "/" + in.key
	r.URL.RawPath = "/" + strings.ReplaceAll(escape(in.key), "%2F", "/")
	r.URL.RawQuery = in.query
	for k, v := range in.header {
		r.Header.Set(k, v)
	}
	if !in.unsigned {
		if c.cred.Token != "" {
			r.Header.Set("x-cos-security-token", c.cred.Token)
		}
		c.sign(r)
	}
	return r
}

// do makes the call and reads the response.
func (c *client) do(t testing.TB, in call) response {
	t.Helper()
	return c.send(t, c.request(t, in))
}

// want checks status and code; code "" means a response that is no error. Messages are
// shown and not compared (E001).
func (a response) want(t testing.TB, status int, code string) response {
	t.Helper()
	if a.StatusCode != status || a.err.Code != code {
		t.Fatalf("response = %d %q (%s), want %d %q", a.StatusCode, a.err.Code, a.err.Message, status, code)
	}
	return a
}

// put stores an object.
func (c *client) put(t testing.TB, key, body string, header ...string) response {
	t.Helper()
	h := make(map[string]string)
	for i := 0; i < len(header); i += 2 {
		h[header[i]] = header[i+1]
	}
	return c.do(t, call{method: "PUT", key: key, body: []byte(body), header: h}).want(t, 200, "")
}

func (c *client) sign(r *http.Request) {
	now := c.clock().Unix()
	r.Header.Set("Authorization", signature(r, c.cred, now-5, now+600))
}

// signature signs host and every header that is set, and every query parameter.
func signature(r *http.Request, cred embedded.Credential, start, end int64) string {
	headers := map[string][]string{"host": {r.URL.Host}}
	for k, v := range r.Header {
		headers[strings.ToLower(k)] = v
	}
	query := make(map[string][]string)
	for k, v := range r.URL.Query() {
		query[strings.ToLower(escape(k))] = v
	}
	paramText, paramList := pairs(query)
	headerText, headerList := pairs(headers)
	window := fmt.Sprintf("%d;%d", start, end)
	format := strings.ToLower(r.Method) + "\n" + r.URL.Path + "\n" + paramText + "\n" + headerText + "\n"
	toSign := fmt.Sprintf("sha1\n%s\n%x\n", window, sha1.Sum([]byte(format)))
	key := fmt.Sprintf("%x", mac(cred.SecretKey, window))
	return "q-sign-algorithm=sha1&q-ak=" + cred.SecretID + "&q-sign-time=" + window + "&q-key-time=" + window +
		"&q-header-list=" + headerList + "&q-url-param-list=" + paramList + "&q-signature=" + fmt.Sprintf("%x", mac(key, toSign))
}

func mac(key, text string) []byte {
	m := hmac.New(sha1.New, []byte(key))
	io.WriteString(m, text)
	return m.Sum(nil)
}

func pairs(values map[string][]string) (text, list string) {
	var names, parts []string
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		vs := slices.Sorted(slices.Values(values[name]))
		for _, v := range vs {
			parts = append(parts, name+"="+escape(v))
		}
	}
	return strings.Join(parts, "&"), strings.Join(names, ";")
}

// escape is UrlEncode of the signature documentation.
func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// presigned is the raw query of a URL that carries its signature.
func (c *client) presigned(r *http.Request) string {
	now := c.clock().Unix()
	q := url.Values{}
	for part := range strings.SplitSeq(signature(r, c.cred, now-5, now+600), "&") {
		name, value, _ := strings.Cut(part, "=")
		q.Set(name, value)
	}
	return q.Encode()
}

func contentMD5(body []byte) string {
	sum := md5.Sum(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func etagOf(body string) string { return fmt.Sprintf(`"%x"`, md5.Sum([]byte(body))) }

func crcOf(body string) string {
	return strconv.FormatUint(crc64.Checksum([]byte(body), crc64.MakeTable(crc64.ECMA)), 10)
}

func at(unix int64) func() time.Time { return func() time.Time { return time.Unix(unix, 0) } }

// send sends a request as it is.
func (c *client) send(t testing.TB, r *http.Request) response {
	t.Helper()
	resp, err := c.http.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	a, err := readResponse(resp)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return a
}

func readResponse(resp *http.Response) (response, error) {
	defer resp.Body.Close()
	a := response{Response: resp}
	var err error
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		return a, err
	}
	if !bytes.Contains(a.body, []byte("<Error>\n\t<Code>")) {
		return a, nil
	}
	// A Resource may quote a key that XML cannot hold.
	return a, xml.Unmarshal(bytes.ReplaceAll(a.body, []byte("&#x1a;"), nil), &a.err)
}
