package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"

	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// ErrChanged is wrapped in the error of a [Reader] that could not resume after a broken
// connection because the object is no longer the one it began to read: it was replaced,
// deleted or made unreadable. What was read before belongs to the old object. The *Error
// of the gateway is wrapped as well, when there is one.
var ErrChanged = errors.New("client: the object changed while it was read")

var (
	_ io.ReadCloser = (*Reader)(nil)
	_ io.WriterTo   = (*Reader)(nil)
)

// A Reader reads the content of an object, or a range of it. It is made by
// [Client.NewReader] and must be closed.
//
// Read returns io.EOF, and WriteTo nil, only after the summary of the gateway was
// received and every checksum matched: the CRC32C of each message, before any byte of the
// message is returned; the CRC64 of each stream; and, when all of the object is read, the
// CRC64 that COS has stored with it. After any other error, what was read is incomplete.
//
// When the stream breaks with UNAVAILABLE, or with an error that says when to retry, the
// Reader requests the rest, on condition that the object is still the same, and its user
// sees only a pause. It waits as long as the gateway says, else 50 ms to 5 s, growing and
// with jitter, and never beyond the deadline of its context. It gives up after 8 streams
// in a row with less than 1 MiB together, when the gateway says that a retry does not
// help, and when the object has changed ([ErrChanged]).
//
// Only one goroutine at a time may use a Reader, but any may close it.
type Reader struct {
	ctx     context.Context
	cancel  context.CancelFunc
	client  *Client
	request *cosgatev1.GetObjectRequest
	guard   guard

	object *cosgatev1.Object       // from the first message; nil before
	bytes  *cosgatev1.ContentRange // the same
	next   int64                   // the offset after what was received
	crc64  uint64                  // of all streams before the current one
	stream readStream              // the current one
	err    error                   // returned by every further Read

	failures     int         // in a row
	progressMark int64       // next, at the last failure
	pieceBuffer  [][]byte    // the array of pieces
	pieces       net.Buffers // what is still to be written of pieceBuffer
}

// NewReader starts to read and waits for the first message, so that it fails when the
// object does not exist. ctx bounds the complete read; cancelling it has the effect of
// Close.
//
// The fields of req are as in GetObject. The Reader uses a copy of it.
func (c *Client) NewReader(ctx context.Context, req *cosgatev1.GetObjectRequest) (*Reader, error) {
	ctx, cancel := context.WithCancel(ctx)
	r := &Reader{ctx: ctx, cancel: cancel, client: c, request: proto.CloneOf(req)}
	r.guard.free = func() { r.stream.received.Data.Free() }
	for r.object == nil && r.err == nil {
		r.err = r.advance()
	}
	if r.object == nil {
		_ = r.Close()
		return nil, r.err
	}
	return r, nil
}

// Object returns the object's metadata from the beginning of the read. It must not be
// modified.
func (r *Reader) Object() *cosgatev1.Object { return r.object }

// Range returns which bytes of the object the Reader reads. It must not be modified.
func (r *Reader) Range() *cosgatev1.ContentRange { return r.bytes }

// Close ends the read and frees the buffers. It always returns nil. A Read in progress
// returns; it and any later one fail with [fs.ErrClosed].
func (r *Reader) Close() error {
	r.guard.end()
	r.cancel()
	return nil
}

// Read copies content to p. WriteTo, which [io.Copy] uses, saves that copy.
func (r *Reader) Read(p []byte) (int, error) {
	defer r.guard.leave()
	if !r.guard.enter() {
		return 0, errReaderClosed()
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := r.fill(); err != nil {
		return 0, err
	}
	return r.stream.received.Data.Read(p)
}

// WriteTo writes the rest of the content to w, directly from the buffers it was received
// in: w must not retain them. When w is a network connection, a message is one write. It
// returns nil at the end. After an error from w it can be called again, and continues
// after the bytes that w accepted.
func (r *Reader) WriteTo(w io.Writer) (n int64, err error) {
	defer r.guard.leave()
	if !r.guard.enter() {
		return 0, errReaderClosed()
	}
	for {
		switch err := r.fill(); {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		}
		k, err := r.writeMessage(w)
		n += k
		if err != nil {
			return n, err
		}
	}
}

// writeMessage writes all pieces at once: net.Buffers makes one system call of them for
// a network connection, and one Write for each piece otherwise.
func (r *Reader) writeMessage(w io.Writer) (int64, error) {
	data := &r.stream.received.Data
	r.pieceBuffer = append(r.pieceBuffer[:0], data.Pieces()...)
	r.pieces = r.pieceBuffer
	n, err := r.pieces.WriteTo(w)
	data.Skip(int(n))
	clear(r.pieceBuffer)
	if err == nil && data.Len() > 0 {
		err = io.ErrShortWrite
	}
	return n, err
}

// fill returns nil when there is content, and otherwise the reason why there is none.
func (r *Reader) fill() error {
	for r.stream.received.Data.Len() == 0 {
		if r.guard.ended.Load() {
			return errReaderClosed()
		}
		if r.err == nil {
			r.err = r.advance()
		}
		if r.err != nil {
			r.cancel() // there is nothing more to receive
			return r.err
		}
	}
	return nil
}

func errReaderClosed() error { return fmt.Errorf("client: read after Close: %w", fs.ErrClosed) }
