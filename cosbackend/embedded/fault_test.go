package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// over returns the client on a TCP listener.
func (c *client) over(t *testing.T) *client {
	t.Helper()
	addr := c.listen(t)
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	tcp := *c
	tcp.http = &http.Client{Transport: tr}
	return &tcp
}

// broken makes a call with a response that must not arrive completely, and returns what
// arrived.
func (c *client) broken(t *testing.T, in call) (response, error) {
	t.Helper()
	resp, err := c.http.Do(c.request(t, in))
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil {
		t.Fatalf("%s %s = %d %q, want it to break off", in.method, in.key, resp.StatusCode, body)
	}
	return response{Response: resp, body: body}, err
}

func TestFaultRespondsInsteadOfTheOperation(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "hello")
	get := call{method: "GET", key: "k"}
	tests := map[string]struct {
		fault  embedded.Fault
		in     call
		status int
		code   string
		check  func(t *testing.T, a response)
	}{
		"a COS error": {embedded.Fault{Status: 503, Code: "SlowDown", Message: "slow"}, get, 503, "SlowDown", func(t *testing.T, a response) {
			if a.err.Message != "slow" || a.err.RequestID == "" || a.err.TraceID == "" {
				t.Errorf("response = %v %s", a.Header, a.body)
			}
		}},
		"a code alone":     {embedded.Fault{Code: "NoSuchKey"}, get, 404, "NoSuchKey", nil},
		"a code we lack":   {embedded.Fault{Code: "InvalidTag"}, get, 400, "InvalidTag", nil},
		"an error to HEAD": {embedded.Fault{Status: 403, Code: "AccessDenied"}, call{method: "HEAD", key: "k"}, 403, "", nil},
		"a status alone": {embedded.Fault{Status: 502}, get, 502, "", func(t *testing.T, a response) {
			if len(a.body) != 0 {
				t.Errorf("body = %q", a.body)
			}
		}},
		"HTML": {embedded.Fault{Status: 502, ContentType: "text/html", Body: []byte("<html>"), NoRequestID: true}, get, 502, "", func(t *testing.T, a response) {
			if string(a.body) != "<html>" || a.Header.Get("Content-Type") != "text/html" || a.Header.Get("x-cos-request-id")+a.Header.Get("x-cos-trace-id") != "" {
				t.Errorf("response = %v %q", a.Header, a.body)
			}
		}},
		"JSON": {embedded.Fault{Status: 400, ContentType: "application/json", Body: []byte(`{"code":-1}`)}, get, 400, "", nil},
		"a big body": {embedded.Fault{Status: 503, Body: []byte("ab"), BodySize: 1<<20 + 1}, get, 503, "", func(t *testing.T, a response) {
			if len(a.body) != 1<<20+1 || !bytes.HasPrefix(a.body, []byte("ababab")) || a.body[1<<20] != 'a' {
				t.Errorf("body of %d bytes", len(a.body))
			}
		}},
		"spaces": {embedded.Fault{BodySize: 3}, get, 200, "", func(t *testing.T, a response) {
			if string(a.body) != "   " {
				t.Errorf("body = %q", a.body)
			}
		}},
		"an error inside 200": {embedded.Fault{ErrorInSuccess: "InternalError", Message: "m"}, get, 200, "InternalError", nil},
		"no ids": {embedded.Fault{Status: 500, Code: "InternalError", NoRequestID: true}, get, 500, "InternalError", func(t *testing.T, a response) {
			if a.err.RequestID+a.err.TraceID != "" || strings.Contains(string(a.body), "RequestId") {
				t.Errorf("body = %s", a.body)
			}
		}},
		"another header": {embedded.Fault{Header: http.Header{"x-extra": {"1"}, "ETag": {"x"}}, DropHeader: []string{"Last-Modified", "date"}}, get, 200, "", func(t *testing.T, a response) {
			if a.Header.Get("X-Extra") != "1" || a.Header.Get("ETag") != "x" || a.Header.Get("Last-Modified")+a.Header.Get("Date") != "" {
				t.Errorf("headers = %v", a.Header)
			}
		}},
		"a wrong checksum": {embedded.Fault{WrongCRC64: true}, get, 200, "", func(t *testing.T, a response) {
			if v := a.Header.Get("x-cos-hash-crc64ecma"); v == crcOf("hello") || v == "" {
				t.Errorf("x-cos-hash-crc64ecma = %q", v)
			}
		}},
		"a flipped byte": {embedded.Fault{FlipByte: 2}, get, 200, "", func(t *testing.T, a response) {
			if string(a.body) != "h\x9allo" {
				t.Errorf("body = %q", a.body)
			}
		}},
		"an early response to a PUT": {embedded.Fault{Status: 403, Code: "AccessDenied", EarlyResponse: true}, call{method: "PUT", key: "k", body: []byte("x")}, 403, "AccessDenied", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			id := c.server.Faults().Add(tt.fault)
			defer c.server.Faults().Remove(id)
			a := c.do(t, tt.in).want(t, tt.status, tt.code)
			if tt.check != nil {
				tt.check(t, a)
			}
			if n := c.server.Faults().Hits(id); n != 1 {
				t.Errorf("Hits = %d, want 1", n)
			}
			if es := c.server.Journal().Entries(); es[len(es)-1].Fault != id {
				t.Errorf("journal names fault %d, want %d", es[len(es)-1].Fault, id)
			}
		})
	}
	c.do(t, get).want(t, 200, "")
}

func TestFaultOfCopyObjectChangesTheBody(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "hello")
	c.server.Faults().Add(embedded.Fault{Operation: "CopyObject", WrongCRC64: true})
	a := c.copy(t, "to", testHost+"/k").want(t, 200, "")
	if strings.Contains(string(a.body), "<CRC64>"+crcOf("hello")) || !strings.Contains(string(a.body), "<CRC64>") {
		t.Errorf("CopyObjectResult = %s", a.body)
	}
}

func TestFaultRulesMatchAndCount(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "a", "x")
	c.put(t, "b", "x")
	f := c.server.Faults()
	third := f.Add(embedded.Fault{Operation: "GetObject", Bucket: testBucket, Key: "a", Nth: 3, Code: "InternalError"})
	twice := f.Add(embedded.Fault{Key: "b", Count: 2, Code: "SlowDown"})
	other := f.Add(embedded.Fault{Bucket: "other-1", Code: "SlowDown"})
	var got []string
	for range 4 {
		for _, key := range []string{"a", "b"} {
			got = append(got, c.do(t, call{method: "GET", key: key}).err.Code)
		}
		c.do(t, call{method: "HEAD", key: "a"}).want(t, 200, "")
	}
	want := []string{"", "SlowDown", "", "SlowDown", "InternalError", "", "", ""}
	if strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("codes = %q, want %q", got, want)
	}
	if n := [3]int{f.Hits(third), f.Hits(twice), f.Hits(other)}; n != [3]int{1, 2, 0} {
		t.Errorf("hits = %v, want [1 2 0]", n)
	}
	f.Add(embedded.Fault{Code: "InternalError"})
	f.Clear()
	c.do(t, call{method: "GET", key: "b"}).want(t, 200, "")
}

func TestFaultLoseResponseLeavesTheWorkDone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*client{"memory": open(t), "tcp": open(t).over(t)} {
		t.Run(name, func(t *testing.T) {
			id := c.server.Faults().Add(embedded.Fault{Operation: "PutObject", LoseResponse: true})
			if _, err := c.broken(t, call{method: "PUT", key: "k", body: []byte("kept")}); !errors.Is(err, io.EOF) {
				t.Errorf("error = %v, want EOF", err)
			}
			c.server.Faults().Remove(id)
			es := c.server.Journal().Entries()
			if e := es[len(es)-1]; e.Status != 200 || e.ResponseDelivered || e.Fault != id {
				t.Errorf("journal = %+v, want a 200 that was not delivered", e)
			}
			if got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, ""); string(got.body) != "kept" {
				t.Errorf("GET = %q, want kept", got.body)
			}
		})
	}
}

func TestFaultResetSendsNoResponse(t *testing.T) {
	t.Parallel()
	c := open(t)
	tcp := c.over(t)
	c.server.Faults().Add(embedded.Fault{Reset: true})
	if _, err := tcp.broken(t, call{method: "GET", key: "k"}); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("over TCP: %v, want a reset", err)
	}
	if _, err := c.broken(t, call{method: "PUT", key: "k", body: []byte("x")}); err == nil {
		t.Error("over memory: no error")
	}
	c.server.Faults().Clear()
	c.do(t, call{method: "HEAD", key: "k"}).want(t, 404, "")
}

func TestFaultTruncateAnnouncesTheFullLength(t *testing.T) {
	t.Parallel()
	c := open(t)
	body := strings.Repeat("0123456789", 30_000)
	c.put(t, "k", body)
	for truncate, want := range map[int64]int{-1: 0, 1: 1, 65536: 65536, 200_001: 200_001} {
		id := c.server.Faults().Add(embedded.Fault{Truncate: truncate})
		a, err := c.broken(t, call{method: "GET", key: "k"})
		c.server.Faults().Remove(id)
		if !errors.Is(err, io.ErrUnexpectedEOF) || a.Response == nil || a.ContentLength != int64(len(body)) || string(a.body) != body[:want] {
			t.Errorf("Truncate %d: %v, %d bytes, want unexpected EOF after %d", truncate, err, len(a.body), want)
		}
	}
}

// Delays and stalls are tried in virtual time.
func TestFaultDelayAndStallEndWithTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t)
		c.put(t, "k", "0123456789")
		f := c.server.Faults()

		id := f.Add(embedded.Fault{Delay: 45 * time.Second})
		began := time.Now()
		c.do(t, call{method: "GET", key: "k"}).want(t, 200, "")
		if d := time.Since(began); d != 45*time.Second {
			t.Errorf("a delay of 45 s took %v", d)
		}
		f.Remove(id)

		for _, fault := range []embedded.Fault{{Delay: time.Hour}, {StallAfter: 4}, {StallAfter: -1}} {
			id := f.Add(fault)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			began = time.Now()
			var got []byte
			resp, err := c.http.Do(c.request(t, call{method: "GET", key: "k"}).WithContext(ctx))
			if err == nil {
				got, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if d := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || d != 30*time.Second || len(got) != max(int(fault.StallAfter), 0) {
				t.Errorf("%+v: %v after %v with %q", fault, err, d, got)
			}
			cancel()
			f.Remove(id)
		}
	})
}

func TestFaultStallEndsWhenTheServerCloses(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "0123456789")
	c.server.Faults().Add(embedded.Fault{StallAfter: 4})
	resp, err := c.http.Do(c.request(t, call{method: "GET", key: "k"}))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.server.Close(); err != nil || time.Since(began) > 4*time.Second {
		t.Errorf("Close = %v after %v", err, time.Since(began))
	}
}

func TestJournalRecordsWhatHappened(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Clock = at(1700000000) })
	c.put(t, "a//b", "x")
	c.do(t, call{method: "HEAD", key: "absent"})
	r := c.request(t, call{method: "GET", key: "a//b", query: "response-expires=e&x-cos-security-token=secret", unsigned: true})
	r.URL.RawQuery += "&" + c.presigned(r)
	c.send(t, r).want(t, 403, "InvalidAccessKeyId")
	c.copy(t, "c", testHost+"/a//b")
	c.do(t, call{method: "GET", host: "127.0.0.1"})
	c.do(t, call{method: "GET", key: "a//b"})
	es := c.server.Journal().Entries()
	type row struct {
		Method, Operation, Bucket, Key, Code string
		Status                               int
	}
	want := []row{
		{"PUT", "PutObject", testBucket, "a//b", "", 200},
		{"HEAD", "HeadObject", testBucket, "absent", "NoSuchKey", 404},
		{"GET", "GetObject", testBucket, "a//b", "InvalidAccessKeyId", 403},
		{"PUT", "CopyObject", testBucket, "c", "", 200},
		{"GET", "", "", "", "InvalidRequest", 400},
		{"GET", "GetObject", testBucket, "a//b", "", 200},
	}
	if len(es) != len(want) {
		t.Fatalf("%d entries, want %d", len(es), len(want))
	}
	for i, e := range es {
		if got := (row{e.Method, e.Operation, e.Bucket, e.Key, e.Code, e.Status}); got != want[i] {
			t.Errorf("entry %d = %+v, want %+v", i, got, want[i])
		}
		if !e.ResponseDelivered || e.RequestID == "" || e.Host == "" || !e.Time.Equal(time.Unix(1700000000, 0)) || e.Fault != 0 {
			t.Errorf("entry %d = %+v", i, e)
		}
	}
	target := es[2].Target
	if !strings.HasPrefix(target, "/a//b?response-expires=e&x-cos-security-token=REDACTED&") || strings.Contains(target, c.cred.SecretID) || strings.Count(target, "REDACTED") != 3 {
		t.Errorf("target = %s", target)
	}
	c.server.Journal().Reset()
	if n := len(c.server.Journal().Entries()); n != 0 {
		t.Errorf("%d entries after Reset", n)
	}
	c.do(t, call{method: "HEAD"})
	if n := len(c.server.Journal().Entries()); n != 1 {
		t.Errorf("%d entries after Reset and one request", n)
	}
}

func TestJournalForgetsTheOldest(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Signature = embedded.SignatureOff; o.DefaultBucket = testBucket })
	h := c.server.Handler()
	for i := range 10_050 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://x/"+strings.Repeat("k", i/100+1), nil)
		if err != nil {
			t.Fatal(err)
		}
		h.ServeHTTP(discard{}, r)
	}
	es := c.server.Journal().Entries()
	if len(es) != 10_000 || es[0].Key != "k" || len(es[9_999].Key) != 101 {
		t.Errorf("%d entries from key %q to key %q", len(es), es[0].Key, es[len(es)-1].Key)
	}
}

// discard is a response that is thrown away.
type discard struct{}

func (discard) Header() http.Header         { return make(http.Header) }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
