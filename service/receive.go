package service

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/tap"

	"github.com/cosgate/cosgate/internal/frames"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// A messageReader is the transport's side of a stream. The message of gRPC's own RecvMsg is
// in memory before anyone can refuse it, and its failures go to the caller without passing
// the interceptors; so messages are read from here. TestTransportIsAMessageReader notices
// when a version of gRPC has it no longer.
type messageReader interface {
	// ReadMessageHeader reads the five bytes before a message; io.EOF when there is none.
	ReadMessageHeader(header []byte) error
	Read(n int) (mem.BufferSlice, error)
	// RecvCompress is the encoding of compressed messages.
	RecvCompress() string
}

// messageHeader is the size of what stands before each message: a flag and a length.
const messageHeader = 5

// A receiver reads the messages of callers. It knows what each type of message may have
// before it reads one, and its errors are those of every other part of the gateway. It is
// safe for concurrent use.
type receiver struct {
	pool    mem.BufferPool
	bounds  *messageBounds
	gzip    gzipReaders
	memory  *receiveMemory
	timeout time.Duration // for the first message of a call
}

// receive reads the next message of a call into m. A caller of a method with a single
// request must end its side of the stream behind it. io.EOF means that a stream of messages
// ended.
func (r *receiver) receive(ctx context.Context, c *call, m any, single bool) error {
	stream, ok := grpc.ServerTransportStreamFromContext(ctx).(messageReader)
	if !ok {
		return errNoMessageReader
	}
	if c.receivedFirst {
		return r.read(stream, c, m)
	}
	c.receivedFirst = true
	c.arrival = arrival{ctx: ctx, call: c}
	if single {
		c.arrival.memory = r.memory
	}
	if c.end == nil {
		return r.first(stream, c, m, single)
	}
	timer := time.AfterFunc(r.timeout, func() { c.end(errFirstMessageLate) })
	err := r.first(stream, c, m, single)
	if !timer.Stop() {
		return firstMessageLate(r.timeout)
	}
	return err
}

// unary is an interceptor that fills the request of a unary call. Everything outside of it
// sees an empty one.
func (r *receiver) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	c := callFrom(ctx)
	defer r.memory.release(c)
	if err := r.receive(ctx, c, req, true); err != nil {
		return nil, err
	}
	c.complete = true
	return handler(ctx, req)
}

var (
	errNoMessageReader  = errors.New("service: this version of gRPC has another transport")
	errFirstMessageLate = errors.New("service: the first message did not come in time")
)

func (r *receiver) first(stream messageReader, c *call, m any, single bool) error {
	err := r.read(stream, c, m)
	if !single {
		return err
	}
	if errors.Is(err, io.EOF) {
		return malformed("the call has no request message")
	}
	if err != nil {
		return err
	}
	switch err := stream.ReadMessageHeader(c.header[:]); {
	case err == nil:
		return malformed("the call has more than one request message")
	case errors.Is(err, io.EOF):
		return nil
	default:
		return readError(err)
	}
}

func (r *receiver) read(stream messageReader, c *call, m any) error {
	if err := stream.ReadMessageHeader(c.header[:]); err != nil {
		return readError(err)
	}
	message, ok := frames.MessageOf(m)
	if !ok {
		return fmt.Errorf("service: %T is no message", m)
	}
	bounds := r.bounds.of(message.ProtoReflect().Descriptor())
	size := int64(binary.BigEndian.Uint32(c.header[1:]))
	if size > bounds.size {
		return messageTooLarge(bounds, size)
	}
	c.arrival.bound = bounds
	if err := c.arrival.reserve(receivedBytes(c.header[0], size, bounds)); err != nil {
		return err
	}
	data, err := stream.Read(int(size))
	if err != nil {
		return readError(err)
	}
	defer func() { data.Free() }() // a Received has references of its own
	switch flag := c.header[0]; {
	case flag > 1:
		return malformed("the flag of the message is " + strconv.Itoa(int(flag)) + ", which means nothing")
	case flag == 1:
		unpacked, err := r.unpack(data, stream.RecvCompress(), bounds)
		if err != nil {
			return err
		}
		data.Free()
		data = unpacked
	}
	return frames.Decode(data, r.pool, m, &c.arrival)
}

// receivedBytes is the most that a message takes while it is read and decoded: its bytes, and
// as many for its text once it is decoded; for a compressed one also what it may unpack to.
func receivedBytes(flag byte, size int64, bounds *messageBound) int64 {
	if flag == 0 {
		return 2 * size
	}
	return size + 2*min(bounds.size, freeBytes+maxRatio*size)
}

// unpack returns the content of a compressed message. The caller frees both.
func (r *receiver) unpack(data mem.BufferSlice, encoding string, bounds *messageBound) (mem.BufferSlice, error) {
	switch encoding {
	case gzipEncoding:
		return r.gzip.unpack(data, r.pool, bounds)
	case "", "identity":
		return nil, malformed("the message is marked as compressed, but grpc-encoding names no compression")
	default:
		return nil, cosstatus.Fail(codes.Unimplemented, cosstatus.ReasonEncoding, "the encoding of the messages is not supported; use gzip, or none")
	}
}

// readError replaces an error that means a broken message by a status; the caller's own
// cancellation is found by its context.
func readError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed("the stream ends in the middle of a message")
	}
	return err
}

func malformed(problem string) error {
	return cosstatus.Fail(codes.InvalidArgument, cosstatus.ReasonMessageMalformed, problem)
}

func messageTooLarge(b *messageBound, size int64) error {
	return cosstatus.Fail(codes.ResourceExhausted, cosstatus.ReasonMessageTooLarge,
		fmt.Sprintf("the message has %d bytes, and a %s at most %d; nothing of it was read", size, b.name, b.size))
}

func firstMessageLate(limit time.Duration) error {
	return cosstatus.Fail(codes.DeadlineExceeded, cosstatus.ReasonMessageLate,
		"the first message of the call was not complete after "+limit.String()+"; send it at once")
}

// A transportContext is the context of a stream inside the transport. Ending it ends the
// stream's waiting for messages, which no context that is derived from it can do.
type transportContext struct {
	context.Context // it is one
	end             context.CancelCauseFunc
}

type transportKey struct{}

// Value finds the context itself.
func (c *transportContext) Value(key any) any {
	if key == (transportKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// endable is a tap.ServerInHandle: it gives each stream a context that can be ended. The
// transport ends it with the stream.
func endable(ctx context.Context, _ *tap.Info) (context.Context, error) {
	ctx, end := context.WithCancelCause(ctx)
	return &transportContext{ctx, end}, nil
}
