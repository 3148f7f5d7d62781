package service

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// requestLog writes one line when an RPC ends.
type requestLog struct{ log *slog.Logger }

func (a requestLog) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	begin := time.Now()
	resp, err := handler(ctx, req)
	a.write(ctx, info.FullMethod, err, time.Since(begin))
	return resp, err
}

func (a requestLog) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	begin := time.Now()
	err := handler(srv, ss)
	a.write(ss.Context(), info.FullMethod, err, time.Since(begin))
	return err
}

func (a requestLog) write(ctx context.Context, method string, err error, d time.Duration) {
	code, c := status.Code(err), callFrom(ctx)
	info := c.trace.Snapshot()
	var room [14]slog.Attr
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
	if c.credentials != nil {
		attrs = append(attrs, slog.Bool("caller_credentials", true))
	}
	if info.Attempts > 0 {
		attrs = append(attrs,
			slog.String("profile", info.Profile),
			slog.Int("cos_attempts", info.Attempts),
			slog.Int("cos_status", info.HTTPStatus),
			slog.String("cos_request_id", info.RequestID))
		if info.TraceID != "" {
			attrs = append(attrs, slog.String("cos_trace_id", info.TraceID))
		}
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", status.Convert(err).Message()))
	}
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx) // a cancelled call is logged as well
	}
	a.log.LogAttrs(ctx, level(method, code), "rpc", attrs...)
}

// level is ERROR for failures that operators must look at, WARN for those they may want to
// look at, and INFO for the rest, which includes mistakes of callers. Health checks that
// succeed are at DEBUG.
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
