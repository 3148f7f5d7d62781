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

// getChunk is the number of the chunk in a GetObjectResponse; a test compares it with the
// contract.
const getChunk protowire.Number = 3

// A download is one stream of a Reader.
type download struct {
	stream   grpc.ClientStream // nil before and after
	message  *cosgatev1.GetObjectResponse
	received frames.Received // what of the message is not in message; its Data outlives the stream
	from     int64           // the offset asked for, when the Reader knows the object
	again    bool            // it brings nothing new but the summary
	begun    bool
	complete bool  // the summary came and is right
	next     int64 // the offset behind what this stream brought
	bytes    int64
	crc64    uint64
}

// advance takes one step: it opens a stream, or takes a message, or waits and sees to it
// that there is a new stream. It returns io.EOF at the end.
func (r *Reader) advance() error {
	err := r.step()
	if err == nil || r.stream.complete {
		return err
	}
	return r.goOn(err)
}

func (r *Reader) step() error {
	d := &r.stream
	if d.stream == nil {
		return r.open()
	}
	if d.complete {
		// The status is still to come. Whatever it is, the content is whole: the
		// summary is held against it already.
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
		d.received.Data.Free() // what is wrong is not handed out
		return err
	}
	return nil
}

// open begins a stream at what is still missing. grpc is kept from repeating the call,
// which the Reader does itself.
func (r *Reader) open() error {
	d := &r.stream
	*d = download{message: &cosgatev1.GetObjectResponse{}, from: r.next}
	d.received.Message, d.received.Field = d.message, getChunk
	if r.object != nil && r.next == r.end() && r.bytes.GetLength() > 0 {
		d.from, d.again = r.end()-1, true // there is no empty range
	}
	desc := &grpc.StreamDesc{StreamName: "GetObject", ServerStreams: true}
	s, err := r.client.conn.NewStream(r.ctx, desc, cosgatev1.ObjectService_GetObject_FullMethodName, grpc.MaxRetryRPCBufferSize(0))
	if err != nil {
		return err
	}
	d.stream = s
	if err := s.SendMsg(r.rest()); err != nil && !errors.Is(err, io.EOF) { // the status of an EOF comes with RecvMsg
		return err
	}
	return s.CloseSend()
}

// rest asks for what is missing, of the object that the first message told of.
func (r *Reader) rest() *cosgatev1.GetObjectRequest {
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

// accept holds a message against what must come.
func (r *Reader) accept() error {
	d := &r.stream
	if !d.begun {
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

// begin takes the object and the range of the first message of a stream. They must be
// what the streams before said.
func (r *Reader) begin() error {
	d := &r.stream
	object, bytes := d.message.GetObject(), d.message.GetRange()
	switch {
	case object == nil || bytes == nil:
		return failure(codes.DataLoss, reasonStream, "the stream began without object and range")
	case r.object == nil:
		r.object, r.bytes, r.next, r.mark = object, bytes, bytes.GetOffset(), bytes.GetOffset()
	case object.GetEtag() != r.object.GetEtag() || bytes.GetSize() != r.bytes.GetSize():
		return ErrChanged
	case bytes.GetOffset() != d.from || bytes.GetOffset()+bytes.GetLength() != r.end():
		return failure(codes.DataLoss, reasonStream, "the stream brings bytes %d to %d, but those from %d to %d were asked for",
			bytes.GetOffset(), bytes.GetOffset()+bytes.GetLength(), d.from, r.end())
	}
	d.begun, d.next = true, bytes.GetOffset()
	return nil
}

func (r *Reader) acceptChunk() error {
	d := &r.stream
	data := &d.received.Data
	size := int64(data.Len())
	if d.received.Offset == nil || *d.received.Offset != d.next || size > r.end()-d.next {
		return failure(codes.DataLoss, reasonStream, "the stream went on at another byte than %d, or beyond %d", d.next, r.end())
	}
	table := crc32.MakeTable(crc32.Castagnoli) // hash/crc32 keeps it
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
	if d.again {
		data.Free() // it was handed out before
	}
	r.next = max(r.next, d.next)
	return nil
}

// acceptSummary judges the stream, and with it the whole read.
func (r *Reader) acceptSummary(s *cosgatev1.ReadSummary) error {
	d := &r.stream
	if r.next != r.end() || s.GetBytes() != d.bytes {
		return failure(codes.DataLoss, reasonStream, "the summary came at byte %d after %d bytes, but the end is %d and it counts %d",
			r.next, d.bytes, r.end(), s.GetBytes())
	}
	if s.GetCrc64Ecma() != d.crc64 {
		return failure(codes.DataLoss, reasonChecksum, "the content does not match the CRC64 of its summary")
	}
	r.addUp()
	whole := r.bytes.GetLength() == r.bytes.GetSize() && r.object.Crc64Ecma != nil
	if whole && r.object.GetCrc64Ecma() != r.crc64 {
		return failure(codes.DataLoss, reasonChecksum, "the content does not match the CRC64 that COS keeps for the object")
	}
	d.complete = true
	return nil
}

// addUp adds the checksum of a stream to that of those before.
func (r *Reader) addUp() {
	if d := &r.stream; !d.again {
		r.crc64 = crc64ecma.Combine(r.crc64, d.crc64, d.bytes)
	}
}

// goOn judges why a stream ended. It returns nil, after a wait, when another stream can
// bring the rest, and otherwise the error for the user.
func (r *Reader) goOn(err error) error {
	if r.ctx.Err() != nil {
		return r.ended(err)
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	if r.object != nil && tellsOfChange(e) {
		return fmt.Errorf("%w: %w", ErrChanged, e)
	}
	delay, ok := r.nextAttempt(e)
	if !ok {
		return err
	}
	if r.stream.begun {
		r.addUp()
	}
	r.stream.stream = nil
	if r.client.resume.wait(r.ctx, delay) != nil {
		return r.ended(err)
	}
	return nil
}

// ended is the error after the context ended, or when it will before another attempt: err
// itself then.
func (r *Reader) ended(err error) error {
	switch {
	case r.guard.done.Load():
		return errReaderClosed()
	case r.ctx.Err() != nil:
		return typed(status.FromContextError(r.ctx.Err()).Err())
	default:
		return err
	}
}

// tellsOfChange reports whether a read that began well cannot go on because of the
// object itself.
func tellsOfChange(e *Error) bool {
	switch e.Code {
	case codes.Aborted, codes.NotFound, codes.FailedPrecondition, codes.OutOfRange:
		return true
	default:
		return false
	}
}

// nextAttempt says whether there is to be another stream, and when.
func (r *Reader) nextAttempt(e *Error) (delay time.Duration, ok bool) {
	var values []string
	if r.stream.stream != nil {
		values = r.stream.stream.Trailer().Get("grpc-retry-pushback-ms")
	}
	told, isTold, refused := pushback(values)
	invited := e.Code == codes.Unavailable || e.RetryDelay > 0 || e.resume != nil
	if refused || !invited || r.object != nil && r.object.GetEtag() == "" {
		return 0, false
	}
	if r.next-r.mark >= progress {
		r.failures = 0
	}
	r.failures, r.mark = r.failures+1, r.next
	switch {
	case r.failures >= r.client.resume.attempts:
		return 0, false
	case isTold:
		return told, true
	case e.RetryDelay > 0:
		return e.RetryDelay, true
	default:
		return r.client.resume.delay(r.failures), true
	}
}
