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

// ErrChanged is in the error of a Reader that could not go on after a broken connection,
// since the object is no longer the one it began to read: replaced, deleted or made
// unreadable. What was read before belongs to the old object. The *Error of the gateway
// is in that error as well, when there is one.
var ErrChanged = errors.New("client: the object changed while it was read")

var (
	_ io.ReadCloser = (*Reader)(nil)
	_ io.WriterTo   = (*Reader)(nil)
)

// A Reader reads the content of an object, or a range of it. [Client.NewReader] makes
// it; its user must close it.
//
// Read and WriteTo end with io.EOF, or nil, only after the gateway closed the read with
// its summary and every checksum matched: the CRC32C of each message, before any byte of
// it is handed out, the CRC64 of what each stream carried, and, when the whole object
// was read, the CRC64 that COS keeps for it. After any other error what was read before
// is not all of the object.
//
// When the stream breaks with UNAVAILABLE, or with an error that says when to come back,
// the Reader asks for the rest, on condition that the object is still the same, and its
// user notices nothing but a pause. It waits as long as the gateway says, else 50 ms to
// 5 s, growing and with jitter, and never beyond the deadline of the context. It gives up
// after 8 streams in a row that brought less than 1 MiB together, when the gateway says
// that coming back does not help, and when the object has changed (ErrChanged).
//
// One goroutine uses a Reader at a time, but any may close it.
type Reader struct {
	ctx     context.Context
	cancel  context.CancelFunc
	client  *Client
	request *cosgatev1.GetObjectRequest
	guard   guard

	object *cosgatev1.Object       // of the first message; nil before
	bytes  *cosgatev1.ContentRange // the same
	next   int64                   // the offset behind what was received
	crc64  uint64                  // of what all streams but the present one brought
	stream download                // the present one
	err    error                   // what Read returns from now on

	failures int         // in a row
	mark     int64       // next, at the last failure
	room     [][]byte    // for pieces
	pieces   net.Buffers // in room
}

// NewReader begins to read and waits for the first message, so that an object which does
// not exist shows here. Cancelling ctx ends the Reader as Close does.
//
// All fields of the request are as in GetObject. The Reader keeps a copy of it.
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

// Object is what the gateway told of the object at the beginning: all of it but the
// content. It must not be changed.
func (r *Reader) Object() *cosgatev1.Object { return r.object }

// Range says which bytes of the object the Reader yields. It must not be changed.
func (r *Reader) Range() *cosgatev1.ContentRange { return r.bytes }

// Close ends the read and frees what was received. It never fails. A Read that waits
// returns; any later one fails with fs.ErrClosed.
func (r *Reader) Close() error {
	r.guard.end()
	r.cancel()
	return nil
}

// Read copies content to p. WriteTo, which io.Copy uses, does without that copy.
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

// WriteTo writes all the content to w, straight from the buffers it was received in:
// w must not keep what it is given. When w is a network connection, a message is one
// write to it. It returns nil in place of io.EOF; after an error of w it can be called
// again.
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

// writeMessage hands over the pieces at once: net.Buffers is one system call for those
// who can do that, and one Write for each piece otherwise.
func (r *Reader) writeMessage(w io.Writer) (int64, error) {
	data := &r.stream.received.Data
	r.room = append(r.room[:0], data.Pieces()...)
	r.pieces = r.room
	n, err := r.pieces.WriteTo(w)
	data.Skip(int(n))
	clear(r.room)
	if err == nil && data.Len() > 0 {
		err = io.ErrShortWrite
	}
	return n, err
}

// fill returns nil when there is content, and otherwise why there is none.
func (r *Reader) fill() error {
	for r.stream.received.Data.Len() == 0 {
		if r.guard.done.Load() {
			return errReaderClosed()
		}
		if r.err == nil {
			r.err = r.advance()
		}
		if r.err != nil {
			r.cancel() // nothing more will come
			return r.err
		}
	}
	return nil
}

func errReaderClosed() error { return fmt.Errorf("client: read after Close: %w", fs.ErrClosed) }
