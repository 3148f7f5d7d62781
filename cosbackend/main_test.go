package cosbackend

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A pipeListener is a network of one address in memory, which also works inside a
// synctest bubble.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// A request is what the scripted server received.
type request struct {
	Method, Host, URI string
	Header            http.Header
	Body              []byte
	BodyErr           error
}

// A scripted server responds to the n-th request, counted from 1, and records all.
type scripted struct {
	t        *testing.T
	mu       sync.Mutex
	requests []request
}

type script func(w http.ResponseWriter, r *http.Request, n int)

// handler returns the server as a handler that may read each request's body first.
func (s *scripted) handler(respond script, readBody bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := request{Method: r.Method, Host: r.Host, URI: r.RequestURI, Header: r.Header.Clone()}
		if readBody {
			seen.Body, seen.BodyErr = io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(seen.Body))
		}
		s.mu.Lock()
		s.requests = append(s.requests, seen)
		n := len(s.requests)
		s.mu.Unlock()
		w.Header()["Date"] = nil
		respond(w, r, n)
	})
}

func (s *scripted) seen() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

const (
	testBucket = "photos-1250000000"
	testRegion = "ap-guangzhou"
)

func testCredentials() Credentials {
	return Credentials{SecretID: "AKIDtestsecretid", SecretKey: "testsecretkeyvalue"}
}

func at(bucket string) Location { return Location{Bucket: bucket} }

// open starts a scripted server that reads request bodies, and a client of it.
func open(t *testing.T, respond script, change ...func(*Config)) (*Client, *scripted) {
	t.Helper()
	s := &scripted{t: t}
	return serve(t, s.handler(respond, true), change...), s
}

// serve starts handler in memory and returns a client of it.
func serve(t *testing.T, handler http.Handler, change ...func(*Config)) *Client {
	t.Helper()
	l := newPipeListener()
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	cfg := Config{
		Endpoint:    "http://{bucket}.cos.{region}.myqcloud.com",
		Region:      testRegion,
		Credentials: StaticCredentials(testCredentials()),
		Transport:   TransportOptions{DialContext: l.DialContext},
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatalf("New = %v", err)
	}
	t.Cleanup(func() {
		c.Close()
		_ = server.Close()
		<-done
	})
	return c
}

// attempts limits the attempts of each execution.
func attempts(n int) func(*Config) {
	return func(cfg *Config) { cfg.Retry.MaxAttempts = n }
}

// cosHeader marks a response as one from COS.
func cosHeader(w http.ResponseWriter) {
	w.Header().Set("x-cos-request-id", "req-1")
}

func respondXML(w http.ResponseWriter, status int, body string) {
	cosHeader(w)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func errorXML(code, message string) string {
	return "<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n  <Code>" + code + "</Code>\n  <Message>" + message +
		"</Message>\n  <Resource>" + testBucket + ".cos.ap-guangzhou.myqcloud.com/k</Resource>\n" +
		"  <RequestId>req-1</RequestId>\n  <TraceId>trace-1</TraceId>\n</Error>"
}

// hijacked writes raw bytes as the response and closes the connection.
func hijacked(t *testing.T, w http.ResponseWriter, raw string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Errorf("Hijack = %v", err)
		return
	}
	_, _ = io.WriteString(conn, raw)
	_ = conn.Close()
}

func wantError(t *testing.T, op string, err error) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("%s = %v (%T), want an *Error", op, err, err)
	}
	return e
}

func reopenable(data []byte) Body {
	return Body{Size: int64(len(data)), Reopen: func() io.Reader { return bytes.NewReader(data) }}
}
