package service

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/service/identity"
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
	trace     *cosbackend.Trace
	brought   *broughtCredentials // nil when the caller brought none
	caller    *identity.Caller    // nil when nobody is asked, or before they were
	received  atomic.Int64        // bytes of content
	sent      atomic.Int64
}

type callKey struct{}

// callFrom returns the RPC that ctx belongs to.
func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

func withCall(ctx context.Context) context.Context {
	ctx, brought := takeCredentials(ctx)
	c := &call{requestID: requestID(ctx), brought: brought}
	ctx, c.trace = cosbackend.WithTrace(ctx)
	return context.WithValue(ctx, callKey{}, c)
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

func unaryCall(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	return handler(withCall(ctx), req)
}

func streamCall(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return handler(srv, &callStream{ServerStream: ss, ctx: withCall(ss.Context())})
}

type callStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // a ServerStream carries its context
}

func (s *callStream) Context() context.Context { return s.ctx }

// accessLog writes one line for each RPC when it ends. It counts content and never
// looks into it.
type accessLog struct{ log *slog.Logger }

// ServerReporter implements [interceptors.ServerReportable].
func (a accessLog) ServerReporter(ctx context.Context, meta interceptors.CallMeta) (interceptors.Reporter, context.Context) {
	return &accessEntry{log: a.log, ctx: ctx, call: callFrom(ctx), meta: meta}, ctx
}

type accessEntry struct {
	log  *slog.Logger
	ctx  context.Context //nolint:containedctx // lives as long as the RPC
	call *call
	meta interceptors.CallMeta
}

// carriesContent are the messages of package frames.
type carriesContent interface{ ContentBytes() int }

func (e *accessEntry) PostMsgSend(msg any, err error, _ time.Duration) {
	if m, ok := msg.(carriesContent); ok && err == nil {
		e.call.sent.Add(int64(m.ContentBytes()))
	}
}

func (e *accessEntry) PostMsgReceive(msg any, err error, _ time.Duration) {
	if m, ok := msg.(carriesContent); ok && err == nil {
		e.call.received.Add(int64(m.ContentBytes()))
	}
}

func (e *accessEntry) PostCall(err error, d time.Duration) {
	code := status.Code(err)
	info := e.call.trace.Snapshot()
	attrs := []slog.Attr{
		slog.String("method", e.meta.FullMethod()),
		slog.String("code", code.String()),
		slog.Duration("duration", d),
		slog.Int64("bytes_received", e.call.received.Load()),
		slog.Int64("bytes_sent", e.call.sent.Load()),
		slog.String("request_id", e.call.requestID),
	}
	if c := e.call.caller; c != nil {
		attrs = append(attrs, slog.String("caller", c.Name))
	}
	if e.call.brought != nil {
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
	e.log.LogAttrs(context.WithoutCancel(e.ctx), e.level(code), "rpc", attrs...)
}

// level tells apart what operators must look at, what they may want to, and the
// rest: callers' own faults are not the service's, and nobody wants a line for each
// health check.
func (e *accessEntry) level(code codes.Code) slog.Level {
	switch code {
	case codes.OK:
		if !strings.HasPrefix(e.meta.Service, "cosgate.") {
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
