package client

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/crc64ecma"
	"github.com/cosgate/cosgate/internal/frames"
)

// putChunk is the field number of the chunk in a PutObjectRequest; a test compares it
// with the contract.
const putChunk protowire.Number = 2

// The size of a message including its headers: small at first, since there may be no
// more content. Buffers, also those of the gateway, have sizes that are powers of two.
const (
	minChunk = 256 << 10
	maxChunk = 1 << 20
)

var (
	_ io.WriteCloser = (*Writer)(nil)
	_ io.ReaderFrom  = (*Writer)(nil)
)

// ErrNotCommitted is what [Writer.Close] returns when the Writer was neither committed
// nor aborted: nothing was stored.
var ErrNotCommitted = errors.New("client: the writer was closed without Commit, so nothing was stored")

var (
	errWriterClosed = errors.New("client: the writer was closed or aborted")
	errCommitted    = errors.New("client: the writer was committed")
)

// A Writer stores an object: all that was written, or nothing. It is made by
// [Client.NewWriter]; its user must call Commit, Abort or Close.
//
// Only Commit stores the object. When a Writer is aborted, is closed without Commit, or
// its context ends before Commit, the object that was under the key stays as it was.
//
// Content is sent in messages of 256 KiB to 1 MiB, each with its CRC32C. Commit sends the
// CRC64 of all content, and the gateway stores nothing that does not match. A Writer does
// not retry: it does not keep what it has sent.
//
// The first error is final. When the gateway ends the call early, the next Write,
// ReadFrom or Commit returns the status as an *Error, and so do all later ones.
//
// Only one goroutine at a time may use a Writer, but any may abort or close it.
type Writer struct {
	ctx    context.Context
	cancel context.CancelFunc
	client *Client
	spec   *cosgatev1.PutObjectSpec
	guard  guard

	stream     grpc.ClientStream // nil until the first message
	content    *frames.Content   // being filled; nil while there is none
	filled     int
	chunk      int   // the size of the next message
	sent       int64 // bytes in the messages so far
	crc64      uint64
	object     *cosgatev1.Object // after it was stored
	err        error             // returned by every further call
	committing atomic.Bool       // Commit was called
}

// NewWriter returns a Writer for one object. Nothing is sent before the first message is
// full, or Commit. ctx bounds the complete write, Commit included; its end aborts the
// Writer.
//
// The fields of spec are as in PutObject; the Writer uses a copy. With a size, of at most
// 5 GiB, the gateway streams the content to COS. Without one, it gathers parts.
func (c *Client) NewWriter(ctx context.Context, spec *cosgatev1.PutObjectSpec) *Writer {
	ctx, cancel := context.WithCancel(ctx)
	w := &Writer{ctx: ctx, cancel: cancel, client: c, spec: proto.CloneOf(spec), chunk: minChunk}
	w.guard.free = func() {
		w.content.Free()
		w.content = nil
	}
	return w
}

// Write adds content. It may return before the content is sent.
func (w *Writer) Write(p []byte) (n int, err error) {
	defer w.guard.leave()
	if err := w.enter(); err != nil {
		return 0, err
	}
	for n < len(p) {
		space, err := w.space()
		if err != nil {
			return n, err
		}
		k := copy(space, p[n:])
		w.filled += k
		n += k
	}
	return n, nil
}

// ReadFrom adds the content of r up to its end, reading directly into the messages that
// are sent. It returns an error of r unchanged; the content up to the error was added,
// and the Writer can still be used.
func (w *Writer) ReadFrom(r io.Reader) (n int64, err error) {
	defer w.guard.leave()
	if err := w.enter(); err != nil {
		return 0, err
	}
	for empty := 0; ; {
		space, err := w.space()
		if err != nil {
			return n, err
		}
		k, err := r.Read(space)
		w.filled += k
		n += int64(k)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if k > 0 {
			empty = 0
		} else if empty++; err == nil && empty == maxEmptyReads {
			err = io.ErrNoProgress
		}
		if err != nil {
			return n, err
		}
	}
}

// maxEmptyReads is how often in a row a reader may return neither content nor an error.
const maxEmptyReads = 100

// Commit sends the rest and waits until the object is stored. It returns the object's
// metadata.
//
// ctx bounds the call, in addition to the context of NewWriter. An *Error with
// OutcomeUnknown says that no response was received: the object may have been stored.
// After any other error it was not. A second call returns what the first one did.
func (w *Writer) Commit(ctx context.Context) (*cosgatev1.Object, error) {
	defer w.guard.leave()
	err := w.enter()
	if w.object != nil {
		return w.object, nil
	}
	if err != nil {
		return nil, err
	}
	w.committing.Store(true)
	if ctx.Err() != nil { // finish was not sent, and will not be
		w.err = newError(status.FromContextError(ctx.Err()))
		w.cancel()
		return nil, w.err
	}
	stop := context.AfterFunc(ctx, w.cancel)
	defer stop()
	object, err := w.commit()
	if err != nil && ctx.Err() != nil {
		err = contextError(ctx, err)
	}
	w.cancel()
	if err != nil {
		w.err = err
		return nil, err
	}
	w.object, w.err = object, errCommitted
	return object, nil
}

// Abort discards what was written: nothing is stored. It does nothing after Commit.
func (w *Writer) Abort() {
	w.guard.end()
	w.cancel()
}

// Close does nothing after Abort, and after Commit whatever that returned. Otherwise it
// aborts and returns [ErrNotCommitted]. It is made to be deferred.
func (w *Writer) Close() error {
	first := w.guard.end()
	w.cancel()
	if first && !w.committing.Load() {
		return ErrNotCommitted
	}
	return nil
}

// enter begins a call; guard.leave must be called in any case.
func (w *Writer) enter() error {
	if !w.guard.enter() && w.err == nil {
		return errWriterClosed
	}
	return w.err
}

// space returns the free space of the message, never empty. It sends a full message.
func (w *Writer) space() ([]byte, error) {
	if w.guard.ended.Load() {
		return nil, errWriterClosed
	}
	if w.content != nil && w.filled == len(w.content.Bytes()) {
		if err := w.send(&cosgatev1.PutObjectRequest{}); err != nil {
			w.err = err
			w.cancel()
			return nil, err
		}
		w.chunk = min(2*w.chunk, maxChunk)
	}
	if w.content == nil {
		w.content = frames.NewContent(w.client.pool, w.nextChunk())
	}
	return w.content.Bytes()[w.filled:], nil
}

// nextChunk is no larger than the remaining content, if the size is known.
func (w *Writer) nextChunk() int {
	size := w.chunk - frames.Overhead
	if left := w.spec.GetSize() - w.sent; left > 0 {
		return int(min(left, int64(size)))
	}
	return size
}

// send sends m with the content gathered so far.
func (w *Writer) send(m *cosgatev1.PutObjectRequest) error {
	if w.stream == nil {
		desc := &grpc.StreamDesc{StreamName: "PutObject", ClientStreams: true}
		s, err := w.client.conn.NewStream(w.ctx, desc, cosgatev1.ObjectService_PutObject_FullMethodName)
		if err != nil {
			return err
		}
		w.stream, m.Spec = s, w.spec
	}
	out := &frames.Sent{Message: m, Field: putChunk, Offset: w.sent}
	if w.filled > 0 {
		w.content.Truncate(w.filled)
		data := w.content.Bytes()
		out.Content, out.CRC32C = w.content, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
		w.crc64 = crc64ecma.Update(w.crc64, data)
	}
	if m.Finish {
		crc := w.crc64
		m.Checksums = &cosgatev1.Checksums{Crc64Ecma: &crc}
	}
	err := w.stream.SendMsg(out)
	w.content.Free() // if it was not sent
	w.sent += int64(w.filled)
	w.content, w.filled = nil, 0
	if errors.Is(err, io.EOF) {
		return w.finalStatus()
	}
	return err
}

// finalStatus returns the status of a call that the gateway ended early.
func (w *Writer) finalStatus() error {
	err := w.stream.RecvMsg(&cosgatev1.PutObjectResponse{})
	if err == nil || errors.Is(err, io.EOF) {
		return failure(codes.Internal, reasonStream, "the gateway ended the call before everything was sent")
	}
	return err
}

// commit sends the last message and receives the response.
func (w *Writer) commit() (*cosgatev1.Object, error) {
	if err := w.send(&cosgatev1.PutObjectRequest{Finish: true}); err != nil {
		return nil, err
	}
	if err := w.stream.CloseSend(); err != nil {
		return nil, unknownOutcome(err)
	}
	var response cosgatev1.PutObjectResponse
	if err := w.stream.RecvMsg(&response); err != nil {
		return nil, unknownOutcome(err)
	}
	o := response.GetObject()
	if o == nil || o.GetSize() != w.sent || o.Crc64Ecma != nil && o.GetCrc64Ecma() != w.crc64 {
		return nil, failure(codes.DataLoss, reasonChecksum, "what was stored is not what was written")
	}
	return o, nil
}

// unknownOutcome sets OutcomeUnknown in an error after everything was sent, unless the
// error settles whether the object was stored: a status from a gateway has a reason, one
// made by gRPC has none, and neither settles the outcome of a cancelled call.
func unknownOutcome(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	switch e.Code {
	case codes.Canceled, codes.DeadlineExceeded:
		e.OutcomeUnknown = true
	case codes.Unavailable, codes.Internal, codes.Unknown:
		e.OutcomeUnknown = e.OutcomeUnknown || e.Reason == ""
	default:
	}
	return err
}

// contextError replaces the CANCELLED of a stream that was cancelled because ctx ended
// by the error of ctx, which may be DEADLINE_EXCEEDED.
func contextError(ctx context.Context, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != codes.Canceled {
		return err
	}
	ended := newError(status.FromContextError(ctx.Err()))
	ended.OutcomeUnknown = e.OutcomeUnknown
	return ended
}
