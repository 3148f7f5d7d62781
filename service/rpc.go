package service

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/internal/identity"
)

// Plain metadata for people and proxies, on every answer that has it.
const (
	mdRequestID    = "x-request-id"
	mdCOSRequestID = "x-cos-request-id"
	mdCOSTraceID   = "x-cos-trace-id"
	mdCOSErrorCode = "x-cos-error-code"
	mdPushback     = "grpc-retry-pushback-ms"
)

// A call is what the interceptors know of one RPC.
type call struct {
	requestID string
	trace     cosbackend.Trace
	brought   *broughtCredentials             // nil when the caller brought none
	caller    atomic.Pointer[identity.Caller] // nil when nobody is asked, or before they were
	use       *callerUse                      // nil when nothing is limited
	cuttable  cuttable                        // while it ends with its context
	received  atomic.Int64                    // bytes of content
	sent      atomic.Int64
}

type callKey struct{}

// A callContext is a context with its call: context.WithValue would be an allocation
// more for each RPC.
type callContext struct {
	context.Context //nolint:containedctx // it is one
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

func withCall(ctx context.Context) context.Context {
	ctx, brought := takeCredentials(ctx)
	c := &callContext{Context: ctx}
	c.call.requestID, c.call.brought = requestID(ctx), brought
	return c
}

// requestID takes the caller's x-request-id when it is fit to stand in logs and
// headers, and makes one otherwise.
func requestID(ctx context.Context) string {
	if ids := metadata.ValueFromIncomingContext(ctx, mdRequestID); len(ids) == 1 && sane(ids[0]) {
		return ids[0]
	}
	return rand.Text()
}

func sane(id string) bool {
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

// accessLog begins the call of each RPC and writes one line when it ends. It counts
// content and never looks into it.
type accessLog struct{ log *slog.Logger }

func (a accessLog) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	begin := time.Now()
	ctx = withCall(ctx)
	resp, err := handler(ctx, req)
	a.write(ctx, info.FullMethod, err, time.Since(begin))
	return resp, err
}

func (a accessLog) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	begin := time.Now()
	ctx := withCall(ss.Context())
	err := handler(srv, &callStream{ServerStream: ss, ctx: ctx, call: callFrom(ctx)})
	a.write(ctx, info.FullMethod, err, time.Since(begin))
	return err
}

// A callStream has the context of its call, and counts the content of its messages.
type callStream struct {
	grpc.ServerStream
	ctx  context.Context //nolint:containedctx // a ServerStream carries its context
	call *call
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
	return err
}

func (s *callStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if err == nil {
		s.call.received.Add(contentBytes(m))
	}
	return err
}

func contentBytes(m any) int64 {
	if c, ok := m.(carriesContent); ok {
		return int64(c.ContentBytes())
	}
	return 0
}

func (a accessLog) write(ctx context.Context, method string, err error, d time.Duration) {
	code, c := status.Code(err), callFrom(ctx)
	info := c.trace.Snapshot()
	var room [13]slog.Attr
	attrs := append(room[:0],
		slog.String("method", method),
		slog.String("code", code.String()),
		slog.Duration("duration", d),
		slog.Int64("bytes_received", c.received.Load()),
		slog.Int64("bytes_sent", c.sent.Load()),
		slog.String("request_id", c.requestID),
	)
	if caller := c.caller.Load(); caller != nil {
		attrs = append(attrs, slog.String("caller", caller.Name))
	}
	if c.brought != nil {
		attrs = append(attrs, slog.Bool("caller_credentials", true))
	}
	if info.Attempts > 0 {
		attrs = append(attrs,
			slog.String("profile", info.Profile),
			slog.Int("cos_attempts", info.Attempts),
			slog.Int("cos_status", info.HTTPStatus),
			slog.String("cos_request_id", info.RequestID))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", status.Convert(err).Message()))
	}
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx) // a call that was given up is logged all the same
	}
	a.log.LogAttrs(ctx, level(method, code), "rpc", attrs...)
}

// level tells apart what operators must look at, what they may want to, and the
// rest: callers' own faults are not the service's, and nobody wants a line for each
// health check.
func level(method string, code codes.Code) slog.Level {
	switch code {
	case codes.OK:
		if !strings.HasPrefix(method, "/cosgate.") {
			return slog.LevelDebug
		}
		return slog.LevelInfo
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return slog.LevelError
	case codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}
