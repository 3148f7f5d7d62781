package service

import (
	"compress/gzip"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc/codes"
	gzipencoding "google.golang.org/grpc/encoding/gzip" // registers gzip: gRPC refuses calls in other encodings, and compresses responses to those in gzip
	"google.golang.org/grpc/mem"

	cosstatus "github.com/cosgate/cosgate/service/status"
)

// gzipEncoding is the one compression of messages.
const gzipEncoding = gzipencoding.Name

const (
	// maxRatio is how many bytes a byte of a compressed message may become, after the first
	// freeBytes. Names and documents become 20, gzip allows 1,000. A message with content may
	// be any content, such as zeros, and has only the bound on its size.
	maxRatio  = 100
	freeBytes = 64 << 10
)

// gzipReaders unpack compressed messages. They are safe for concurrent use.
type gzipReaders struct {
	idle sync.Pool // of *gzip.Reader, 40 KiB each
}

// unpack returns the content of a compressed message, unless it is larger than the message
// may be, or out of proportion to what was sent. The caller frees both.
func (g *gzipReaders) unpack(packed mem.BufferSlice, pool mem.BufferPool, bounds *messageBound) (mem.BufferSlice, error) {
	source := packed.Reader()
	defer source.Close() //nolint:errcheck // it returns none
	reader, _ := g.idle.Get().(*gzip.Reader)
	if reader == nil {
		reader = new(gzip.Reader)
	}
	defer g.idle.Put(reader)
	if err := reader.Reset(source); err != nil {
		return nil, errNotGzip()
	}
	limit := bounds.size
	if ratio := freeBytes + maxRatio*int64(packed.Len()); bounds.shape.content == 0 {
		limit = min(limit, ratio)
	}
	unpacked, err := mem.ReadAll(io.LimitReader(reader, limit+1), pool)
	switch {
	case err != nil:
		unpacked.Free()
		return nil, errNotGzip()
	case int64(unpacked.Len()) <= limit:
		return unpacked, nil
	}
	unpacked.Free()
	if limit == bounds.size {
		return nil, cosstatus.Fail(codes.ResourceExhausted, cosstatus.ReasonMessageTooLarge,
			fmt.Sprintf("the message unpacks to more than the %d bytes that a %s may have", limit, bounds.name))
	}
	return nil, cosstatus.Fail(codes.ResourceExhausted, cosstatus.ReasonMessageTooLarge,
		fmt.Sprintf("the message unpacks to more than %d times its %d bytes; send it uncompressed", maxRatio, packed.Len()))
}

func errNotGzip() error { return malformed("the message is marked as compressed, and is no gzip") }
