package cosbackend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const content = "0123456789"

// object responds to GET and HEAD like COS.
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
		Attributes: Attributes{ContentType: "text/plain", StorageClass: "STANDARD", Metadata: map[string]string{"author": "caf\xe9"}},
	}
}

func TestHeadObjectReadsTheHeaders(t *testing.T) {
	t.Parallel()
	c, _ := open(t, object)
	got, err := c.HeadObject(t.Context(), at(testBucket), "k", ReadOptions{})
	if err != nil {
		t.Fatalf("HeadObject = %v", err)
	}
	if diff := cmp.Diff(wantInfo(), got); diff != "" {
		t.Errorf("HeadObject (-want +got):\n%s", diff)
	}
}

func TestGetObjectReadsTheRequestedRange(t *testing.T) {
	t.Parallel()
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

func TestGetObjectRefusesAnotherRangeThanRequested(t *testing.T) {
	t.Parallel()
	for name, response := range map[string]struct {
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
				w.Header().Set("Content-Range", response.header)
				w.WriteHeader(response.status)
				_, _ = io.WriteString(w, content)
			})
			_, err := c.GetObject(t.Context(), at(testBucket), "k", ReadOptions{Range: &Range{Offset: 2, Length: 10}})
			if e := wantError(t, "GetObject", err); !errors.Is(err, errRange) || e.Retryable {
				t.Errorf("GetObject = %v, want %v", err, errRange)
			}
		})
	}
}

func TestGetObjectRefusesAResponseWithoutLength(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		cosHeader(w)
		_ = http.NewResponseController(w).Flush() // makes it chunked
		_, _ = io.WriteString(w, content)
	})
	if err := get(t.Context(), c); !errors.Is(err, errNoLength) {
		t.Errorf("GetObject = %v, want %v", err, errNoLength)
	}
}

func TestGetObjectNeverReturnsATruncatedObject(t *testing.T) {
	t.Parallel()
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

func TestGetObjectBodyObeysItsContext(t *testing.T) {
	t.Parallel()
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

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
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

// span returns the part of content that a Range header selects.
func span(header string) (first, last int) {
	last = len(content) - 1
	from, to, _ := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	switch {
	case header == "":
	case from == "":
		n, _ := strconv.Atoi(to)
		first = max(len(content)-n, 0)
	default:
		first, _ = strconv.Atoi(from)
		if n, err := strconv.Atoi(to); err == nil {
			last = min(n, last)
		}
	}
	return first, last
}

// respondBroken responds to a GET of content in one of the ways that a read can end. A step
// may hold a number of bytes, as in "cut 3": that many are sent first.
func respondBroken(t *testing.T, w http.ResponseWriter, r *http.Request, step string) {
	first, last := span(r.Header.Get("Range"))
	size, etag := len(content), "etag"
	kind, number, _ := strings.Cut(step, " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		n = last - first + 1
	}
	switch kind {
	case "reset":
		hijacked(t, w, "")
		return
	case "403", "404", "412", "416", "500", "503":
		status, _ := strconv.Atoi(kind)
		code := map[string]string{"403": "AccessDenied", "404": "NoSuchKey", "412": "PreconditionFailed", "416": "InvalidRange", "500": "InternalError", "503": "SlowDown"}[kind]
		respondXML(w, status, errorXML(code, "m"))
		return
	case "etag":
		etag = "other"
	case "size":
		size++
	case "whole":
		first = 0
	}
	status := "206 Partial Content"
	if r.Header.Get("Range") == "" || kind == "whole" {
		status = "200 OK"
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Errorf("Hijack = %v", err)
		return
	}
	version := ""
	if kind == "version" {
		version = "x-cos-version-id: v2\r\n"
	}
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s\r\nx-cos-request-id: req-1\r\nETag: \"%s\"\r\n%sContent-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n\r\n%s",
		status, etag, version, first, last, size, last-first+1, content[first:first+n])
	if kind == "stall" {
		_, _ = conn.Read(make([]byte, 1)) // until the other side gives up
	}
	_ = conn.Close()
}

// openBroken opens an object on a server that goes through the steps one by one and
// repeats the last one.
func openBroken(t *testing.T, steps []string, o ReadOptions, change ...func(*Config)) (*Object, *scripted) {
	t.Helper()
	c, s := open(t, func(w http.ResponseWriter, r *http.Request, n int) {
		respondBroken(t, w, r, steps[min(n, len(steps))-1])
	}, change...)
	object, err := c.GetObject(t.Context(), at(testBucket), "k", o)
	if err != nil {
		t.Fatalf("GetObject = %v", err)
	}
	t.Cleanup(func() { _ = object.Body.Close() })
	return object, s
}

func TestGetObjectResumesWhereItBroke(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*Range{
		"all": nil, "middle": {Offset: 2, Length: 6}, "to the end": {Offset: 4, Length: -1}, "past the end": {Offset: 4, Length: 100},
		"suffix": {Suffix: 7}, "long suffix": {Suffix: 70},
	} {
		offset, length := Range{Length: -1}.window(10)
		if r != nil {
			offset, length = r.window(10)
		}
		for _, kind := range []string{"cut", "stall"} {
			for _, n := range []int64{0, 1, length / 2, length - 1} {
				t.Run(fmt.Sprintf("%s/%s %d", name, kind, n), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						object, s := openBroken(t, []string{fmt.Sprintf("%s %d", kind, n), "ok"}, ReadOptions{
							Range: r, Resume: ResumeOptions{Attempts: 1, Stall: 10 * time.Second},
							Conditions: Conditions{IfNoneMatch: "x", IfModifiedSince: time.Unix(1, 0)},
						})
						got, err := io.ReadAll(iotest.OneByteReader(object.Body))
						if want := content[offset : offset+length]; err != nil || string(got) != want || object.Offset != offset || object.Length != length {
							t.Fatalf("read %q, %v of %d bytes at %d, want %q", got, err, object.Length, object.Offset, want)
						}
						h := s.seen()[1].Header
						want := map[string]string{
							"Range": fmt.Sprintf("bytes=%d-%d", offset+n, offset+length-1), "If-Match": `"etag"`,
							"If-None-Match": "", "If-Modified-Since": "", "X-Cos-Sdk-Retry": "true",
						}
						for header, value := range want {
							if h.Get(header) != value {
								t.Errorf("%s = %q, want %q", header, h.Get(header), value)
							}
						}
					})
				})
			}
		}
	}
}

// TestGetObjectBodyErrors says for each sequence of responses what is read and which error
// ends it, with two attempts to go on.
func TestGetObjectBodyErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		steps    []string
		read     string
		requests int
		want     string // "" is the end of the object
	}{
		{"without trouble", []string{"ok"}, content, 1, ""},
		{"reset, then on", []string{"cut 3", "reset", "ok"}, content, 3, ""},
		{"500, then on", []string{"cut 3", "500", "ok"}, content, 3, ""},
		{"503, then on", []string{"cut 3", "503", "ok"}, content, 3, ""},
		{"cut again and again with progress", []string{"cut 1"}, content, 10, ""},
		{"failures between progress", []string{"cut 3", "500", "cut 1", "reset", "cut 1", "500", "ok"}, content, 7, ""},
		{"attempts used up by cuts", []string{"cut 3", "cut 0"}, content[:3], 3, "broken at 3"},
		{"attempts used up by resets", []string{"cut 3", "reset"}, content[:3], 3, "broken at 3"},
		{"attempts used up by 500", []string{"cut 3", "500"}, content[:3], 3, "broken at 3: InternalError"},
		{"attempts used up by silence", []string{"stall 3", "stall 0"}, content[:3], 3, "broken at 3"},
		{"used up at the start", []string{"cut 0"}, "", 3, "broken at 0"},
		{"another ETag", []string{"cut 3", "etag"}, content[:3], 2, "changed to other of 10"},
		{"another size", []string{"cut 3", "size"}, content[:3], 2, "changed to etag of 11"},
		{"another version", []string{"version 3", "version 1", "ok"}, content, 3, ""},
		{"412", []string{"cut 3", "412"}, content[:3], 2, "changed: PreconditionFailed"},
		{"416", []string{"cut 3", "416"}, content[:3], 2, "changed: InvalidRange"},
		{"deleted", []string{"cut 3", "404"}, content[:3], 2, "changed: NoSuchKey"},
		{"denied", []string{"cut 3", "403"}, content[:3], 2, "refused: AccessDenied"},
		{"the whole object", []string{"cut 3", "whole"}, content[:3], 2, "refused: "},
		{"500, then another ETag", []string{"cut 3", "500", "etag"}, content[:3], 3, "changed to other of 10"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				object, s := openBroken(t, tc.steps, ReadOptions{Resume: ResumeOptions{Attempts: 2, Stall: time.Second}})
				got, err := io.ReadAll(object.Body)
				if string(got) != tc.read || len(s.seen()) != tc.requests || ending(err) != tc.want {
					t.Errorf("read %q with %d requests until %q, want %q with %d until %q; the error is %v",
						got, len(s.seen()), ending(err), tc.read, tc.requests, tc.want, err)
				}
				if _, again := object.Body.Read(make([]byte, 1)); err != nil && !errors.Is(again, err) {
					t.Errorf("second Read = %v, want the same error", again)
				}
			})
		})
	}
}

// ending describes an error of a Body.
func ending(err error) string {
	e, _ := errors.AsType[*Error](err)
	if b, ok := errors.AsType[*ReadBrokenError](err); ok {
		text := "broken at " + strconv.FormatInt(b.NextOffset, 10)
		if b.ETag != "etag" || e == nil || !e.Retryable && e.HTTPStatus != 206 && e.HTTPStatus != 200 {
			text += fmt.Sprintf(" with %+v", b)
		}
		if e != nil && e.Code != "" {
			text += ": " + e.Code
		}
		return text
	}
	if c, ok := errors.AsType[*ChangedError](err); ok {
		if c.NewSize >= 0 {
			return fmt.Sprintf("changed to %s of %d", c.NewETag, c.NewSize)
		}
		return "changed: " + e.Code
	}
	if e != nil {
		return "refused: " + e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestGetObjectResumesTheSameVersion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		object, s := openBroken(t, []string{"version 3", "ok"}, ReadOptions{VersionID: "v2", Resume: ResumeOptions{Attempts: 1}})
		if got, err := io.ReadAll(object.Body); err != nil || string(got) != content {
			t.Errorf("read %q, %v, want all", got, err)
		}
		if uri := s.seen()[1].URI; uri != "/k?versionId=v2" {
			t.Errorf("second request = %s, want the same version", uri)
		}
		c, _ := open(t, func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("x-cos-version-id", "v"+strconv.Itoa(n))
			if n == 1 {
				hijacked(t, w, "HTTP/1.1 200 OK\r\nx-cos-request-id: req-1\r\nETag: \"etag\"\r\nx-cos-version-id: v1\r\nContent-Length: 10\r\n\r\n012")
				return
			}
			versionedObject(w, r)
		})
		o, err := c.GetObject(t.Context(), at(testBucket), "k", ReadOptions{Resume: ResumeOptions{Attempts: 1}})
		if err != nil {
			t.Fatalf("GetObject = %v", err)
		}
		defer func() { _ = o.Body.Close() }()
		if _, err := io.ReadAll(o.Body); ending(err) != "changed to etag of 10" {
			t.Errorf("read until %v, want a *ChangedError: the ETag is the same, the version is not", err)
		}
	})
}

// versionedObject responds as object does, with the version set before.
func versionedObject(w http.ResponseWriter, r *http.Request) {
	cosHeader(w)
	w.Header().Set("ETag", `"etag"`)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
}

func TestGetObjectResumptionsAreCountedAndDelayed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var times []time.Time
		c, _ := open(t, func(w http.ResponseWriter, r *http.Request, n int) {
			times = append(times, time.Now())
			step := "500"
			if n == 1 {
				step = "cut 3"
			}
			respondBroken(t, w, r, step)
		}, func(cfg *Config) {
			cfg.Retry = RetryOptions{BaseDelay: 100 * time.Millisecond, MaxDelay: 200 * time.Millisecond}
		})
		ctx, trace := WithTrace(t.Context())
		o, err := c.GetObject(ctx, at(testBucket), "k", ReadOptions{Resume: ResumeOptions{Attempts: 5}})
		if err != nil {
			t.Fatalf("GetObject = %v", err)
		}
		defer func() { _ = o.Body.Close() }()
		_, err = io.ReadAll(o.Body)
		e := wantError(t, "Read", err)
		want := TraceInfo{RequestID: "req-1", TraceID: "", HTTPStatus: 500, Attempts: 6, Operation: "GetObject", Profile: "default"}
		got := trace.Snapshot()
		got.TraceID = ""
		if diff := cmp.Diff(want, got); diff != "" || e.Attempts != 6 {
			t.Errorf("attempts of the error = %d, trace (-want +got):\n%s", e.Attempts, diff)
		}
		for i, limit := range []time.Duration{100, 200, 200, 200, 200} {
			limit *= time.Millisecond
			if got := times[i+1].Sub(times[i]); got < limit/2 || got > limit {
				t.Errorf("delay %d = %v, want from %v to %v", i+1, got, limit/2, limit)
			}
		}
	})
}

func TestGetObjectDoesNotResumeAfterItsDeadline(t *testing.T) {
	t.Parallel()
	slow := func(cfg *Config) { cfg.Retry = RetryOptions{BaseDelay: 4 * time.Second, MaxDelay: 4 * time.Second} }
	for name, tc := range map[string]struct {
		steps []string
		limit time.Duration
		after time.Duration
		want  string
		over  bool
	}{
		"no time for the delay":   {[]string{"cut 3", "ok"}, time.Second, 0, "broken at 3", false},
		"while nothing comes":     {[]string{"stall 3"}, 10 * time.Second, 10 * time.Second, "refused: ", true},
		"in the second attempt":   {[]string{"cut 3", "stall 1"}, 10 * time.Second, 10 * time.Second, "refused: ", true},
		"no time after a failure": {[]string{"stall 3", "stall 0"}, 31 * time.Second, 30 * time.Second, "broken at 3", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := open(t, func(w http.ResponseWriter, r *http.Request, n int) {
					respondBroken(t, w, r, tc.steps[min(n, len(tc.steps))-1])
				}, slow)
				ctx, cancel := context.WithTimeout(t.Context(), tc.limit)
				defer cancel()
				o, err := c.GetObject(ctx, at(testBucket), "k", ReadOptions{Resume: ResumeOptions{Attempts: 9, Stall: 30 * time.Second}})
				if err != nil {
					t.Fatalf("GetObject = %v", err)
				}
				defer func() { _ = o.Body.Close() }()
				start := time.Now()
				_, err = io.ReadAll(o.Body)
				if got := ending(err); got != tc.want || errors.Is(err, context.DeadlineExceeded) != tc.over || time.Since(start) != tc.after {
					t.Errorf("read until %q (%v) after %v, want %q after %v", got, err, time.Since(start), tc.want, tc.after)
				}
			})
		})
	}
}

func TestGetObjectCancelEndsTheDelayBeforeResuming(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, func(w http.ResponseWriter, r *http.Request, _ int) { respondBroken(t, w, r, "cut 3") },
			func(cfg *Config) { cfg.Retry = RetryOptions{BaseDelay: 4 * time.Second} })
		ctx, cancel := context.WithCancel(t.Context())
		o, err := c.GetObject(ctx, at(testBucket), "k", ReadOptions{Resume: ResumeOptions{Attempts: 9}})
		if err != nil {
			t.Fatalf("GetObject = %v", err)
		}
		defer func() { _ = o.Body.Close() }()
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err = io.ReadAll(o.Body)
		if !errors.Is(err, context.Canceled) || time.Since(start) != time.Second || len(s.seen()) != 1 {
			t.Errorf("read until %v after %v, want context.Canceled after 1s", err, time.Since(start))
		}
	})
}

func TestGetObjectCloseInterruptsAWaitingRead(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"cut 3", "stall 3"} { // waiting for the delay, and for a byte
		t.Run(step, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				object, s := openBroken(t, []string{step}, ReadOptions{Resume: ResumeOptions{Attempts: 9, Stall: time.Minute}},
					func(cfg *Config) { cfg.Retry = RetryOptions{BaseDelay: 4 * time.Second} })
				if _, err := io.ReadFull(object.Body, make([]byte, 3)); err != nil {
					t.Fatalf("ReadFull = %v", err)
				}
				closed := make(chan error, 1)
				time.AfterFunc(time.Second, func() { closed <- object.Body.Close() })
				start := time.Now()
				_, err := object.Body.Read(make([]byte, 1))
				if !errors.Is(err, errBodyClosed) || <-closed != nil || time.Since(start) != time.Second || len(s.seen()) != 1 {
					t.Errorf("Read = %v after %v, want %v after 1s", err, time.Since(start), errBodyClosed)
				}
			})
		})
	}
}

func TestGetObjectStallIsTheWaitOfOneRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			cosHeader(w)
			w.Header().Set("ETag", `"etag"`)
			w.Header().Set("Content-Length", "10")
			for i := range content {
				wait(9 * time.Second) // each byte in time
				flushed(w, content[i:i+1])
			}
		})
		o, err := c.GetObject(t.Context(), at(testBucket), "k", ReadOptions{Resume: ResumeOptions{Stall: 10 * time.Second}})
		if err != nil {
			t.Fatalf("GetObject = %v", err)
		}
		defer func() { _ = o.Body.Close() }()
		var got []byte
		for p := make([]byte, 1); ; {
			n, err := o.Body.Read(p)
			got = append(got, p[:n]...)
			if err != nil {
				break
			}
			wait(time.Minute) // a slow caller is no stall
		}
		if string(got) != content || len(s.seen()) != 1 {
			t.Errorf("read %q with %d requests, want all with 1", got, len(s.seen()))
		}
	})
}

func TestGetObjectWithoutETagDoesNotResume(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			hijacked(t, w, "HTTP/1.1 200 OK\r\nx-cos-request-id: req-1\r\nContent-Length: 10\r\n\r\n012")
		})
		o, err := c.GetObject(t.Context(), at(testBucket), "k", ReadOptions{Resume: ResumeOptions{Attempts: 9}})
		if err != nil {
			t.Fatalf("GetObject = %v", err)
		}
		defer func() { _ = o.Body.Close() }()
		_, err = io.ReadAll(o.Body)
		if b, ok := errors.AsType[*ReadBrokenError](err); !ok || b.NextOffset != 3 || len(s.seen()) != 1 {
			t.Errorf("read until %v after %d requests, want a *ReadBrokenError at 3: nothing would identify another object", err, len(s.seen()))
		}
	})
}
