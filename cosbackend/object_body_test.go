package cosbackend

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const content = "0123456789"

// object answers GET and HEAD like COS.
func object(w http.ResponseWriter, r *http.Request, _ int) {
	cosHeader(w)
	h := w.Header()
	h.Set("ETag", `"etag"`)
	h.Set("Last-Modified", "Thu, 16 May 2019 06:45:51 GMT")
	h.Set("Content-Type", "text/plain")
	h.Set("x-cos-hash-crc64ecma", "18446744073709551615")
	h.Set("x-cos-meta-Author", "caf\xe9")
	h.Set("x-cos-object-type", "normal")
	h.Set("x-cos-version-id", "v1")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
}

func wantInfo() ObjectInfo {
	return ObjectInfo{
		Key: "k", VersionID: "v1", ETag: "etag", Size: 10, CRC64: 1<<64 - 1, HasCRC64: true,
		LastModified: time.Date(2019, 5, 16, 6, 45, 51, 0, time.UTC), Type: "normal",
		Attributes: Attributes{ContentType: "text/plain", StorageClass: "STANDARD", Metadata: map[string]string{"author": "caf\uFFFD"}},
	}
}

func TestHeadObjectReadsTheHeaders(t *testing.T) {
	c, _ := open(t, object)
	got, err := c.HeadObject(t.Context(), at(testBucket), "k", ReadOptions{})
	if err != nil {
		t.Fatalf("HeadObject = %v", err)
	}
	if diff := cmp.Diff(wantInfo(), got); diff != "" {
		t.Errorf("HeadObject (-want +got):\n%s", diff)
	}
}

func TestGetObjectReadsWhatWasAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		r      *Range
		header string
		offset int64
		want   string
	}{
		"all":                   {nil, "", 0, content},
		"from the start":        {&Range{Length: -1}, "bytes=0-", 0, content},
		"middle":                {&Range{Offset: 2, Length: 3}, "bytes=2-4", 2, "234"},
		"to the end":            {&Range{Offset: 7, Length: -1}, "bytes=7-", 7, "789"},
		"past the end":          {&Range{Offset: 7, Length: 100}, "bytes=7-106", 7, "789"},
		"suffix":                {&Range{Suffix: 4}, "bytes=-4", 6, "6789"},
		"suffix that is longer": {&Range{Suffix: 40}, "bytes=-40", 0, content},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := open(t, object)
			o, err := c.GetObject(t.Context(), at(testBucket), "k", ReadOptions{Range: tc.r})
			if err != nil {
				t.Fatalf("GetObject = %v", err)
			}
			if err := iotest.TestReader(o.Body, []byte(tc.want)); err != nil {
				t.Errorf("Body: %v", err)
			}
			if o.Offset != tc.offset || o.Length != int64(len(tc.want)) {
				t.Errorf("Offset, Length = %d, %d, want %d, %d", o.Offset, o.Length, tc.offset, len(tc.want))
			}
			if diff := cmp.Diff(wantInfo(), o.ObjectInfo); diff != "" {
				t.Errorf("ObjectInfo (-want +got):\n%s", diff)
			}
			if got := s.seen()[0].Header.Get("Range"); got != tc.header {
				t.Errorf("Range = %q, want %q", got, tc.header)
			}
			_ = o.Body.Close()
			if _, err := o.Body.Read(make([]byte, 1)); err == nil {
				t.Error("Read after Close = nil, want an error")
			}
		})
	}
}

func TestAnotherRangeThanAskedForIsRefused(t *testing.T) {
	for name, answer := range map[string]struct {
		status int
		header string
	}{
		"whole object":    {200, ""},
		"other offset":    {206, "bytes 1-10/20"},
		"fewer bytes":     {206, "bytes 2-4/20"},
		"no header":       {206, ""},
		"unknown size":    {206, "bytes 2-11/*"},
		"end before size": {206, "bytes 2-11/5"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				cosHeader(w)
				w.Header().Set("Content-Range", answer.header)
				w.WriteHeader(answer.status)
				_, _ = io.WriteString(w, content)
			})
			_, err := c.GetObject(t.Context(), at(testBucket), "k", ReadOptions{Range: &Range{Offset: 2, Length: 10}})
			if e := wantError(t, "GetObject", err); !errors.Is(err, errRange) || e.Retryable {
				t.Errorf("GetObject = %v, want %v", err, errRange)
			}
		})
	}
}

func TestAnswerWithoutLengthIsRefused(t *testing.T) {
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		cosHeader(w)
		_ = http.NewResponseController(w).Flush() // makes it chunked
		_, _ = io.WriteString(w, content)
	})
	if err := get(t.Context(), c); !errors.Is(err, errNoLength) {
		t.Errorf("GetObject = %v, want %v", err, errNoLength)
	}
}

func TestACutDownloadIsNeverAShortObject(t *testing.T) {
	for sent := range len(content) {
		t.Run(strconv.Itoa(sent), func(t *testing.T) {
			c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				hijacked(t, w, "HTTP/1.1 200 OK\r\nx-cos-request-id: req-1\r\nContent-Length: 10\r\n\r\n"+content[:sent])
			})
			o, err := c.GetObject(t.Context(), at(testBucket), "k", ReadOptions{})
			if err != nil {
				t.Fatalf("GetObject = %v", err)
			}
			defer func() { _ = o.Body.Close() }()
			got, err := io.ReadAll(o.Body)
			e := wantError(t, "Read", err)
			if string(got) != content[:sent] || e.Origin != OriginTransport || e.Op != "GetObject" || !e.Retryable || e.RequestID != "req-1" {
				t.Errorf("ReadAll = %q, %+v; want %q and a transport error with the request id", got, e, content[:sent])
			}
			if _, again := o.Body.Read(make([]byte, 1)); !errors.Is(again, err) {
				t.Errorf("second Read = %v, want the same error", again)
			}
		})
	}
}

func TestADownloadObeysItsContext(t *testing.T) {
	c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		cosHeader(w)
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, content[:3])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	o, err := c.GetObject(ctx, at(testBucket), "k", ReadOptions{})
	if err != nil {
		t.Fatalf("GetObject = %v", err)
	}
	defer func() { _ = o.Body.Close() }()
	if _, err := io.ReadFull(o.Body, make([]byte, 3)); err != nil {
		t.Fatalf("ReadFull = %v", err)
	}
	cancel()
	_, err = io.ReadAll(o.Body)
	wantError(t, "Read", err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Read = %v, want context.Canceled", err)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	l := newPipeListener()
	server := &http.Server{Handler: (&scripted{t: t}).handler(object, true)}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	dials := 0
	c := serve(t, http.NotFoundHandler(), func(cfg *Config) {
		cfg.Transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials++
			return l.DialContext(ctx, network, addr)
		}
	})
	for range 20 {
		o, err := c.GetObject(t.Context(), at(testBucket), "k", ReadOptions{})
		if err != nil {
			t.Fatalf("GetObject = %v", err)
		}
		if _, err := io.ReadFull(o.Body, make([]byte, o.Length)); err != nil { // not to io.EOF
			t.Fatalf("ReadFull = %v", err)
		}
		_ = o.Body.Close()
		if err := head(t.Context(), c); err != nil {
			t.Fatalf("HeadObject = %v", err)
		}
	}
	if dials != 1 {
		t.Errorf("%d connections were made for calls one after the other, want 1", dials)
	}
}
