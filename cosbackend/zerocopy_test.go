package cosbackend

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cosgate/cosgate/internal/crc64ecma"
)

// views is a body that holds its bytes in pieces, as received messages do.
type views struct {
	pieces [][]byte
	gather int // pieces for one WriteBuffers; 0 means one Write each
	sum    uint64
	fail   error // comes before the last piece
	wrote  bool
}

func (v *views) Read([]byte) (int, error) {
	return 0, errors.New("Read was called, so the bytes were copied")
}

func (v *views) WriteTo(w io.Writer) (int64, error) {
	v.wrote = true
	var total int64
	for i := 0; i < len(v.pieces); {
		group := v.pieces[i:min(i+max(v.gather, 1), len(v.pieces))]
		i += len(group)
		if v.fail != nil && i == len(v.pieces) {
			return total, v.fail
		}
		for _, p := range group {
			v.sum = crc64ecma.Update(v.sum, p)
		}
		n, err := writeGroup(w, group, v.gather > 0)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func writeGroup(w io.Writer, group [][]byte, gather bool) (int64, error) {
	if b, ok := w.(BuffersWriter); ok && gather {
		return b.WriteBuffers(group...)
	}
	n, err := w.Write(group[0])
	return int64(n), err
}

func someViews(count, size int) (pieces [][]byte, whole []byte) {
	for i := range count {
		piece := bytes.Repeat([]byte{byte('a' + i)}, size)
		pieces, whole = append(pieces, piece), append(whole, piece...)
	}
	return pieces, whole
}

// A spyConn notes which memory is written from.
type spyConn struct {
	net.Conn
	mu   *sync.Mutex
	from map[*byte]int
}

func (c spyConn) Write(p []byte) (int, error) {
	if len(p) > 0 {
		c.mu.Lock()
		c.from[&p[0]] = len(p)
		c.mu.Unlock()
	}
	return c.Conn.Write(p)
}

func TestZeroCopyBuffersReachTheConnection(t *testing.T) {
	t.Parallel()
	for name, gather := range map[string]int{"one by one": 0, "gathered": 3} {
		for _, size := range []int{100, expectAbove / 4} { // without and with Expect
			t.Run(name+" "+strconv.Itoa(size), func(t *testing.T) {
				spy := spyConn{mu: &sync.Mutex{}, from: make(map[*byte]int)}
				c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { cosHeader(w); w.Header().Set("ETag", `"e"`) },
					func(cfg *Config) {
						dial := cfg.Transport.DialContext
						cfg.Transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
							conn, err := dial(ctx, network, addr)
							return spyConn{conn, spy.mu, spy.from}, err
						}
					})
				pieces, whole := someViews(8, size)
				body := &views{pieces: pieces, gather: gather}
				if _, err := c.UploadPart(t.Context(), theUpload(), 1, Body{Size: int64(len(whole)), Reader: body}, PartOptions{}); err != nil {
					t.Fatalf("UploadPart = %v", err)
				}
				if got := s.seen()[0].Body; !bytes.Equal(got, whole) {
					t.Errorf("%d bytes arrived, want the %d of the views in order", len(got), len(whole))
				}
				for i, piece := range pieces {
					if spy.from[&piece[0]] != size {
						t.Errorf("view %d was not written from where it is", i)
					}
				}
				if len(body.pieces) != 8 || &body.pieces[0][0] != &pieces[0][0] {
					t.Error("the list of views was changed")
				}
			})
		}
	}
}

// A TLS connection has to copy what it encrypts, but only then.
func TestZeroCopyBuffersReachTheTLSConnection(t *testing.T) {
	t.Parallel()
	pieces, whole := someViews(8, 40_000)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, whole) {
			t.Errorf("%d bytes arrived, %v, want the %d of the views in order", len(got), err, len(whole))
		}
		cosHeader(w)
	}))
	t.Cleanup(server.Close)
	transport, ok := server.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("the server's client has another transport")
	}
	c, err := New(Config{
		Endpoint: "https://{bucket}.example.com", Credentials: StaticCredentials(testCredentials()),
		Transport: TransportOptions{
			RootCAs: transport.TLSClientConfig.RootCAs,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "tcp", server.Listener.Addr().String())
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for _, gather := range []int{0, 3} {
		body := &views{pieces: pieces, gather: gather}
		if _, err := c.PutObject(t.Context(), at(testBucket), "k", Body{Size: int64(len(whole)), Reader: body}, PutOptions{}); err != nil {
			t.Errorf("PutObject = %v", err)
		}
	}
}

func TestZeroCopyBodyIsHeldToItsSize(t *testing.T) {
	t.Parallel()
	pieces, whole := someViews(4, 10)
	broken := errors.New("the caller's stream broke")
	for name, tc := range map[string]struct {
		size int64
		body *views
		read int64 // of the BodyError; -1 is success
		want error
	}{
		"exactly":           {40, &views{pieces: pieces}, -1, nil},
		"gathered":          {40, &views{pieces: pieces, gather: 4}, -1, nil},
		"more":              {35, &views{pieces: pieces}, -1, nil},
		"more, gathered":    {35, &views{pieces: pieces, gather: 3}, -1, nil},
		"less":              {41, &views{pieces: pieces}, 40, io.ErrUnexpectedEOF},
		"nothing":           {5, &views{}, 0, io.ErrUnexpectedEOF},
		"an error":          {40, &views{pieces: pieces, fail: broken}, 30, broken},
		"an error, at once": {40, &views{pieces: pieces, gather: 4, fail: broken}, 0, broken},
		"an EOF":            {40, &views{pieces: pieces, fail: io.EOF}, 30, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { cosHeader(w) })
			_, err := c.PutObject(t.Context(), at(testBucket), "k", Body{Size: tc.size, Reader: tc.body}, PutOptions{})
			b, ok := errors.AsType[*BodyError](err)
			if ok != (tc.read >= 0) || ok && (b.Read != tc.read || b.Want != tc.size || !errors.Is(err, tc.want)) || !ok && err != nil {
				t.Errorf("PutObject = %v, want %v after %d bytes", err, tc.want, tc.read)
			}
			c.Close()
			for _, r := range s.seen() {
				if complete := r.BodyErr == nil; complete != (tc.read < 0) || complete && !bytes.Equal(r.Body, whole[:tc.size]) {
					t.Errorf("COS considered %q complete: %v", r.Body, complete)
				}
			}
		})
	}
}

func TestZeroCopyFileIsNotReadBeyondTheSize(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(name, bytes.Repeat([]byte("x"), 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { cosHeader(w) })
	if _, err := c.PutObject(t.Context(), at(testBucket), "k", Body{Size: 60_000, Reader: f}, PutOptions{}); err != nil {
		t.Fatalf("PutObject = %v", err)
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil || at != 60_000 || len(s.seen()[0].Body) != 60_000 {
		t.Errorf("the file stands at %d, %v, and %d bytes arrived, want 60000 for both", at, err, len(s.seen()[0].Body))
	}
}

func TestZeroCopyChecksumMadeWhileWritingIsCompared(t *testing.T) {
	t.Parallel()
	pieces, whole := someViews(4, 10)
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		cosHeader(w)
		w.Header().Set("x-cos-hash-crc64ecma", strconv.FormatUint(crc64ecma.Checksum(whole), 10))
	})
	body := &views{pieces: pieces}
	got, err := c.PutObject(t.Context(), at(testBucket), "k", Body{Size: 40, Reader: body}, PutOptions{CRC64: func() uint64 { return body.sum }})
	if err != nil || !got.HasCRC64 || !body.wrote {
		t.Errorf("PutObject = %+v, %v, want success", got, err)
	}
}

// After the response nothing is sent any more, even when the writer continues.
func TestZeroCopyBodyStopsAtTheResponse(t *testing.T) {
	t.Parallel()
	body := &endless{waiting: make(chan struct{}), release: make(chan struct{}), stopped: make(chan error, 1)}
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 10))
		<-body.waiting
		w.Header().Set("Connection", "close")
		respondXML(w, 403, errorXML("AccessDenied", "Access Denied."))
	}), attempts(1))
	_, err := c.PutObject(t.Context(), at(testBucket), "k", Body{Size: 1000, Reader: body}, PutOptions{})
	if e := wantError(t, "PutObject", err); e.Code != "AccessDenied" || e.OutcomeUnknown {
		t.Errorf("PutObject = %v, want AccessDenied while the body waits", err)
	}
	close(body.release)
	if err := <-body.stopped; !errors.Is(err, errAttemptEnded) {
		t.Errorf("Write after the response = %v, want %v", err, errAttemptEnded)
	}
}

// endless writes ten bytes, waits, and writes on until it is stopped.
type endless struct {
	waiting, release chan struct{}
	stopped          chan error
}

func (e *endless) Read([]byte) (int, error) { return 0, errors.New("Read was called") }

func (e *endless) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(make([]byte, 10))
	if err != nil {
		return int64(n), err
	}
	close(e.waiting)
	<-e.release
	_, err = w.Write(make([]byte, 10))
	e.stopped <- err
	return int64(n), err
}

func TestZeroCopyBodyIsRetriedByReopen(t *testing.T) {
	t.Parallel()
	pieces, whole := someViews(4, 10)
	opened := 0
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			respondXML(w, 503, errorXML("SlowDown", "m"))
			return
		}
		cosHeader(w)
	}, func(cfg *Config) { cfg.Retry = RetryOptions{BaseDelay: 1, MaxDelay: 1} })
	_, err := c.PutObject(t.Context(), at(testBucket), "k", Body{Size: 40, Reopen: func() io.Reader {
		opened++
		return &views{pieces: pieces}
	}}, PutOptions{})
	if err != nil || opened != 2 || !bytes.Equal(s.seen()[1].Body, whole) {
		t.Errorf("PutObject = %v after %d readers, want success after 2", err, opened)
	}
	_, err = c.PutObject(t.Context(), at(testBucket), "k", Body{Size: 40, Reader: strings.NewReader(string(whole))}, PutOptions{})
	if err != nil {
		t.Errorf("PutObject = %v", err)
	}
}
