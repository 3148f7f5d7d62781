package cosbackend

import (
	"bytes"
	"context"
	"errors"
	"hash/crc64"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func TestPutObjectSendsExactlyTheBody(t *testing.T) {
	t.Parallel()
	table := crc64.MakeTable(crc64.ECMA)
	for _, size := range []int{0, 1, 5, expectAbove - 1, expectAbove, 3*expectAbove + 7} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			data := bytes.Repeat([]byte("cosgate"), size/7+1)
			sum := crc64.Checksum(data[:size], table)
			c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				cosHeader(w)
				w.Header().Set("ETag", `"etag"`)
				w.Header().Set("x-cos-version-id", "v1")
				w.Header().Set("x-cos-hash-crc64ecma", strconv.FormatUint(sum, 10))
			})
			reader := bytes.NewReader(data) // holds more than Size
			got, err := c.PutObject(t.Context(), at(testBucket), "k", Body{Size: int64(size), Reader: reader}, PutOptions{
				CRC64: func() uint64 { return sum },
			})
			want := PutResult{ETag: "etag", VersionID: "v1", CRC64: sum, HasCRC64: true}
			if err != nil || got != want {
				t.Fatalf("PutObject = %+v, %v, want %+v", got, err, want)
			}
			r := s.seen()[0]
			if !bytes.Equal(r.Body, data[:size]) || r.BodyErr != nil {
				t.Errorf("%d bytes arrived, %v, want %d", len(r.Body), r.BodyErr, size)
			}
			if length := r.Header.Get("Content-Length"); length != strconv.Itoa(size) {
				t.Errorf("Content-Length = %q, want %d", length, size)
			}
			if expect := r.Header.Get("Expect") != ""; expect != (size >= expectAbove) {
				t.Errorf("Expect sent = %v for %d bytes", expect, size)
			}
			if left := reader.Len(); left != len(data)-size {
				t.Errorf("%d bytes are left in the reader, want %d", left, len(data)-size)
			}
		})
	}
}

func TestPutObjectStoresNothingWhenTheReaderFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the caller's stream broke")
	for name, tc := range map[string]struct {
		reader io.Reader
		want   error
		read   int64
	}{
		"at once":                 {iotest.ErrReader(broken), broken, 0},
		"in the middle":           {io.MultiReader(strings.NewReader("hel"), iotest.ErrReader(broken)), broken, 3},
		"with the last bytes":     {iotest.DataErrReader(io.MultiReader(strings.NewReader("hello"), iotest.ErrReader(broken))), broken, 0},
		"that ends early":         {strings.NewReader("hel"), io.ErrUnexpectedEOF, 3},
		"that ends before it all": {strings.NewReader(""), io.ErrUnexpectedEOF, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { cosHeader(w) })
			_, err := c.PutObject(t.Context(), at(testBucket), "k", Body{Size: 5, Reader: tc.reader}, PutOptions{})
			b, ok := errors.AsType[*BodyError](err)
			if !ok || !errors.Is(err, tc.want) || b.Want != 5 || b.Read != tc.read {
				t.Fatalf("PutObject = %v, want a *BodyError of %v after %d of 5 bytes", err, tc.want, tc.read)
			}
			c.Close()
			for _, r := range s.seen() {
				if r.BodyErr == nil {
					t.Error("COS considered the body complete")
				}
			}
		})
	}
}

func TestPutObjectReturnsAnIntegrityErrorWhenChecksumsDiffer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t, func(w http.ResponseWriter, _ *http.Request, n int) {
			cosHeader(w)
			w.Header().Set("x-cos-hash-crc64ecma", strconv.Itoa(n))
		})
		stream := Body{Size: 5, Reader: strings.NewReader("hello")}
		_, err := c.PutObject(t.Context(), at(testBucket), "k", stream, PutOptions{CRC64: func() uint64 { return 3 }})
		want := IntegrityError{Op: "PutObject", Bucket: testBucket, Key: "k", RequestID: "req-1", Want: 3, Got: 1, Stored: true}
		if i, ok := errors.AsType[*IntegrityError](err); !ok || *i != want {
			t.Errorf("PutObject = %v, want %v", err, &want)
		}
		// What can be sent again is: the second response differs, the third is right.
		got, err := c.PutObject(t.Context(), at(testBucket), "k", reopenable([]byte("hello")), PutOptions{CRC64: func() uint64 { return 3 }})
		if err != nil || got.CRC64 != 3 || len(s.seen()) != 3 {
			t.Errorf("PutObject = %+v, %v after %d requests, want 3", got, err, len(s.seen()))
		}
	})
}

// blockedReader yields one byte and then waits.
type blockedReader struct {
	first   bool
	waiting chan struct{}
	release chan struct{}
	after   func()
}

func (r *blockedReader) Read(p []byte) (int, error) {
	if !r.first {
		r.first = true
		p[0] = 'x'
		return 1, nil
	}
	close(r.waiting)
	<-r.release
	if r.after != nil {
		r.after()
	}
	return len(p), nil
}

func TestPutObjectReturnsWithoutWaitingForTheReader(t *testing.T) {
	t.Parallel()
	r := &blockedReader{waiting: make(chan struct{}), release: make(chan struct{})}
	returned := make(chan struct{})
	r.after = func() { close(returned) }
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = req.Body.Read(make([]byte, 1))
		<-r.waiting
		w.Header().Set("Connection", "close")
		respondXML(w, 403, errorXML("AccessDenied", "Access Denied."))
	}), attempts(1))
	_, err := c.PutObject(t.Context(), at(testBucket), "k", Body{Size: 1000, Reader: r}, PutOptions{})
	if e := wantError(t, "PutObject", err); e.Code != "AccessDenied" || e.OutcomeUnknown {
		t.Errorf("PutObject = %v, want AccessDenied while the reader waits", err)
	}
	close(r.release) // a third Read would close waiting twice and panic
	<-returned
}

// The server refuses with the body half sent and closes, so that the kernel resets
// the connection: the refusal must be returned, not the broken write.
func TestPutObjectReportsTheRefusalAndNotTheBrokenWrite(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, 4<<10))
			body := errorXML("AccessDenied", "Access Denied.")
			_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\nx-cos-request-id: req-1\r\nConnection: close\r\nContent-Length: "+
				strconv.Itoa(len(body))+"\r\n\r\n"+body)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-served })
	c, err := New(Config{
		Endpoint: "http://{bucket}.cos.{region}.myqcloud.com", Region: testRegion, Credentials: StaticCredentials(testCredentials()),
		Retry: RetryOptions{MaxAttempts: 1},
		Transport: TransportOptions{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", l.Addr().String())
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	body := make([]byte, expectAbove-1)
	for range 30 {
		_, err := c.PutObject(t.Context(), at(testBucket), "k", Body{Size: int64(len(body)), Reader: bytes.NewReader(body)}, PutOptions{})
		if e := wantError(t, "PutObject", err); e.Code != "AccessDenied" {
			t.Fatalf("PutObject = %v, want AccessDenied", err)
		}
	}
}

func TestPatientConnReportsABrokenWriteEventually(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		_ = theirs.Close()
		c := &patientConn{Conn: ours, closed: make(chan struct{}), counts: &connections{}}
		start := time.Now()
		if _, err := c.Write([]byte("x")); err == nil || time.Since(start) != refusalWait {
			t.Errorf("Write = %v after %v, want an error after %v", err, time.Since(start), refusalWait)
		}
		time.AfterFunc(10*time.Millisecond, func() { _ = c.Close() })
		start = time.Now()
		if _, err := c.ReadFrom(strings.NewReader("x")); err == nil || time.Since(start) != 10*time.Millisecond {
			t.Errorf("ReadFrom = %v after %v, want an error when the connection is closed", err, time.Since(start))
		}
	})
}

func TestPutObjectSendsOptionsAsHeaders(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { cosHeader(w) })
	_, err := c.PutObject(t.Context(), at(testBucket), "k", Body{}, PutOptions{
		Attributes: Attributes{
			ContentType: "text/plain", CacheControl: "no-cache", ContentDisposition: "inline", ContentEncoding: "gzip",
			ContentLanguage: "zh", Expires: "0", Metadata: map[string]string{"a-b": "值 1"}, StorageClass: "ARCHIVE",
		},
		ForbidOverwrite: true, ContentMD5: make([]byte, 16),
	})
	if err != nil {
		t.Fatalf("PutObject = %v", err)
	}
	h := s.seen()[0].Header
	for name, want := range map[string]string{
		"Content-Type": "text/plain", "Cache-Control": "no-cache", "Content-Disposition": "inline", "Content-Encoding": "gzip",
		"Content-Language": "zh", "Expires": "0", "X-Cos-Meta-A-B": "值 1", "X-Cos-Storage-Class": "ARCHIVE",
		"X-Cos-Forbid-Overwrite": "true", "Content-Md5": "AAAAAAAAAAAAAAAAAAAAAA==", "Accept-Encoding": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// A peer that accepts no bytes must not hold an upload forever: the body is sent again,
// and in the end the failure is returned.
func TestPutObjectFailsWhenThePeerAcceptsNoBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var dials atomic.Int32
		c, err := New(Config{
			Endpoint: "http://{bucket}.cos.{region}.example.com", Region: "ap-guangzhou",
			Credentials: StaticCredentials(Credentials{SecretID: "id", SecretKey: "key"}),
			Retry:       RetryOptions{MaxAttempts: 2},
			Transport: TransportOptions{DialContext: func(context.Context, string, string) (net.Conn, error) {
				dials.Add(1)
				ours, theirs := net.Pipe() // nobody reads
				t.Cleanup(func() { _ = theirs.Close() })
				return ours, nil
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		begun := time.Now()
		content := make([]byte, 1000)
		_, err = c.PutObject(t.Context(), Location{Bucket: "b-1250000000"}, "k",
			Body{Size: 1000, Reopen: func() io.Reader { return bytes.NewReader(content) }}, PutOptions{})
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Origin != OriginTransport || e.OutcomeUnknown || dials.Load() != 2 {
			t.Errorf("PutObject = %v after %d connections, want a transport error after 2, outcome known", err, dials.Load())
		}
		if took := time.Since(begun); took < 2*writeStall || took > 2*writeStall+10*time.Second {
			t.Errorf("PutObject took %v, want about %v", took, 2*writeStall)
		}
	})
}
