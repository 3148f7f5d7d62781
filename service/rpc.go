package service

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/internal/frames"
	"github.com/cosgate/cosgate/internal/identity"
)

// Plain metadata for people and proxies, in every response to which it applies.
const (
	mdRequestID    = "x-request-id"
	mdCOSRequestID = "x-cos-request-id"
	mdCOSTraceID   = "x-cos-trace-id"
	mdCOSErrorCode = "x-cos-error-code"
	mdPushback     = "grpc-retry-pushback-ms"
)

// A call is what the interceptors know about one RPC.
type call struct {
	method      string // its full name; unknownMethod when there is none
	requestID   string
	trace       cosbackend.Trace
	credentials *sentCredentials                // nil when the caller sent none
	caller      atomic.Pointer[identity.Caller] // nil without authentication, and before it
	usage       *callerUsage                    // nil when nothing is limited
	cancellable cancellable                     // in the list of shutdown
	received    atomic.Int64                    // bytes of content
	sent        atomic.Int64

	send          func(any) error         // sends the response of a unary call
	end           context.CancelCauseFunc // of the stream's waiting in the transport; nil without
	header        [messageHeader]byte     // of the message that is being received
	run           unaryRun                // of a unary call
	arrival       arrival
	reserved      int64 // of receiveMemory
	receivedFirst bool  // or has begun to receive it
	complete      bool  // the request of a unary call was received
	keepsFirst    bool  // callStream keeps a copy of the first message
	first         atomic.Pointer[proto.Message]
}

// callerName is the name of the proved caller, "" when there is none.
func (c *call) callerName() string {
	if caller := c.caller.Load(); caller != nil {
		return caller.Name
	}
	return ""
}

type callKey struct{}

// A callContext is a context with its call: context.WithValue would be an allocation
// more for each RPC.
type callContext struct {
	context.Context // it is one
	call            call
}

// Value finds the call, its trace, and what else is in the context.
func (c *callContext) Value(key any) any {
	if key == (callKey{}) {
		return &c.call
	}
	if trace, ok := c.call.trace.Value(key); ok {
		return trace
	}
	return c.Context.Value(key)
}

// callFrom returns the RPC that ctx belongs to.
func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

func withCall(ctx context.Context, method string) context.Context {
	ctx, credentials := removeCredentials(ctx)
	c := &callContext{Context: ctx}
	c.call.method = method
	c.call.requestID, c.call.credentials = requestID(ctx), credentials
	if t, ok := ctx.Value(transportKey{}).(*transportContext); ok {
		c.call.end = t.end
	}
	return c
}

// requestID returns the caller's x-request-id when it can be written to logs and headers,
// and a new one otherwise.
func requestID(ctx context.Context) string {
	if ids := metadata.ValueFromIncomingContext(ctx, mdRequestID); len(ids) == 1 && validRequestID(ids[0]) {
		return ids[0]
	}
	return rand.Text()
}

func validRequestID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for _, r := range id {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && r != '-' && r != '_' && r != '.' {
			return false
		}
	}
	return true
}

// A callStream has the context of its call, receives its messages and counts their content.
// It keeps the first message, which names what the call is about, when the call says so.
type callStream struct {
	grpc.ServerStream
	ctx      context.Context // a ServerStream carries its context
	call     *call
	receiver *receiver
	single   bool // the caller sends one message
}

func (s *callStream) Context() context.Context { return s.ctx }

// carriesContent are the messages of package frames.
type carriesContent interface{ ContentBytes() int }

func (s *callStream) SendMsg(m any) error {
	size := contentBytes(m) // SendMsg gives the content away
	err := s.ServerStream.SendMsg(m)
	if err == nil {
		s.call.sent.Add(size)
	}
	return sendError(m, err)
}

var errNotUTF8 = errors.New("service: the response has text that is not UTF-8")

// sendError replaces gRPC's own error for a message that cannot be encoded: it would reach
// the caller without details, and its text would name no cause to operators.
func sendError(m any, err error) error {
	if err == nil {
		return nil
	}
	if message, ok := frames.MessageOf(m); ok {
		if _, invalid := proto.Marshal(message); invalid != nil {
			return errNotUTF8
		}
	}
	return err
}

func (s *callStream) RecvMsg(m any) error {
	if err := s.receiver.receive(s.ctx, s.call, m, s.single); err != nil {
		return err
	}
	s.call.received.Add(contentBytes(m))
	if s.call.keepsFirst && s.call.first.Load() == nil {
		if message, ok := frames.MessageOf(m); ok {
			message = proto.Clone(message) // its memory is used again for the next message
			s.call.first.Store(&message)
		}
	}
	return nil
}

func contentBytes(m any) int64 {
	if c, ok := m.(carriesContent); ok {
		return int64(c.ContentBytes())
	}
	return 0
}
