package cosbackend

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

type spanKey struct{}

// A recorder is an Observer that records everything.
type recorder struct {
	t       *testing.T
	mu      sync.Mutex
	infos   []AttemptInfo
	results []AttemptResult // in the order of the ends
	parents []any           // what each attempt's context held
}

func (r *recorder) Attempt(ctx context.Context, info AttemptInfo) (context.Context, func(AttemptResult)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.infos = append(r.infos, info)
	r.parents = append(r.parents, ctx.Value(spanKey{}))
	ended := false
	return context.WithValue(ctx, spanKey{}, "attempt"), func(result AttemptResult) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if ended {
			r.t.Error("an attempt ended twice")
		}
		ended = true
		if result.Duration < result.Head {
			r.t.Errorf("Duration = %v, less than Head %v", result.Duration, result.Head)
		}
		r.results = append(r.results, result)
	}
}

func observed(t *testing.T, respond script, change ...func(*Config)) (*Client, *recorder) {
	t.Helper()
	r := &recorder{t: t}
	c, _ := open(t, respond, append([]func(*Config){func(cfg *Config) {
		cfg.Observer = r
		cfg.Retry.BaseDelay = time.Nanosecond
	}}, change...)...)
	return c, r
}

// want compares what was observed, except durations.
func (r *recorder) want(infos []AttemptInfo, results []AttemptResult) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(infos, r.infos); diff != "" {
		r.t.Errorf("attempts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(results, r.results, cmpopts.IgnoreFields(AttemptResult{}, "Head", "Duration", "Err")); diff != "" {
		r.t.Errorf("results (-want +got):\n%s", diff)
	}
	for i, result := range r.results {
		if received := result.HTTPStatus != 0; received != (result.Head > 0) {
			r.t.Errorf("result %d: status %d, but Head = %v", i, result.HTTPStatus, result.Head)
		}
	}
}

func info(op, method string, number int) AttemptInfo {
	return AttemptInfo{
		Operation: op, Profile: "default", Method: method, Host: testBucket + ".cos.ap-guangzhou.myqcloud.com",
		Bucket: testBucket, Region: testRegion, Number: number,
	}
}

func TestObserverSeesSuccessAndContent(t *testing.T) {
	t.Parallel()
	c, r := observed(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("ETag", `"e"`)
		cosHeader(w)
		_, _ = io.WriteString(w, "0123456789")
	})
	ctx := context.WithValue(t.Context(), spanKey{}, "call")
	object, err := c.GetObject(ctx, at(testBucket), "k", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.results) != 0 || c.Pool().InUse != 1 {
		t.Errorf("%d attempts ended and %d connections are in use before the body was read, want 0 and 1", len(r.results), c.Pool().InUse)
	}
	if _, err := io.ReadAll(object.Body); err != nil {
		t.Fatal(err)
	}
	_ = object.Body.Close()
	own := WithCallerCredentials(ctx, testCredentials())
	if _, err := c.PutObject(own, at(testBucket), "k", reopenable([]byte("abc")), PutOptions{}); err != nil {
		t.Fatal(err)
	}
	put := info("PutObject", "PUT", 1)
	put.CallerCredentials = true
	r.want([]AttemptInfo{info("GetObject", "GET", 1), put}, []AttemptResult{
		{HTTPStatus: 200, RequestID: "req-1", BytesReceived: 10},
		{HTTPStatus: 200, RequestID: "req-1", BytesReceived: 10, BytesSent: 3, ConnectionReused: true},
	})
	if diff := cmp.Diff([]any{"call", "call"}, r.parents); diff != "" {
		t.Errorf("contexts (-want +got):\n%s", diff)
	}
	if got := c.Pool(); got.Opened != 1 || got.Open != 1 || got.InUse != 0 || got.Failed != 0 {
		t.Errorf("Pool = %+v, want one idle connection", got)
	}
	c.Close()
	if got := c.Pool(); got.Open != 0 {
		t.Errorf("Pool = %+v after Close, want nothing open", got)
	}
}

func TestObserverSeesRefusalsAndRetries(t *testing.T) {
	t.Parallel()
	c, r := observed(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		switch n {
		case 1:
			respondXML(w, 503, errorXML("SlowDown", "m"))
		case 2:
			respondXML(w, 404, errorXML("NoSuchKey", "m"))
		default:
			respondXML(w, 403, errorXML("Über <b>hostile</b> "+strings.Repeat("x", 100), "m"))
		}
	})
	sizes := []int64{int64(len(errorXML("SlowDown", "m"))), int64(len(errorXML("NoSuchKey", "m")))}
	wantError(t, "GetObject", get(t.Context(), c))
	r.want([]AttemptInfo{info("GetObject", "GET", 1), info("GetObject", "GET", 2)}, []AttemptResult{
		{HTTPStatus: 503, Code: "SlowDown", RequestID: "req-1", Retried: true, BytesReceived: sizes[0]},
		{HTTPStatus: 404, Code: "NoSuchKey", RequestID: "req-1", BytesReceived: sizes[1], ConnectionReused: true},
	})
	for i, result := range r.results {
		if _, ok := errors.AsType[*Error](result.Err); !ok {
			t.Errorf("result %d: Err = %v, want an *Error", i, result.Err)
		}
	}
	wantError(t, "GetObject", get(t.Context(), c))
	if got := r.results[2].Code; got != "other" {
		t.Errorf("Code = %q, want a code that is none to be other", got)
	}
}

func TestObserverSeesFailuresOfTheNetwork(t *testing.T) {
	t.Parallel()
	c, r := observed(t, func(w http.ResponseWriter, _ *http.Request, _ int) { hijacked(t, w, "") }, attempts(2))
	data := bytes.Repeat([]byte("x"), 100)
	_, err := c.PutObject(t.Context(), at(testBucket), "k", reopenable(data), PutOptions{})
	wantError(t, "PutObject", err)
	r.want([]AttemptInfo{info("PutObject", "PUT", 1), info("PutObject", "PUT", 2)}, []AttemptResult{
		{Origin: OriginTransport, Retried: true, BytesSent: 100},
		{Origin: OriginTransport, BytesSent: 100},
	})

	c, r = observed(t, nil, attempts(1), func(cfg *Config) {
		cfg.Transport.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") }
	})
	wantError(t, "GetObject", get(t.Context(), c))
	r.want([]AttemptInfo{info("GetObject", "GET", 1)}, []AttemptResult{{Origin: OriginTransport}})
	if got := c.Pool(); got != (PoolStats{Failed: 1}) {
		t.Errorf("Pool = %+v, want one failed connection", got)
	}
}

// What cannot be sent is no attempt.
func TestObserverSeesNothingOfWhatWasNotSent(t *testing.T) {
	t.Parallel()
	c, r := observed(t, nil, func(cfg *Config) { cfg.Credentials = failingProvider{} })
	wantError(t, "GetObject", get(t.Context(), c))
	r.want(nil, nil)
}

// A download that breaks off is two attempts, each with its own bytes; one that its
// reader closes early is not a failure.
func TestObserverSeesEachSegmentOfADownload(t *testing.T) {
	t.Parallel()
	c, r := observed(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			hijacked(t, w, "HTTP/1.1 200 OK\r\nx-cos-request-id: req-1\r\nETag: \"e\"\r\nContent-Length: 10\r\n\r\n0123")
			return
		}
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("Content-Range", "bytes 4-9/10")
		cosHeader(w)
		w.WriteHeader(http.StatusPartialContent)
		_, _ = io.WriteString(w, "456789")
	})
	object, err := c.GetObject(t.Context(), at(testBucket), "k", ReadOptions{Resume: ResumeOptions{Attempts: 2}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(object.Body); err != nil || string(got) != "0123456789" {
		t.Fatalf("read %q, %v", got, err)
	}
	r.want([]AttemptInfo{info("GetObject", "GET", 1), info("GetObject", "GET", 2)}, []AttemptResult{
		{HTTPStatus: 200, RequestID: "req-1", Origin: OriginTransport, BytesReceived: 4},
		{HTTPStatus: 206, RequestID: "req-1", BytesReceived: 6},
	})
	if r.results[0].Err == nil || r.results[1].Err != nil {
		t.Errorf("Err = %v and %v, want one failure", r.results[0].Err, r.results[1].Err)
	}

	c, r = observed(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("Content-Length", "1048576")
		cosHeader(w)
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
	})
	if object, err = c.GetObject(t.Context(), at(testBucket), "k", ReadOptions{}); err != nil {
		t.Fatal(err)
	}
	_ = object.Body.Close()
	if len(r.results) != 1 || r.results[0].Err != nil || c.Pool().InUse != 0 {
		t.Errorf("results = %+v, %d connections in use, want one end without a failure", r.results, c.Pool().InUse)
	}
}

// A body that stalls is closed while a Read waits: the end is reported when that returns.
func TestObserverSeesAStalledDownload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c, r := observed(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("ETag", `"e"`)
			w.Header().Set("Content-Length", "10")
			cosHeader(w)
			_, _ = io.WriteString(w, "0123")
			_ = http.NewResponseController(w).Flush()
			<-release
		})
		defer close(release)
		object, err := c.GetObject(t.Context(), at(testBucket), "k", ReadOptions{Resume: ResumeOptions{Stall: time.Minute}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(object.Body); err == nil {
			t.Error("ReadAll = nil, want the broken read")
		}
		_ = object.Body.Close()
		r.want([]AttemptInfo{info("GetObject", "GET", 1)}, []AttemptResult{
			{HTTPStatus: 200, RequestID: "req-1", Origin: OriginTransport, BytesReceived: 4},
		})
		if got := r.results[0].Duration; got < time.Minute {
			t.Errorf("Duration = %v, want the minute of silence in it", got)
		}
	})
}

// The lookup of a region belongs to the call that began it.
func TestObserverSeesLookupsUnderTheirCaller(t *testing.T) {
	t.Parallel()
	var l lookups
	c, r := observed(t, l.respond, noRegion)
	if err := list(context.WithValue(t.Context(), spanKey{}, "call"), c); err != nil {
		t.Fatal(err)
	}
	var ops []string
	for _, i := range r.infos {
		ops = append(ops, i.Operation)
	}
	if diff := cmp.Diff([]string{"ListBuckets", "ListBuckets", "ListObjects"}, ops); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{"call", "call", "call"}, r.parents); diff != "" {
		t.Errorf("contexts (-want +got):\n%s", diff)
	}
}

func TestObserverMayReturnNoDone(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { cosHeader(w) }, func(cfg *Config) { cfg.Observer = silentObserver{} })
	if _, err := c.PutObject(t.Context(), at(testBucket), "k", Body{}, PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

type silentObserver struct{}

func (silentObserver) Attempt(ctx context.Context, _ AttemptInfo) (context.Context, func(AttemptResult)) {
	return ctx, nil
}
