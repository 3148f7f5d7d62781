package client

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/crc64ecma"
	"github.com/cosgate/cosgate/internal/frames"
)

// getChunk is the field number of the chunk in a GetObjectResponse; a test compares it
// with the contract.
const getChunk protowire.Number = 3

// A readStream is one GetObject call of a Reader.
type readStream struct {
	stream      grpc.ClientStream // nil while there is none
	message     *cosgatev1.GetObjectResponse
	received    frames.Received // the chunk of the message; its Data outlives the stream
	from        int64           // the offset that was requested, when the Reader knows the object
	summaryOnly bool            // all content was received before; only the summary is missing
	started     bool
	complete    bool  // the summary was received and matches
	next        int64 // the offset after the content of this stream
	bytes       int64
	crc64       uint64
}

// advance makes one step: it opens a stream, or receives a message, or waits before a new
// stream. It returns io.EOF at the end.
func (r *Reader) advance() error {
	err := r.step()
	if err == nil || r.stream.complete {
		return err
	}
	return r.resume(err)
}

func (r *Reader) step() error {
	d := &r.stream
	if d.stream == nil {
		return r.open()
	}
	if d.complete {
		// The status is still to come. Whatever it is, the content is complete: it
		// was compared with the summary.
		_ = d.stream.RecvMsg(&cosgatev1.GetObjectResponse{})
		return io.EOF
	}
	if err := d.stream.RecvMsg(&d.received); err != nil {
		if errors.Is(err, io.EOF) {
			return failure(codes.DataLoss, reasonStream, "the stream ended without its summary")
		}
		return err
	}
	if err := r.accept(); err != nil {
		d.received.Data.Free() // a message that does not match is not returned
		return err
	}
	return nil
}

// open opens a stream for what is still missing. Retries by gRPC are turned off, since
// the Reader resumes by itself.
func (r *Reader) open() error {
	d := &r.stream
	*d = readStream{message: &cosgatev1.GetObjectResponse{}, from: r.next}
	d.received.Message, d.received.Field = d.message, getChunk
	if r.object != nil && r.next == r.end() && r.bytes.GetLength() > 0 {
		d.from, d.summaryOnly = r.end()-1, true // there is no empty range
	}
	desc := &grpc.StreamDesc{StreamName: "GetObject", ServerStreams: true}
	s, err := r.client.conn.NewStream(r.ctx, desc, cosgatev1.ObjectService_GetObject_FullMethodName, grpc.MaxRetryRPCBufferSize(0))
	if err != nil {
		return err
	}
	d.stream = s
	if err := s.SendMsg(r.nextRequest()); err != nil && !errors.Is(err, io.EOF) { // after io.EOF, RecvMsg returns the status
		return err
	}
	return s.CloseSend()
}

// nextRequest asks for what is missing of the object in the first message.
func (r *Reader) nextRequest() *cosgatev1.GetObjectRequest {
	if r.object == nil {
		return r.request
	}
	req := proto.CloneOf(r.request)
	req.Preconditions = &cosgatev1.Preconditions{IfMatch: r.object.GetEtag()}
	if v := r.object.GetVersionId(); v != "" {
		req.VersionId = v
	}
	if r.bytes.GetLength() > 0 {
		length := r.end() - r.stream.from
		req.Range = &cosgatev1.ByteRange{Offset: r.stream.from, Length: &length}
	}
	return req
}

func (r *Reader) end() int64 { return r.bytes.GetOffset() + r.bytes.GetLength() }

// accept checks a message against the contract and the messages before it.
func (r *Reader) accept() error {
	d := &r.stream
	if !d.started {
		if err := r.begin(); err != nil {
			return err
		}
	}
	if d.received.HasChunk {
		if err := r.acceptChunk(); err != nil {
			return err
		}
	}
	if s := d.message.GetSummary(); s != nil {
		return r.acceptSummary(s)
	}
	return nil
}

// begin reads object and range from the first message of a stream. They must be those of
// the streams before.
func (r *Reader) begin() error {
	d := &r.stream
	object, bytes := d.message.GetObject(), d.message.GetRange()
	switch {
	case object == nil || bytes == nil:
		return failure(codes.DataLoss, reasonStream, "the stream began without object and range")
	case r.object == nil:
		r.object, r.bytes, r.next, r.progressMark = object, bytes, bytes.GetOffset(), bytes.GetOffset()
	case object.GetEtag() != r.object.GetEtag() || bytes.GetSize() != r.bytes.GetSize():
		return ErrChanged
	case bytes.GetOffset() != d.from || bytes.GetOffset()+bytes.GetLength() != r.end():
		return failure(codes.DataLoss, reasonStream, "the stream has bytes %d to %d, but %d to %d were requested",
			bytes.GetOffset(), bytes.GetOffset()+bytes.GetLength(), d.from, r.end())
	}
	d.started, d.next = true, bytes.GetOffset()
	return nil
}

func (r *Reader) acceptChunk() error {
	d := &r.stream
	data := &d.received.Data
	size := int64(data.Len())
	if d.received.Offset == nil || *d.received.Offset != d.next || size > r.end()-d.next {
		return failure(codes.DataLoss, reasonStream, "the stream continued at another byte than %d, or beyond %d", d.next, r.end())
	}
	table := crc32.MakeTable(crc32.Castagnoli) // hash/crc32 caches it
	crc := uint32(0)
	for _, p := range data.Pieces() {
		crc = crc32.Update(crc, table, p)
		d.crc64 = crc64ecma.Update(d.crc64, p)
	}
	if d.received.CRC32C != nil && *d.received.CRC32C != crc {
		return failure(codes.DataLoss, reasonChecksum, "the data at byte %d does not match its CRC32C", d.next)
	}
	d.next += size
	d.bytes += size
	if d.summaryOnly {
		data.Free() // it was returned before
	}
	r.next = max(r.next, d.next)
	return nil
}

// acceptSummary compares the summary with the stream and with the complete read.
func (r *Reader) acceptSummary(s *cosgatev1.ReadSummary) error {
	d := &r.stream
	if r.next != r.end() || s.GetBytes() != d.bytes {
		return failure(codes.DataLoss, reasonStream, "the summary came at byte %d after %d bytes, but the end is at %d and the summary counts %d",
			r.next, d.bytes, r.end(), s.GetBytes())
	}
	if s.GetCrc64Ecma() != d.crc64 {
		return failure(codes.DataLoss, reasonChecksum, "the content does not match the CRC64 of its summary")
	}
	r.addChecksum()
	complete := r.bytes.GetLength() == r.bytes.GetSize() && r.object.Crc64Ecma != nil
	if complete && r.object.GetCrc64Ecma() != r.crc64 {
		return failure(codes.DataLoss, reasonChecksum, "the content does not match the CRC64 that COS keeps for the object")
	}
	d.complete = true
	return nil
}

// addChecksum adds the CRC64 of this stream to that of the streams before.
func (r *Reader) addChecksum() {
	if d := &r.stream; !d.summaryOnly {
		r.crc64 = crc64ecma.Combine(r.crc64, d.crc64, d.bytes)
	}
}

// resume decides what follows the error that ended a stream. It returns nil, after a
// wait, when another stream may deliver the rest, and otherwise the error for the user.
func (r *Reader) resume(err error) error {
	if r.ctx.Err() != nil {
		return r.endedError(err)
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	if r.object != nil && meansObjectChanged(e) {
		return fmt.Errorf("%w: %w", ErrChanged, e)
	}
	delay, ok := r.nextDelay(e)
	if !ok {
		return err
	}
	if r.stream.started {
		r.addChecksum()
	}
	r.stream.stream = nil
	if r.client.backoff.wait(r.ctx, delay) != nil {
		return r.endedError(err)
	}
	return nil
}

// endedError is the error after Close or the end of the context, and err when only the
// deadline is too close for another attempt.
func (r *Reader) endedError(err error) error {
	switch {
	case r.guard.ended.Load():
		return errReaderClosed()
	case r.ctx.Err() != nil:
		return toError(status.FromContextError(r.ctx.Err()).Err())
	default:
		return err
	}
}

// meansObjectChanged reports whether a read that began well cannot be resumed because the
// object is no longer the same.
func meansObjectChanged(e *Error) bool {
	switch e.Code {
	case codes.Aborted, codes.NotFound, codes.FailedPrecondition, codes.OutOfRange:
		return true
	default:
		return false
	}
}

// nextDelay reports whether to open another stream, and after which delay.
func (r *Reader) nextDelay(e *Error) (delay time.Duration, ok bool) {
	var values []string
	if r.stream.stream != nil {
		values = r.stream.stream.Trailer().Get("grpc-retry-pushback-ms")
	}
	wanted, present, refused := pushback(values)
	resumable := e.Code == codes.Unavailable || e.RetryDelay > 0 || e.resume != nil
	if refused || !resumable || r.object != nil && r.object.GetEtag() == "" {
		return 0, false
	}
	if r.next-r.progressMark >= progress {
		r.failures = 0
	}
	r.failures, r.progressMark = r.failures+1, r.next
	switch {
	case r.failures >= r.client.backoff.attempts:
		return 0, false
	case present:
		return wanted, true
	case e.RetryDelay > 0:
		return e.RetryDelay, true
	default:
		return r.client.backoff.delay(r.failures), true
	}
}
