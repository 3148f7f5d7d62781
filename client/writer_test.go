package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/crc64ecma"
)

func TestFieldNumbersAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	if got := (&cosgatev1.PutObjectRequest{}).ProtoReflect().Descriptor().Fields().ByName("chunk").Number(); got != putChunk {
		t.Errorf("PutObjectRequest.chunk has number %d, want %d", got, putChunk)
	}
	if got := (&cosgatev1.GetObjectResponse{}).ProtoReflect().Descriptor().Fields().ByName("chunk").Number(); got != getChunk {
		t.Errorf("GetObjectResponse.chunk has number %d, want %d", got, getChunk)
	}
}

// mustMiss checks that nothing is stored under key. The gateway may be just starting.
func mustMiss(t *testing.T, c *Client, key string) {
	t.Helper()
	req := &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: key}
	if _, err := c.Objects().HeadObject(t.Context(), req, grpc.WaitForReady(true)); status.Code(err) != codes.NotFound {
		t.Errorf("HeadObject(%q) = %v, want NOT_FOUND: nothing may be stored", key, err)
	}
}

// mustFail checks code and reason of an error.
func mustFail(t *testing.T, what string, err error, code codes.Code, reason string) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != code || e.Reason != reason {
		t.Fatalf("%s = %v, want an *Error with %v, reason %q", what, err, code, reason)
	}
	return e
}

func TestWriterStoresWhatWasWritten(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	for _, size := range []int{0, 1, 1000, minChunk - 1, minChunk, minChunk + 1, 3<<20 + 7} {
		data := content(size)
		for name, declared := range map[string]*int64{"declared": new(int64(size)), "not declared": nil} {
			s := spec("k")
			s.Size = declared
			w := c.NewWriter(t.Context(), s)
			for rest := data; len(rest) > 0; {
				n := min(len(rest), 1+rand.IntN(600_000))
				if k, err := w.Write(rest[:n]); k != n || err != nil {
					t.Fatalf("Write of %d bytes = %d, %v", n, k, err)
				}
				rest = rest[n:]
			}
			o, err := w.Commit(t.Context())
			if err != nil {
				t.Fatalf("%d bytes, size %s: Commit = %v", size, name, err)
			}
			if o.GetSize() != int64(size) || o.GetCrc64Ecma() != crc64ecma.Checksum(data) {
				t.Errorf("%d bytes, size %s: Commit = %v, want their size and CRC64", size, name, o)
			}
			mustHold(t, c, "k", data)
		}
	}
}

func TestWriterReadFromAReader(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	data := content(2<<20 + 1)
	for name, source := range map[string]io.Reader{
		"plain":     bytes.NewReader(data),
		"halves":    iotest.HalfReader(bytes.NewReader(data)),
		"data, EOF": iotest.DataErrReader(bytes.NewReader(data)),
	} {
		w := c.NewWriter(t.Context(), spec("k"))
		if n, err := w.ReadFrom(source); n != int64(len(data)) || err != nil {
			t.Fatalf("%s: ReadFrom = %d, %v", name, n, err)
		}
		if _, err := w.Commit(t.Context()); err != nil {
			t.Fatalf("%s: Commit = %v", name, err)
		}
		mustHold(t, c, "k", data)
	}
}

func TestWriterReadFromReturnsTheErrorOfTheSource(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	cause := errors.New("disk on fire")
	w := c.NewWriter(t.Context(), spec("k"))
	if n, err := w.ReadFrom(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(cause))); n != 3 || !errors.Is(err, cause) {
		t.Errorf("ReadFrom = %d, %v, want 3 and the error of the source", n, err)
	}
	var idle idleReader
	if _, err := w.ReadFrom(idle); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("ReadFrom a reader without content or error = %v, want io.ErrNoProgress", err)
	}
	w.Abort()
	mustMiss(t, c, "k")
}

type idleReader struct{}

func (idleReader) Read([]byte) (int, error) { return 0, nil }

func TestWriterSendsASmallObjectInOneMessage(t *testing.T) {
	t.Parallel()
	s, c := script(t)
	w := c.NewWriter(t.Context(), spec("k"))
	if _, err := w.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(s.received) != 1 {
		t.Fatalf("the gateway got %d messages, want 1", len(s.received))
	}
	m := s.received[0]
	if m.GetSpec().GetKey() != "k" || string(m.GetChunk().GetData()) != "hello" || m.GetChunk().Crc32C == nil ||
		m.GetChecksums().GetCrc64Ecma() != crc64ecma.Checksum([]byte("hello")) || !m.GetFinish() {
		t.Errorf("the message is %v, want spec, chunk, checksums and finish in it", m)
	}
}

func TestWriterPassesAttributesOn(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	s := spec("k")
	s.Attributes = &cosgatev1.ObjectAttributes{
		Content:  &cosgatev1.ContentHeaders{ContentType: "text/plain"},
		Metadata: map[string]string{"color": "red"}, StorageClass: "STANDARD_IA",
	}
	w := c.NewWriter(t.Context(), s)
	s.Key = "changed after the call"
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := c.NewReader(t.Context(), object("k"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if o := r.Object(); o.GetContent().GetContentType() != "text/plain" || o.GetMetadata()["color"] != "red" || o.GetStorageClass() != "STANDARD_IA" {
		t.Errorf("the object is %v, want the attributes of the spec", o)
	}
}

func TestWriterDoesNotReplaceWhenForbidden(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	put(t, c, "k", []byte("old"))
	s := spec("k")
	s.ForbidOverwrite = true
	w := c.NewWriter(t.Context(), s)
	_, err := w.Commit(t.Context())
	e := mustFail(t, "Commit", err, codes.AlreadyExists, "FILE_ALREADY_EXISTS")
	if e.COSCode != "FileAlreadyExists" || e.RequestID == "" || e.TraceID == "" || e.HTTPStatus != 409 || e.GatewayRequestID == "" || e.OutcomeUnknown {
		t.Errorf("Commit = %+v, want the code and the ids of COS and a known outcome", e)
	}
	mustHold(t, c, "k", []byte("old"))
}

func TestWriterStoresNothingWithoutCommit(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	put(t, c, "k", []byte("old"))
	for name, end := range map[string]func(w *Writer, cancel context.CancelFunc){
		"Abort": func(w *Writer, _ context.CancelFunc) {
			w.Abort()
			if err := w.Close(); err != nil {
				t.Errorf("Close after Abort = %v, want nil", err)
			}
		},
		"Close": func(w *Writer, _ context.CancelFunc) {
			if err := w.Close(); !errors.Is(err, ErrNotCommitted) {
				t.Errorf("Close = %v, want ErrNotCommitted", err)
			}
		},
		"end of the context": func(w *Writer, cancel context.CancelFunc) {
			cancel()
			if _, err := w.Commit(t.Context()); !errors.Is(err, context.Canceled) {
				t.Errorf("Commit = %v, want context.Canceled", err)
			}
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		s := spec("k")
		s.Size = new(int64(3 << 20))
		w := c.NewWriter(ctx, s)
		if _, err := w.Write(content(3 << 20)); err != nil { // all of it
			t.Fatal(err)
		}
		end(w, cancel)
		cancel()
		if _, err := w.Write([]byte("x")); err == nil {
			t.Errorf("Write after %s = nil, want an error", name)
		}
		if _, err := w.Commit(t.Context()); err == nil {
			t.Errorf("Commit after %s = nil, want an error", name)
		}
	}
	mustHold(t, c, "k", []byte("old"))
}

func TestWriterWriteReturnsTheStatusOfTheGateway(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	s := spec("k")
	s.Size = new(int64(10))
	w := c.NewWriter(t.Context(), s)
	var err error
	for range 1000 { // until the status is here
		if _, err = w.Write(content(minChunk)); err != nil {
			break
		}
	}
	e := mustFail(t, "Write", err, codes.OutOfRange, "SIZE_EXCEEDED")
	if len(e.Fields) != 1 || e.Fields[0].Field != "chunk.data" {
		t.Errorf("Write = %+v, want the field chunk.data", e)
	}
	for what, again := range map[string]func() error{
		"Write":    func() error { _, err := w.Write([]byte("x")); return err },
		"ReadFrom": func() error { _, err := w.ReadFrom(strings.NewReader("x")); return err },
		"Commit":   func() error { _, err := w.Commit(t.Context()); return err },
	} {
		if err := again(); !errors.Is(err, e) {
			t.Errorf("%s after that = %v, want the same error", what, err)
		}
	}
	if err := w.Close(); !errors.Is(err, ErrNotCommitted) {
		t.Errorf("Close = %v, want ErrNotCommitted", err)
	}
}

func TestWriterCommitCanBeCalledAgain(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	w := c.NewWriter(t.Context(), spec("k"))
	first, err := w.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.Abort()
	if err := w.Close(); err != nil {
		t.Errorf("Close after Commit = %v, want nil", err)
	}
	if second, err := w.Commit(t.Context()); second != first || err != nil {
		t.Errorf("Commit again = %v, %v, want the object of the first", second, err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("Write after Commit = nil, want an error")
	}
	mustHold(t, c, "k", nil)
}

func TestWriterCommitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c, cos := open(t)
	cos.addFault(t, fault{Operation: "PutObject", Delay: time.Hour})
	w := c.NewWriter(t.Context(), spec("k"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := w.Commit(ctx)
	if e := mustFail(t, "Commit", err, codes.DeadlineExceeded, ""); !e.OutcomeUnknown || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Commit = %+v, want context.DeadlineExceeded and an unknown outcome", e)
	}
	if err := w.Close(); err != nil {
		t.Errorf("Close after Commit = %v, want nil", err)
	}
}

func TestWriterCommitWithAnEndedContextStoresNothing(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	w := c.NewWriter(t.Context(), spec("k"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.Commit(ctx)
	if e := mustFail(t, "Commit", err, codes.Canceled, ""); e.OutcomeUnknown {
		t.Error("Commit with a context that has ended has an unknown outcome, want nothing to be sent")
	}
	mustMiss(t, c, "k")
}

func TestWriterCommitOnABrokenConnectionHasAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	s, c := script(t)
	s.put = func(grpc.ClientStreamingServer[cosgatev1.PutObjectRequest, cosgatev1.PutObjectResponse]) error {
		s.breakConnections() // finish was read
		return nil
	}
	w := c.NewWriter(t.Context(), spec("k"))
	_, err := w.Commit(t.Context())
	if e := mustFail(t, "Commit", err, codes.Unavailable, ""); !e.OutcomeUnknown {
		t.Errorf("Commit = %+v, want an unknown outcome", e)
	}
}

func TestWriterCommitComparesTheResponse(t *testing.T) {
	t.Parallel()
	s, c := script(t)
	for name, o := range map[string]*cosgatev1.Object{
		"none": nil, "size": {Size: 2}, "crc64ecma": {Size: 1, Crc64Ecma: new(uint64(1))},
	} {
		s.put = func(stream grpc.ClientStreamingServer[cosgatev1.PutObjectRequest, cosgatev1.PutObjectResponse]) error {
			return stream.SendAndClose(&cosgatev1.PutObjectResponse{Object: o})
		}
		w := c.NewWriter(t.Context(), spec("k"))
		if _, err := w.Write([]byte("a")); err != nil {
			t.Fatal(err)
		}
		_, err := w.Commit(t.Context())
		if e := mustFail(t, "Commit with another "+name, err, codes.DataLoss, reasonChecksum); e.OutcomeUnknown {
			t.Errorf("Commit with another %s has an unknown outcome", name)
		}
	}
}

func TestNewWorksWithAnyConnection(t *testing.T) {
	t.Parallel()
	_, c := script(t)
	conn, ok := c.conn.conn.(*grpc.ClientConn)
	if !ok {
		t.Fatal("no ClientConn in there")
	}
	other := New(conn)
	put(t, other, "k", []byte("a"))
	if err := other.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	put(t, other, "k", []byte("b")) // the connection is still the caller's
}

func TestDialNeedsCredentials(t *testing.T) {
	t.Parallel()
	if _, err := Dial("dns:///localhost:1"); err == nil {
		t.Error("Dial without transport credentials = nil, want an error")
	}
}

func TestWriterStoresNothingWhenTheGatewayIsKilled(t *testing.T) {
	t.Parallel()
	c, p, restart := openProcess(t)
	w := c.NewWriter(t.Context(), spec("k"))
	defer w.Close()
	data := content(2 << 20)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	p.kill()
	var err error
	for range 100 { // until the connection is known to be gone
		if _, err = w.Write(data); err != nil {
			break
		}
	}
	var e *Error
	if !errors.As(err, &e) || e.Code != codes.Unavailable || e.OutcomeUnknown {
		t.Fatalf("Write = %v, want UNAVAILABLE, with a known outcome: nothing was committed", err)
	}
	if _, err := w.Commit(t.Context()); !errors.Is(err, e) {
		t.Errorf("Commit = %v, want the error of Write again", err)
	}
	restart()
	mustMiss(t, c, "k")
}
