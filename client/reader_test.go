package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/grpc/codes"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/crc64ecma"
	"github.com/cosgate/cosgate/internal/frames/framestest"
)

func TestReaderReadsTheObject(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	for _, size := range []int{0, 1, 1000, 16 << 10, 200_001} {
		data := content(size)
		put(t, c, "k", data)
		r, err := c.NewReader(t.Context(), object("k"))
		if err != nil {
			t.Fatal(err)
		}
		if o := r.Object(); o.GetSize() != int64(size) || o.GetEtag() == "" || o.GetCrc64Ecma() != crc64ecma.Checksum(data) {
			t.Errorf("Object = %v, want size, etag and CRC64", o)
		}
		if b := r.Range(); b.GetOffset() != 0 || b.GetLength() != int64(size) || b.GetSize() != int64(size) {
			t.Errorf("Range = %v, want all %d bytes", b, size)
		}
		if err := iotest.TestReader(struct{ io.Reader }{r}, data); err != nil {
			t.Errorf("%d bytes by Read: %v", size, err)
		}
		_ = r.Close()
		r, err = c.NewReader(t.Context(), object("k"))
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if n, err := io.Copy(&got, r); n != int64(size) || err != nil || !bytes.Equal(got.Bytes(), data) {
			t.Errorf("%d bytes by WriteTo: %d, %v", size, n, err)
		}
		_ = r.Close()
	}
}

func TestReaderReadsRanges(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	data := content(100_000)
	put(t, c, "k", data)
	for name, v := range map[string]struct {
		r    *cosgatev1.ByteRange
		want []byte
	}{
		"middle": {&cosgatev1.ByteRange{Offset: 1000, Length: new(int64(50_000))}, data[1000:51_000]},
		"to end": {&cosgatev1.ByteRange{Offset: 99_999}, data[99_999:]},
		"beyond": {&cosgatev1.ByteRange{Offset: 99_000, Length: new(int64(50_000))}, data[99_000:]},
		"suffix": {&cosgatev1.ByteRange{SuffixLength: new(int64(70_000))}, data[30_000:]},
	} {
		req := object("k")
		req.Range = v.r
		if got, err := readAll(t.Context(), c, req); err != nil || !bytes.Equal(got, v.want) {
			t.Errorf("%s: read = %d bytes, %v, want %d", name, len(got), err, len(v.want))
		}
	}
}

func TestNewReaderFailsForAMissingObject(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	_, err := c.NewReader(t.Context(), object("absent"))
	e := mustFail(t, "NewReader", err, codes.NotFound, "NO_SUCH_KEY")
	if e.COSCode != "NoSuchKey" || e.RequestID == "" || e.TraceID == "" || e.HTTPStatus != 404 || e.Retryable {
		t.Errorf("NewReader = %+v, want the code and the ids of COS", e)
	}
}

// breakReads truncates the first response to GetObject, and then makes COS fail more
// often than the gateway retries.
func breakReads(t *testing.T, cos *gateway) {
	t.Helper()
	cos.addFault(t, fault{Operation: "GetObject", Truncate: 100_000, Count: 1})
	cos.addFault(t, fault{Operation: "GetObject", Status: 503, Code: "ServiceUnavailable", Count: 6})
}

func TestReaderResumesWhenCOSFails(t *testing.T) {
	t.Parallel()
	c, cos := open(t)
	data := content(3 << 20)
	put(t, c, "k", data)
	breakReads(t, cos)
	waits := 0
	c.backoff.wait = func(context.Context, time.Duration) error { waits++; return nil }
	if got, err := readAll(t.Context(), c, object("k")); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read = %d bytes, %v, want all", len(got), err)
	}
	if waits == 0 {
		t.Error("the Reader never lost its stream")
	}
}

func TestReaderFailsWhenTheObjectIsReplaced(t *testing.T) {
	t.Parallel()
	c, cos := open(t)
	data := content(3 << 20)
	put(t, c, "k", data)
	breakReads(t, cos)
	replace := func() { put(t, c, "k", data[1:]) }
	c.backoff.wait = func(context.Context, time.Duration) error {
		cos.clearFaults(t)
		replace()
		return nil
	}
	got, err := readAll(t.Context(), c, object("k"))
	if !errors.Is(err, ErrChanged) || !bytes.HasPrefix(data, got) {
		t.Errorf("read = %d bytes, %v, want a beginning of the old object and ErrChanged", len(got), err)
	}
}

func TestReaderReturnsNoContentThatDoesNotMatch(t *testing.T) {
	t.Parallel()
	data := content(20)
	for name, v := range map[string]struct {
		change func(getResponse) getResponse
		reason string
		want   int // bytes handed out before
	}{
		"a chunk that does not match its CRC32C": {func(a getResponse) getResponse { a[2].Chunk.Crc32C = new(uint32(1)); return a }, reasonChecksum, 10},
		"a chunk left out":                       {func(a getResponse) getResponse { return append(a[:1:1], a[2:]...) }, reasonStream, 0},
		"a chunk twice":                          {func(a getResponse) getResponse { return append(a[:2:2], a[1:]...) }, reasonStream, 10},
		"a chunk without an offset":              {func(a getResponse) getResponse { a[1].Chunk.Offset = nil; return a }, reasonStream, 0},
		"more than the range":                    {func(a getResponse) getResponse { a[0].Range.Length = 15; return a }, reasonStream, 10},
		"no object":                              {func(a getResponse) getResponse { return a[1:] }, reasonStream, 0},
		"no summary":                             {func(a getResponse) getResponse { return a[:3] }, reasonStream, 20},
		"a summary too early":                    {func(a getResponse) getResponse { return append(a[:2:2], a[3]) }, reasonStream, 10},
		"a summary that counts otherwise":        {func(a getResponse) getResponse { a[3].Summary.Bytes = 19; return a }, reasonStream, 20},
		"a summary with another CRC64":           {func(a getResponse) getResponse { a[3].Summary.Crc64Ecma++; return a }, reasonChecksum, 20},
		"content that is not what COS keeps":     {func(a getResponse) getResponse { a[0].Object.Crc64Ecma = new(uint64(1)); return a }, reasonChecksum, 20},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := script(t, func(_ *cosgatev1.GetObjectRequest, stream getStream) error {
				return v.change(responseOf(data, 0, 10)).send(stream, -1, nil)
			})
			got, err := readAll(t.Context(), c, object("k"))
			mustFail(t, "read", err, codes.DataLoss, v.reason)
			if !bytes.Equal(got, data[:v.want]) || len(s.getRequests()) != 1 {
				t.Errorf("read %d bytes with %d calls, want %d with 1", len(got), len(s.getRequests()), v.want)
			}
		})
	}
}

func TestReaderComparesContentWithoutCRC32CWithTheSummary(t *testing.T) {
	t.Parallel()
	data := content(20)
	_, c := script(t, func(_ *cosgatev1.GetObjectRequest, stream getStream) error {
		a := responseOf(data, 0, 20)
		a[1].Chunk.Crc32C = nil
		return a.send(stream, -1, nil)
	})
	if got, err := readAll(t.Context(), c, object("k")); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read = %q, %v", got, err)
	}
}

func TestReaderCloseEndsARead(t *testing.T) {
	t.Parallel()
	data := content(10)
	sent := make(chan struct{})
	_, c := script(t, func(_ *cosgatev1.GetObjectRequest, stream getStream) error {
		err := responseOf(data, 0, 5).send(stream, 2, nil)
		close(sent)
		<-stream.Context().Done() // says no more
		return err
	})
	r, err := c.NewReader(t.Context(), object("k"))
	if err != nil {
		t.Fatal(err)
	}
	<-sent
	if _, err := io.ReadFull(r, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	result := make(chan error)
	go func() { _, err := r.Read(make([]byte, 1)); result <- err }()
	if err := r.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := <-result; !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Read = %v, want fs.ErrClosed", err)
	}
	if _, err := r.WriteTo(io.Discard); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("WriteTo = %v, want fs.ErrClosed", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close again = %v", err)
	}
}

// A writer that fails at first.
type failingWriter struct {
	bytes.Buffer
	err error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.err == nil {
		return w.Buffer.Write(p)
	}
	err := w.err
	w.err = nil
	n, _ := w.Buffer.Write(p[:len(p)/2])
	return n, err
}

func TestReaderWriteToContinuesAfterAnErrorFromTheWriter(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	data := content(300_000)
	put(t, c, "k", data)
	r, err := c.NewReader(t.Context(), object("k"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w := &failingWriter{err: errors.New("disk on fire")}
	cause := w.err
	if _, err := r.WriteTo(w); !errors.Is(err, cause) {
		t.Errorf("WriteTo = %v, want the error of the writer", err)
	}
	if _, err := r.WriteTo(w); err != nil || !bytes.Equal(w.Bytes(), data) {
		t.Errorf("WriteTo again = %v, the right bytes: %t", err, bytes.Equal(w.Bytes(), data))
	}
}

// A pool that overwrites freed buffers shows whoever still uses one.
func TestReaderAndWriterFreeBuffersOnceAndDoNotUseThemAfterThat(t *testing.T) {
	t.Parallel()
	pool := framestest.NewPool()
	c := dialTest(t, pool, "dns:///"+newGateway(t).Addr)
	data := content(1<<20 + 11)
	put(t, c, "k", data)
	for range 2 {
		mustHold(t, c, "k", data)
		r, err := c.NewReader(t.Context(), object("k"))
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := r.WriteTo(iotest.TruncateWriter(&got, int64(len(data)))); err != nil || !bytes.Equal(got.Bytes(), data) {
			t.Errorf("WriteTo = %v, the right bytes: %t", err, bytes.Equal(got.Bytes(), data))
		}
		_ = r.Close()
	}
	if n := pool.InUse(); n != 0 {
		t.Errorf("%d bytes are in use at the end", n)
	}
	w := c.NewWriter(t.Context(), spec("other"))
	if _, err := w.Write([]byte("half a message")); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	if n := pool.InUse(); n != 0 {
		t.Errorf("%d bytes are in use after Abort", n)
	}
}

func TestReaderAndWriterMoveALargeObject(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	data := content(5<<20 + 3)
	o := put(t, c, "k", data)
	if o.GetSize() != int64(len(data)) || o.GetEtag() == "" || o.Crc64Ecma == nil {
		t.Errorf("Commit = %v, want size, etag and crc64ecma", o)
	}
	mustHold(t, c, "k", data)
	r, err := c.NewReader(t.Context(), object("k"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got bytes.Buffer
	if n, err := r.WriteTo(&got); n != int64(len(data)) || err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("WriteTo = %d, %v, the right bytes: %t; want all %d", n, err, bytes.Equal(got.Bytes(), data), len(data))
	}
}
