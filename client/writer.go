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

// putChunk is the number of the chunk in a PutObjectRequest; a test compares it with the
// contract.
const putChunk protowire.Number = 2

// The size of a message, headers and all: little at first, for there may be no more. A
// power of two is what buffers have, the gateway's too.
const (
	leastChunk = 256 << 10
	mostChunk  = 1 << 20
)

var (
	_ io.WriteCloser = (*Writer)(nil)
	_ io.ReaderFrom  = (*Writer)(nil)
)

// ErrNotCommitted is what Close returns when the Writer was neither committed nor
// aborted: nothing was stored.
var ErrNotCommitted = errors.New("client: the writer was closed without Commit, so nothing was stored")

var (
	errWriterClosed = errors.New("client: the writer was closed or aborted")
	errCommitted    = errors.New("client: the writer was committed")
)

// A Writer stores an object: all that was written, or nothing. [Client.NewWriter] makes
// it; its user must call Commit, or else Abort or Close.
//
// Only Commit stores. A Writer that is aborted, closed without Commit or whose context
// ends before leaves what was under the key as it was.
//
// Content is sent in messages of 256 KiB to 1 MiB, each with its CRC32C; the CRC64 of the
// whole goes with Commit, and the gateway stores nothing that does not match. A Writer
// repeats nothing: it does not keep what it sent.
//
// The first error stays: when the gateway ends the call early, the next Write, ReadFrom or
// Commit returns its status as an *Error, and so do all after it.
//
// One goroutine uses a Writer at a time, but any may abort or close it.
type Writer struct {
	ctx    context.Context
	cancel context.CancelFunc
	client *Client
	spec   *cosgatev1.PutObjectSpec
	guard  guard

	stream  grpc.ClientStream // nil until the first message
	content *frames.Content   // being filled; nil for none
	filled  int
	chunk   int   // size of the next message
	sent    int64 // bytes in the messages so far
	crc64   uint64
	object  *cosgatev1.Object // once it is stored
	err     error             // what every call returns from now on
	settled atomic.Bool       // Commit was called
}

// NewWriter prepares to store an object; nothing is sent before there is a message full
// of content, or Commit. Cancelling ctx aborts the Writer, as the end of its time does.
//
// All fields of spec are as in PutObject; the Writer keeps a copy. With size set, up to
// 5 GiB, the gateway passes the content on as it comes. Without, it gathers parts.
func (c *Client) NewWriter(ctx context.Context, spec *cosgatev1.PutObjectSpec) *Writer {
	ctx, cancel := context.WithCancel(ctx)
	w := &Writer{ctx: ctx, cancel: cancel, client: c, spec: proto.CloneOf(spec), chunk: leastChunk}
	w.guard.free = func() {
		w.content.Free()
		w.content = nil
	}
	return w
}

// Write takes content. It may return before that is sent.
func (w *Writer) Write(p []byte) (n int, err error) {
	defer w.guard.leave()
	if err := w.enter(); err != nil {
		return 0, err
	}
	for n < len(p) {
		room, err := w.room()
		if err != nil {
			return n, err
		}
		k := copy(room, p[n:])
		w.filled += k
		n += k
	}
	return n, nil
}

// ReadFrom takes content from r until its end, straight into the messages that are sent.
// After an error of r, which it returns as it is, the Writer can be used further, and
// should be aborted.
func (w *Writer) ReadFrom(r io.Reader) (n int64, err error) {
	defer w.guard.leave()
	if err := w.enter(); err != nil {
		return 0, err
	}
	for empty := 0; ; {
		room, err := w.room()
		if err != nil {
			return n, err
		}
		k, err := r.Read(room)
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

// maxEmptyReads is how often a reader may bring neither content nor an error.
const maxEmptyReads = 100

// Commit sends what is left and waits until the object is stored. It returns what the
// gateway tells of it.
//
// ctx bounds the wait, beside the context of NewWriter. An *Error with OutcomeUnknown
// says that the answer was lost: the object may have been stored. After any other error
// it was not. A second call returns what the first did.
func (w *Writer) Commit(ctx context.Context) (*cosgatev1.Object, error) {
	defer w.guard.leave()
	err := w.enter()
	if w.object != nil {
		return w.object, nil
	}
	if err != nil {
		return nil, err
	}
	w.settled.Store(true)
	if ctx.Err() != nil { // nothing was asked for yet, and nothing will be
		w.err = newError(status.FromContextError(ctx.Err()))
		w.cancel()
		return nil, w.err
	}
	stop := context.AfterFunc(ctx, w.cancel)
	defer stop()
	object, err := w.commit()
	if err != nil && ctx.Err() != nil {
		err = afterContext(ctx, err)
	}
	w.cancel()
	if err != nil {
		w.err = err
		return nil, err
	}
	w.object, w.err = object, errCommitted
	return object, nil
}

// Abort gives up: what was written is not stored. It does nothing after Commit.
func (w *Writer) Abort() {
	w.guard.end()
	w.cancel()
}

// Close does nothing after Commit, whatever that returned, and after Abort. Without
// either it aborts and returns ErrNotCommitted. It can be deferred.
func (w *Writer) Close() error {
	first := w.guard.end()
	w.cancel()
	if first && !w.settled.Load() {
		return ErrNotCommitted
	}
	return nil
}

// enter begins a call; guard.leave ends it in any case.
func (w *Writer) enter() error {
	if !w.guard.enter() && w.err == nil {
		return errWriterClosed
	}
	return w.err
}

// room returns space for content, not empty, and sends the message that is full.
func (w *Writer) room() ([]byte, error) {
	if w.guard.done.Load() {
		return nil, errWriterClosed
	}
	if w.content != nil && w.filled == len(w.content.Bytes()) {
		if err := w.send(&cosgatev1.PutObjectRequest{}); err != nil {
			w.err = err
			w.cancel()
			return nil, err
		}
		w.chunk = min(2*w.chunk, mostChunk)
	}
	if w.content == nil {
		w.content = frames.NewContent(w.client.pool, w.nextChunk())
	}
	return w.content.Bytes()[w.filled:], nil
}

// nextChunk is no larger than what is still to come, if that is known.
func (w *Writer) nextChunk() int {
	size := w.chunk - frames.Overhead
	if left := w.spec.GetSize() - w.sent; left > 0 {
		return int(min(left, int64(size)))
	}
	return size
}

// send sends m with the content there is.
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
	w.content.Free() // in case it was not taken
	w.sent += int64(w.filled)
	w.content, w.filled = nil, 0
	if errors.Is(err, io.EOF) {
		return w.verdict()
	}
	return err
}

// verdict is the status of a call that the gateway ended early.
func (w *Writer) verdict() error {
	err := w.stream.RecvMsg(&cosgatev1.PutObjectResponse{})
	if err == nil || errors.Is(err, io.EOF) {
		return failure(codes.Internal, reasonStream, "the gateway ended the call before everything was sent")
	}
	return err
}

// commit sends the last message and reads the answer.
func (w *Writer) commit() (*cosgatev1.Object, error) {
	if err := w.send(&cosgatev1.PutObjectRequest{Finish: true}); err != nil {
		return nil, err
	}
	if err := w.stream.CloseSend(); err != nil {
		return nil, unknownOutcome(err)
	}
	var answer cosgatev1.PutObjectResponse
	if err := w.stream.RecvMsg(&answer); err != nil {
		return nil, unknownOutcome(err)
	}
	o := answer.GetObject()
	if o == nil || o.GetSize() != w.sent || o.Crc64Ecma != nil && o.GetCrc64Ecma() != w.crc64 {
		return nil, failure(codes.DataLoss, reasonChecksum, "what was stored is not what was written")
	}
	return o, nil
}

// unknownOutcome marks an error that came after everything was sent, unless it says by
// itself what became of the object: a gateway gives a reason, a connection does not, and
// neither knows it of a call that was given up.
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

// afterContext is err when it says how the call ended, and the end of ctx, of which the
// stream knows only that it was cancelled, otherwise.
func afterContext(ctx context.Context, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != codes.Canceled {
		return err
	}
	ended := newError(status.FromContextError(ctx.Err()))
	ended.OutcomeUnknown = e.OutcomeUnknown
	return ended
}
