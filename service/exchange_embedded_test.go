package service

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// A stage is an embedded COS in the state that an exchange needs, at its time.
type stage struct {
	cos   *embedded.Server
	now   atomic.Int64      // Unix time of its clock
	names map[string]string // what the embedded COS has for a value of the file
}

// setStage starts an embedded COS that has the buckets that the exchange names, and makes
// the requests that come before.
func (x *exchange) setStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{names: make(map[string]string)}
	s.now.Store(x.date().Add(-time.Hour).Unix())
	var err error
	s.cos, err = embedded.New(embedded.Options{
		Buckets: x.buckets(), Region: x.region(), MinPartSize: 1, RestoreDelay: x.restoreDelay,
		Credentials: []embedded.Credential{testPair()},
		Clock:       func() time.Time { return time.Unix(s.now.Load(), 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.cos.Close(); err != nil {
			t.Errorf("close the embedded server: %v", err)
		}
	})
	for _, p := range x.before {
		at := p.at
		if at.IsZero() {
			at = x.date().Add(-time.Minute)
		}
		s.now.Store(at.Unix())
		if p.request.host() == "" {
			p.request.headers = append([]wireHeader{{"Host", x.request.host()}}, p.request.headers...)
		}
		r := s.do(t, p.request, headerOf(p.request.headers, "Authorization") == "none")
		if r.status >= 300 {
			t.Fatalf("before: %s %s = %d %s", p.request.method, p.request.target, r.status, r.body)
		}
		s.name(t, p, r)
	}
	s.now.Store(x.date().Unix())
	return s
}

// buckets are those of the hosts that the exchange names, without what it creates itself.
func (x *exchange) buckets() []string {
	if x.noBuckets {
		return nil
	}
	found := make(map[string]bool)
	all := []wireRequest{x.request}
	for _, p := range x.before {
		all = append(all, p.request)
	}
	created := make(map[string]bool)
	for _, r := range all {
		host := r.host()
		bucket, _, _ := strings.Cut(host, ".")
		if r.method == http.MethodPut && r.target == "/" {
			created[bucket] = true
		} else if strings.Contains(bucket, "-125") {
			found[bucket] = true
		}
		if source, _, ok := strings.Cut(headerOf(r.headers, "x-cos-copy-source"), "."); ok {
			found[source] = true
		}
	}
	maps.DeleteFunc(found, func(b string, _ bool) bool { return created[b] })
	return slices.Sorted(maps.Keys(found))
}

// name learns what the embedded COS has for values of the file.
func (s *stage) name(t *testing.T, p preparation, r wireResponse) {
	t.Helper()
	for _, n := range p.names {
		value := headerOf(r.headers, n.header)
		if n.element != "" {
			nodes, _, err := xmlNodes(r.body)
			if err != nil {
				t.Fatal(err)
			}
			for _, node := range nodes {
				if strings.HasSuffix(node.path, "/"+n.element) {
					value = node.text
				}
			}
		}
		if value == "" {
			t.Fatalf("before: the response to %s %s has no %s%s for %s", p.request.method, p.request.target, n.header, n.element, n.documented)
		}
		s.names[n.documented] = value
	}
}

// put replaces values of the file by those of the embedded COS.
func (s *stage) put(text string) string {
	for documented, actual := range s.names {
		text = strings.ReplaceAll(text, documented, actual)
	}
	return text
}

// take replaces values of the embedded COS by those of the file.
func (s *stage) take(text string) string {
	for documented, actual := range s.names {
		text = strings.ReplaceAll(text, actual, documented)
	}
	return text
}

// do sends a request as the file has it, signed unless it is to have no signature.
func (s *stage) do(t *testing.T, r wireRequest, unsigned bool) wireResponse {
	t.Helper()
	body := []byte(s.put(string(r.body)))
	target := s.put(r.target)
	u, err := url.Parse("http://" + r.host() + target)
	if err != nil {
		t.Fatal(err)
	}
	req := &http.Request{Method: r.method, URL: u, Host: r.host(), Header: make(http.Header)}
	chunked := headerOf(r.headers, "Transfer-Encoding") == "chunked"
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\n", r.method, target)
	for _, h := range r.headers {
		value := s.put(h.value)
		switch strings.ToLower(h.name) {
		case "connection", "content-length", "authorization":
			continue
		case "date":
			value = time.Unix(s.now.Load(), 0).UTC().Format(http.TimeFormat)
		case "content-md5":
			sum := md5.Sum(body)
			value = base64.StdEncoding.EncodeToString(sum[:])
		case "host", "transfer-encoding":
		default:
			req.Header.Add(h.name, value)
		}
		fmt.Fprintf(&head, "%s: %s\r\n", h.name, value)
	}
	if !unsigned {
		now := time.Unix(s.now.Load(), 0)
		pair := testPair()
		cos.AddAuthorizationHeader(pair.SecretID, pair.SecretKey, "", req, &cos.AuthTime{
			SignStartTime: now.Add(-time.Minute), SignEndTime: now.Add(time.Hour),
			KeyStartTime: now.Add(-time.Minute), KeyEndTime: now.Add(time.Hour),
		})
		fmt.Fprintf(&head, "Authorization: %s\r\n", req.Header.Get("Authorization"))
	}
	if !chunked && (len(body) > 0 || r.method == http.MethodPut || r.method == http.MethodPost) {
		fmt.Fprintf(&head, "Content-Length: %d\r\n", len(body))
	}
	head.WriteString("Connection: close\r\n\r\n")
	if chunked && len(body) > 0 {
		fmt.Fprintf(&head, "%x\r\n%s\r\n", len(body), body)
	} else {
		head.Write(body)
	}
	if chunked {
		head.WriteString("0\r\n\r\n")
	}
	return s.exchange(t, r.method, head.Bytes())
}

// exchange sends bytes and reads the response to its end.
func (s *stage) exchange(t *testing.T, method string, request []byte) wireResponse {
	t.Helper()
	conn, err := s.cos.DialContext(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(request)
		sent <- err
	}()
	raw, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("read the response: %v", err)
	}
	<-sent // an early response may close the connection
	head, _, _ := strings.Cut(string(raw), "\r\n\r\n")
	start, headers, _, err := cutMessage(strings.ReplaceAll(head, "\r\n", "\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	r := wireResponse{headers: headers}
	if _, err := fmt.Sscanf(start, "HTTP/1.1 %d", &r.status); err != nil {
		t.Fatalf("%q is no response: %v", raw, err)
	}
	parsed, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer parsed.Body.Close()
	if r.body, err = io.ReadAll(parsed.Body); err != nil {
		t.Fatal(err)
	}
	return r
}

// embeddedDifferences compares what the embedded COS responds to the request of the
// exchange with its response.
func (x *exchange) embeddedDifferences(t *testing.T) []string {
	t.Helper()
	s := x.setStage(t)
	got := s.do(t, x.request, x.unsigned)
	want := x.response
	var differences []string
	if got.status != want.status {
		return []string{fmt.Sprintf("status: %d %s, want %d", got.status, got.body, want.status)}
	}
	for i, h := range got.headers {
		got.headers[i].value = s.same(s.take(h.value), headerOf(want.headers, h.name))
	}
	got.body = []byte(s.take(string(got.body)))
	differences = append(differences, compareSets("header", responsePairs(got), responsePairs(want))...)
	if !want.isXML() || !got.isXML() {
		return append(differences, compareBodies(got.body, want.body)...)
	}
	gotNodes, gotDeclaration, err := xmlNodes(got.body)
	if err != nil {
		return append(differences, fmt.Sprintf("body: %v in %q", err, got.body))
	}
	wantNodes, wantDeclaration, err := xmlNodes(want.body)
	if err != nil {
		return append(differences, fmt.Sprintf("the documented body: %v", err))
	}
	if gotDeclaration != wantDeclaration {
		differences = append(differences, fmt.Sprintf("declaration: %q, want %q", gotDeclaration, wantDeclaration))
	}
	for _, pair := range align(gotNodes, wantNodes) {
		if pair.got != nil && pair.want != nil {
			pair.got.text = s.same(pair.got.text, pair.want.text)
		}
	}
	return append(differences, compareNodes(gotNodes, wantNodes)...)
}

// responsePairs are the headers of a response. The size of a document is not compared,
// since it depends on white space.
func responsePairs(r wireResponse) map[string]string {
	pairs := make(map[string]string)
	for _, h := range r.headers {
		name, value := strings.ToLower(h.name), h.value
		if name == "content-length" && r.isXML() {
			value = "of the document"
		}
		pairs[name] = value
	}
	return pairs
}

// Values that each server makes itself: those of the documentation, and those of the
// embedded COS, whose ids of versions and uploads have forms of their own.
var madeValues = []struct{ documented, embedded *regexp.Regexp }{
	{regexp.MustCompile(`^N[A-Za-z0-9+/]{30,50}={0,2}$`), regexp.MustCompile(`^N[A-Za-z0-9+/]{30,50}={0,2}$`)},
	{regexp.MustCompile(`^[A-Za-z0-9+/]{171}=$`), regexp.MustCompile(`^[A-Za-z0-9+/]{171}=$`)},
	{regexp.MustCompile(`^MTg[A-Za-z0-9+/_-]{24}$`), regexp.MustCompile(`^[0-9a-f]{32}$`)},
	{regexp.MustCompile(`^[0-9]{10}[0-9a-f]{64}$`), regexp.MustCompile(`^[0-9]{10}[0-9a-f]{40,64}$`)},
}

// same returns want if got is a value of the same kind that no earlier request named.
func (s *stage) same(got, want string) string {
	if _, named := s.names[want]; named {
		return got
	}
	for _, kind := range madeValues {
		if kind.embedded.MatchString(got) && kind.documented.MatchString(want) {
			return want
		}
	}
	return got
}
